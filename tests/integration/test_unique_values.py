"""Unique values hold whoever bears the label: as its first label or another, from the start or later, on every door."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.errors import Conflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.invariants import assert_index_matches_labels
from tests.memories import cypher, index_schema, new_graph, other_client, query

pytestmark = pytest.mark.server

WORKERS: dict[str, Any] = {"labels": {"Worker": {"properties": {"mail": {"unique": True}}}}}
TAKEN = "mail is unique among Worker of one scope"


def person(key: str, mail: str | None, *labels: str, label: str = "Person", **more: Any) -> Entity:
    return Entity(key, label=label, labels=labels or None, properties={"mail": mail}, **more)


@pytest.fixture
async def firm(memory: Memory, graph: str) -> str:
    return await new_graph(memory, f"{graph}_firm", schema=WORKERS)


async def asked(memory: Memory, graph: str, text: str, **parameters: Any) -> list[list[Any]]:
    return [list(row) for row in (await memory.cypher(graph, text, parameters, mode="write")).rows]


async def held(memory: Memory, graph: str) -> list[list[Any]]:
    """The values that are held, with the keys of their nodes."""
    index = await index_schema(memory, graph)
    rows = await query(
        memory,
        f"SELECT ag_catalog.agtype_out(u.value)::text AS value, i.key FROM {index}.unique_value u "
        f"JOIN {index}.item i ON i.id = u.item::text::bigint ORDER BY 2, 1",
    )
    return [[row["key"], json.loads(row["value"])] for row in rows]


async def test_a_further_label_is_held_to_it_by_entities(memory: Memory, firm: str) -> None:
    await memory.entities.put(firm, [person("first", "a", label="Worker"), person("second", "b", "Worker")])
    for bad in (person("x", "a", "Worker"), person("x", "b", label="Worker"), person("x", "b", "Other", "Worker")):
        with pytest.raises(Conflict, match=TAKEN):
            await memory.entities.put(firm, [bad])
    with pytest.raises(Conflict, match=f"{TAKEN}, and 'second' has the value \"b\""):
        await memory.entities.put(firm, [person("x", "b", "Worker")])
    with pytest.raises(Conflict, match=TAKEN):
        await memory.entities.put(firm, [person("y", "c", "Worker"), person("z", "c", label="Worker")])
    await memory.entities.put(firm, [person("free", "a"), person("mine", "a", "Worker", scope="user/1")])
    with pytest.raises(Conflict, match=TAKEN):
        await memory.entities.put(firm, [Entity("free", labels=("Worker",))])
    assert await held(memory, firm) == [["first", "a"], ["mine", "a"], ["second", "b"]]
    await assert_index_matches_labels(memory, firm)


async def test_labels_and_values_that_change_take_and_free_values(memory: Memory, firm: str) -> None:
    await asked(memory, firm, "CREATE (:Worker {key: 'w', mail: 'a'}), (:Person {key: 'p', mail: 'a'})")
    for bad in ("MATCH (n {key: 'p'}) SET n:Worker", "MATCH (n {key: 'p'}) REMOVE n:Person SET n:Worker"):
        with pytest.raises(Conflict, match=f"{TAKEN}, and 'w'"):
            await asked(memory, firm, bad)
    assert await asked(memory, firm, "MATCH (n {key: 'p'}) RETURN labels(n)") == [[["Person"]]]
    await asked(memory, firm, "MATCH (n {key: 'p'}) SET n.mail = 'b', n:Worker")
    with pytest.raises(Conflict, match=f"{TAKEN}, and 'p'"):
        await asked(memory, firm, "MATCH (n {key: 'w'}) SET n.mail = 'b'")
    # What loses its first label is held no more, and stays in that label's table.
    await asked(memory, firm, "MATCH (n {key: 'w'}) REMOVE n:Worker SET n:Former")
    await asked(memory, firm, "MATCH (n {key: 'p'}) SET n.mail = 'a'")
    await asked(memory, firm, "CREATE (:Worker {key: 'q', mail: 'b'})")
    with pytest.raises(Conflict, match=f"{TAKEN}, and 'p'"):
        await asked(memory, firm, "MATCH (n {key: 'w'}) SET n:Worker")
    await asked(memory, firm, "MATCH (n {key: 'p'}) DETACH DELETE n")
    await asked(memory, firm, "MATCH (n {key: 'w'}) SET n:Worker")
    assert await held(memory, firm) == [["q", "b"], ["w", "a"]]
    await asked(memory, firm, "MATCH (n:Worker) REMOVE n.mail")
    assert await held(memory, firm) == []
    await assert_index_matches_labels(memory, firm)


async def test_values_change_places_in_one_statement(memory: Memory, firm: str) -> None:
    await asked(memory, firm, "CREATE (:A:Worker {key: 'x', mail: 1}), (:B:Worker {key: 'y', mail: 2})")
    with pytest.raises(Conflict, match=TAKEN):
        await asked(memory, firm, "MATCH (n:Worker {key: 'x'}) SET n.mail = 2.0")
    await asked(memory, firm, "MATCH (n:Worker {key: 'x'}) SET n.mail = 3")
    assert await held(memory, firm) == [["x", 3], ["y", 2]]


@pytest.mark.parametrize("label", ["Worker", "Person"])
async def test_an_import_is_held_to_it(memory: Memory, firm: str, tmp_path: Path, label: str) -> None:
    await memory.entities.put(firm, [person("old", "a", "Worker")])
    rows = [
        {"key": f"k{n}", "label": "Person", "labels": ["Worker"], "properties": {"mail": f"m{n}"}} for n in range(50)
    ]
    for key, mail in (("taken", "a"), ("twice", "m7")):
        row = {"key": key, "label": label, "labels": ["Worker"], "properties": {"mail": mail}}
        rows.append({name: value for name, value in row.items() if label != "Worker" or name != "labels"})
    file = tmp_path / "people.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = await memory.imports.run(firm, [file], ImportOptions())
    assert (result.created, sorted(each.line for each in result.rejections)) == (50, [51, 52])
    assert all(TAKEN in each.reason for each in result.rejections)
    assert len(await held(memory, firm)) == 51
    await memory.imports.undo(firm, result.id or 0)
    assert await held(memory, firm) == [["old", "a"]]
    await assert_index_matches_labels(memory, firm)


async def test_of_many_writers_of_one_value_one_gets_it(memory: Memory, firm: str) -> None:
    labels = [("Worker",), ("Other", "Worker")]
    writers = [memory.entities.put(firm, [person(f"k{n}", "same", *labels[n % 2])]) for n in range(8)]
    first = [memory.entities.put(firm, [person(f"w{n}", "same", label="Worker")]) for n in range(4)]
    queries = [asked(memory, firm, f"CREATE (:C{n}:Worker {{mail: 'same'}})") for n in range(4)]
    outcomes = await asyncio.gather(*writers, *first, *queries, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert len(refused) == len(outcomes) - 1
    assert {type(each) for each in refused} == {Conflict}
    assert len(await held(memory, firm)) == 1


async def test_a_constraint_over_existing_values_names_duplicates(memory: Memory, graph: str) -> None:
    name = await new_graph(memory, f"{graph}_late")
    await memory.entities.put(name, [person("one", "a", "Worker"), person("two", "a", label="Worker")])
    make = "CREATE CONSTRAINT mails FOR (n:Worker) REQUIRE n.mail IS UNIQUE"
    with pytest.raises(Conflict, match="'one' and 'two' both have the value \"a\""):
        await asked(memory, name, make)
    assert await asked(memory, name, "SHOW CONSTRAINTS YIELD name") == []
    await memory.entities.put(name, [person("two", "b", label="Worker")])
    await asked(memory, name, make)
    assert await held(memory, name) == [["one", "a"], ["two", "b"]]
    assert await asked(memory, name, "SHOW CONSTRAINTS YIELD name, labelsOrTypes") == [["mails", ["Worker"]]]
    with pytest.raises(Conflict, match=TAKEN):
        await asked(memory, name, "CREATE (:New:Worker {mail: 'a'})")
    await asked(memory, name, "DROP CONSTRAINT mails")
    await asked(memory, name, "CREATE (:New:Worker {mail: 'a'})")
    index = await index_schema(memory, name)
    assert (
        await query(memory, "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename LIKE 'unique%'", index) == []
    )


async def test_several_properties_are_unique_together(memory: Memory, graph: str) -> None:
    name = await new_graph(memory, f"{graph}_seats")
    await asked(memory, name, "CREATE CONSTRAINT FOR (n:Seat) REQUIRE (n.row, n.number) IS NODE KEY")
    await asked(memory, name, "CREATE (:Seat {key: 'a', row: 'x', number: 1}), (:Chair:Seat {row: 'x', number: 2})")
    with pytest.raises(
        Conflict, match="row, number are together unique among Seat of one scope, and 'a' has the values"
    ):
        await asked(memory, name, "CREATE (:Chair:Seat {row: 'x', number: 1})")
    await asked(memory, name, "CREATE (:Chair:Seat {row: 'y', number: 1})")


async def test_what_inherits_a_unique_property_has_values_of_its_own(memory: Memory, graph: str) -> None:
    schema = {"labels": {**WORKERS["labels"], "Chief": {"parent": "Worker"}}}
    name = await new_graph(memory, f"{graph}_chiefs", schema=schema)
    await memory.entities.put(name, [person("w", "a", label="Worker"), person("c", "a", "Chief")])
    with pytest.raises(Conflict, match="among Chief"):
        await memory.entities.put(name, [person("d", "a", label="Chief")])


async def test_what_other_clients_write_is_reported_and_what_they_free_is_free(
    memory: Memory, firm: str, shared_database_url: str
) -> None:
    await memory.entities.put(firm, [person("w", "a", label="Worker"), person("x", "b", "Worker"), person("p", "-")])
    async with other_client(shared_database_url) as client:
        await cypher(client, firm, "CREATE (:Foreign {key: 'f', mail: 'a', labels: ['Worker']})")
        await cypher(client, firm, "CREATE (:Foreign {key: 'odd', mail: 'a', labels: 'Worker'})")
        await cypher(client, firm, "CREATE (:Foreign {key: 'new', mail: 'c', labels: ['Worker']})")
        await memory.index.sync(firm)
        (found,) = [each for each in await memory.graphs.check_schema(firm) if "unique" in each.what]
        assert (found.what, found.count) == ("Worker: mail is unique, and another has the same value", 1)
        (report,) = await memory.index.check_integrity(firm)
        assert [(each.check, each.count) for each in report.damages] == [("unique-doubled", 1)]
        for key, mail in (("1", "a"), ("2", "c")):
            with pytest.raises(Conflict, match=TAKEN):
                await memory.entities.put(firm, [person(key, mail, "Worker")])
        # What kgmem writes to a table that another client made is held to it, too.
        with pytest.raises(Conflict, match=TAKEN):
            await memory.entities.put(firm, [person("3", "c", "Worker", label="Foreign")])
        # Values that they freed are free at once, also before anybody looked.
        await cypher(client, firm, "MATCH (n:Person {key: 'x'}) SET n.mail = 'z'")
        await memory.entities.put(firm, [person("4", "b", "Worker")])
        await cypher(client, firm, "MATCH (n:Foreign {key: 'new'}) DELETE n")
        await asked(memory, firm, "CREATE (:Person:Worker {key: '5', mail: 'c'})")
    await memory.index.sync(firm)
    assert [each for each in await held(memory, firm) if each[0] != "w"] == [["4", "b"], ["5", "c"], ["x", "z"]]


async def test_damage_is_found_and_repaired_and_a_rebuild_makes_values_anew(memory: Memory, firm: str) -> None:
    await memory.entities.put(firm, [person("w", "a", label="Worker"), person("x", "b", "Worker")])
    index = await index_schema(memory, firm)
    before = await held(memory, firm)
    await query(memory, f"UPDATE {index}.unique_value SET value = '\"other\"' WHERE value = '\"b\"'::ag_catalog.agtype")
    (report,) = await memory.index.check_integrity(firm)
    assert [(each.check, each.count) for each in report.damages] == [("unique-values", 1)]
    await memory.index.check_integrity(firm, repair=True)
    assert await held(memory, firm) == before
    await query(memory, f'DROP TRIGGER kgmem_unique_insert ON {firm}."Person"')
    await query(memory, f"DELETE FROM {index}.unique_value")
    (report,) = await memory.index.check_integrity(firm)
    assert {each.check for each in report.damages} == {"property-indexes", "unique-values"}
    await memory.index.rebuild(firm)
    assert await held(memory, firm) == before
    assert not (await memory.index.check_integrity(firm))[0].damages
    with pytest.raises(Conflict, match=TAKEN):
        await memory.entities.put(firm, [person("y", "b", "Worker")])


async def test_a_lookup_finds_nodes_by_any_of_their_labels(memory: Memory, graph: str) -> None:
    name = await new_graph(memory, f"{graph}_found")
    for made in (
        "CREATE CONSTRAINT FOR (n:Worker) REQUIRE n.mail IS UNIQUE",
        "CREATE INDEX FOR (n:Worker) ON (n.age)",
        "CREATE FULLTEXT INDEX words FOR (n:Worker) ON EACH [n.motto]",
    ):
        await asked(memory, name, made)
    await asked(memory, name, "UNWIND range(1, 30) AS n CREATE (:Worker {mail: n, age: n % 3, motto: 'plain ' + n})")
    await asked(memory, name, "CREATE (:Person:Worker {mail: 'p', age: 1, motto: 'golden rule'})")
    await asked(memory, name, "CREATE (n:Person {mail: 'q', age: 1, motto: 'golden hour'}) SET n:Worker")
    await asked(memory, name, "CREATE (n:Worker {mail: 'r', age: 1, motto: 'golden age'}) SET n:Later REMOVE n:Worker")
    assert await asked(
        memory, name, "MATCH (n:Worker) WHERE n.mail IN ['p', 'q', 'r'] RETURN n.mail ORDER BY n.mail"
    ) == [
        ["p"],
        ["q"],
    ]
    assert await asked(memory, name, "MATCH (n:Worker {age: 1}) RETURN count(*)") == [[12]]
    words = "CALL db.index.fulltext.queryNodes('words', 'golden') YIELD node RETURN node.mail ORDER BY node.mail"
    assert await asked(memory, name, words) == [["p"], ["q"]]
    merge = "MERGE (n:Worker {mail: $mail}) RETURN labels(n)"
    assert await asked(memory, name, merge, mail="p") == [[["Person", "Worker"]]]


@pytest.mark.parametrize("kept", ["x", None])
async def test_a_merge_and_its_undoing_keep_unique_values(memory: Memory, firm: str, kept: str | None) -> None:
    await memory.entities.put(firm, [person("a", kept, "Worker"), person("b", "y", "Worker"), person("c", "z")])
    merge = await memory.resolution.merge(firm, NewMerge(keep="a", gone="b", by="ann", reason="same"))
    assert await held(memory, firm) == [["a", kept or "y"]]
    if kept:
        await memory.entities.put(firm, [person("d", "y", "Worker")])
        with pytest.raises(Conflict, match=TAKEN):
            await memory.resolution.undo_merge(firm, merge.id, by="ann", reason="not the same")
        await memory.entities.delete(firm, ["d"])
    await memory.resolution.undo_merge(firm, merge.id, by="ann", reason="not the same")
    assert await held(memory, firm) == [["a", "x"], ["b", "y"]][not kept :]
    await assert_index_matches_labels(memory, firm)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ('Wörk\'er "x"', "mail"),
        ("a\\b", "labels"),
        ("%s {index} $1", "scope"),
        ("名", "o'dd \"p\\"),
        ("W;--", "%(x)s {y}"),
    ],
    ids=map(str, range(5)),
)
async def test_labels_and_properties_of_odd_names(memory: Memory, graph: str, label: str, name: str) -> None:
    made = await new_graph(memory, f"{graph}_odd", schema={"labels": {label: {"properties": {name: {"unique": True}}}}})
    value = 'it\'s "quoted" \\ 名'
    await memory.entities.put(made, [Entity("one", "Person", labels=[label], properties={name: value})])
    for bad in (
        Entity("two", label, properties={name: value}),
        Entity("two", labels=[label], properties={name: value}),
    ):
        with pytest.raises(Conflict, match="'one' has the value"):
            await memory.entities.put(made, [bad])
    await memory.entities.put(made, [Entity("two", label, properties={name: "other"})])
    assert not (await memory.index.check_integrity(made))[0].damages
