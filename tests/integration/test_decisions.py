"""What people, rules and observations decide on facts, and facts that hang together."""

from collections.abc import Sequence
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimStatement, Correlated, FactFilter, NewAdjudication, StoredFact
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.episode import Episode
from kgmem.memory import Memory
from tests.memories import change_feed, new_graph

pytestmark = pytest.mark.server

SCHEMA = {
    "predicates": {
        "cause": {"critical": True}, "owner": {"policy": "manual"}, "price": {"policy": "recency"},
        "authors": {"values": "set"},
    }
}  # fmt: skip


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph with a critical predicate."""
    return await new_graph(memory, f"decisions_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)


async def say(memory: Memory, graph: str, subject: str, predicate: str, *said: tuple[str, Any]) -> StoredFact:
    """Let sources claim values; gives the fact."""
    await memory.claims.put(graph, [ClaimStatement(source, subject, predicate, value=value) for source, value in said])
    return await held(memory, graph, subject, predicate)


async def held(memory: Memory, graph: str, subject: str, predicate: str) -> StoredFact:
    (fact,) = (await memory.facts.list(graph, FactFilter(subject=subject, predicate=predicate))).items
    return fact


def ruling(action: Any, facts: Sequence[StoredFact], value: Any = None, **more: Any) -> NewAdjudication:
    return NewAdjudication(action, [fact.id for fact in facts], "ann", "She looked.", value, **more)


async def test_a_contested_fact_of_a_critical_predicate_waits_until_somebody_decides(
    memory: Memory, graph: str
) -> None:
    fact = await say(memory, graph, "fire", "cause", ("a", "cable"), ("b", "spark"))
    await say(memory, graph, "fire", "colour", ("a", "red"), ("b", "blue"))
    await memory.claims.compute_consensus(graph)
    fact = await held(memory, graph, "fire", "cause")
    assert [each.id for each in (await memory.adjudications.queue(graph)).items] == [fact.id]

    (ruled,) = await memory.adjudications.create(graph, ruling("accept", [fact], "spark"))

    after = await held(memory, graph, "fire", "cause")
    assert (after.value, after.state, after.probability) == ("spark", "verified", 1)
    assert "Accepted by ann: She looked." in after.reason
    assert after.adjudication is not None
    assert after.adjudication.id == ruled.adjudication
    assert not (await memory.adjudications.queue(graph)).items
    assert (await memory.entities.get(graph, "fire")).properties["cause"] == "spark"

    await memory.adjudications.undo(graph, after.adjudication.id, by="bob", reason="A slip.")
    assert (await held(memory, graph, "fire", "cause")).options == fact.options
    trail = await memory.adjudications.list(graph)
    assert [(each.action, each.by) for each in trail] == [("undo", "bob"), ("accept", "ann")]
    assert trail[1].ended_by == trail[0].id
    with pytest.raises(Conflict, match="does not hold"):
        await memory.adjudications.undo(graph, trail[1].id, by="bob", reason="Again.")


async def test_a_decision_holds_against_later_claims_and_each_change_of_state_is_told(
    memory: Memory, graph: str
) -> None:
    fact = await say(memory, graph, "fire", "cause", ("a", "cable"), ("b", "spark"))
    await memory.adjudications.create(graph, ruling("accept", [fact], "spark"))
    await say(memory, graph, "fire", "cause", *((name, "cable") for name in "cdef"))
    assert (await held(memory, graph, "fire", "cause")).value == "spark"

    changes = [change for change in await change_feed(memory, graph) if change.kind == "fact"]

    assert [change.keys for change in changes] == [["contested"], ["verified"]]


async def test_a_rejected_value_makes_room_for_the_next(memory: Memory, graph: str) -> None:
    fact = await say(memory, graph, "fire", "cause", *((name, "cable") for name in "abc"), ("d", "spark"))
    assert fact.value == "cable"

    await memory.adjudications.create(graph, ruling("reject", [fact], "cable"))

    after = await held(memory, graph, "fire", "cause")
    assert (after.value, {option.value: option.probability for option in after.options}["cable"]) == ("spark", 0)


async def test_a_dry_run_says_what_would_be_and_changes_nothing(memory: Memory, graph: str) -> None:
    facts = [await say(memory, graph, f"fire{n}", "cause", ("a", "cable"), ("b", "spark")) for n in range(3)]
    before = await change_feed(memory, graph)

    ruled = await memory.adjudications.create(graph, ruling("accept", facts, "spark", dry_run=True))

    assert [each.after["value"] for each in ruled] == ["spark"] * 3
    assert all(each.adjudication is None and each.before["state"] == "contested" for each in ruled)
    assert await change_feed(memory, graph) == before
    assert not await memory.adjudications.list(graph)


async def test_a_collapse_tells_its_rule_and_new_evidence_undoes_it(memory: Memory, graph: str) -> None:
    fact = await say(memory, graph, "fire", "cause", ("a", "cable"), ("b", "spark"))
    with pytest.raises(Conflict, match="stays open"):
        await memory.adjudications.create(
            graph, ruling("collapse", [fact], detail={"rule": "threshold", "level": 0.95})
        )

    await memory.adjudications.create(graph, ruling("collapse", [fact], detail={"rule": "sample", "seed": 7}))
    drawn = await held(memory, graph, "fire", "cause")
    assert drawn.state == "verified"
    assert "Collapsed by ann" in drawn.reason
    (entry,) = await memory.adjudications.list(graph)
    assert set(entry.detail["before"]) == {"cable", "spark"}

    other = next(option.value for option in fact.options if option.value != drawn.value)
    again = await say(memory, graph, "fire", "cause", ("c", other))
    assert again.adjudication is None
    assert again.value == other
    (entry,) = await memory.adjudications.list(graph)
    assert entry.ended is not None


async def test_policies_decide_by_a_person_or_by_recency(memory: Memory, graph: str) -> None:
    owner = await say(memory, graph, "house", "owner", *((name, "ann") for name in "abcd"))
    assert owner.state == "unverified"
    assert "decided by reviewers" in owner.reason

    await say(memory, graph, "bread", "price", ("a", 2), ("b", 2), ("c", 2))
    await memory.claims.put(graph, [ClaimStatement("d", "bread", "price", value=3)])
    before, price = (await memory.facts.list(graph, FactFilter(subject="bread"))).items
    assert (before.value, before.state, before.valid_to) == (2, "superseded", price.valid_from)
    assert (price.value, price.state, price.probability) == (3, "unverified", 0.5)


async def test_what_is_seen_of_one_fact_moves_those_that_hang_together_with_it(memory: Memory, graph: str) -> None:
    door = await say(memory, graph, "door", "state", ("sensor", "open"), ("log", "shut"))
    alarm = await say(memory, graph, "alarm", "state", ("sensor", "off"), ("log", "on"))
    tied = Correlated("implication", [door.id, alarm.id], ["open", "on"], "A door that opens rings.", "ann", 0.95)
    id_ = await memory.correlations.create(graph, tied)
    before = {option.value: option.probability for option in (await held(memory, graph, "alarm", "state")).options}

    await memory.adjudications.create(graph, ruling("observe", [door], "open"))

    after = await held(memory, graph, "alarm", "state")
    assert {option.value: option.probability for option in after.options}["on"] > before["on"] + 0.2
    assert after.value == "on"
    assert "Correlated facts were taken into account" in after.reason
    (listed,) = await memory.correlations.list(graph)
    assert (listed.facts, listed.values) == ([door.id, alarm.id], ["open", "on"])

    await memory.correlations.end(graph, id_, by="ann", reason="The wire is cut.")
    alone = await held(memory, graph, "alarm", "state")
    assert "hangs together" not in alone.reason
    assert max(option.probability for option in alone.options) < after.probability - 0.2


async def test_facts_of_one_document_are_found_to_hang_together(memory: Memory, graph: str) -> None:
    await memory.episodes.put(graph, [Episode("Sizes.", "memo"), Episode("Another size.", "other")])
    claims = [ClaimStatement("s", f"x{n}", "size", value=n, episode="memo") for n in range(3)]
    await memory.claims.put(graph, [*claims, ClaimStatement("s", "y", "size", value=9, episode="other")])
    await memory.claims.compute_consensus(graph)
    await memory.claims.compute_consensus(graph)

    (found,) = await memory.correlations.list(graph)

    assert (found.kind, found.found, len(found.facts)) == ("same_origin", True, 3)
    before = await held(memory, graph, "x2", "size")
    await memory.adjudications.create(graph, ruling("observe", [await held(memory, graph, "x0", "size")], 0))
    assert (await held(memory, graph, "x2", "size")).probability > before.probability


async def test_decisions_that_make_no_sense_are_refused(memory: Memory, graph: str) -> None:
    fact = await say(memory, graph, "fire", "cause", ("a", "cable"))
    with pytest.raises(InvalidInput, match="no value"):
        await memory.adjudications.create(graph, ruling("accept", [fact], "arson"))
    with pytest.raises(InvalidInput, match="by whom"):
        await memory.adjudications.create(graph, NewAdjudication("accept", [fact.id], " ", "why"))
    with pytest.raises(NotFound):
        await memory.adjudications.create(graph, NewAdjudication("accept", [fact.id + 1000], "ann", "why"))
    assert not await memory.adjudications.list(graph)


async def test_sources_rise_and_fall_by_what_people_decide_and_win_or_lose_the_next_facts(
    memory: Memory, graph: str
) -> None:
    right, wrong = [("r1", "true"), ("r2", "true")], [("w1", "false"), ("w2", "false"), ("w3", "false")]
    facts = [await say(memory, graph, f"thing{n}", "colour", *right, *wrong) for n in range(10)]
    await memory.claims.compute_consensus(graph)
    before = {each.source: each.trust for each in await memory.sources.reliability(graph)}
    assert before["r1"] < before["w1"]

    for fact in facts[:8]:
        (ruled,) = await memory.adjudications.create(graph, ruling("accept", [fact], "true"))
        assert ruled.after["value"] == "true"

    held_now = {each.source: each for each in await memory.sources.reliability(graph)}
    assert min(held_now[name].trust for name, _ in right) > 0.8
    assert max(held_now[name].trust for name, _ in wrong) < 0.3
    assert "People decided on 8 of them, and 8 were right." in held_now["r1"].reason
    assert "People decided on 8 of them, and 0 were right." in held_now["w1"].reason
    assert [(await held(memory, graph, f"thing{n}", "colour")).value for n in (8, 9)] == ["true", "true"]
    new = await say(memory, graph, "thing10", "colour", *right, *wrong)
    assert (new.value, new.state) == ("true", "verified")
    # What is undone is learned no more.
    for decision in await memory.adjudications.list(graph, limit=100):
        await memory.adjudications.undo(graph, decision.id, by="bob", reason="A slip.")
    assert {each.source: each.trust for each in await memory.sources.reliability(graph)}["r1"] < 0.3


async def test_what_is_refuted_lowers_trust_too(memory: Memory, graph: str) -> None:
    facts = [await say(memory, graph, f"thing{n}", "colour", ("liar", "green"), ("ann", "red")) for n in range(5)]

    await memory.adjudications.create(graph, ruling("reject", facts, "green"))

    trust = {each.source: each.trust for each in await memory.sources.reliability(graph)}
    assert trust["liar"] < 0.3 < trust["ann"]


@pytest.mark.parametrize(
    ("action", "value", "after", "state"),
    [
        ("accept", None, ["A", "B"], "verified"),
        ("accept", ["A", "B"], ["A", "B"], "verified"),
        ("accept", ["B", "C"], ["B", "C"], "verified"),
        ("accept", "B", ["B"], "verified"),
        ("reject", "A", ["B"], None),  # As sure as what its sources are worth now.
        ("reject", ["A", "B"], [], "invalidated"),
    ],
)
async def test_a_decision_on_several_values_at_once_is_about_those_that_it_names(
    memory: Memory, graph: str, action: str, value: Any, after: list[str], state: str | None
) -> None:
    said = [("a", ["A", "B"]), ("b", ["A", "B"]), ("c", ["B"]), ("d", ["B", "C"])]
    fact = await say(memory, graph, "book", "authors", *said)
    assert sorted(fact.value) == ["A", "B"]
    await memory.adjudications.create(graph, ruling(action, [fact], value))
    decided = await held(memory, graph, "book", "authors")
    assert (sorted(decided.value or []), decided.state) == (after, state or decided.state)
    await say(memory, graph, "book", "authors", ("e", ["A", "B"]))
    decided = await held(memory, graph, "book", "authors")
    assert (sorted(decided.value or []), decided.state) == (after, state or decided.state)
    assert decided.adjudication is not None
    await memory.adjudications.undo(graph, decided.adjudication.id, by="bob", reason="A slip.")
    assert "A" in (await held(memory, graph, "book", "authors")).value


async def test_several_values_at_once_cannot_be_collapsed_and_unknown_ones_not_accepted(
    memory: Memory, graph: str
) -> None:
    fact = await say(memory, graph, "book", "authors", ("a", ["A", "B"]), ("b", ["A", "B"]))
    with pytest.raises(InvalidInput, match="several values at once"):
        await memory.adjudications.create(graph, ruling("collapse", [fact]))
    with pytest.raises(InvalidInput, match="has no value"):
        await memory.adjudications.create(graph, ruling("accept", [fact], ["A", "Z"]))
    assert (await held(memory, graph, "book", "authors")) == fact
