"""Claims in the store: what is made of them, where it is seen, and what is kept."""

from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, NewAdjudication, StoredFact
from kgmem.domain.errors import InvalidInput, NotFound, UnknownEntities
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from tests.memories import change_feed, new_graph, query

pytestmark = pytest.mark.server


def born(source: str, place: str, **more: Any) -> ClaimStatement:
    return ClaimStatement(source, "aldrin", "BORN_IN", object=place, **more)


def population(source: str, value: Any, **more: Any) -> ClaimStatement:
    return ClaimStatement(source, "berne", "population", value=value, **more)


SCHEMA = {"kinds": {"BORN_IN": {"functional": True}}, "predicates": {"population": {"tolerance": 100}}}


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph in which a person is born in one place."""
    return await new_graph(memory, f"claims_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)


async def one(memory: Memory, graph: str, **of: Any) -> StoredFact:
    (fact,) = (await memory.facts.list(graph, FactFilter(**of))).items
    return fact


async def test_a_claim_becomes_a_relationship_that_says_how_far_it_is_believed(memory: Memory, graph: str) -> None:
    claimed = await memory.claims.put(
        graph, [born(name, "glen") for name in ("a", "b", "c")] + [born("d", "montclair")]
    )

    assert (claimed.created, claimed.unchanged, len(claimed.facts)) == (4, 0, 1)
    fact = await one(memory, graph, subject="aldrin")
    assert (fact.value, fact.state) == ("glen", "verified")
    assert (fact.supporting, fact.opposing) == (3, 1)
    assert {option.value for option in fact.options} == {"glen", "montclair"}
    edges = (await memory.relationships.list(graph, kind="BORN_IN")).items
    told = {edge.end: edge.properties for edge in edges}
    assert told["glen"]["state"] == "verified"
    assert told["montclair"]["state"] == "invalidated"
    assert told["glen"]["consensus"] == fact.probability > 0.7 > told["montclair"]["consensus"]
    assert set(fact.relationships) == {edge.id for edge in edges}


async def test_a_claimed_value_becomes_a_property_of_its_entity(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("berne", name="Berne", properties={"canton": "BE"})])

    await memory.claims.put(
        graph, [population("census", 134_000), population("atlas", 134_050), population("blog", 90_000)]
    )

    held = await memory.entities.get(graph, "berne")
    fact = await one(memory, graph, predicate="population")
    assert held.properties["population"] == fact.value
    assert abs(fact.value - 134_000) <= 50
    assert held.properties["canton"] == "BE"
    assert held.properties["consensus"]["population"]["state"] == fact.state
    assert len(fact.options) == 2


async def test_the_same_claims_again_change_nothing(memory: Memory, graph: str) -> None:
    claims = [born("a", "glen"), born("b", "montclair"), born("a", "glen")]
    first = await memory.claims.put(graph, claims)
    before = await change_feed(memory, graph)

    again = await memory.claims.put(graph, claims)

    assert (first.created, first.unchanged) == (2, 1)
    assert (again.created, again.unchanged, again.ids) == (0, 3, first.ids)
    assert await change_feed(memory, graph) == before


async def test_a_strict_graph_makes_no_entities_of_claims(memory: Memory, graph: str) -> None:
    await memory.graphs.update(graph, strict=True)

    with pytest.raises(UnknownEntities):
        await memory.claims.put(graph, [born("a", "glen")])

    assert not (await memory.facts.list(graph, FactFilter())).items
    assert not (await memory.claims.list(graph, ClaimFilter())).items


async def test_relationships_with_sources_count_as_claims_of_kinds_that_are_weighed(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key) for key in ("aldrin", "glen", "montclair", "moon")])
    written = await memory.relationships.put(
        graph,
        [
            Relationship("BORN_IN", "aldrin", "glen", source="office", text="Aldrin was born in Glen Ridge."),
            Relationship("BORN_IN", "aldrin", "montclair", source="press"),
            Relationship("VISITED", "aldrin", "moon", source="office"),
        ],
    )

    fact = await one(memory, graph)
    assert (fact.state, fact.predicate) == ("contested", "BORN_IN")
    assert set(fact.relationships) == set(written.ids[:2])
    claims = (await memory.claims.list(graph, ClaimFilter())).items
    stated = {("office", "glen"), ("press", "montclair"), ("office", "moon")}
    assert {(claim.source, claim.object) for claim in claims} == stated
    visited = await memory.facts.get(graph, written.ids[2])
    assert (visited.state, visited.value, visited.method) == ("unverified", "moon", "none")


async def test_a_relationship_that_goes_takes_its_claim_along(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key) for key in ("aldrin", "glen", "montclair")])
    written = await memory.relationships.put(
        graph, [Relationship("BORN_IN", "aldrin", place, source=place) for place in ("glen", "montclair")]
    )

    await memory.relationships.delete(graph, [written.ids[1]])

    fact = await one(memory, graph)
    assert (fact.value, fact.opposing, len(fact.options)) == ("glen", 0, 1)


async def test_claims_of_one_scope_are_not_seen_from_another(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [born("a", "glen")])
    await memory.claims.put(graph, [born(name, "montclair", scope="user/1") for name in ("b", "c")])

    shared = await one(memory, graph)
    mine = (await memory.facts.list(graph, FactFilter(scope="user/1"))).items
    other = (await memory.facts.list(graph, FactFilter(scope="user/2"))).items

    assert shared.value == "glen"
    assert {fact.value for fact in mine} == {"glen", "montclair"}
    assert [fact.value for fact in other] == ["glen"]
    private = next(fact for fact in mine if fact.scope)
    with pytest.raises(NotFound):
        await memory.facts.explain(graph, private.id, scope="user/2")
    with pytest.raises(NotFound):
        await memory.adjudications.create(graph, NewAdjudication("accept", [private.id], "x", "y"), scope="user/2")


async def test_what_was_claimed_later_is_not_known_then(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [born("a", "glen"), born("b", "glen")])
    before = await one(memory, graph)
    (glen,) = before.relationships
    then = iso(now())
    await memory.claims.put(graph, [born(name, "montclair") for name in "cdefg"])

    after = await one(memory, graph)
    known = await one(memory, graph, known_at=then)
    claims = (await memory.claims.list(graph, ClaimFilter(known_at=then))).items

    assert (after.value, known.value) == ("montclair", "glen")
    assert known == before
    assert [claim.source for claim in claims] == ["a", "b"]
    question = Question(what=What(text="aldrin born in", kinds=("fact",)), when=When(known_at=then), k=5)
    (hit,) = (await memory.recall(graph, question)).hits
    assert (hit.id, hit.properties["state"], hit.properties["consensus"]) == (glen, before.state, before.probability)


async def test_later_values_supersede_only_where_time_says_so(memory: Memory, graph: str) -> None:
    years = [("1990", "1999", 100), ("2000", "2009", 200)]
    await memory.claims.put(
        graph,
        [
            population(source, value * 1000, valid_from=begin, valid_to=end)
            for begin, end, value in years
            for source in "abc"
        ],
    )

    facts = (await memory.facts.list(graph, FactFilter())).items

    assert [(fact.value, fact.state) for fact in facts] == [(100_000, "superseded"), (200_000, "verified")]
    assert not (await memory.facts.conflicts(graph)).items
    assert "population" not in (await memory.entities.get(graph, "berne")).properties  # Nobody says what holds now.


async def test_a_claim_that_is_taken_back_counts_no_more(memory: Memory, graph: str) -> None:
    claimed = await memory.claims.put(graph, [born("a", "glen"), born("b", "montclair")])

    dry = await memory.claims.withdraw(graph, [claimed.ids[1], 10**9], dry_run=True)
    assert (dry.withdrawn, dry.missing, len(dry.relationships), dry.dry_run) == (1, [10**9], 1, True)
    assert len((await one(memory, graph)).options) == 2

    done = await memory.claims.withdraw(graph, [claimed.ids[1], 10**9])
    assert done == replace(dry, dry_run=False)

    fact = await one(memory, graph)
    assert (fact.value, len(fact.options)) == ("glen", 1)
    assert [edge.end for edge in (await memory.relationships.list(graph, kind="BORN_IN")).items] == ["glen"]
    assert len((await memory.claims.list(graph, ClaimFilter(withdrawn=True))).items) == 2


async def test_a_full_run_agrees_with_what_was_weighed_at_once(memory: Memory, graph: str) -> None:
    claims = [
        ClaimStatement(f"s{source}", f"e{n}", "height", value=n if (source + n) % 4 else n + 50)
        for n in range(40)
        for source in range(6)
    ]
    await memory.claims.put(graph, claims)

    told = await memory.claims.compute_consensus(graph)
    facts = (await memory.facts.list(graph, FactFilter(limit=1000))).items

    assert told["claims"] == 240
    assert told["facts"] == len(facts) == 40
    assert all(fact.value == int(fact.subject[1:]) for fact in facts)
    trust = await memory.sources.reliability(graph)
    assert all(each.checked == 40 for each in trust)
    await memory.claims.put(graph, [ClaimStatement("s9", "e1", "height", value=1)])
    near = await one(memory, graph, subject="e1")
    await memory.claims.compute_consensus(graph)
    full = await one(memory, graph, subject="e1")
    assert abs(near.probability - full.probability) <= 0.1


async def test_recall_hides_what_is_invalidated_and_filters_by_consensus(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [born(name, "glen") for name in "abc"] + [born("d", "montclair")])
    what = What(text="aldrin born in", kinds=("fact",))

    usual = await memory.recall(graph, Question(what=what))
    hidden = await memory.recall(graph, Question(what=what, states=("invalidated",)))
    none = await memory.recall(graph, Question(what=what, min_consensus=0.99))

    assert [hit.properties["state"] for hit in usual.hits] == ["verified"]
    assert usual.suppressed["invalidated"] == 1
    assert [hit.properties["state"] for hit in hidden.hits] == ["invalidated"]
    assert not none.hits
    assert none.suppressed["below_consensus"] >= 1


async def test_a_claim_that_claims_nothing_is_refused(memory: Memory, graph: str) -> None:
    with pytest.raises(InvalidInput, match="neither object nor value"):
        await memory.claims.put(graph, [ClaimStatement("a", "x", "y")])
    assert not await query(memory, "SELECT 1 WHERE false")
