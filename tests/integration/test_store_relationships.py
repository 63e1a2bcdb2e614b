"""Relationships in the store: what makes one the same, merging, ends, versions, deletion."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import Conflict, InvalidInput, NotFound, SchemaViolation, UnknownEntities, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.integration.test_store_entities import KEYS, NAMES, PROPERTIES, TEXT, TIMES, VALUES, same
from tests.invariants import assert_index_matches_labels
from tests.memories import index_schema, new_graph, query
from tests.sizes import examples, sized

pytestmark = pytest.mark.server

FRACTIONS = st.none() | st.floats(0, 1)
RELATIONSHIPS = st.builds(
    Relationship,
    kind=st.sampled_from(["KNOWS", "knows", "two words", "Person"]),
    start=st.sampled_from("abc"),
    end=st.sampled_from("abc"),
    key=st.none() | KEYS,
    properties=PROPERTIES,
    text=st.none() | TEXT,
    valid_from=st.none() | TIMES,
    strength=FRACTIONS,
    confidence=FRACTIONS,
    source=st.none() | st.sampled_from(["nasa", "press"]),
)


def told(item: Relationship) -> tuple[Any, ...]:
    """What a relationship says, without what the store adds."""
    own = (item.kind, item.start, item.end, item.key, dict(item.properties), item.text, item.valid_from, item.valid_to)
    return (*own, item.strength, item.confidence, item.source, item.scope)


@pytest.fixture
async def abc(memory: Memory, graph: str) -> str:
    """A graph with the entities a, b and c."""
    await memory.entities.put(graph, [Entity("a", "Person"), Entity("b", "Person"), Entity("c", "Place")])
    return graph


async def counts(memory: Memory, graph: str) -> list[int]:
    """How much there is in the tables that a write touches."""
    schema = await index_schema(memory, graph)
    tables = [f"{schema}.{table}" for table in ("item", "passage", "edge", "change", "embedding_queue", "history")]
    tables += [f"{graph}._ag_label_vertex", f"{graph}._ag_label_edge"]
    return [(await query(memory, f"SELECT count(*) FROM {table}"))[0][0] for table in tables]


async def test_a_new_relationship_is_created_and_read_back_whole(memory: Memory, abc: str) -> None:
    stated = Relationship(
        "WORKS_WITH", "a", "b", "r1", {"since": 1961, "source": "diary"}, "They met.", "1961", "1969-07", 0.5, 0.75, "s"
    )
    written = await memory.relationships.put(abc, [stated])
    assert (written.created, written.versions) == (1, [1])
    held = await memory.relationships.get(abc, written.ids[0])
    assert told(held) == told(stated)
    assert (held.id, held.version) == (written.ids[0], 1)
    await assert_index_matches_labels(memory, abc)


async def test_a_relationship_without_a_key_is_the_same_when_kind_ends_and_start_are(memory: Memory, abc: str) -> None:
    base = Relationship("KNOWS", "a", "b", properties={"n": 1})
    others = [
        Relationship("KNOWS", "b", "a"),
        Relationship("knows", "a", "b"),
        Relationship("KNOWS", "a", "b", valid_from="1961"),
        Relationship("KNOWS", "a", "b", valid_from="1962"),
        Relationship("KNOWS", "a", "b", key="1961"),
        Relationship("KNOWS", "a", "b", key="k"),
        Relationship("KNOWS", "a", "a"),
    ]
    written = await memory.relationships.put(abc, [base, *others])
    assert written.created == 8
    assert len(set(written.ids)) == 8
    again = await memory.relationships.put(abc, [*reversed(others), Relationship("KNOWS", "a", "b", text="T")])
    assert (again.unchanged, again.updated) == (7, 1)
    assert [*reversed(again.ids[:7])] == list(written.ids[1:])
    held = await memory.relationships.get(abc, written.ids[0])
    assert (held.properties, held.text, held.version) == ({"n": 1}, "T", 2)
    await assert_index_matches_labels(memory, abc)


async def test_a_key_and_a_start_that_read_alike_are_two_relationships_in_any_order(memory: Memory, abc: str) -> None:
    timed = Relationship("KNOWS", "a", "b", valid_from="1961")
    keyed = Relationship("KNOWS", "a", "b", key="1961")
    for first, second in ((timed, keyed), (keyed, timed)):
        one = await memory.relationships.put(abc, [first])
        two = await memory.relationships.put(abc, [second])
        assert (one.created, two.created) == (1, 1)
        await memory.relationships.delete(abc, [*one.ids, *two.ids])


async def test_a_relationship_of_a_key_may_move_to_other_ends_and_times(memory: Memory, abc: str) -> None:
    first = await memory.relationships.put(abc, [Relationship("AT", "a", "b", "r", valid_from="1961")])
    again = await memory.relationships.put(abc, [Relationship("AT", "b", "c", "r", valid_from="1962")])
    assert (again.updated, again.ids) == (1, first.ids)
    held = await memory.relationships.get(abc, first.ids[0])
    assert (held.start, held.end, held.valid_from, held.version) == ("b", "c", "1962", 2)
    assert (await memory.relationships.list(abc, entity="a")).items == []
    assert (await memory.relationships.put(abc, [Relationship("AT", "a", "b", valid_from="1961")])).created == 1
    await assert_index_matches_labels(memory, abc)


async def test_a_key_held_under_another_kind_is_a_conflict_and_not_passed_over(memory: Memory, abc: str) -> None:
    await memory.relationships.put(abc, [Relationship("KNOWS", "a", "b", "r")])
    with pytest.raises(Conflict) as raised:
        await memory.relationships.put(abc, [Relationship("LIKES", "a", "b", "r")])
    assert "r" in str(raised.value)
    assert (await memory.graphs.stats(abc)).kinds == {"KNOWS": 1}


async def test_what_is_none_stays_and_a_property_of_none_is_removed(memory: Memory, abc: str) -> None:
    first = Relationship(
        "KNOWS", "a", "b", properties={"x": 1, "y": 2}, text="T", strength=0.5, confidence=0.25, source="s"
    )
    written = await memory.relationships.put(abc, [first])
    await memory.relationships.put(
        abc, [Relationship("KNOWS", "a", "b", properties={"x": None, "z": 3}, valid_to="1999")]
    )
    held = await memory.relationships.get(abc, written.ids[0])
    assert told(held) == (
        "KNOWS", "a", "b", None, {"y": 2, "z": 3}, "T", None, "1999", 0.5, 0.25, "s", ""
    )  # fmt: skip
    await assert_index_matches_labels(memory, abc)


async def test_statements_of_one_relationship_in_one_batch_merge_in_their_order(memory: Memory, abc: str) -> None:
    batch = [Relationship("KNOWS", "a", "b", properties={"n": n}) for n in (1, 2, 2, 3)]
    batch += [Relationship("KNOWS", "a", "b", "k"), Relationship("KNOWS", "b", "c", "k")]
    written = await memory.relationships.put(abc, batch)
    assert (written.created, written.updated, written.unchanged) == (2, 3, 1)
    assert list(written.versions) == [1, 2, 2, 3, 1, 2]
    assert (await memory.relationships.get(abc, written.ids[0])).properties == {"n": 3}
    assert (await memory.relationships.get(abc, written.ids[4])).end == "c"
    await assert_index_matches_labels(memory, abc)


async def test_a_large_batch_is_stored_like_small_ones(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"e{n}") for n in range(30)])
    batch = [Relationship(f"K{n % 3}", f"e{n % 30}", f"e{n // 30}", properties={"n": n}) for n in range(900)]
    assert (await memory.relationships.put(graph, batch[:300])).created == 300
    # One that is held already lies where the look at a sample does not find it.
    mixed = await memory.relationships.put(graph, [*batch[300:801], batch[7], *batch[801:]])
    assert (mixed.created, mixed.unchanged) == (600, 1)
    assert (await memory.relationships.put(graph, batch)).unchanged == 900
    changed = await memory.relationships.put(graph, [Relationship(b.kind, b.start, b.end, text="T") for b in batch])
    assert changed.updated == 900
    await assert_index_matches_labels(memory, graph)


async def test_every_json_value_comes_back_as_it_was(memory: Memory, abc: str) -> None:
    stated = {f"p{n}": value for n, value in enumerate(VALUES)}
    written = await memory.relationships.put(abc, [Relationship("KNOWS", "a", "b", properties=stated)])
    held = await memory.relationships.get(abc, written.ids[0])
    assert same(dict(held.properties), stated)


@sized
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(item=RELATIONSHIPS, names=st.lists(NAMES, max_size=3))
async def test_any_relationship_comes_back_as_it_was_stated(
    memory: Memory, abc: str, item: Relationship, names: list[str]
) -> None:
    written = await memory.relationships.put(abc, [item])
    held = await memory.relationships.get(abc, written.ids[0])
    assert told(held) == told(item)
    assert same(dict(held.properties), dict(item.properties))
    assert (await memory.relationships.put(abc, [item])).unchanged == 1
    assert (await memory.relationships.delete(abc, written.ids)).relationships == 1


async def test_statements_that_mean_nothing_are_refused(memory: Memory, abc: str) -> None:
    before = await counts(memory, abc)
    for wrong in (
        Relationship("", "a", "b"),
        Relationship("x" * 201, "a", "b"),
        Relationship("K\x00", "a", "b"),
        Relationship("K", "a", "b", key=""),
        Relationship("K", "a", "b", key="\x00"),
        Relationship("K", "a", "b", scope="a b"),
        Relationship("K", "a", "b", strength=math.nan),
        Relationship("K", "a", "b", confidence=math.inf),
        Relationship("K", "a", "b", strength=1e300),
        Relationship("K", "a", "b", confidence=-0.1),
        Relationship("K", "a", "b", valid_from="soon"),
        Relationship("K", "a", "b", valid_from="1970", valid_to="1969"),
        Relationship("K", "a", "b", properties={"p": math.nan}),
        Relationship("K", "a", "b", properties={"p": 2**70}),
        Relationship("K", "a", "b", text="\ud800"),
        Relationship("K", "a\x00", "b"),
    ):
        with pytest.raises(InvalidInput):
            await memory.relationships.put(abc, [Relationship("FINE", "a", "b"), wrong])
    assert await counts(memory, abc) == before


async def test_unknown_ends_are_all_named_and_nothing_is_left(memory: Memory, abc: str) -> None:
    before = await counts(memory, abc)
    with pytest.raises(UnknownEntities) as raised:
        await memory.relationships.put(
            abc, [Relationship("K", "a", "b"), Relationship("K", "a", "x"), Relationship("L", "y", "x", scope="u/1")]
        )
    assert raised.value.facts["keys"] == ["x", "y"]
    assert await counts(memory, abc) == before
    many = [Relationship("K", "a", f"missing {n}") for n in range(500)]
    with pytest.raises(UnknownEntities) as raised:
        await memory.relationships.put(abc, many)
    assert "490 more" in str(raised.value)
    assert await counts(memory, abc) == before


async def test_a_batch_that_fails_in_its_last_item_leaves_nothing(memory: Memory, abc: str) -> None:
    await memory.relationships.put(abc, [Relationship("K", "a", "b", "held", valid_from="1970")])
    before = await counts(memory, abc)
    batch = [Relationship("K", "a", "c", f"new {n}") for n in range(300)]
    with pytest.raises(InvalidInput):
        # Refused only when it is merged, after all others were written.
        await memory.relationships.put(abc, [*batch, Relationship("K", "a", "b", "held", valid_to="1969")])
    with pytest.raises(VersionConflict):
        await memory.relationships.put(abc, [*batch, Relationship("K", "a", "b", "held", version=7)])
    assert await counts(memory, abc) == before
    await assert_index_matches_labels(memory, abc)


async def test_the_version_read_is_the_version_to_send(memory: Memory, abc: str) -> None:
    written = await memory.relationships.put(abc, [Relationship("K", "a", "b", version=0)])
    await memory.relationships.put(abc, [Relationship("K", "a", "b", text="T", version=1)])
    for version in (0, 1, 3):
        with pytest.raises(VersionConflict):
            await memory.relationships.put(abc, [Relationship("K", "a", "b", text="U", version=version)])
    with pytest.raises(VersionConflict):
        await memory.relationships.put(abc, [Relationship("K", "b", "a", version=1)])
    held = await memory.relationships.get(abc, written.ids[0])
    assert (held.text, held.version) == ("T", 2)


async def test_deleting_takes_exactly_what_was_asked_for(memory: Memory, abc: str) -> None:
    written = await memory.relationships.put(
        abc, [Relationship("K", "a", "b"), Relationship("L", "a", "b"), Relationship("K", "b", "c")]
    )
    gone = await memory.relationships.delete(abc, [written.ids[0], written.ids[0], 5, 2**62])
    assert (gone.relationships, gone.kept_in_history) == (1, 1)
    assert set(gone.missing) == {"5", str(2**62)}
    assert [r.id for r in (await memory.relationships.list(abc)).items] == sorted(written.ids[1:])
    with pytest.raises(NotFound):
        await memory.relationships.get(abc, written.ids[0])
    await assert_index_matches_labels(memory, abc)


async def test_a_relationship_listed_of_an_entity_is_listed_once(memory: Memory, abc: str) -> None:
    written = await memory.relationships.put(
        abc,
        [
            Relationship("K", "a", "a"),
            Relationship("K", "a", "b"),
            Relationship("L", "b", "a"),
            Relationship("K", "b", "c"),
        ],
    )
    assert [r.id for r in (await memory.relationships.list(abc, entity="a", kind="K")).items] == list(written.ids[:2])
    first = await memory.relationships.list(abc, entity="a", limit=2)
    rest = await memory.relationships.list(abc, entity="a", limit=2, cursor=first.cursor)
    assert sorted(r.id or 0 for r in [*first.items, *rest.items]) == sorted(written.ids[:3])
    assert rest.cursor is None
    with pytest.raises(NotFound):
        await memory.relationships.list(abc, entity="nobody")
    assert (await memory.relationships.list(abc, kind="NOTHING")).items == []


async def test_ids_that_no_relationship_can_have_are_not_found(memory: Memory, abc: str) -> None:
    for id_ in (0, -1, 1, 2**63 - 1):
        with pytest.raises(NotFound):
            await memory.relationships.get(abc, id_)
    entity = await memory.entities.get(abc, "a")
    with pytest.raises(NotFound):
        await memory.relationships.get(abc, entity.id or 0)


SHIPPING: dict[str, Any] = {
    "labels": {"Ship": {}, "Tanker": {"parent": "Ship"}, "Port": {}},
    "kinds": {"CALLS_AT": {"from": ["Ship"], "to": ["Port"]}},
}


async def test_a_strict_graph_joins_only_labels_that_the_kind_may_join(memory: Memory, graph: str) -> None:
    strict = await new_graph(memory, f"{graph}_strict", schema=SHIPPING, strict=True)
    entities = [Entity("ann", label="Ship"), Entity("bea", label="Tanker"), Entity("rome", label="Port")]
    await memory.entities.put(strict, [*entities, Entity("oslo", label="Port", scope="user/1")])
    fitting = [Relationship("CALLS_AT", "ann", "rome"), Relationship("CALLS_AT", "bea", "oslo", scope="user/1")]
    assert (await memory.relationships.put(strict, fitting)).created == 2
    with pytest.raises(SchemaViolation, match="rome -CALLS_AT-> ann: CALLS_AT goes from Ship, not from Port") as told:
        await memory.relationships.put(strict, [fitting[0], Relationship("CALLS_AT", "rome", "ann")])
    assert len(told.value.facts["violations"]) == 2
    with pytest.raises(SchemaViolation, match="not to Tanker"):
        await memory.relationships.put(strict, [Relationship("CALLS_AT", "ann", "bea", scope="user/1")])
    assert len((await memory.relationships.list(strict)).items) == 1
    await memory.episodes.put(strict, [Episode("The tanker bea", mentions=["bea"])])
    await memory.graphs.update(strict, strict=False)
    await memory.relationships.put(strict, [Relationship("CALLS_AT", "rome", "ann")])
    (found, _) = await memory.graphs.check_schema(strict)
    assert (found.what, found.example) == ("CALLS_AT: CALLS_AT goes from Ship, not from Port", "rome -CALLS_AT-> ann")
