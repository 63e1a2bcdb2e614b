"""Entities merged into one, and what undoing it brings back."""

import asyncio
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter
from kgmem.domain.errors import Conflict, InvalidInput, KgmemError, NotFound, UnknownEntities
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.text.resolution import Candidate, NewMerge
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels
from tests.memories import change_feed

pytestmark = pytest.mark.server

SAID = {"by": "ada", "reason": "They are one person."}


def asked(keep: str = "neil", gone: str = "n-a", **more: Any) -> NewMerge:
    return NewMerge(keep, gone, **(SAID | more))


async def moon(memory: Memory, graph: str) -> None:
    """Two statements of one astronaut, and what stands around them."""
    neil = {"born": 1930, "nation": "US"}
    also = {"born": 1931, "nation": "US", "rank": "commander", "aliases": ["First Man"]}
    await memory.entities.put(
        graph,
        [
            Entity("neil", "Person", name="Neil Armstrong", properties=neil, source="nasa"),
            Entity("n-a", "Person", name="N. Armstrong", properties=also, source="news", text="He flew to the moon."),
            Entity("apollo-11", "Event", name="Apollo 11"),
            Entity("gemini-8", "Event", name="Gemini 8"),
            Entity("ohio", "Place", name="Ohio"),
        ],
    )
    await memory.relationships.put(
        graph,
        [
            Relationship("FLEW_ON", "neil", "apollo-11", source="nasa"),
            Relationship("FLEW_ON", "n-a", "apollo-11", source="news", text="Armstrong flew on Apollo 11."),
            Relationship("FLEW_ON", "n-a", "gemini-8", source="news", valid_from="1966-03-16"),
            Relationship("BORN_IN", "n-a", "ohio", properties={"town": "Wapakoneta"}),
            Relationship("HONOURS", "ohio", "n-a", key="statue"),
            Relationship("SAME_AS", "n-a", "neil"),
            Relationship("ADMIRES", "n-a", "n-a"),
        ],
    )
    await memory.claims.put(
        graph,
        [
            ClaimStatement("news", "n-a", "height", value=180),
            ClaimStatement("nasa", "neil", "height", value=181),
            ClaimStatement("news", "n-a", "eyes", value="blue"),
            ClaimStatement("press", "ohio", "HONOURS", object="n-a"),
        ],
    )


async def snapshot(memory: Memory, graph: str) -> dict[str, Any]:
    """What a graph says: entities, relationships, claims and facts, without versions and times of knowing."""
    told: dict[str, Any] = {}
    for entity in (await memory.entities.list(graph, limit=100)).items:
        told[f"entity {entity.key}"] = (
            entity.id, entity.label, entity.name, dict(entity.properties), entity.text, entity.source,
        )  # fmt: skip
    for each in (await memory.relationships.list(graph, limit=100)).items:
        told[f"relationship {each.id}"] = (
            each.kind, each.start, each.end, each.key, dict(each.properties), each.text, each.source, each.valid_from,
        )  # fmt: skip
    for claim in (await memory.claims.list(graph, ClaimFilter(limit=100))).items:
        told[f"claim {claim.id}"] = (
            claim.source, claim.subject, claim.predicate, claim.object, claim.value, claim.relationship,
        )  # fmt: skip
    for fact in (await memory.facts.list(graph, FactFilter(limit=100))).items:
        # A fact that was merged and parted again may be held under a new id.
        told[f"fact {fact.subject} {fact.predicate} {fact.value}"] = (fact.state, round(fact.probability, 3))
    return told


async def test_what_leads_to_the_one_that_goes_leads_to_the_one_that_stays(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    merged = await memory.resolution.merge(graph, asked())
    assert (merged.moved, merged.doubled, merged.dropped) == (5, 1, 1)
    kept = await memory.entities.get(graph, "neil")
    assert kept.name == "Neil Armstrong"
    assert kept.properties["aliases"] == ["N. Armstrong", "First Man"]
    assert kept.properties["rank"] == "commander"
    assert kept.text == "He flew to the moon."
    assert (await memory.entities.get(graph, "n-a")).key == "neil"
    found = {(r.kind, r.start, r.end) for r in (await memory.relationships.list(graph)).items}
    assert found == {
        ("FLEW_ON", "neil", "apollo-11"), ("FLEW_ON", "neil", "gemini-8"), ("BORN_IN", "neil", "ohio"),
        ("HONOURS", "ohio", "neil"), ("ADMIRES", "neil", "neil"),
    }  # fmt: skip
    await assert_index_matches_labels(memory, graph)


async def test_claims_move_and_both_values_are_kept_as_claims(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    merged = await memory.resolution.merge(graph, asked())
    assert merged.contested["born"] == 1931
    claims = (await memory.claims.list(graph, ClaimFilter(subject="neil", limit=100))).items
    values = {(claim.source, claim.predicate, claim.value) for claim in claims if claim.value is not None}
    assert {("nasa", "born", 1930), ("news", "born", 1931), ("news", "height", 180), ("nasa", "height", 181)} <= values
    (born,) = (await memory.facts.list(graph, FactFilter(subject="neil", predicate="born"))).items
    assert {option.value for option in born.options} == {1930, 1931}
    assert {each.subject for each in (await memory.claims.list(graph, ClaimFilter(subject="n-a"))).items} == {"neil"}


async def test_undoing_a_merge_brings_everything_back(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    before = await snapshot(memory, graph)
    merged = await memory.resolution.merge(graph, asked())
    assert merged.id is not None
    assert await snapshot(memory, graph) != before
    undone = await memory.resolution.undo_merge(graph, merged.id, by="grace", reason="They are two.")
    assert (undone.undone_by, undone.undone_reason) == ("grace", "They are two.")
    assert await snapshot(memory, graph) == before
    await assert_index_matches_labels(memory, graph)
    with pytest.raises(Conflict):
        await memory.resolution.undo_merge(graph, merged.id, by="grace", reason="Again.")


async def test_merging_again_after_undoing_ends_the_same(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    first = await memory.resolution.merge(graph, asked())
    once = {name: told for name, told in (await snapshot(memory, graph)).items() if not name.startswith("claim")}
    await memory.resolution.undo_merge(graph, first.id or 0, by="grace", reason="They are two.")
    await memory.resolution.merge(graph, asked())
    twice = {name: told for name, told in (await snapshot(memory, graph)).items() if not name.startswith("claim")}
    assert twice == once
    await assert_index_matches_labels(memory, graph)


async def test_what_was_stated_since_stays_when_a_merge_is_undone(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    merged = await memory.resolution.merge(graph, asked())
    await memory.entities.put(graph, [Entity("neil", properties={"rank": "captain", "shoe": 9})])
    await memory.relationships.put(graph, [Relationship("VISITED", "neil", "ohio")])
    await memory.resolution.undo_merge(graph, merged.id or 0, by="grace", reason="They are two.")
    kept = await memory.entities.get(graph, "neil")
    assert (kept.properties["rank"], kept.properties["shoe"]) == ("captain", 9)
    assert ("VISITED", "neil") in {(r.kind, r.start) for r in (await memory.relationships.list(graph)).items}
    assert (await memory.entities.get(graph, "n-a")).properties["rank"] == "commander"


async def test_the_history_and_the_change_feed_tell_of_a_merge(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    known = (await memory.entities.get(graph, "n-a")).known_from
    last = (await change_feed(memory, graph))[-1].id
    await memory.resolution.merge(graph, asked())
    wanted = {("deleted", "entity"), ("updated", "entity"), ("updated", "relationship")}
    changes = [change for change in await change_feed(memory, graph) if change.id > last]
    assert wanted <= {(change.operation, change.kind) for change in changes}
    (recorded,) = await memory.resolution.merges(graph)
    assert (recorded.kept, recorded.gone, recorded.by, recorded.undone_at) == ("neil", "n-a", "ada", None)
    assert known


async def test_a_dry_run_tells_what_a_merge_would_do_and_does_nothing(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    before = await snapshot(memory, graph)
    told = await memory.resolution.merge(graph, asked(dry_run=True))
    assert (told.id, told.moved, told.doubled, told.dropped) == (None, 5, 1, 1)
    assert await snapshot(memory, graph) == before
    assert not await memory.resolution.merges(graph)


async def test_entities_of_different_types_stay_apart(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("p", "Person", name="Paris"), Entity("c", "Place", name="Paris")])
    with pytest.raises(InvalidInput, match="not one thing"):
        await memory.resolution.merge(graph, asked("c", "p"))
    with pytest.raises(InvalidInput):
        await memory.resolution.merge(graph, asked("c", "c"))
    with pytest.raises(NotFound):
        await memory.resolution.merge(graph, asked("c", "nobody"))


async def test_only_entities_of_exactly_one_scope_are_merged(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", name="A", scope="user/1"), Entity("b", name="A", scope="user/2")])
    with pytest.raises(NotFound):
        await memory.resolution.merge(graph, asked("a", "b", scope="user/1"))
    await memory.entities.put(graph, [Entity("b", name="A", scope="user/1")])
    merged = await memory.resolution.merge(graph, asked("a", "b", scope="user/1"))
    assert (await memory.entities.get(graph, "b", scope="user/2")).scope == "user/2"
    assert not await memory.resolution.merges(graph, scope="user/2")
    with pytest.raises(NotFound):
        await memory.resolution.undo_merge(graph, merged.id or 0, scope="user/2", **SAID)


async def test_merges_that_build_on_each_other_are_undone_in_turn(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, name=key) for key in "abc"])
    first = await memory.resolution.merge(graph, asked("a", "b"))
    second = await memory.resolution.merge(graph, asked("c", "a"))
    with pytest.raises(Conflict, match=str(second.id)):
        await memory.resolution.undo_merge(graph, first.id or 0, **SAID)
    for merged in (second, first):
        await memory.resolution.undo_merge(graph, merged.id or 0, **SAID)
    assert {each.key for each in (await memory.entities.list(graph)).items} == {"a", "b", "c"}


async def test_a_merge_is_undone_when_its_key_was_stated_since_for_the_kept_entity(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    merged = await memory.resolution.merge(graph, asked())
    await memory.entities.put(graph, [Entity("n-a", "Person", properties={"rank": "commander"})])
    await memory.resolution.undo_merge(graph, merged.id or 0, **SAID)
    assert (await memory.entities.get(graph, "n-a")).name == "N. Armstrong"


async def test_writers_that_meet_a_merge_lose_nothing(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("keep"), Entity("gone"), *(Entity(f"x{n}") for n in range(40))])
    written: set[str] = set()

    async def write(n: int) -> None:
        try:
            await memory.relationships.put(graph, [Relationship("KNOWS", "gone", f"x{n}")])
        except UnknownEntities:
            return  # It came after the merge.
        written.add(f"x{n}")

    async def merge() -> None:
        await asyncio.sleep(0)
        await memory.resolution.merge(graph, asked("keep", "gone"))

    await asyncio.gather(*(write(n) for n in range(20)), merge(), *(write(n) for n in range(20, 40)))
    ends = {r.end for r in (await memory.relationships.list(graph, limit=100)).items if r.start == "keep"}
    assert ends == written
    await assert_index_matches_labels(memory, graph)


async def test_of_two_who_merge_the_same_entity_one_is_told_that_it_is_gone(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, name="Ada") for key in ("a", "b", "c")])
    done = await asyncio.gather(
        memory.resolution.merge(graph, asked("a", "c")),
        memory.resolution.merge(graph, asked("b", "c")),
        return_exceptions=True,
    )
    assert sum(isinstance(each, KgmemError) for each in done) == 1
    assert len(await memory.resolution.merges(graph)) == 1
    await assert_index_matches_labels(memory, graph)


async def test_pairs_wait_for_review_until_somebody_decides(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, name="Ada") for key in ("a", "b", "c")])
    pairs = [Candidate("b", "a", 1.5, {"name": 3.0}), Candidate("a", "c", 2.5, {"name": 4.0})]
    assert await memory.resolution.propose(graph, pairs) == 2
    first = await memory.resolution.candidates(graph, limit=1)
    assert [(each.one, each.other, each.evidence) for each in first.items] == [("a", "c", 2.5)]
    second = await memory.resolution.candidates(graph, limit=1, cursor=first.cursor)
    assert [(each.one, each.other) for each in second.items] == [("a", "b")]
    assert second.cursor is None
    await memory.resolution.reject(graph, second.items[0].id or 0, **SAID)
    assert await memory.resolution.propose(graph, pairs) == 1  # What is told apart does not come back.
    await memory.resolution.merge(graph, asked("a", "c"))
    assert not (await memory.resolution.candidates(graph)).items


async def test_a_pair_that_nobody_proposed_stays_apart_once_its_merge_is_undone(memory: Memory, graph: str) -> None:
    same = {"name": "Neil Armstrong", "properties": {"born": 1930}}
    await memory.entities.put(graph, [Entity("one", "Person", **same), Entity("another", "Person", **same)])
    merged = await memory.resolution.merge(graph, asked("one", "another"))
    await memory.resolution.undo_merge(graph, merged.id, by="ada", reason="Namesakes.")
    assert (await memory.resolution.find_duplicates(graph))[1] == 0
    assert not (await memory.resolution.candidates(graph)).items


async def test_the_key_of_what_was_merged_away_reads_the_kept_one(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    await memory.resolution.merge(graph, asked())
    assert (await memory.entities.get(graph, "n-a")).key == "neil"
    await memory.entities.put(graph, [Entity("first", "Person", name="The First Man")])
    later = await memory.resolution.merge(graph, asked("first", "neil"))
    assert (await memory.entities.get(graph, "n-a")).key == "first"
    assert (await memory.entities.get(graph, "neil", scope="user/1")).key == "first"
    await memory.resolution.undo_merge(graph, later.id or 0, by="ada", reason="Two.")
    assert (await memory.entities.get(graph, "n-a")).key == "neil"
    await memory.entities.delete(graph, ["neil"])
    with pytest.raises(NotFound):
        await memory.entities.get(graph, "n-a")
    with pytest.raises(NotFound):
        await memory.entities.get(graph, "nobody")


async def test_a_value_of_facts_that_came_by_a_merge_leaves_with_them(memory: Memory, graph: str) -> None:
    await moon(memory, graph)
    await memory.resolution.merge(graph, asked())
    (eyes,) = (await memory.facts.list(graph, FactFilter(subject="neil", predicate="eyes"))).items
    await memory.facts.retract(graph, eyes.id, by="grace", reason="Nobody knows.")
    properties = (await memory.entities.get(graph, "neil")).properties
    assert "eyes" not in properties
    assert properties["rank"] == "commander"
