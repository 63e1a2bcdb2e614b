"""Entities in the store: merging, reading, versions, odd values and names."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import Conflict, InvalidInput, KgmemError, NotFound, TooLarge, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels
from tests.memories import change_feed, index_schema, opened_memory, query
from tests.sizes import examples, sized

pytestmark = pytest.mark.server

MANY_NAMES = [
    "Person",
    "person",
    "PERSON",
    "two words",
    "dash-ed",
    "dotted.name",
    'quo"ted',
    "it's",
    "semi;colon",
    "100 %",
    "{curly}",
    "$1",
    "Ünïcödé",
    "人物",
    "🚀",
    "9lives",
    "_",
    "_ag_label_vertex",
    "_ag_label_edge",
    "select",
    "x" * 63,
    "x" * 64,
    "x" * 62 + "y",
    "x" * 200,
    "x" * 199 + "y",
    "é" * 200,
    " ",
]
VALUES: list[Any] = [
    "",
    " ",
    "text",
    "0",
    "null",
    "quotes \" and \\ and ' and `",
    "\\u0000",
    "C:\\users\\u0041",
    "line\nbreak\ttab\r\x01\x1f\x7f",
    "naïve 日本語 🚀 \u202e \ufeff",
    "::vertex ::numeric NaN Infinity",
    '{"id": 1}::vertex',
    "$$ $cypher$ %s {x} :x",
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.0,
    0.5,
    -1.25e-300,
    1e300,
    1e16,
    123456789.123456789,
    5e-324,
    [],
    {},
    [1, "two", None, [3.5, [True]], {"four": [None]}],
    {"a": {"b": {"c": {"": [""]}}}, "key": 1, "name": None, "id": 7, "label": "x"},
    ["", [], {}],
]
ODD_PROPERTY_NAMES = [
    "key", "key_", "key__", "name_", "name__", "text_", "labels", "labels_", "place", "place_", "valid_from",
    "valid_to", "source", "source_", "source__", "scope", "scope_", "title", "title_", "occurred_at", "session",
    "speaker", "strength", "confidence", "id", "label", "kind", "start", "end", "properties", "embedding", "version",
    "", "_", "__", " ", "with space", "dash-ed", "dotted.name", 'quo"ted', "日本語", "🚀", "Name", "SOURCE", "x" * 200,
    "\\", "$x", "%s", "{y}",
]  # fmt: skip

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8), inner, max_size=4
        )
    ),
    max_leaves=8,
)
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
KEYS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
NAMES = st.sampled_from(ODD_PROPERTY_NAMES) | KEYS.filter(lambda name: name not in {"name", "text"})
PROPERTIES = st.dictionaries(NAMES, JSON.filter(lambda value: value is not None), max_size=6)
TIMES = st.sampled_from(["1969", "1969-07", "1969-07-20", "1969-07-20T20:17:40Z", "-0044-03-15"])
PLACES = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(lambda pair: parse_place(list(pair)))
ENTITIES = st.builds(
    Entity,
    key=KEYS,
    label=st.sampled_from(MANY_NAMES[:8]),
    name=st.none() | TEXT,
    text=st.none() | TEXT,
    properties=PROPERTIES,
    labels=st.none() | st.lists(st.sampled_from(["Astronaut", "two words", "x"]), min_size=1, max_size=3),
    place=st.none() | PLACES,
    valid_from=st.none() | TIMES,
    source=st.none() | st.sampled_from(["nasa", "press"]),
)


def told(entity: Entity) -> tuple[Any, ...]:
    """What an entity says, without what the store adds."""
    return (
        entity.key,
        entity.label,
        entity.name,
        dict(entity.properties),
        list(entity.labels) if entity.labels else None,
        entity.text,
        entity.place,
        entity.valid_from,
        entity.valid_to,
        entity.source,
        entity.scope,
    )


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal and of equal types, integers apart from floats and booleans."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


async def test_a_new_entity_is_created_and_read_back_whole(memory: Memory, graph: str) -> None:
    stated = Entity(
        "apollo-11",
        "Mission",
        "Apollo 11",
        {"crew": ["Armstrong", "Aldrin", "Collins"], "days": 8.14},
        labels=["Spaceflight"],
        text="First landing on the Moon.",
        place=parse_place([-80.6, 28.6]),
        valid_from="1969-07-16",
        valid_to="1969-07-24",
        source="nasa",
    )
    written = await memory.entities.put(graph, [stated])
    assert (written.created, written.updated, written.unchanged, written.versions) == (1, 0, 0, [1])
    held = await memory.entities.get(graph, "apollo-11")
    assert told(held) == told(stated)
    assert held.id == written.ids[0]
    assert held.version == 1
    assert held.known_from is not None
    await assert_index_matches_labels(memory, graph)


async def test_an_entity_of_a_key_alone_is_a_thing(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("x")])
    held = await memory.entities.get(graph, "x")
    assert told(held) == told(Entity("x", "Thing"))
    await assert_index_matches_labels(memory, graph)


async def test_what_is_none_stays_and_a_property_of_none_is_removed(memory: Memory, graph: str) -> None:
    first = Entity("x", "Person", "Ada", {"a": 1, "b": 2, "source": "me"}, text="T", valid_from="1815", source="s")
    await memory.entities.put(graph, [first])
    written = await memory.entities.put(
        graph, [Entity("x", properties={"b": None, "source": None, "c": 3, "none": None})]
    )
    assert (written.updated, written.versions) == (1, [2])
    held = await memory.entities.get(graph, "x")
    assert told(held) == told(Entity("x", "Person", "Ada", {"a": 1, "c": 3}, text="T", valid_from="1815", source="s"))
    await assert_index_matches_labels(memory, graph)


async def test_the_same_statement_again_changes_nothing(memory: Memory, graph: str) -> None:
    stated = Entity("x", "Person", "Ada", {"a": [1, {"b": None}]}, text="T", place=parse_place([1, 2]))
    first = await memory.entities.put(graph, [stated])
    feed = len(await change_feed(memory, graph))
    again = await memory.entities.put(graph, [stated])
    partial = await memory.entities.put(graph, [Entity("x", name="Ada")])
    assert (again.unchanged, partial.unchanged) == (1, 1)
    assert first.ids == again.ids == partial.ids
    assert (await memory.entities.get(graph, "x")).version == 1
    assert len(await change_feed(memory, graph)) == feed


async def test_a_value_that_is_equal_in_python_but_of_another_type_is_a_change(memory: Memory, graph: str) -> None:
    pairs: list[tuple[Any, Any]] = [(1, True), (True, 1), (0, False), (1, 1.0), (1.0, 1), ([1], [True])]
    for before, after in [*pairs, ({"a": 0}, {"a": False})]:
        await memory.entities.put(graph, [Entity("x", properties={"p": before})])
        written = await memory.entities.put(graph, [Entity("x", properties={"p": after})])
        assert written.updated == 1
        assert same((await memory.entities.get(graph, "x")).properties["p"], after)


async def test_a_statement_between_two_equal_ones_is_not_forgotten(memory: Memory, graph: str) -> None:
    one, other = Entity("x", properties={"p": 1}), Entity("x", properties={"p": 2})
    for stated in (one, other, one, one, other, one):
        await memory.entities.put(graph, [stated])
    held = await memory.entities.get(graph, "x")
    assert (held.properties, held.version) == ({"p": 1}, 5)


async def test_statements_of_one_key_in_one_batch_merge_in_their_order(memory: Memory, graph: str) -> None:
    batch = [Entity("x", name="first", properties={"a": 1}), Entity("y"), Entity("x", name="second", text="T")]
    batch += [Entity("x", properties={"a": None, "b": 2}), Entity("x", properties={"b": 2})]
    written = await memory.entities.put(graph, batch)
    assert (written.created, written.updated, written.unchanged) == (2, 2, 1)
    assert written.versions == [1, 1, 2, 3, 3]
    assert len(set(written.ids)) == 2
    held = await memory.entities.get(graph, "x")
    assert (held.name, held.text, held.properties, held.version) == ("second", "T", {"b": 2}, 3)
    await assert_index_matches_labels(memory, graph)


async def test_an_empty_batch_writes_nothing(memory: Memory, graph: str) -> None:
    written = await memory.entities.put(graph, [])
    assert (written.created, written.updated, written.unchanged, list(written.ids)) == (0, 0, 0, [])


async def test_an_entity_stated_under_another_label_moves_with_all_that_it_has(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("x", "Thing", "X", {"a": 1}, text="words"), Entity("y")])
    await memory.relationships.put(
        graph, [Relationship("KNOWS", "x", "y"), Relationship("KNOWS", "y", "x"), Relationship("IS", "x", "x")]
    )
    await memory.embeddings.run(graph)
    await memory.entities.put(graph, [Entity("x", "Person", properties={"a": 2})])
    held = await memory.entities.get(graph, "x")
    assert (held.label, held.name, held.properties, held.version) == ("Person", "X", {"a": 2}, 2)
    page = await memory.relationships.list(graph, entity="x")
    assert {(r.kind, r.start, r.end) for r in page.items} == {
        ("KNOWS", "x", "y"),
        ("KNOWS", "y", "x"),
        ("IS", "x", "x"),
    }
    assert [e.key for e in (await memory.entities.list(graph, label="Person")).items] == ["x"]
    assert [e.key for e in (await memory.entities.list(graph, label="Thing")).items] == ["y"]
    await assert_index_matches_labels(memory, graph)


async def test_every_json_value_comes_back_as_it_was(memory: Memory, graph: str) -> None:
    stated = {f"p{n}": value for n, value in enumerate(VALUES)}
    await memory.entities.put(graph, [Entity("x", properties=stated)])
    held = await memory.entities.get(graph, "x")
    wrong = {
        repr(value): held.properties[name] for name, value in stated.items() if not same(held.properties[name], value)
    }
    assert not wrong
    await assert_index_matches_labels(memory, graph)


async def test_properties_may_bear_any_name(memory: Memory, graph: str) -> None:
    stated = {name: f"value of {name}" for name in ODD_PROPERTY_NAMES}
    await memory.entities.put(graph, [Entity("x", "Thing", "N", stated, text="T", source="s")])
    held = await memory.entities.get(graph, "x")
    assert dict(held.properties) == stated
    assert (held.key, held.name, held.text, held.source) == ("x", "N", "T", "s")
    await memory.entities.put(graph, [Entity("x", properties=dict.fromkeys(stated))])
    held = await memory.entities.get(graph, "x")
    assert (dict(held.properties), held.name, held.text, held.source) == ({}, "N", "T", "s")


async def test_name_and_text_among_the_properties_are_the_entitys_own_when_they_are_texts(
    memory: Memory, graph: str
) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("x", properties={"name": "N", "text": "T"}),
            Entity("y", name="own", text="own", properties={"name": "N", "text": "T"}),
            Entity("z", properties={"name": 5, "text": ["T"]}),
        ],
    )
    x, y, z = [await memory.entities.get(graph, key) for key in "xyz"]
    assert (x.name, x.text, x.properties) == ("N", "T", {})
    assert (y.name, y.text, y.properties) == ("own", "own", {"name": "N", "text": "T"})
    assert (z.name, z.text, z.properties) == (None, None, {"name": 5, "text": ["T"]})
    await assert_index_matches_labels(memory, graph)


UNSAYABLE: list[Any] = [
    math.nan,
    math.inf,
    -math.inf,
    [1.0, math.nan],
    {"a": {"b": [-math.inf]}},
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    "a\x00b",
    "\\\x00",
    {"a\x00": 1},
    {1: 2},
    "\ud800",
    b"bytes",
    object(),
]


async def test_what_json_cannot_say_is_refused_and_nothing_is_written(memory: Memory, graph: str) -> None:
    for value in UNSAYABLE:
        with pytest.raises(InvalidInput) as raised:
            await memory.entities.put(graph, [Entity("fine"), Entity("x", properties={"p": value})])
        assert raised.value.hint
    assert (await memory.graphs.stats(graph)).entities == 0


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


async def test_nesting_is_stored_or_refused_and_never_breaks_the_server(memory: Memory, graph: str) -> None:
    for levels in (50, 200, 300, 5_000, 100_000):
        try:
            await memory.entities.put(graph, [Entity("x", properties={"p": deep(levels)})])
        except (InvalidInput, TooLarge):
            assert levels > 100
        else:
            assert (await memory.entities.get(graph, "x")).properties == {"p": deep(levels)}
    assert (await memory.entities.put(graph, [Entity("y")])).created == 1


@pytest.mark.parametrize("part", ["key", "label", "labels", "name", "text", "source", "scope"])
async def test_texts_that_cannot_be_stored_are_refused_wherever_they_stand(
    memory: Memory, graph: str, part: str
) -> None:
    await memory.entities.put(graph, [Entity("there", "Person")])
    for bad in ("a\x00b", "\ud800"):
        stated: dict[str, Any] = {"key": "x", part: [bad] if part == "labels" else bad}
        with pytest.raises(InvalidInput):
            await memory.entities.put(graph, [Entity(**stated)])
    # What is there stays readable in this process too.
    assert (await memory.entities.get(graph, "there")).label == "Person"
    assert (await memory.entities.put(graph, [Entity("x", "Person")])).created == 1
    await assert_index_matches_labels(memory, graph)


async def test_statements_that_mean_nothing_are_refused(memory: Memory, graph: str) -> None:
    for stated in (
        Entity(""),
        Entity("x", ""),
        Entity("x", "Episode"),
        Entity("x", "x" * 201),
        Entity("x", scope="a b"),
        Entity("x", scope="a//b"),
        Entity("x", scope="/a"),
        Entity("x", scope="a" * 401),
        Entity("x", labels=["a\x1fb"]),
        Entity("x", labels=[""]),
        Entity("x", valid_from="yesterday"),
        Entity("x", valid_from="2020", valid_to="2019"),
    ):
        with pytest.raises(InvalidInput) as raised:
            await memory.entities.put(graph, [Entity("fine"), stated])
        assert raised.value.hint
    assert (await memory.graphs.stats(graph)).entities == 0


async def test_a_validity_that_ends_before_it_began_is_refused_also_when_it_comes_about_by_merging(
    memory: Memory, graph: str
) -> None:
    await memory.entities.put(graph, [Entity("x", valid_from="2020")])
    with pytest.raises(InvalidInput):
        await memory.entities.put(graph, [Entity("x", valid_to="2019")])
    held = await memory.entities.get(graph, "x")
    assert (held.valid_from, held.valid_to, held.version) == ("2020", None, 1)
    await assert_index_matches_labels(memory, graph)


async def test_a_key_longer_than_the_database_can_index_is_refused_in_words(memory: Memory, graph: str) -> None:
    key = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(5_000))
    with pytest.raises(KgmemError) as raised:
        await memory.entities.put(graph, [Entity(key)])
    assert raised.value.code in {"too-large", "invalid-input"}


async def test_keys_may_be_odd(memory: Memory, graph: str) -> None:
    keys = [
        "a/b",
        "a b",
        " a",
        "'",
        '"',
        "\\",
        "%",
        "$1",
        "{x}",
        "日本語",
        "🚀",
        "a\u00a0b",
        "_1",
        "x#1",
        "é" * 500,
        ".",
        "e\u0301",
    ]
    await memory.entities.put(graph, [Entity(key, name=f"N{key}") for key in [*keys, "other"]])
    await memory.relationships.put(graph, [Relationship("KNOWS", key, "other") for key in keys])
    for key in keys:
        assert (await memory.entities.get(graph, key)).name == f"N{key}"
        assert [r.start for r in (await memory.relationships.list(graph, entity=key)).items] == [key]
        assert (await memory.entities.delete(graph, [key])).relationships == 1
        with pytest.raises(NotFound):
            await memory.entities.get(graph, key)
    await assert_index_matches_labels(memory, graph)


@pytest.mark.long
async def test_labels_may_be_odd_long_and_alike(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", label) for n, label in enumerate(MANY_NAMES)])
    # The same names as kinds of relationships: AGE refuses one name for both.
    await memory.relationships.put(
        graph, [Relationship(kind, "k0", f"k{n}", properties={"n": n}) for n, kind in enumerate(MANY_NAMES)]
    )
    for n, label in enumerate(MANY_NAMES):
        assert (await memory.entities.get(graph, f"k{n}")).label == label
        assert [e.key for e in (await memory.entities.list(graph, label=label)).items] == [f"k{n}"]
        page = await memory.relationships.list(graph, kind=label)
        assert [(r.kind, r.end, r.properties) for r in page.items] == [(label, f"k{n}", {"n": n})]
    stats = await memory.graphs.stats(graph)
    assert stats.labels == dict.fromkeys(MANY_NAMES, 1)
    assert stats.kinds == dict.fromkeys(MANY_NAMES, 1)
    await assert_index_matches_labels(memory, graph)


@sized
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entity=ENTITIES)
async def test_any_entity_comes_back_as_it_was_stated(memory: Memory, graph: str, entity: Entity) -> None:
    await memory.entities.put(graph, [entity])
    held = await memory.entities.get(graph, entity.key)
    assert told(held) == told(entity)
    assert same(dict(held.properties), dict(entity.properties))
    assert (await memory.entities.put(graph, [entity])).unchanged == 1
    assert (await memory.entities.delete(graph, [entity.key])).entities == 1


async def test_the_version_read_is_the_version_to_send(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("x", properties={"n": 1})])
    await memory.entities.put(graph, [Entity("x", properties={"n": 2}, version=1)])
    with pytest.raises(VersionConflict) as raised:
        await memory.entities.put(graph, [Entity("y"), Entity("x", properties={"n": 3}, version=1)])
    assert raised.value.facts == {"key": "x", "held": 2, "given": 1}
    assert (await memory.entities.get(graph, "x")).properties == {"n": 2}
    with pytest.raises(NotFound):
        await memory.entities.get(graph, "y")


@pytest.mark.parametrize("version", [1, 7])
async def test_a_version_of_what_is_not_there_is_a_conflict(memory: Memory, graph: str, version: int) -> None:
    with pytest.raises(VersionConflict):
        await memory.entities.put(graph, [Entity("x", version=version)])
    assert (await memory.graphs.stats(graph)).entities == 0


async def test_version_zero_creates_and_never_merges(memory: Memory, graph: str) -> None:
    assert (await memory.entities.put(graph, [Entity("x", version=0)])).created == 1
    with pytest.raises(VersionConflict):
        await memory.entities.put(graph, [Entity("x", version=0)])
    with pytest.raises(VersionConflict):
        await memory.entities.delete(graph, ["x"], version=2)
    assert (await memory.entities.delete(graph, ["x"], version=1)).entities == 1


async def test_deleting_tells_what_went_and_what_was_not_there(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("x", text="one"), Entity("y", text="two " * 500), Entity("z")])
    await memory.relationships.put(
        graph, [Relationship("A", "x", "y"), Relationship("A", "y", "z"), Relationship("A", "x", "x")]
    )
    await memory.embeddings.run(graph)
    passages = (await memory.graphs.stats(graph)).passages
    gone = await memory.entities.delete(graph, ["x", "nobody", "y", "x"])
    assert (gone.entities, gone.episodes, gone.relationships, list(gone.missing)) == (2, 0, 3, ["nobody"])
    assert gone.passages == gone.vectors == passages - 1
    assert gone.kept_in_history == 5
    stats = await memory.graphs.stats(graph)
    assert (stats.entities, stats.relationships, stats.passages, stats.vectors) == (1, 0, 1, 1)
    await assert_index_matches_labels(memory, graph)


async def test_what_was_deleted_can_be_stated_anew(memory: Memory, graph: str) -> None:
    stated = Entity("x", "Person", properties={"a": 1})
    first = await memory.entities.put(graph, [stated])
    await memory.entities.delete(graph, ["x"])
    again = await memory.entities.put(graph, [stated])
    assert again.created == 1
    assert again.ids != first.ids
    assert (await memory.entities.get(graph, "x")).version == 1


async def test_pages_give_each_entity_once_in_the_order_of_ids(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph, [Entity(f"k{n:02}", ["A", "B"][n % 2], labels=["C"] if n < 5 else None) for n in range(25)]
    )
    seen: list[str] = []
    cursor = None
    while True:
        page = await memory.entities.list(graph, cursor=cursor, limit=10)
        seen += [entity.key for entity in page.items]
        if (cursor := page.cursor) is None:
            break
    assert sorted(seen) == [f"k{n:02}" for n in range(25)]
    assert len((await memory.entities.list(graph, label="A", limit=13)).items) == 13
    assert (await memory.entities.list(graph, label="A", limit=13)).cursor is None
    assert len((await memory.entities.list(graph, label="C")).items) == 5
    assert (await memory.entities.list(graph, label="Nothing")).items == []


async def test_a_cursor_that_kgmem_did_not_give_is_refused(memory: Memory, graph: str) -> None:
    for cursor in ["", "x", "-1", "1.5", "9" * 19, "9" * 40, "٣", "1 OR 1=1"]:
        with pytest.raises(InvalidInput):
            await memory.entities.list(graph, cursor=cursor)


async def test_a_graph_that_is_not_there_is_not_found_by_anything(memory: Memory) -> None:
    for attempt in (
        memory.entities.put("nothing", [Entity("x")]),
        memory.entities.get("nothing", "x"),
        memory.entities.list("nothing"),
        memory.entities.delete("nothing", ["x"]),
        memory.graphs.stats("nothing"),
        memory.graphs.delete("nothing"),
        memory.graphs.changes("nothing"),
    ):
        with pytest.raises(NotFound):
            await attempt


@pytest.mark.slow
async def test_graphs_may_bear_any_name_that_is_one(database_url: str) -> None:
    names = ["x", "ab", "A", "a", "kgraph_4", "kgraph_9", "kgm_1", "kgmem", "public", "ag_catalog", "pg_x", "a-b.c"]
    names += ["select", "a" * 100, "a" * 99 + "b"]
    async with opened_memory(database_url) as memory:
        for name in names:
            await memory.graphs.create(name)
            with pytest.raises(Conflict):
                await memory.graphs.create(name)
            await memory.entities.put(name, [Entity("k", "Person", name)])
        assert [graph.name for graph in await memory.graphs.list()] == sorted(names)
        for name in names:
            assert (await memory.entities.get(name, "k")).name == name
            await assert_index_matches_labels(memory, name)
            await memory.graphs.delete(name)
            with pytest.raises(NotFound):
                await memory.entities.get(name, "k")
        assert await memory.graphs.list() == []
        await memory.graphs.create("x")
        assert (await memory.graphs.stats("x")).entities == 0


async def test_sources_are_registered_by_name_alone_and_told_more_later(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("x", source="nasa"), Entity("y", source="press")])
    written = await memory.sources.put(graph, [Source("nasa", "NASA", "agency", 0.9), Source("new")])
    assert (written.created, written.updated) == (1, 1)
    assert (await memory.sources.put(graph, [Source("nasa", "NASA", "agency", 0.9)])).unchanged == 1
    held = {source.key: source for source in await memory.sources.list(graph)}
    assert (held["nasa"].name, round(held["nasa"].trust, 3), held["press"].trust) == ("NASA", 0.9, 0.5)


async def test_age_sees_nothing_but_the_properties_of_the_entity(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("x", "Person", "Ada", {"born": 1815})])
    assert (await index_schema(memory, graph)).startswith("kgm_")
    rows = await query(memory, f'SELECT properties::text FROM {graph}."Person"')
    assert rows[0][0] == '{"key": "x", "born": 1815, "name": "Ada"}'
