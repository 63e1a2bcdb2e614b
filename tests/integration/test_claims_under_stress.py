"""Claims when many come at once, when sources cheat, in any order, and when Postgres is killed."""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, StoredFact
from kgmem.domain.errors import DatabaseUnavailable
from kgmem.domain.graph.episode import Episode
from kgmem.memory import Memory
from tests.embedded import home_folder, server_in
from tests.memories import hashing, new_graph, opened_memory, until
from tests.postgres import prepare_template
from tests.sizes import examples, sized


async def held(memory: Memory, graph: str) -> dict[str, StoredFact]:
    """Return all facts by subject."""
    found: list[StoredFact] = []
    cursor = None
    while True:
        page = await memory.facts.list(graph, FactFilter(limit=1000, cursor=cursor))
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return {fact.subject: fact for fact in found}


def told(facts: dict[str, StoredFact]) -> dict[str, Any]:
    """Return what is held, without ids, times and names of sources."""
    return {
        subject: (
            fact.value,
            fact.state,
            fact.probability,
            sorted((str(option.value), option.probability, len(option.sources)) for option in fact.options),
        )
        for subject, fact in facts.items()
    }


def size(source: str, subject: str, value: int) -> ClaimStatement:
    return ClaimStatement(source, subject, "size", value=value)


@pytest.mark.long
async def test_claims_of_many_writers_at_once_are_all_weighed(memory: Memory) -> None:
    graph = await new_graph(memory, "claims_at_once")
    await memory.claims.put(graph, [size("first", "x", 0), ClaimStatement("first", "x", "NEAR", object="y0")])

    async def say(who: int) -> None:
        for n in range(5):
            await memory.claims.put(
                graph,
                [
                    size(f"s{who}", "x", n % 2),
                    ClaimStatement(f"s{who}", "x", "NEAR", object=f"y{n}"),
                    size(f"s{who}", f"own{who}", 1),
                ],
            )

    await asyncio.gather(*(say(who) for who in range(8)))

    facts = list((await memory.facts.list(graph, FactFilter(subject="x", limit=100))).items)
    sizes = next(fact for fact in facts if fact.predicate == "size")
    assert sum(len(option.claims) for option in sizes.options) == 17
    near = {fact.value: len(fact.options[0].claims) for fact in facts if fact.predicate == "NEAR"}
    assert near == {"y0": 9, **{f"y{n}": 8 for n in range(1, 5)}}
    edges = (await memory.relationships.list(graph, kind="NEAR")).items
    assert sorted(edge.end for edge in edges) == [f"y{n}" for n in range(5)]
    assert {edge.end: edge.properties["consensus"] for edge in edges} == {
        fact.value: fact.probability for fact in facts if fact.predicate == "NEAR"
    }


@pytest.mark.long
async def test_a_source_that_floods_the_graph_flips_no_verified_fact(memory: Memory) -> None:
    graph = await new_graph(memory, "claims_flood")
    chance = random.Random(4)
    honest = [size(f"honest{s}", f"e{n}", n) for n in range(30) for s in range(6) if chance.random() < 0.8]
    await memory.claims.put(graph, honest)
    await memory.claims.compute_consensus(graph)
    verified = {
        subject: fact.value for subject, fact in (await held(memory, graph)).items() if fact.state == "verified"
    }
    assert len(verified) >= 25

    await memory.episodes.put(graph, [Episode(f"Lies, part {m}.", f"ep{m}") for m in range(50)])
    flood = [size("liar", f"e{n}", n + 1) for n in range(30)]
    flood += [size("liar", f"made{n}", n) for n in range(1500)]
    flood += [
        ClaimStatement("liar", f"e{n}", "size", value=n + 1, episode=f"ep{m}") for n in range(30) for m in range(50)
    ]
    for at in range(0, len(flood), 1000):
        await memory.claims.put(graph, flood[at : at + 1000])
    at_once = await held(memory, graph)
    assert {subject: at_once[subject].value for subject in verified} == verified
    await memory.claims.compute_consensus(graph)

    after = await held(memory, graph)
    assert {subject: after[subject].value for subject in verified} == verified
    assert all(after[subject].state == "verified" for subject in verified)
    trust = {each.source: each.trust for each in await memory.sources.reliability(graph)}
    assert trust["liar"] < min(trust[f"honest{s}"] for s in range(6))


async def test_a_mirror_has_no_voice_of_its_own(memory: Memory) -> None:
    graph = await new_graph(memory, "claims_copies")
    chance = random.Random(5)
    copies = ["bad", *(f"copy{n}" for n in range(5))]
    claims = []
    for n in range(80):
        claims += [
            size(f"honest{s}", f"e{n}", n if chance.random() < 0.7 else n + 10 + chance.randrange(9)) for s in range(10)
        ]
        bad = n if chance.random() < 0.3 else n + 10 + chance.randrange(9)
        claims += [size(name, f"e{n}", bad) for name in copies]
    await memory.claims.put(graph, claims)
    await memory.claims.compute_consensus(graph)

    facts = await held(memory, graph)
    right = sum(fact.value == int(subject[1:]) for subject, fact in facts.items())
    assert right >= 76
    source = await memory.sources.get(graph, "copy1")
    assert {name for pair in source.copies for name in (pair["one"], pair["other"])} == set(copies)
    loud = next(option for fact in facts.values() for option in fact.options if option.sources == sorted(copies))
    assert loud.independent < 2

    loud_ones = [size(name, "new", 7) for name in copies]
    await memory.claims.put(graph, [*loud_ones, size("honest0", "new", 8), size("honest1", "new", 8)])
    assert (await held(memory, graph))["new"].value == 8


@sized
@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6), prefix=st.sampled_from(["a", "zz", "Ω"]))
async def test_neither_order_nor_repetition_nor_names_of_sources_change_what_is_held(
    memory: Memory, seed: int, prefix: str
) -> None:
    chance = random.Random(seed)
    said = [
        (s, n, n if chance.random() < 0.6 + 0.08 * s else 50 + chance.randrange(3)) for n in range(10) for s in range(4)
    ]
    results = []
    for turn in range(2):
        graph = await new_graph(memory, f"claims_inv_{seed}_{turn}_{random.randrange(10**9)}")
        names = [f"s{s}" for s in range(4)] if not turn else [f"{prefix}{9 - s}" for s in range(4)]
        claims = [size(names[s], f"e{n}", value) for s, n, value in said]
        if turn:
            chance.shuffle(claims)
            claims += claims[:7]
        for at in range(0, len(claims), 9):
            await memory.claims.put(graph, claims[at : at + 9])
        at_once = told(await held(memory, graph))
        await memory.claims.compute_consensus(graph)
        results.append((at_once, told(await held(memory, graph))))
        await memory.graphs.delete(graph)
    assert results[0] == results[1]


@pytest.mark.crash
@pytest.mark.slow
async def test_acknowledged_claims_outlive_kill_9_of_postgres(short_folder: Path) -> None:
    acknowledged: dict[int, tuple[str, str, int]] = {}
    refused: list[str] = []
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            async with opened_memory(server.url, embedder=hashing()) as memory:
                await memory.graphs.create("claims")

                async def write(who: int) -> None:
                    for n in range(25):
                        while True:
                            try:
                                claimed = await memory.claims.put("claims", [size(f"s{who}", f"e{n}", n + who % 2)])
                            except DatabaseUnavailable as error:
                                refused.append(error.code)
                                await asyncio.sleep(0.02)
                            else:
                                acknowledged[claimed.ids[0]] = (f"s{who}", f"e{n}", n + who % 2)
                                break

                async def crash() -> None:
                    for at in (40, 100):

                        async def reached(enough: int = at) -> bool:
                            return len(acknowledged) >= enough

                        await until(reached, 60)
                        pid = (await server.status()).pid
                        assert pid is not None
                        os.kill(pid, signal.SIGKILL)

                async with asyncio.timeout(120):
                    await asyncio.gather(*(write(who) for who in range(6)), crash())
                assert refused, "nobody noticed that Postgres was gone"
                claims = (await memory.claims.list("claims", ClaimFilter(limit=1000))).items
                assert {claim.id: (claim.source, claim.subject, claim.value) for claim in claims} == acknowledged
                facts = await held(memory, "claims")
                weighed = {claim for fact in facts.values() for option in fact.options for claim in option.claims}
                assert weighed == set(acknowledged)
                properties = {entity.key: entity.properties async for entity in _entities(memory)}
                assert {key: told["size"] for key, told in properties.items()} == {k: f.value for k, f in facts.items()}
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def _entities(memory: Memory) -> Any:
    for entity in (await memory.entities.list("claims", limit=1000)).items:
        yield entity
