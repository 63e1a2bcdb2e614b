"""What happens when something changes: what begins later, newer words of one source, age, and the times of facts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, Source, StoredFact
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from tests.memories import new_graph

pytestmark = pytest.mark.server

SCHEMA = {
    "predicates": {
        "LED_BY": {"functional": True},
        "owner": {"succession": 0.9},
        "price": {"policy": "recency"},
        "seen_in": {"half_life": 30},
    }
}
ALICE = [ClaimStatement(f"old{n}", "acme", "ceo", value="Alice", valid_from="2010") for n in range(10)]
BOB = [ClaimStatement(f"new{n}", "acme", "ceo", value="Bob", valid_from="2024") for n in range(2)]


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph with predicates of all kinds."""
    return await new_graph(memory, f"changes_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)


async def at(memory: Memory, graph: str, when: str | None = None, **more: Any) -> list[StoredFact]:
    """Return the facts of a moment."""
    return list((await memory.facts.list(graph, FactFilter(valid_at=when, **more))).items)


async def say(memory: Memory, graph: str, *claims: ClaimStatement) -> None:
    for claim in claims:
        await memory.claims.put(graph, [claim])


def told(facts: Sequence[StoredFact]) -> list[tuple[Any, str]]:
    return [(fact.value, fact.state) for fact in facts]


async def test_new_sources_end_what_a_full_run_saw_nobody_contradict(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, ALICE)
    await memory.claims.compute_consensus(graph)

    await memory.claims.put(graph, BOB)

    assert told(await at(memory, graph, "2015")) == [("Alice", "superseded")]
    assert [fact.value for fact in await at(memory, graph, "2025")] == ["Bob"]


@pytest.mark.parametrize("order", ["old first", "new first", "all at once"])
async def test_what_two_newer_sources_say_ends_what_ten_older_ones_said(memory: Memory, graph: str, order: str) -> None:
    batches = {"old first": [ALICE, BOB], "new first": [BOB, ALICE], "all at once": [[*ALICE, *BOB]]}[order]
    for batch in batches:
        await memory.claims.put(graph, batch)

    for _ in range(2):
        (now,) = await at(memory, graph, "2025")
        assert (now.value, now.state, now.valid_from[:4], now.valid_to) == ("Bob", "verified", "2024", None)
        (then,) = await at(memory, graph, "2015")
        assert (then.value, then.valid_from[:4], then.valid_to) == ("Alice", "2010", now.valid_from)
        assert then.probability > 0.9
        assert not await at(memory, graph, "2009")
        assert (await memory.entities.get(graph, "acme")).properties["ceo"] == "Bob"
        await memory.claims.compute_consensus(graph)


async def test_a_later_claim_ends_an_earlier_one_only_where_it_is_trusted_enough(memory: Memory, graph: str) -> None:
    await memory.sources.put(
        graph, [Source("forum", trust=0.2), Source("press", trust=0.8), Source("registry", trust=0.95)]
    )
    first = [
        ClaimStatement(f"s{n}", "acme", name, value="Ann", valid_from="2010")
        for n in range(5)
        for name in ("ceo", "owner")
    ]
    await memory.claims.put(graph, first)

    await say(memory, graph, ClaimStatement("forum", "acme", "ceo", value="Mallory", valid_from="2023"))
    assert told(await at(memory, graph, "2025", predicate="ceo")) == [("Ann", "verified")]
    press = [ClaimStatement("press", "acme", name, value="Bob", valid_from="2023") for name in ("ceo", "owner")]
    await say(memory, graph, *press)
    assert [fact.value for fact in await at(memory, graph, "2025", predicate="ceo")] == ["Bob"]
    # The rule of this predicate asks for more.
    assert told(await at(memory, graph, "2025", predicate="owner")) == [("Ann", "verified")]
    await say(memory, graph, replace(press[1], source="registry"))
    assert told(await at(memory, graph, "2025", predicate="owner")) == [("Bob", "verified")]


async def test_a_sources_newer_word_replaces_its_older_one(memory: Memory, graph: str) -> None:
    ada = [
        ClaimStatement("ada", "ada", "lives_in", value=place, valid_from=year)
        for place, year in (("Berlin", "2015"), ("Hanover", "2020"), ("Hamburg", "2020"))
    ]
    await say(memory, graph, *ada)

    assert told(await at(memory, graph, "2018")) == [("Berlin", "superseded")]
    (now,) = await at(memory, graph, "2022")
    assert (now.value, now.opposing) == ("Hamburg", 0)
    # Without times, too.
    await say(memory, graph, *(ClaimStatement("ada", "ada", "likes_most", value=what) for what in ("tea", "coffee")))
    (likes,) = await at(memory, graph, predicate="likes_most")
    assert (likes.value, likes.opposing) == ("coffee", 0)


async def test_a_late_report_takes_its_place_in_the_past(memory: Memory, graph: str) -> None:
    await say(
        memory,
        graph,
        ClaimStatement("a", "ada", "works_at", value="Acme", valid_from="2010"),
        ClaimStatement("b", "ada", "works_at", value="Globex", valid_from="2020"),
        ClaimStatement("c", "ada", "works_at", value="Initech", valid_from="2015", valid_to="2017"),
    )

    years = {year: [fact.value for fact in await at(memory, graph, year)] for year in ("2012", "2016", "2021")}

    assert years == {"2012": ["Acme"], "2016": ["Initech"], "2021": ["Globex"]}
    assert {fact.value: fact.valid_to[:4] if fact.valid_to else None for fact in await at(memory, graph)} == {
        "Acme": "2015",
        "Initech": "2018",
        "Globex": None,
    }


async def test_what_was_known_before_a_change_stays_what_was_known_then(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, ALICE)
    (before,) = await at(memory, graph, "2025")
    await memory.claims.put(graph, BOB)
    (after,) = await at(memory, graph, "2025")

    known = await at(memory, graph, "2025", known_at=before.known_from)

    assert told(known) == [("Alice", "verified")]
    assert after.value == "Bob"


async def test_relationships_end_where_their_facts_do_and_begin_again_where_these_are_taken_back(
    memory: Memory, graph: str
) -> None:
    await memory.entities.put(graph, [Entity(key, name=key.title()) for key in ("acme", "alice", "bob")])
    old = [
        Relationship("LED_BY", "acme", "alice", text="Alice leads Acme.", valid_from="2010", source=f"old{n}")
        for n in range(5)
    ]
    new = [
        Relationship("LED_BY", "acme", "bob", text="Bob leads Acme.", valid_from="2024", source=f"new{n}")
        for n in range(2)
    ]
    for each in (*old, *new):
        await memory.relationships.put(graph, [each])

    question = Question(What(text="Acme", kinds=("fact",)))
    hits = (await memory.recall(graph, question)).hits
    assert [hit.end.key for hit in hits if hit.end] == ["bob"]
    then = replace(question, when=When(valid_at="2015"))
    (hit,) = (await memory.recall(graph, then)).hits
    assert (hit.end.key if hit.end else None, str(hit.valid_to)[:4]) == ("alice", "2024")

    ids = [claim.id for claim in await _claims(memory, graph) if claim.object == "bob"]
    await memory.claims.withdraw(graph, [id_ for id_ in ids if id_ is not None])
    (hit,) = (await memory.recall(graph, question)).hits
    assert (hit.end.key if hit.end else None, hit.valid_to) == ("alice", None)


async def _claims(memory: Memory, graph: str) -> Sequence[ClaimStatement]:
    return (await memory.claims.list(graph, ClaimFilter())).items


async def test_with_a_half_life_old_claims_count_less_and_what_is_said_later_wins(memory: Memory, graph: str) -> None:
    old = [ClaimStatement(f"s{n}", "cat", "seen_in", value="garden", valid_from="2020") for n in range(3)]
    await memory.claims.put(graph, old)
    (fact,) = await at(memory, graph)
    assert (fact.state, fact.probability < 0.2) == ("unverified", True)

    # Of claims without a time the age is that of their becoming known.
    await say(memory, graph, *(ClaimStatement(f"t{n}", "cat", "seen_in", value="roof") for n in range(2)))
    before, now = await at(memory, graph)
    assert (before.value, now.value, now.state, before.valid_to) == ("garden", "roof", "verified", now.valid_from)


async def test_by_recency_state_probability_and_times_agree(memory: Memory, graph: str) -> None:
    await memory.claims.put(graph, [replace(claim, predicate="price", value=2) for claim in ALICE])
    await say(memory, graph, ClaimStatement("shop", "acme", "price", value=3, valid_from="2024"))

    (now,) = await at(memory, graph, "2025")

    assert (now.value, now.state, now.probability, now.valid_from[:4]) == (3, "unverified", 0.5, "2024")
