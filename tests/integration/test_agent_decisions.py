"""Decisions of agents in the database: what they rest on, what became of it, outcomes, review, and what followed."""

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from kgmem.domain.agents.decision import (
    Amount,
    Caused,
    Considered,
    DecisionFilter,
    DecisionRecord,
    DecisionStatement,
    Evidence,
    NewOutcome,
)
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, FactTarget, NewAdjudication
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, Why
from kgmem.memory import Memory
from tests.memories import new_graph

FUNCTIONAL = {"predicates": {"WORKS_AT": {"functional": True}}}


@pytest.fixture
async def graph(memory: Memory) -> str:
    """A graph in which people work somewhere, and of which something was said."""
    name = await new_graph(memory, f"decisions_{secrets.token_hex(6)}", schema=FUNCTIONAL)
    await memory.entities.put(name, [Entity(key, "Thing", key.title()) for key in ("ada", "acme", "globex", "outage")])
    await memory.episodes.put(name, [Episode("Ada said that she is at Acme.", key="e1")])
    await memory.entities.put(name, [Entity("secret", scope="user/2")])
    await memory.episodes.put(name, [Episode("Hidden.", key="e2", scope="user/2")])
    return name


async def related(memory: Memory, graph: str, kind: str = "KNOWS", source: str | None = None) -> int:
    """The id of a new relationship from ada to acme."""
    edge = Relationship(kind, "ada", "acme", source=source)
    return (await memory.relationships.put(graph, [edge])).ids[0]


async def listed(memory: Memory, graph: str, **asked: object) -> list[str]:
    found = await memory.decisions.list(graph, DecisionFilter(**asked))  # type: ignore[arg-type]
    return [each.key for each in found.items]


async def states(memory: Memory, graph: str, key: str, scope: str = "") -> list[str | None]:
    return [each.state for each in (await memory.decisions.get(graph, key, scope=scope)).statement.evidence]


def plan(fact: int, **more: object) -> DecisionStatement:
    return DecisionStatement(
        "Send the invoice to Acme", "billing", key="send", session="s1", chosen="send",
        options=[Considered("send", 0.9, 0.7, "usual"), Considered("wait", 0.1, 0.3)],
        rationale="Ada works there and answers quickly.", expected="It is paid in time.", probability=0.8,
        evidence=[Evidence("fact", id=fact), Evidence("episode", key="e1"), Evidence("entity", key="acme", note="who")],
        caused=[Caused("outage", "CONTRIBUTES_TO", 0.5)], cost=[Amount("USD", "0.25"), Amount("tokens", "1200")],
        transaction="t-1", decided_at="2026-03-01T10:00:00Z", **more,
    )  # fmt: skip


async def test_a_decision_is_kept_whole_and_is_a_vertex(memory: Memory, graph: str) -> None:
    fact = await related(memory, graph)
    made = await memory.decisions.record(graph, plan(fact))
    assert made.created
    held = await memory.decisions.get(graph, "send")
    first, *rest = held.statement.evidence
    assert (first.subject, first.predicate, first.object, first.id) == ("ada", "KNOWS", "acme", fact)
    assert [each.state for each in (first, *rest)] == ["current"] * 3
    stated = plan(fact)
    assert replace(held.statement, evidence=stated.evidence) == replace(
        stated, options=list(stated.options), caused=list(stated.caused), cost=list(stated.cost)
    )
    assert not held.altered
    assert held.decided_at == "2026-03-01T10:00:00Z"

    answer = await memory.cypher(
        graph,
        "MATCH (d:Decision)-[r:RESTS_ON]->(x) RETURN d.agent AS agent, r.type AS type, x.key AS key, "
        "r.statement AS said ORDER BY type, key",
    )
    assert [list(row) for row in answer.rows] == [
        ["billing", "entity", "acme", None],
        ["billing", "fact", "acme", "ada KNOWS acme"],
        ["billing", "fact", "ada", "ada KNOWS acme"],
    ]
    answer = await memory.cypher(graph, f"MATCH (d:Decision) WHERE {fact} IN d.facts RETURN d.name, d.episodes")
    assert [list(row) for row in answer.rows] == [["Send the invoice to Acme", ["e1"]]]


async def test_recall_finds_decisions_by_words_and_by_cause(memory: Memory, graph: str) -> None:
    await memory.decisions.record(graph, plan(await related(memory, graph)))
    found = await memory.recall(graph, Question(What(text="invoice paid in time")))
    assert "send" in [hit.key for hit in found.hits]
    effects = await memory.recall(graph, Question(why=Why(effects_of=["acme"])))
    assert [hit.key for hit in effects.hits] == ["send", "outage"]
    causes = await memory.recall(graph, Question(why=Why(causes_of=["outage"])))
    assert {hit.key for hit in causes.hits} == {"send", "acme"}


async def test_a_key_is_one_decision_that_does_not_change(memory: Memory, graph: str) -> None:
    fact = await related(memory, graph)
    made = await asyncio.gather(*(memory.decisions.record(graph, plan(fact)) for _ in range(8)))
    assert [each.created for each in made].count(True) == 1
    edges = await memory.relationships.list(graph, entity="send")
    assert len(edges.items) == 5  # Two ends of the fact, the entity, which is a cause as well, and the outage.
    with pytest.raises(Conflict, match="another decision"):
        await memory.decisions.record(graph, replace(plan(fact), probability=0.9))
    with pytest.raises(Conflict, match="another decision"):
        await memory.decisions.record(graph, replace(plan(fact), decided_at="2026-03-02T10:00:00Z"))
    with pytest.raises(Conflict, match="another entity"):
        await memory.decisions.record(graph, replace(plan(fact), key="acme"))
    assert not (await memory.decisions.record(graph, replace(plan(fact), decided_at=None))).created
    await memory.entities.put(graph, [Entity("send", properties={"rationale": "Because."})])
    assert (await memory.decisions.get(graph, "send")).altered


async def test_outcomes_are_kept_one_after_the_other(memory: Memory, graph: str) -> None:
    await memory.decisions.record(graph, plan(await related(memory, graph)))
    first = await memory.decisions.resolve(graph, "send", NewOutcome("no", "ann", "2026-04-01", "late"))
    assert (first.outcome and first.outcome.outcome, len(first.outcomes)) == ("no", 1)
    same = await memory.decisions.resolve(graph, "send", NewOutcome("no", "bea", note="late"))
    assert len(same.outcomes) == 1
    changed = await asyncio.gather(
        *(memory.decisions.resolve(graph, "send", NewOutcome(what, "ann")) for what in ("yes", "wait"))
    )
    held = await memory.decisions.get(graph, "send")
    assert held.outcomes[0].outcome == "no"
    assert {each.outcome for each in held.outcomes} == {"no", "yes", "wait"}
    assert not held.altered
    assert changed[0].statement.decision == "Send the invoice to Acme"
    with pytest.raises(InvalidInput, match="outcome is not valid"):
        await memory.decisions.resolve(graph, "send", NewOutcome("maybe", "ann"))
    with pytest.raises(NotFound):
        await memory.decisions.resolve(graph, "nothing", NewOutcome("yes", "ann"))


async def test_decisions_on_facts_that_changed_are_found(memory: Memory, graph: str) -> None:
    at_acme = await related(memory, graph, "WORKS_AT", "press")
    await memory.decisions.record(
        graph, DecisionStatement("By name", "a", "one", evidence=[Evidence("fact", id=at_acme)])
    )
    assert await states(memory, graph, "one") == ["unverified"]
    assert await listed(memory, graph, waiting=True) == []

    later = ClaimStatement("press", "ada", "WORKS_AT", object="globex", valid_from="2024")
    await memory.claims.put(graph, [later])
    assert await states(memory, graph, "one") == ["superseded"]
    assert await listed(memory, graph, evidence=["superseded"]) == ["one"]
    assert await listed(memory, graph, evidence=["retracted"]) == []
    assert await listed(memory, graph, waiting=True) == ["one"]

    target = FactTarget(subject="ada", predicate="WORKS_AT", object="globex")
    (fact,) = [
        each for each in (await memory.facts.list(graph, FactFilter(subject="ada"))).items if each.value == "globex"
    ]
    (claim,) = (await memory.claims.list(graph, ClaimFilter(subject="ada", source="press", limit=1))).items[-1:]
    evidence = [Evidence("fact", id=fact.id), Evidence("claim", id=claim.id)]
    await memory.decisions.record(graph, DecisionStatement("By fact and claim", "a", "two", evidence=evidence))
    await memory.facts.retract(graph, target, by="ada", reason="Never.")
    assert (await states(memory, graph, "two"))[0] == "retracted"
    assert await listed(memory, graph, evidence=["retracted"]) == ["two"]
    await memory.claims.withdraw(graph, source="press", dry_run=False)
    assert (await states(memory, graph, "two"))[1] == "retracted"


async def test_a_contested_fact_and_a_value_are_evidence(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [ClaimStatement("a", "ada", "height", value=170)])
    (fact,) = (await memory.facts.list(graph, FactFilter(subject="ada"))).items
    await memory.decisions.record(
        graph, DecisionStatement("A size", "a", "size", evidence=[Evidence("fact", id=fact.id)])
    )
    assert await states(memory, graph, "size") == ["unverified"]
    await memory.claims.put(graph, [ClaimStatement("b", "ada", "height", value=190)])
    assert await states(memory, graph, "size") == ["contested"]
    (fact,) = (await memory.facts.list(graph, FactFilter(subject="ada"))).items
    await memory.adjudications.create(graph, NewAdjudication("accept", [fact.id], "ann", "Measured.", value=190))
    assert await states(memory, graph, "size") == ["retracted"]
    assert await listed(memory, graph, rests_on="ada") == ["size"]


async def test_a_relationship_that_nobody_claims_is_evidence(memory: Memory, graph: str) -> None:
    for key, correct in (("kept", None), ("ended", "expire"), ("gone", "retract"), ("deleted", "delete")):
        edge = Relationship("OWNS", "ada", "globex", key=key, valid_from="2020")
        id_ = (await memory.relationships.put(graph, [edge])).ids[0]
        await memory.decisions.record(graph, DecisionStatement("It", "a", key, evidence=[Evidence("fact", id=id_)]))
        if correct == "expire":
            await memory.facts.expire(graph, id_, by="ann", reason="Sold.", valid_to="2024")
        elif correct == "retract":
            await memory.facts.retract(graph, id_, by="ann", reason="Never.")
        elif correct == "delete":
            await memory.relationships.delete(graph, [id_])
        if correct != "expire":
            assert await states(memory, graph, key) == [{None: "current", "retract": "retracted"}.get(correct, "gone")]
        else:
            assert await states(memory, graph, key) == ["past"]
        for other in (await memory.relationships.list(graph, kind="OWNS")).items:
            await memory.relationships.delete(graph, [other.id or 0])


async def test_forgotten_evidence_is_gone_and_the_decision_stays(memory: Memory, graph: str) -> None:
    fact = await related(memory, graph)
    await memory.decisions.record(graph, plan(fact))
    await memory.episodes.forget(graph, ["e1"])
    await memory.entities.delete(graph, ["acme"])
    assert await states(memory, graph, "send") == ["gone", "gone", "gone"]
    assert not (await memory.decisions.record(graph, plan(fact))).created
    assert (await memory.decisions.get(graph, "send")).statement.evidence[0].object == "acme"
    assert await listed(memory, graph, evidence=["gone"]) == ["send"]


async def test_a_reviewer_looks_once_at_what_changed(memory: Memory, graph: str) -> None:
    await memory.decisions.record(graph, plan(await related(memory, graph)))
    await memory.episodes.forget(graph, ["e1"])
    assert await listed(memory, graph, waiting=True) == ["send"]
    done = await memory.decisions.review(graph, "send", by="ann", reason="It holds.")
    assert done.review is not None
    assert (done.review.by, list(done.review.states)) == ("ann", ["current", "gone", "current"])
    assert await listed(memory, graph, waiting=True) == []
    await memory.entities.delete(graph, ["acme"])
    assert await listed(memory, graph, waiting=True) == ["send"]
    with pytest.raises(InvalidInput, match="reason"):
        await memory.decisions.review(graph, "send", by="ann", reason=" ")


async def test_scopes_are_kept_apart(memory: Memory, graph: str) -> None:
    fact = await related(memory, graph)
    own = replace(plan(fact), scope="user/1")
    await memory.decisions.record(graph, own)
    assert (await memory.decisions.get(graph, "send", scope="user/1/agent")).scope == "user/1"
    for scope in ("", "user/2"):
        with pytest.raises(NotFound):
            await memory.decisions.get(graph, "send", scope=scope)
        assert await listed(memory, graph, scope=scope) == []
    with pytest.raises(NotFound):
        await memory.decisions.resolve(graph, "send", NewOutcome("yes", "ann"), scope="user/1/agent")
    hidden = (await memory.relationships.put(graph, [Relationship("KNOWS", "secret", "ada", scope="user/2")])).ids[0]
    (claim,) = (await memory.claims.put(graph, [ClaimStatement("a", "secret", "x", value=1, scope="user/2")])).ids
    for place, evidence in enumerate(
        [
            Evidence("episode", key="e2"),
            Evidence("entity", key="secret"),
            Evidence("fact", id=hidden),
            Evidence("claim", id=claim),
            Evidence("decision", key="acme"),
        ]
    ):
        with pytest.raises(InvalidInput, match=r"evidence\[0\]: ") as refused:
            await memory.decisions.record(graph, replace(own, key=f"k{place}", evidence=[evidence]))
        assert refused.value.facts["field"] == "evidence[0]"
    assert await listed(memory, graph, scope="user/1") == ["send"]


async def test_what_followed_is_a_bounded_chain(memory: Memory, graph: str) -> None:
    await memory.decisions.record(graph, plan(await related(memory, graph)))
    previous = "send"
    for number in range(4):
        evidence = [Evidence("decision", key=previous)]
        await memory.decisions.record(graph, DecisionStatement(f"Step {number}", "a", f"s{number}", evidence=evidence))
        previous = f"s{number}"
    found = await memory.decisions.consequences(graph, "send", depth=3)
    assert [(each.key, each.depth, each.after) for each in found.items] == [
        ("outage", 1, "send"),
        ("s0", 1, "send"),
        ("s1", 2, "s0"),
        ("s2", 3, "s1"),
    ]
    assert not found.cut
    short = await memory.decisions.consequences(graph, "send", limit=2)
    assert (len(short.items), short.cut) == (2, True)
    for wrong in ({"depth": 0}, {"depth": 21}, {"limit": 0}):
        with pytest.raises(InvalidInput):
            await memory.decisions.consequences(graph, "send", **wrong)


async def test_calibration_counts_what_is_resolved(memory: Memory, graph: str) -> None:
    for number, (probability, outcome) in enumerate([(0.9, "yes"), (0.8, "no"), (0.1, "no"), (0.5, None)]):
        stated = DecisionStatement(f"D{number}", "seer", f"d{number}", probability=probability)
        await memory.decisions.record(graph, stated)
        if outcome:
            await memory.decisions.resolve(graph, f"d{number}", NewOutcome(outcome, "ann"))
    found = await memory.decisions.calibration(graph, "seer", bins=2)
    assert (found.decisions, found.resolved) == (4, 3)
    assert found.brier == pytest.approx((0.01 + 0.64 + 0.01) / 3)
    assert [(each.count, each.share) for each in found.bins] == [(1, 0), (2, 0.5)]
    nobody = await memory.decisions.calibration(graph, "nobody")
    assert (nobody.decisions, nobody.brier) == (0, None)


async def test_a_page_leads_to_the_next(memory: Memory, graph: str) -> None:
    for number in range(5):
        await memory.decisions.record(graph, DecisionStatement("D", "a" if number % 2 else "b", f"d{number}"))
    keys, cursor = [], None
    while True:
        page = await memory.decisions.list(graph, DecisionFilter(agent="b", cursor=cursor, limit=1))
        keys += [each.key for each in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert keys == ["d0", "d2", "d4"]


async def test_an_import_brings_decisions_and_finds_their_facts_again(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    fact = await related(memory, graph, "WORKS_AT", "press")
    await memory.decisions.record(graph, plan(fact))
    await memory.decisions.resolve(graph, "send", NewOutcome("no", "ann", "2026-04-01", "late"))
    target = tmp_path / "all.jsonl"
    await memory.exports.write(graph, target)
    copy = await new_graph(memory, f"copy_{secrets.token_hex(6)}", schema=FUNCTIONAL)
    await memory.entities.put(copy, [Entity(f"other{number}") for number in range(3)])
    assert not (await memory.imports.run(copy, [target])).rejections

    def plain(record: DecisionRecord) -> DecisionRecord:
        evidence = [replace(each, id=None) for each in record.statement.evidence]
        return replace(record, statement=replace(record.statement, evidence=evidence), id=None, version=None)

    one, two = [await memory.decisions.get(name, "send") for name in (graph, copy)]
    assert plain(one) == plain(two)
    await memory.claims.put(copy, [ClaimStatement("press", "ada", "WORKS_AT", object="globex", valid_from="2024")])
    assert (await states(memory, copy, "send"))[0] == "superseded"


@pytest.mark.long
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("decision", {"decision": " "}),
        ("agent", {"agent": "a b"}),
        ("key", {"key": "a/b"}),
        ("probability", {"probability": 1.5}),
        ("chosen", {"chosen": "neither"}),
        ("options[1].name", {"options": [Considered("x"), Considered("x")], "chosen": None}),
        ("options", {"options": [Considered("x", probability=0.5), Considered("y")], "chosen": None}),
        ("evidence[0]", {"evidence": [Evidence("fact", key="x")]}),
        ("evidence[0]", {"evidence": [Evidence("episode", id=1)]}),
        ("caused[0].kind", {"caused": [Caused("acme", "KNOWS")]}),
        ("caused[0].to", {"caused": [Caused("nobody")]}),
        ("cost[0].amount", {"cost": [Amount("USD", "1e3")]}),
        ("decided_at", {"decided_at": "soon"}),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(
    memory: Memory, graph: str, field: str, change: dict[str, object]
) -> None:
    stated = replace(DecisionStatement("It", "a", "k"), **change)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as refused:
        await memory.decisions.record(graph, stated)
    assert refused.value.hint
    assert refused.value.facts.get("field", field) == field
    assert await listed(memory, graph) == []
