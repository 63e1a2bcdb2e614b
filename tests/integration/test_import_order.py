"""A law of imports: they leave the graph that one gets by stating their records one after the other."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.wire import to_wire
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.imports import adds_up, assert_changes_tell_all, assert_same_contents, counts, write_lines
from tests.invariants import assert_index_matches_labels
from tests.memories import let_go, new_graph, stable_vector
from tests.sizes import examples, sized

# Shrinking takes minutes where each example makes two graphs.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
KEYS = st.sampled_from(["a", "b", "c", "d", "é"])
VALUES = st.sampled_from([None, 1, 1.0, True, "x", "", ["y"], {"z": 1}])
PROPERTIES = st.dictionaries(st.sampled_from(["p", "q", "source", "aliases"]), VALUES, max_size=2)
TIMES = st.sampled_from([None, None, "1969", "1970-05", "1971-01-01"])
SCOPES = st.sampled_from(["", "", "", "team", "team/1"])


@st.composite
def entities(draw: st.DrawFn) -> Entity:
    vector = draw(st.sampled_from([None, None, None, "one", "two"]))
    return Entity(
        key=draw(KEYS),
        label=draw(st.sampled_from([None, "Person", "City"])),
        name=draw(st.sampled_from([None, "Ann", "Bob"])),
        properties=draw(PROPERTIES),
        labels=draw(st.sampled_from([None, None, ["Old"], []])),
        text=draw(st.sampled_from([None, None, "short", "long words " * 200])),
        embedding=stable_vector(vector) if vector else None,
        place=draw(st.sampled_from([None, None, parse_place([1.5, 2.5])])),
        valid_from=draw(TIMES),
        valid_to=draw(TIMES),
        source=draw(st.sampled_from([None, "s1", "s2"])),
        scope=draw(SCOPES),
        version=draw(st.sampled_from([None, None, None, None, 1, 2, 7])),
    )


@st.composite
def relationships(draw: st.DrawFn) -> Relationship:
    return Relationship(
        kind=draw(st.sampled_from(["K", "L"])),
        start=draw(KEYS),
        end=draw(KEYS),
        key=draw(st.sampled_from([None, None, "e1", "e2"])),
        properties=draw(PROPERTIES),
        text=draw(st.sampled_from([None, "said"])),
        valid_from=draw(TIMES),
        valid_to=draw(TIMES),
        strength=draw(st.sampled_from([None, 0.5, 1.0])),
        source=draw(st.sampled_from([None, "s1"])),
        scope=draw(SCOPES),
    )


async def state_one_by_one(memory: Memory, graph: str, records: Sequence[Any]) -> set[int]:
    """State records as an import does, entities first; gives the lines of those that are refused."""
    refused = set()
    for type_, put in ((Entity, memory.entities.put), (Relationship, memory.relationships.put)):
        for line, record in enumerate(records, start=1):
            if isinstance(record, type_):
                try:
                    await put(graph, [record])
                except (InvalidInput, Conflict):
                    refused.add(line)
    return refused


def wire(record: Any) -> dict[str, Any]:
    """Return a record as a line says it."""
    shape = to_wire(record)
    if record.version is not None:
        shape["version"] = record.version
    return {"type": "entity" if isinstance(record, Entity) else "relationship", **shape}


@sized
@settings(
    max_examples=examples(25), deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    records=st.lists(entities() | relationships(), min_size=1, max_size=14),
    batch=st.integers(1, 15),
    before=st.lists(entities(), max_size=3),
)
async def test_an_import_is_the_same_as_stating_each_record_in_the_order_of_the_file(
    memory: Memory, tmp_path: Path, records: list[Any], batch: int, before: list[Entity]
) -> None:
    if any(isinstance(record, Relationship) and record.scope for record in records):
        # Which of two entities of one key a relationship means depends on when both are there.
        records = [replace(record, scope="") if isinstance(record, Entity) else record for record in records]
        before = [replace(record, scope="") for record in before]
    name = secrets.token_hex(6)
    imported, stated = await new_graph(memory, f"imported_{name}"), await new_graph(memory, f"stated_{name}")
    for graph in (imported, stated):
        await state_one_by_one(memory, graph, before)
    path = write_lines(tmp_path / "all.jsonl", map(wire, records))
    refused = await state_one_by_one(memory, stated, records)
    result = await memory.imports.run(imported, [path], ImportOptions(batch=batch))
    await assert_same_contents(memory, imported, stated)
    assert {rejection.line for rejection in result.rejections} == refused
    assert adds_up(result)
    assert result.read == len(records)
    await assert_index_matches_labels(memory, imported)
    await assert_changes_tell_all(memory, imported)
    again = await memory.imports.run(imported, [path], ImportOptions(batch=batch))
    assert adds_up(again)
    for graph in (imported, stated):
        await let_go(memory, graph)


async def test_a_vector_goes_with_its_text_although_the_same_text_is_said_again_later(
    memory: Memory, tmp_path: Path
) -> None:
    ann = Entity(key="a", name="Ann", label="Person")
    records = [replace(ann, name="Bob", embedding=stable_vector("one")), ann]
    name = secrets.token_hex(6)
    imported, stated = await new_graph(memory, f"imported_{name}"), await new_graph(memory, f"stated_{name}")
    for graph in (imported, stated):
        await memory.entities.put(graph, [replace(ann, embedding=stable_vector("two"))])
    await state_one_by_one(memory, stated, records)
    await memory.imports.run(imported, [write_lines(tmp_path / "all.jsonl", map(wire, records))])
    await assert_same_contents(memory, imported, stated)


CELLS: dict[str, Sequence[str]] = {
    "key": ["a", "b", "c"],
    "label": ["", "Person", "City"],
    "name": ["", "Ann", 'B "ob"'],
    "text": ["", "said"],
    "valid_from": ["", "1969", "1970-05"],
    "source": ["", "s1"],
    "scope": ["", "team"],
    "n": ["", "1", "2"],
    "x": ["", "1.5"],
    "b": ["", "true"],
    "s": ["", "txt", "ü\\"],
}


@sized
@settings(
    max_examples=examples(15), deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(*(st.sampled_from(values) for values in CELLS.values())), min_size=1, max_size=12),
    edges=st.lists(
        st.tuples(*(st.sampled_from(["a", "b", "c", "d"]),) * 2, st.sampled_from(["1", "2", ""])), max_size=9
    ),
    batch=st.integers(1, 12),
    edges_first=st.booleans(),
)
async def test_tables_say_the_same_as_lines(
    memory: Memory, tmp_path: Path, rows: list[Any], edges: list[Any], batch: int, edges_first: bool
) -> None:
    types = {"n": ":integer", "x": ":float", "b": ":boolean", "s": ":string"}
    people, knows = tmp_path / "people.csv", tmp_path / "knows.csv"
    header = ",".join(name + types.get(name, "") for name in CELLS)
    quoted = [",".join('"' + cell.replace('"', '""') + '"' if '"' in cell else cell for cell in row) for row in rows]
    people.write_text("\n".join([header, *quoted]) + "\n")
    knows.write_text("\n".join(["from,to,kind,w:integer", *(f"{a},{b},K,{w}" for a, b, w in edges)]) + "\n")
    name = secrets.token_hex(6)
    imported, stated = await new_graph(memory, f"imported_{name}"), await new_graph(memory, f"stated_{name}")
    files = [knows, people] if edges_first else [people, knows]
    result = await memory.imports.run(imported, files, ImportOptions(batch=batch))
    records: list[dict[str, Any]] = []
    for row in rows:
        cells = {name: cell for name, cell in zip(CELLS, row, strict=True) if cell}
        own = {"n": int, "x": float, "b": bool, "s": str}
        properties = {name: own[name](cells.pop(name)) for name in own if name in cells}
        records.append({"type": "entity", **cells, "properties": properties})
    records += [
        {"type": "relationship", "kind": "K", "from": a, "to": b, "properties": {"w": int(w)} if w else {}}
        for a, b, w in edges
    ]
    told = await memory.imports.run(stated, [write_lines(tmp_path / "all.jsonl", records)], ImportOptions(batch=1))
    assert counts(result) == counts(told)
    await assert_same_contents(memory, imported, stated)
    await assert_index_matches_labels(memory, imported)
    await assert_changes_tell_all(memory, imported)
    again = await memory.imports.run(imported, files, ImportOptions(batch=batch))
    assert again.rejected == result.rejected
    for graph in (imported, stated):
        await let_go(memory, graph)
