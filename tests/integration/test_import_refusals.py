"""What an import refuses: with its line, before a dry run as after it, and nothing else with it."""

import csv
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow
import pyarrow.parquet as pyarrow_parquet
import pytest

from kgmem.domain.graph.batch import Rejection
from kgmem.domain.graph.episode import Episode
from kgmem.domain.imports import DuplicateKey
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.memories import new_graph

LONG = "x" * 200_000


@pytest.fixture
def usual_limit() -> Iterator[None]:
    """Python's own limit of a cell, as a process has it that has read no CSV yet."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


async def test_a_long_cell_is_read(memory: Memory, graph: str, tmp_path: Path, usual_limit: None) -> None:
    file = tmp_path / "long.csv"
    file.write_text(f"key,label,text,x:int\na,P,{LONG},\nb,P,bye,1\nc,P,{LONG},q\n")
    result = await memory.imports.run(graph, [file], ImportOptions())
    assert result.created + result.rejected == 3
    assert (await memory.entities.get(graph, "a")).text == LONG


async def test_a_cell_beyond_all_limits_costs_only_its_row(
    memory: Memory, graph: str, tmp_path: Path, usual_limit: None
) -> None:
    file = tmp_path / "huge.csv"
    file.write_text("key,label,text\na,P,hello\nb,P," + "x" * 5_000_000 + "\nc,P,bye\n")
    for options in (ImportOptions(dry_run=True), ImportOptions()):
        result = await memory.imports.run(graph, [file], options)
        assert [rejection.line for rejection in result.rejections] == [3]
    assert (await memory.entities.get(graph, "c")).text == "bye"


async def test_a_nul_in_csv_costs_only_its_row(memory: Memory, graph: str, tmp_path: Path, usual_limit: None) -> None:
    file = tmp_path / "nul.csv"
    file.write_bytes(b"key,label,name\na,P,one\nb\0,P,two\nc,P,th\0ree\nd,P,four\n")
    result = await memory.imports.run(graph, [file], ImportOptions())
    assert (result.created, [rejection.line for rejection in result.rejections]) == (2, [3, 4])


REFUSED: list[dict[str, Any]] = [
    {"type": "entity", "key": "b\u0001", "label": "P"},
    {"type": "entity", "key": "c", "label": "P\u001f"},
    {"type": "entity", "key": "d", "label": "P\nQ"},
    {"type": "entity", "key": "e", "label": "P", "valid_from": "2000", "valid_to": "1990"},
    {"type": "entity", "key": "f", "label": "Episode"},
    {"type": "episode", "key": "g", "text": "  "},
    {"type": "relationship", "kind": "K\t", "from": "a", "to": "a"},
    {
        "type": "entity",
        "key": "h",
        "label": "P",
        "place": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    },
]


async def test_a_dry_run_refuses_what_the_import_refuses(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    good = {"type": "entity", "key": "a", "label": "P"}
    file.write_text("".join(json.dumps(each) + "\n" for each in [good, *REFUSED]))
    found = []
    for dry_run in (True, False):
        graph = await new_graph(memory, f"refusals_{tmp_path.name[-20:]}_{dry_run}".lower().replace("-", "_"))
        result = await memory.imports.run(graph, [file], ImportOptions(dry_run=dry_run))
        found.append(sorted((rejection.line, rejection.reason) for rejection in result.rejections))
    assert found[0] == found[1]
    assert [line for line, _ in found[0]] == list(range(2, len(REFUSED) + 2))


async def test_a_file_whose_name_leads_out_of_a_zip_file_is_told(memory: Memory, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "files.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for number, name in enumerate(("../a.jsonl", "b/../../c.jsonl", "..\\d.jsonl", "e.jsonl")):
            archive.writestr(name, json.dumps({"type": "entity", "key": f"k{number}", "label": "P"}) + "\n")
    result = await memory.imports.run(graph, [file], ImportOptions())
    assert (result.created, result.rejected) == (1, 3)
    assert all("leads out" in rejection.reason for rejection in result.rejections)


async def assert_a_dry_run_rejects_the_same(memory: Memory, files: Sequence[Path], **made: Any) -> list[Rejection]:
    """Import files into an empty graph, dry first; both have to reject the same for the same reasons."""
    graph = await new_graph(memory, f"rejects_{uuid4().hex[:12]}", **made)
    dry = await memory.imports.run(graph, files, ImportOptions(dry_run=True))
    assert (await memory.graphs.stats(graph)).entities == 0
    real = await memory.imports.run(graph, files, ImportOptions())
    found = [sorted((one.file, one.line, one.reason) for one in result.rejections) for result in (dry, real)]
    assert found[0] == found[1]
    assert (dry.read, dry.rejected, dry.checked) == (real.read, real.rejected, real.read - real.rejected)
    assert dry.kinds == {kind: count for kind, count in real.kinds.items() if count}
    assert dry.duplicates == real.duplicates
    return list(real.rejections)


BAD_LINES: list[dict[str, Any]] = [
    {"type": "relationship", "kind": "KNOWS", "from": "ann", "to": "bob"},
    {"type": "relationship", "kind": "KNOWS", "from": "ann", "to": "ghost"},
    {"type": "entity", "key": "ann", "label": "Person"},
    {"type": "entity", "key": "ann", "label": "Person", "name": "Ann"},
    {"type": "entity", "key": "late", "version": 3},
    {"type": "entity", "key": "own", "label": "Person", "scope": "user/1"},
    {"type": "relationship", "kind": "KNOWS", "from": "own", "to": "ann", "scope": "user/1/chat"},
    {"type": "relationship", "kind": "KNOWS", "from": "own", "to": "ann", "scope": "user/2"},
    {"type": "relationship", "kind": "KNOWS", "from": "own", "to": "ann"},
    {"type": "relationship", "kind": "", "from": "ann", "to": "ann"},
    {"type": "episode", "key": "t", "text": "Of Ann and a ghost.", "mentions": ["ann", "ghost"]},
    {"type": "episode", "key": "u", "text": "Of Ann.", "mentions": ["ann"]},
    {"type": "entity", "key": "bob", "label": "Person"},
]


async def test_a_dry_run_of_lines_rejects_what_the_import_rejects(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in BAD_LINES))
    rejected = await assert_a_dry_run_rejects_the_same(memory, [file])
    assert sorted(one.line for one in rejected) == [2, 5, 8, 9, 10, 11]


async def test_a_dry_run_of_a_strict_graph_checks_which_labels_relationships_join(
    memory: Memory, tmp_path: Path
) -> None:
    labels = {"Person": {}, "Company": {}}
    schema = {"labels": labels, "kinds": {"WORKS_AT": {"from": ["Person"], "to": ["Company"]}}}
    file = tmp_path / "ends.jsonl"
    entities = [{"type": "entity", "key": label, "label": label} for label in labels]
    ends = [("Person", "Company"), ("Company", "Person"), ("Person", "Person"), ("Person", "ghost")]
    links = [{"type": "relationship", "kind": "WORKS_AT", "from": start, "to": end} for start, end in ends]
    file.write_text("".join(json.dumps(each) + "\n" for each in [*links, *entities, *links]))
    rejected = await assert_a_dry_run_rejects_the_same(memory, [file], schema=schema, strict=True)
    assert sorted(one.line for one in rejected) == [2, 3, 4, 8, 9, 10]


GRAPHML = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="l" for="node" attr.name="label" attr.type="string"/>
<graph edgedefault="directed"><node id="ann"><data key="l">P</data></node>
<node id="ann"><data key="l">P</data></node>
<edge source="ann" target="ghost" label="KNOWS"/>
<edge source="ann" target="ann" label="KNOWS"/>
</graph></graphml>"""


@pytest.mark.parametrize("family", ["csv", "graphml", "turtle", "parquet"])
async def test_a_dry_run_of_a_format_rejects_what_the_import_rejects(
    memory: Memory, tmp_path: Path, family: str
) -> None:
    files = [tmp_path / "people", tmp_path / "knows"]
    people = [("ann", "P", 1), ("bob", "P", 2), ("ann", "P", 3), ("cid\u0001", "P", 4)]
    knows = [("KNOWS", "ann", "bob"), ("KNOWS", "ann", "ghost"), ("KNOWS", "nobody", "bob"), ("", "ann", "bob")]
    if family == "csv":
        files = [file.with_suffix(".csv") for file in files]
        files[0].write_text(
            "key,label,age:int\n" + "".join(f"{k},{label},{age}\n" for k, label, age in people) + "x,P,y\n"
        )
        files[1].write_text("kind,from,to\n" + "".join(",".join(row) + "\n" for row in knows))
    elif family == "parquet":
        files = [file.with_suffix(".parquet") for file in files]
        pyarrow_parquet.write_table(table(people, ("key", "label", "age")), files[0])
        pyarrow_parquet.write_table(table(knows, ("kind", "from", "to")), files[1])
    elif family == "graphml":
        files = [tmp_path / "people.graphml"]
        files[0].write_text(GRAPHML)
    else:
        files = [tmp_path / "people.ttl"]
        files[0].write_text(
            "@prefix x: <http://x.org/> . x:ann a x:P ; x:knows x:bob ;\n"
            'x:age "q"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
            "x:bob a x:P . x:ann x:name 'Ann' .\n"
        )
    rejected = await assert_a_dry_run_rejects_the_same(memory, files)
    assert rejected or family == "turtle"


def table(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Any:
    return pyarrow.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_key_that_a_file_states_twice_is_told(
    memory: Memory, graph: str, tmp_path: Path, dry_run: bool
) -> None:
    people, again, links = tmp_path / "people.csv", tmp_path / "again.csv", tmp_path / "links.csv"
    people.write_text("key,label,name\n" + "".join(f"k{n % 30},P,n{n}\n" for n in range(50)))
    again.write_text("key,label\nk1,P\nk2,P\n")
    links.write_text("kind,from,to,key\nKNOWS,k1,k2,one\nKNOWS,k1,k3,\nKNOWS,k1,k2,one\nKNOWS,k1,k4,\n")
    result = await memory.imports.run(graph, [people, again, links], ImportOptions(dry_run=dry_run))
    entities, relationships = result.duplicates
    assert (entities.file, entities.kind, entities.count) == ("people.csv", "entity", 20)
    assert list(entities.keys) == [DuplicateKey(32 + n, f"k{n}", 2 + n) for n in range(10)]
    assert (relationships.file, relationships.kind, relationships.count) == ("links.csv", "relationship", 1)
    assert list(relationships.keys) == [DuplicateKey(4, "one", 2)]
    if result.id is not None:
        assert list((await memory.imports.get(graph, result.id)).duplicates) == list(result.duplicates)


async def test_a_key_in_two_scopes_is_no_duplicate(memory: Memory, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "scopes.jsonl"
    scopes = ("", "user/1", "user/2", "user/1")
    file.write_text("".join(json.dumps({"type": "entity", "key": "k", "scope": scope}) + "\n" for scope in scopes))
    result = await memory.imports.run(graph, [file], ImportOptions())
    assert [(each.count, list(each.keys)) for each in result.duplicates] == [(1, [DuplicateKey(4, "k", 2)])]


async def test_an_imported_claim_cites_an_episode_of_the_files_or_of_the_graph(memory: Memory, tmp_path: Path) -> None:
    elsewhere = await new_graph(memory, f"elsewhere_{uuid4().hex[:12]}")
    keyless = {"text": "It is 6.", "occurred_at": "2020-01-01", "speaker": "Zoë \u0007"}
    await memory.episodes.put(elsewhere, [Episode(**keyless)])
    (own,) = (await memory.episodes.list(elsewhere)).items
    claim = {"type": "claim", "source": "a", "subject": "x", "predicate": "size", "known_from": "2020-01-01T00:00:00Z"}
    records: list[dict[str, Any]] = [
        {**claim, "value": 1, "episode": "text"},
        {**claim, "value": 2, "episode": "nowhere"},
        {**claim, "value": 3, "episode": "forgotten", "known_to": "2021-01-01T00:00:00Z"},
        {"type": "episode", "key": "text", "text": "It is 1."},
        {"type": "entity", "key": "x"},
        {**claim, "value": 4, "episode": "text", "scope": "user/1"},
        {**claim, "value": 5},
        {"type": "episode", **keyless},
        {**claim, "value": 6, "episode": own.key},
    ]
    file = tmp_path / "claims.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in records))
    (rejected,) = await assert_a_dry_run_rejects_the_same(memory, [file])
    assert (rejected.line, "'nowhere'" in rejected.reason) == (2, True)
