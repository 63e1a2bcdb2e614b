"""Texts that are forgotten are cited by no claim, and what others state too stays."""

from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.time.interval import iso, now
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from kgmem.store.derived.extraction_queue import PostgresExtractionStore
from tests.memories import index_schema, new_graph, query, with_ports

TEXT = "Tom Baker works for Siemens. Tom Baker painted Big Tower."


@pytest.fixture
def memory(memory: Memory) -> Memory:
    catalog: Any = memory.ports.graphs
    return with_ports(memory, extractor=OfflineExtractor(), extractions=PostgresExtractionStore(catalog))


async def two_texts(memory: Memory, name: str) -> str:
    """A graph of two texts that say the same, and a third claim of each fact that cites the first text."""
    graph = await new_graph(memory, name)
    texts = [Episode(TEXT, key, "2024-01-05", source=key, extract=True) for key in ("one", "two")]
    await memory.episodes.put(graph, texts)
    await memory.extraction.run(graph)
    await memory.claims.put(
        graph,
        [
            ClaimStatement("ann", "Tom Baker", "STATES", object="Big Tower", episode="one", span=(0, 9)),
            ClaimStatement("ann", "Tom Baker", "WORKS_FOR", object="Siemens", episode="one"),
            ClaimStatement("ann", "Tom Baker", "height", value=4, episode="one"),
        ],
    )
    return graph


async def cited(memory: Memory, graph: str, **asked: Any) -> set[tuple[str, str, str | None]]:
    claims = (await memory.claims.list(graph, ClaimFilter(limit=1000, **asked))).items
    return {(each.source, each.predicate, each.episode) for each in claims}


async def explained(memory: Memory, graph: str) -> set[str | None]:
    """The texts that the reasons of all facts name."""
    facts = (await memory.facts.list(graph, FactFilter(limit=1000))).items
    reasons = [await memory.facts.explain(graph, fact.id) for fact in facts]
    return {each.episode for reason in reasons for each in [*reason.supporting, *reason.opposing]}


async def test_a_claim_that_cites_a_forgotten_text_cites_another_that_states_the_same_or_goes(memory: Memory) -> None:
    graph = await two_texts(memory, "cites")
    then = iso(now())
    before = await cited(memory, graph)
    planned = await memory.episodes.forget(graph, ["one"], dry_run=True)

    report = await memory.episodes.forget(graph, ["one"])

    assert report.claims == planned.claims == 2  # The text's own, and that of the height.
    assert await cited(memory, graph) == {
        ("two", "WORKS_FOR", "two"), ("ann", "WORKS_FOR", "two"), ("ann", "STATES", "two"),
    }  # fmt: skip
    (stated,) = (await memory.claims.list(graph, ClaimFilter(predicate="STATES"))).items
    assert stated.span is not None
    assert TEXT[slice(*stated.span)] == "Tom Baker painted Big Tower"
    assert await explained(memory, graph) == {"two"}
    assert await cited(memory, graph, known_at=then) == before
    last = await memory.episodes.forget(graph, ["two"])
    assert (await cited(memory, graph), last.claims) == (set(), 3)
    assert not (await memory.relationships.list(graph)).items


async def test_forgetting_the_other_text_leaves_what_cites_the_first(memory: Memory) -> None:
    graph = await two_texts(memory, "other")

    await memory.episodes.forget(graph, ["two"])

    assert await cited(memory, graph) == {
        ("one", "WORKS_FOR", "one"), ("ann", "WORKS_FOR", "one"), ("ann", "STATES", "one"), ("ann", "height", "one"),
    }  # fmt: skip
    assert await explained(memory, graph) == {"one"}
    await memory.episodes.forget(graph, ["one"])
    assert await cited(memory, graph) == set()
    assert not (await memory.relationships.list(graph)).items


async def test_a_relationship_that_a_source_states_too_stays_until_it_is_withdrawn(memory: Memory) -> None:
    graph = await two_texts(memory, "stays")
    edges = (await memory.relationships.list(graph, kind="STATES")).items
    (read,) = [each for each in edges if each.key]
    await memory.relationships.put(graph, [replace(read, source="bea", id=None, version=None, known_from=None)])

    planned = await memory.episodes.forget(graph, ["one", "two"], dry_run=True)
    await memory.episodes.forget(graph, ["one", "two"])

    assert str(read.id) not in planned.removed["relationship"]
    assert [each.source for each in (await memory.relationships.list(graph)).items] == ["bea"]
    assert await cited(memory, graph) == {("bea", "STATES", None)}
    await memory.claims.withdraw(graph, source="bea", dry_run=False)
    assert not (await memory.relationships.list(graph)).items


async def test_what_is_erased_was_claimed_at_no_time(memory: Memory) -> None:
    graph = await two_texts(memory, "erased")
    then = iso(now())

    report = await memory.episodes.forget(graph, ["one"], erase=True)

    assert report.erased_from_history > 0
    assert {each for *_, each in await cited(memory, graph, withdrawn=True)} == {"two"}
    assert {each for *_, each in await cited(memory, graph, known_at=then)} == {"two"}
    await memory.episodes.forget(graph, ["two"], erase=True)
    assert await cited(memory, graph, withdrawn=True) == set()
    assert await cited(memory, graph, known_at=then) == set()
    assert not (await memory.facts.list(graph, FactFilter(known_at=then))).items
    schema = await index_schema(memory, graph)
    assert not await query(memory, f"SELECT 1 FROM {schema}.past_fact")


async def test_a_claim_of_a_scope_cites_its_own_text_of_the_key(memory: Memory) -> None:
    graph = await new_graph(memory, "scoped_cites")
    for scope in ("", "user/1"):
        await memory.episodes.put(graph, [Episode("Rain fell.", "e", scope=scope)])
    await memory.entities.put(graph, [Entity(key) for key in ("a", "b")])
    for scope in ("", "user/1", "user/2"):
        await memory.claims.put(graph, [ClaimStatement("s", "a", "height", value=1, episode="e", scope=scope)])

    await memory.episodes.forget(graph, ["e"])

    assert await cited(memory, graph, scope="user/1") == {("s", "height", "e")}
    assert await cited(memory, graph, scope="user/2") == set()
    await memory.relationships.put(graph, [Relationship("LIKES", "a", "b", source="s")])
    await memory.episodes.forget(graph, ["e"], scope="user/1")
    assert await cited(memory, graph, scope="user/1") == {("s", "LIKES", None)}
