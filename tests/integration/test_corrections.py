"""One call corrects, retracts or ends a fact: it is out of the answers at once, and in the history with the reason."""

from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, FactTarget, Source
from kgmem.domain.errors import Conflict, InvalidInput, KgmemError, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from kgmem.store.claims import batch_consensus
from tests.memories import index_schema, new_graph, query

pytestmark = pytest.mark.server

SCHEMA = {"predicates": {"WORKS_AT": {"functional": True}}}
BY = {"by": "ada", "reason": "I know."}
RIGHT = ClaimStatement("", "ada", "WORKS_AT", object="globex")


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph in which Ada works somewhere and knows somebody."""
    graph = await new_graph(memory, f"corrections_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)
    await memory.entities.put(graph, [Entity(key, name=key.title()) for key in ("ada", "acme", "globex", "bob")])
    await memory.relationships.put(graph, [relationship("WORKS_AT", "acme", source=f"s{n}") for n in range(3)])
    await memory.relationships.put(graph, [relationship("KNOWS", "bob", source="s0"), relationship("LIKES", "bob")])
    return graph


def relationship(kind: str, end: str, **more: Any) -> Relationship:
    return Relationship(kind, "ada", end, text=f"Ada {kind.lower()} {end}.", valid_from="2015", **more)


async def answers(memory: Memory, graph: str, kind: str, **when: Any) -> list[str]:
    """Return what recall answers of a kind."""
    found = await memory.recall(graph, Question(What(text="Ada", kinds=("fact",)), When(**when), k=20))
    return sorted(hit.end.key for hit in found.hits if hit.end and kind.lower() in (hit.text or ""))


@pytest.mark.parametrize("kind", ["WORKS_AT", "KNOWS", "LIKES"])
@pytest.mark.parametrize("named", ["statement", "id"])
async def test_what_is_retracted_is_no_answer_and_stays_known_with_the_reason(
    memory: Memory, graph: str, kind: str, named: str
) -> None:
    end = "acme" if kind == "WORKS_AT" else "bob"
    (edge,) = (await memory.relationships.list(graph, kind=kind)).items
    assert edge.id is not None
    target = FactTarget(subject="ada", predicate=kind, object=end) if named == "statement" else FactTarget(edge.id)
    assert await answers(memory, graph, kind) == [end]
    before = (await memory.relationships.get(graph, edge.id)).known_from

    done = await memory.facts.retract(graph, target, **BY)

    assert done.before["value"] == end
    assert await answers(memory, graph, kind) == []
    assert await answers(memory, graph, kind, known_at=before) == [end]
    trail = await memory.adjudications.list(graph)
    assert ("ada", "I know.") in {(each.by, each.reason) for each in trail}


@pytest.mark.long
async def test_what_is_retracted_stays_so_when_it_is_said_again(memory: Memory, graph: str) -> None:
    await memory.facts.retract(graph, FactTarget(subject="ada", predicate="WORKS_AT"), **BY)
    await memory.claims.put(graph, [ClaimStatement("s9", "ada", "WORKS_AT", object="acme", valid_from="2015")])
    assert await answers(memory, graph, "WORKS_AT") == []


@pytest.mark.parametrize("act", ["retract", "expire", "correct"])
@pytest.mark.parametrize("named", ["statement", "id"])
async def test_what_was_retracted_cannot_be_changed_again_and_the_error_says_so(
    memory: Memory, graph: str, act: str, named: str
) -> None:
    await memory.claims.put(graph, [ClaimStatement("s", "ada", "salary", value=90000)])
    (fact,) = (await memory.facts.list(graph, FactFilter(predicate="salary"))).items
    target = FactTarget(fact.id) if named == "id" else FactTarget(subject="ada", predicate="salary")
    await memory.facts.retract(graph, target, **BY)
    trail = await memory.adjudications.list(graph)

    more: Any = {"right": ClaimStatement("", "ada", "salary", value=1)} if act == "correct" else {}
    with pytest.raises(Conflict, match="retracted"):
        await getattr(memory.facts, act)(graph, target, **BY, **more)

    assert await memory.adjudications.list(graph) == trail


async def test_a_correction_needs_one_right_value(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [ClaimStatement("s", "ada", "salary", value=90000)])
    target = FactTarget(subject="ada", predicate="salary")
    with pytest.raises(InvalidInput, match="no value"):
        await memory.facts.correct(graph, target, right=ClaimStatement("", "ada", "salary"), **BY)
    with pytest.raises(InvalidInput, match="both"):
        await memory.facts.correct(
            graph, target, right=ClaimStatement("", "ada", "salary", value=1, object="bob"), **BY
        )


async def test_what_ended_is_no_answer_today_and_one_for_the_time_before(memory: Memory, graph: str) -> None:
    for kind in ("WORKS_AT", "KNOWS"):
        await memory.facts.expire(graph, FactTarget(subject="ada", predicate=kind), valid_to="2020-06-01", **BY)
        end = "acme" if kind == "WORKS_AT" else "bob"
        assert await answers(memory, graph, kind) == []
        assert await answers(memory, graph, kind, valid_at="2018") == [end]
        assert await answers(memory, graph, kind, valid_at="2021") == []
        (fact,) = (await memory.facts.list(graph, FactFilter(predicate=kind))).items
        assert (fact.state, fact.valid_to) == ("superseded", "2020-06-01T00:00:00Z")
        assert "Ended by ada: I know." in fact.reason
    await memory.claims.compute_consensus(graph)
    assert await answers(memory, graph, "WORKS_AT") == []
    with pytest.raises(InvalidInput, match="before it begins"):
        await memory.facts.expire(graph, FactTarget(subject="ada", predicate="KNOWS"), valid_to="2001", **BY)


async def test_what_ended_may_begin_again(memory: Memory, graph: str) -> None:
    await memory.facts.expire(graph, FactTarget(subject="ada", predicate="WORKS_AT"), valid_to="2020", **BY)
    await memory.relationships.put(
        graph, [Relationship("WORKS_AT", "ada", "acme", text="Ada works_at acme.", valid_from="2023", source="s1")]
    )
    assert await answers(memory, graph, "WORKS_AT") == ["acme"]
    facts = (await memory.facts.list(graph, FactFilter(predicate="WORKS_AT", valid_at="2021"))).items
    assert facts == []


async def test_a_correction_takes_the_place_of_what_it_corrects(memory: Memory, graph: str) -> None:
    right = ClaimStatement("", "", "", object="globex")

    done = await memory.facts.correct(
        graph, FactTarget(subject="ada", predicate="WORKS_AT", object="acme"), right, **BY
    )

    (now,) = (await memory.facts.list(graph, FactFilter(predicate="WORKS_AT", states=["verified"]))).items
    assert (now.id, now.value, now.probability, now.valid_from) == (
        done.replaced_by,
        "globex",
        1,
        "2015-01-01T00:00:00Z",
    )
    hits = (await memory.recall(graph, Question(What(text="Ada works", kinds=("fact",)), k=20))).hits
    assert "acme" not in {hit.end.key for hit in hits if hit.end}
    reasons = {each.source: each.reason for each in await memory.sources.reliability(graph)}
    assert "People decided on 1 of them, and 0 were right." in reasons["s0"]
    assert "People decided on 1 of them, and 1 were right." in reasons["ada"]
    with pytest.raises(InvalidInput, match="what the fact says"):
        await memory.facts.correct(graph, now.id, right, **BY)


async def test_of_properties_too(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [ClaimStatement(f"s{n}", "ada", "meets_on", value="Monday") for n in range(3)])

    await memory.facts.correct(
        graph, FactTarget(subject="ada", predicate="meets_on"), ClaimStatement("", "", "", value="Tuesday"), **BY
    )

    assert (await memory.entities.get(graph, "ada")).properties["meets_on"] == "Tuesday"


async def test_what_is_not_there_is_named(memory: Memory, graph: str) -> None:
    with pytest.raises(NotFound, match="ada OWNS"):
        await memory.facts.retract(graph, FactTarget(subject="ada", predicate="OWNS"), **BY)
    with pytest.raises(InvalidInput, match="by whom"):
        await memory.facts.retract(graph, FactTarget(subject="ada", predicate="KNOWS"), by=" ", reason="x")
    with pytest.raises(InvalidInput, match="which fact"):
        await memory.facts.retract(graph, FactTarget(subject="ada"), **BY)


async def test_a_correction_that_breaks_off_changes_nothing(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = await memory.adjudications.list(graph)
    claims = (await memory.claims.list(graph, ClaimFilter())).items

    async def breaks(*_: Any) -> None:
        raise RuntimeError("Out of power.")

    monkeypatch.setattr("kgmem.store.claims.adjudication.rule", breaks)
    right = ClaimStatement("", "", "", object="globex")
    with pytest.raises(RuntimeError):
        await memory.facts.correct(graph, FactTarget(subject="ada", predicate="WORKS_AT"), right, **BY)
    monkeypatch.undo()

    assert await answers(memory, graph, "WORKS_AT") == ["acme"]
    assert await memory.adjudications.list(graph) == trail
    assert (await memory.claims.list(graph, ClaimFilter())).items == claims
    await memory.facts.correct(graph, FactTarget(subject="ada", predicate="WORKS_AT"), right, **BY)
    now = (await memory.facts.list(graph, FactFilter(subject="ada", predicate="WORKS_AT"))).items
    assert [fact.value for fact in now if fact.state == "verified"] == ["globex"]


FUNCTION = """
CREATE FUNCTION {schema}.breaks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM {how}; RAISE EXCEPTION 'Out of power.'; END $$
"""
TRIGGER = "CREATE TRIGGER breaks BEFORE INSERT ON {schema}.adjudication EXECUTE FUNCTION {schema}.breaks()"


async def everything(memory: Memory, graph: str) -> list[Any]:
    """Return all that a correction could change: the records of the graph, the audit trail, and the answers."""
    pages = memory.ports.store.export(graph, None)
    kept = [each async for page in pages for each in page if not isinstance(each, Source)]
    told = [await answers(memory, graph, kind) for kind in ("WORKS_AT", "KNOWS", "LIKES")]
    claims = (await memory.claims.list(graph, ClaimFilter())).items
    return [kept, told, claims, await memory.adjudications.list(graph)]


@pytest.mark.parametrize("action", ["retract", "expire", "correct"])
@pytest.mark.parametrize("how", ["1", "pg_terminate_backend(pg_backend_pid())"], ids=["error", "killed"])
async def test_a_correction_of_what_nobody_claims_that_breaks_off_changes_nothing(
    memory: Memory, graph: str, action: str, how: str
) -> None:
    schema = await index_schema(memory, graph)
    target = FactTarget(subject="ada", predicate="LIKES", object="bob")

    async def act() -> Any:
        if action == "correct":
            right = ClaimStatement("", "", "", object="globex")
            return await memory.facts.correct(graph, target, right, **BY)
        more = {"valid_to": "2020"} if action == "expire" else {}
        return await getattr(memory.facts, action)(graph, target, **BY, **more)

    before = await everything(memory, graph)
    await query(memory, FUNCTION.format(schema=schema, how=how))
    await query(memory, TRIGGER.format(schema=schema))
    try:
        with pytest.raises((KgmemError, asyncpg.PostgresError)):
            await act()
    finally:
        await query(memory, f"DROP FUNCTION {schema}.breaks() CASCADE")

    assert await everything(memory, graph) == before
    await act()
    assert await answers(memory, graph, "LIKES", valid_at="2021") == (["globex"] if action == "correct" else [])
    assert [each.by for each in await memory.adjudications.list(graph)] == ["ada"]


@pytest.mark.parametrize("action", ["retract", "expire"])
async def test_a_scope_corrects_no_relationship_of_a_wider_one(memory: Memory, graph: str, action: str) -> None:
    (edge,) = (await memory.relationships.list(graph, kind="LIKES")).items
    with pytest.raises(NotFound, match="in this scope"):
        await getattr(memory.facts, action)(graph, FactTarget(edge.id), **BY, scope="user/7")
    assert (await memory.relationships.list(graph, kind="LIKES")).items == [edge]
    assert await memory.adjudications.list(graph) == []


async def test_the_audit_trail_of_a_scope_stays_in_it(memory: Memory, graph: str) -> None:
    scope = "user/7"
    await memory.relationships.put(graph, [Relationship("LIKES", "ada", "globex", scope=scope)])
    await memory.facts.retract(graph, FactTarget(subject="ada", predicate="LIKES", object="globex"), **BY, scope=scope)
    assert await memory.adjudications.list(graph) == []
    (told,) = await memory.adjudications.list(graph, scope=scope)
    assert (told.action, told.detail["said"]) == ("withdraw", "globex")


@pytest.mark.parametrize("action", ["expire", "retract", "undo"])
async def test_what_is_decided_while_consensus_runs_counts(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    target = FactTarget(subject="ada", predicate="meets_on")
    await memory.claims.put(graph, [ClaimStatement("s0", "ada", "meets_on", value="Monday", valid_from="2015")])
    if action == "undo":
        await memory.facts.expire(graph, target, valid_to="2020", **BY)
    learn, met = batch_consensus._learn, []

    async def meets(*given: Any) -> None:
        """Decide after the run has read, and before it writes."""
        if not met:
            met.append(action)
            if action == "undo":
                (last,) = await memory.adjudications.list(graph)
                await memory.adjudications.undo(graph, last.id, **BY)
            else:
                await getattr(memory.facts, action)(graph, target, **BY)
        await learn(*given)

    monkeypatch.setattr(batch_consensus, "_learn", meets)
    await memory.claims.compute_consensus(graph)

    assert met == [action]
    (fact,) = (await memory.facts.list(graph, FactFilter(predicate="meets_on"))).items
    told = {"expire": ("superseded", True), "retract": ("invalidated", False), "undo": ("verified", False)}
    assert (fact.state, fact.valid_to is not None) == told[action]


@pytest.mark.parametrize("kind", ["WORKS_AT", "KNOWS", "LIKES"])
@pytest.mark.parametrize("named", ["statement", "subject", "id"])
async def test_what_is_retracted_is_a_conflict_that_says_when_and_why(
    memory: Memory, graph: str, kind: str, named: str
) -> None:
    end = "acme" if kind == "WORKS_AT" else "bob"
    (edge,) = (await memory.relationships.list(graph, kind=kind)).items
    target = FactTarget(edge.id) if named == "id" else FactTarget(subject="ada", predicate=kind)
    target = FactTarget(subject="ada", predicate=kind, object=end) if named == "statement" else target
    await memory.facts.retract(graph, target, by="ada", reason="Another Ada.")
    before = await memory.adjudications.list(graph)
    for action in (
        lambda: memory.facts.retract(graph, target, **BY),
        lambda: memory.facts.expire(graph, target, **BY),
        lambda: memory.facts.correct(graph, target, RIGHT, **BY),
    ):
        with pytest.raises(Conflict, match=r"was retracted at 20.* by ada: Another Ada") as refused:
            await action()
        assert refused.value.facts["retracted_at"] == before[0].at
    assert await memory.adjudications.list(graph) == before


async def test_what_was_retracted_and_brought_back_can_be_retracted_again(memory: Memory, graph: str) -> None:
    target = FactTarget(subject="ada", predicate="WORKS_AT", object="acme")
    done = await memory.facts.retract(graph, target, **BY)
    await memory.adjudications.undo(graph, done.adjudication or 0, by="ada", reason="It was she.")
    assert (await memory.facts.retract(graph, target, **BY)).before["value"] == "acme"


async def test_a_correction_of_a_value_may_name_what_the_value_is_about(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [ClaimStatement("s0", "ada", "WORKS_AT", object="acme", value="clerk")])
    (fact,) = [each for each in (await memory.facts.list(graph, FactFilter(subject="ada"))).items if each.about]
    with pytest.raises(InvalidInput, match="both an object and a value") as refused:
        await memory.facts.correct(graph, fact.id, replace(RIGHT, value="boss"), **BY)
    assert "'acme'" in (refused.value.hint or "")
    done = await memory.facts.correct(graph, fact.id, replace(RIGHT, object="acme", value="boss"), **BY)
    after = await memory.facts.get(graph, done.replaced_by or 0)
    assert (after.about, after.value) == ("acme", "boss")
