"""Unique and indexed properties: what a schema declares is held to, whoever writes, and found fast."""

import asyncio
from typing import Any

import asyncpg
import pytest

from kgmem.domain.errors import Conflict, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels
from tests.memories import cypher, new_graph, other_client, query

pytestmark = pytest.mark.server

BOOKS: dict[str, Any] = {
    "labels": {
        "Book": {
            "properties": {"isbn": {"type": "string", "unique": True}, "pages": {"type": "integer", "indexed": True}}
        },
        "Atlas": {"parent": "Book"},
    },
    "kinds": {"LENDS": {"properties": {"receipt": {"unique": True}}}},
}
PLAIN: dict[str, Any] = {"labels": {"Book": {"properties": {"isbn": "string", "pages": "integer"}}}}


def book(key: str, isbn: str | None, **more: Any) -> Entity:
    return Entity(key, label=more.pop("label", "Book"), properties={"isbn": isbn, "pages": 7}, **more)


@pytest.fixture
async def library(memory: Memory, graph: str) -> str:
    return await new_graph(memory, f"{graph}_books", schema=BOOKS)


async def indexes(memory: Memory, graph: str) -> list[str]:
    sql = "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = $1 AND indexname LIKE 'kgmem%'"
    return sorted(f"{row[0]} {row[1].split('_')[1]}" for row in await query(memory, sql, graph))


async def test_a_value_that_another_entity_has_is_refused_with_its_key(memory: Memory, library: str) -> None:
    await memory.entities.put(library, [book("emma", "1"), book("dune", "2"), book("none", None)])
    with pytest.raises(
        Conflict, match="isbn is unique among Book of one scope, and 'emma' has the value \"1\""
    ) as told:
        await memory.entities.put(library, [book("other", "1")])
    facts = {"property": "isbn", "value": '"1"', "label": "Book", "keys": ["emma"]}
    assert told.value.facts == {"type": "ConstraintValidationFailed", **facts}
    with pytest.raises(Conflict, match="'emma'"):
        await memory.entities.put(library, [book("dune", "1")])
    with pytest.raises(Conflict, match="written at the same time"):
        await memory.entities.put(library, [book("a", "3"), book("b", "3")])
    await memory.entities.put(library, [book("emma", None), book("none", None)])
    await memory.entities.put(library, [book("other", "1")])
    await assert_index_matches_labels(memory, library)


async def test_each_scope_and_each_label_has_values_of_its_own(memory: Memory, library: str) -> None:
    await memory.entities.put(library, [book("emma", "1"), book("mine", "1", scope="user/1")])
    await memory.entities.put(library, [book("map", "1", label="Atlas"), book("his", "1", scope="user/2")])
    with pytest.raises(Conflict, match="'mine'"):
        await memory.entities.put(library, [book("copy", "1", scope="user/1")])
    with pytest.raises(Conflict, match="among Atlas of one scope, and 'map'"):
        await memory.entities.put(library, [book("other", "1", label="Atlas")])
    # One that is stated under another label keeps its id, and is from then on among those of the other label.
    with pytest.raises(Conflict, match="among Atlas of one scope, and 'map'"):
        await memory.entities.put(library, [book("emma", "1", label="Atlas")])
    await memory.entities.put(library, [book("emma", "2", label="Atlas")])
    assert (await memory.entities.get(library, "emma")).label == "Atlas"
    with pytest.raises(Conflict, match="among Atlas of one scope, and 'emma'"):
        await memory.entities.put(library, [book("other", "2", label="Atlas")])
    await memory.entities.put(library, [book("other", "1"), book("third", "2")])


async def test_of_many_writers_of_one_value_one_gets_it(memory: Memory, library: str) -> None:
    await memory.entities.put(library, [book("first", "0")])
    writers = [memory.entities.put(library, [book(f"k{n}", "1")]) for n in range(40)]
    large = [memory.entities.put(library, [book(f"{w} {n}", f"{n}") for n in range(1, 30)]) for w in range(3)]
    outcomes = await asyncio.gather(*writers, *large, return_exceptions=True)
    assert {type(each).__name__ for each in outcomes} == {"WriteResult", "Conflict"}
    held = [item async for item in memory.exports.items(library) if isinstance(item, Entity)]
    values = [item.properties["isbn"] for item in held]
    assert len(values) == len(set(values))
    assert "1" in values
    await assert_index_matches_labels(memory, library)


async def test_other_clients_are_held_to_unique_values_too(
    memory: Memory, library: str, shared_database_url: str
) -> None:
    await memory.entities.put(library, [book("emma", "1")])
    async with other_client(shared_database_url) as client:
        with pytest.raises(asyncpg.UniqueViolationError):
            await cypher(client, library, "CREATE (:Book {isbn: '1'})")
        await cypher(client, library, "CREATE (:Book {isbn: '2'})")
        plan = await cypher(client, library, "EXPLAIN MATCH (b:Book) WHERE b.isbn = '1' RETURN b")
    assert "kgmem_unique" in str(plan)


async def test_relationships_have_unique_values_too(memory: Memory, library: str) -> None:
    await memory.entities.put(library, [Entity(key) for key in "abc"])
    lend = [Relationship("LENDS", "a", end, properties={"receipt": 17}) for end in "bc"]
    await memory.relationships.put(library, lend[:1])
    with pytest.raises(Conflict, match="receipt is unique among LENDS"):
        await memory.relationships.put(library, lend[1:])


async def test_indexes_come_and_go_with_what_the_schema_declares(memory: Memory, graph: str) -> None:
    name = await new_graph(memory, f"{graph}_books", schema=PLAIN)
    await memory.entities.put(name, [book("emma", "1"), book("map", "2", label="Atlas")])
    assert await indexes(memory, name) == ["Episode indexed"] * 2
    await memory.graphs.update(name, schema=BOOKS, replacing=True)
    made = ["Atlas indexed", "Atlas unique", "Book indexed", "Book unique"]
    assert await indexes(memory, name) == [*made, *["Episode indexed"] * 2]
    with pytest.raises(Conflict, match="'emma'"):
        await memory.entities.put(name, [book("other", "1")])
    await memory.graphs.update(name, schema=PLAIN, replacing=True)
    assert await indexes(memory, name) == ["Episode indexed"] * 2
    await memory.entities.put(name, [book("other", "1")])


async def test_a_schema_that_what_is_held_stands_against_is_refused(memory: Memory, graph: str) -> None:
    name = await new_graph(memory, f"{graph}_books", schema=PLAIN)
    await memory.entities.put(name, [book("emma", "1"), book("other", "1"), book("mine", "1", scope="user/1")])
    with pytest.raises(Conflict, match="'emma' and 'other' both have the value \"1\""):
        await memory.graphs.update(name, schema=BOOKS, replacing=True)
    assert (await memory.graphs.get(name)).schema["labels"]["Book"]["properties"]["isbn"] == {"type": "string"}
    assert await indexes(memory, name) == ["Episode indexed"] * 2


async def test_a_check_finds_values_that_are_not_unique_and_the_rebuilt_index_leaves_them(
    memory: Memory, library: str, shared_database_url: str
) -> None:
    async with other_client(shared_database_url) as client:
        await client.fetch("SELECT create_vlabel($1::name::cstring, 'Book'::name::cstring)", library)
        for key in ("a", "b", "c"):
            await cypher(client, library, f"CREATE (:Book {{key: '{key}', isbn: '1', pages: 3}})")
    await memory.index.sync(library)
    (found,) = await memory.graphs.check_schema(library)
    assert (found.what, found.count) == ("Book: isbn is unique, and another has the same value", 2)
    assert found.example == "b, a"
    await memory.index.rebuild(library)
    assert await indexes(memory, library) == ["Book indexed", *["Episode indexed"] * 2]
    await memory.entities.delete(library, ["b", "c"])
    await memory.index.rebuild(library)
    assert await indexes(memory, library) == ["Book indexed", "Book unique", *["Episode indexed"] * 2]


async def test_odd_names_and_values_of_unique_properties(memory: Memory, graph: str) -> None:
    names = ["name", "source", "it's", 'quo"ted', "100 %s", "{curly}", "a\\b", "Ünïcödé"]
    declared = {name: {"unique": True} for name in names}
    declared["name"]["type"] = "string"  # type: ignore[assignment]
    odd = await new_graph(memory, f"{graph}_odd", schema={"labels": {"Odd": {"properties": declared}}})
    for name in names:
        values: list[Any] = ["a'b\"c\\d) already exists.", "x, null"]
        if name != "name":
            values += [1, 2.5, True, [1, "two"], {"a": {"b": None}}]
        for n, value in enumerate(values):
            stated = {"name": value} if name == "name" else {"properties": {name: value}}
            await memory.entities.put(odd, [Entity(f"{name} {n}", label="Odd", **stated)])
            with pytest.raises(Conflict, match="unique") as told:
                await memory.entities.put(odd, [Entity("other", label="Odd", **stated)])
            assert (told.value.facts["property"], told.value.facts["keys"]) == (name, [f"{name} {n}"])


async def test_a_value_that_no_index_can_hold_is_refused_with_words(memory: Memory, library: str) -> None:
    with pytest.raises(TooLarge, match="indexed or unique"):
        await memory.entities.put(library, [book("long", "".join(chr(200 + n * 7 % 5000) for n in range(6000)))])


async def test_episodes_of_a_session_are_found_by_an_index(memory: Memory, graph: str) -> None:
    await memory.episodes.put(graph, [Episode(f"words {n}", f"e{n}", session=f"s{n % 9}") for n in range(30)])
    assert len((await memory.episodes.list(graph, session="s3")).items) == 3
    assert await indexes(memory, graph) == ["Episode indexed"] * 2
