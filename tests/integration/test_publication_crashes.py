"""kill -9 of Postgres under agents that state, publish and withdraw: the team's claims are those of their origins."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from kgmem.domain.agents.publication import PublicationRequest
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement
from kgmem.domain.errors import DatabaseUnavailable, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.memory import Memory
from tests.embedded import home_folder, server_in
from tests.memories import opened_memory, until
from tests.postgres import prepare_template

pytestmark = [pytest.mark.crash, pytest.mark.slow]
GRAPH = "agents"
TEAM = "team"
AGENTS, CRASHES, BETWEEN = 3, 3, 12
MOST_SECONDS = 60.0
T = TypeVar("T")


async def again(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the database is there."""
    while True:
        try:
            return await ask()
        except DatabaseUnavailable:
            await asyncio.sleep(0.02)


async def stated(memory: Memory, scope: str, subject: str) -> dict[object, int]:
    """The current claims of a scope itself on a subject: their ids by value."""
    page = await again(lambda: memory.claims.list(GRAPH, ClaimFilter(scope, subject)))
    return {each.value: each.id for each in page.items if each.scope == scope and each.id is not None}


async def test_what_is_published_follows_its_origin_across_kill_9_of_postgres(short_folder: Path) -> None:
    chance = random.Random(11)
    steps = [0] * AGENTS
    done = asyncio.Event()
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            async with opened_memory(server.url) as memory:
                await memory.graphs.create(GRAPH)

                async def act(who: int) -> None:
                    scope, subject = f"{TEAM}/agent/{who}", f"ferry/{who}"
                    while not done.is_set():
                        value = f"{who}.{steps[who]}"
                        said = ClaimStatement(f"agent {who}", subject, "port", value=value, scope=scope)
                        result = await again(lambda said=said: memory.claims.put(GRAPH, [said]))
                        request = PublicationRequest(TEAM, "agent", "All.", item=result.facts[0], scope=scope)
                        await again(lambda request=request: memory.publications.publish(GRAPH, request))
                        held = await stated(memory, scope, subject)
                        old = [id_ for other, id_ in held.items() if other != value]
                        if old:
                            await again(lambda old=old: memory.claims.withdraw(GRAPH, old, scope=scope))
                        assert set(await stated(memory, TEAM, subject)) == {value}
                        steps[who] += 1

                async def crash() -> None:
                    for _ in range(CRASHES):
                        for more in (BETWEEN, AGENTS + 1):
                            wanted = sum(steps) + more

                            async def enough(wanted: int = wanted) -> bool:
                                return sum(steps) >= wanted

                            await until(enough, MOST_SECONDS)
                            if more == BETWEEN:
                                await asyncio.sleep(chance.random() * 0.05)
                                pid = (await server.status()).pid
                                assert pid is not None
                                os.kill(pid, signal.SIGKILL)
                    done.set()

                async with asyncio.timeout(180):
                    await asyncio.gather(*(act(who) for who in range(AGENTS)), crash())
                for who in range(AGENTS):
                    own = await stated(memory, f"{TEAM}/agent/{who}", f"ferry/{who}")
                    assert own.keys() == (await stated(memory, TEAM, f"ferry/{who}")).keys() != set()
                page = await memory.publications.list(GRAPH, scope=TEAM, limit=100)
                assert [each.state for each in page.items if each.ended is None] == ["published"] * AGENTS
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def test_kill_9_of_postgres_costs_a_team_none_of_its_words_and_leaves_none_that_were_withdrawn(
    short_folder: Path,
) -> None:
    chance = random.Random(12)
    rounds = 12
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            async with opened_memory(server.url) as memory:
                await memory.graphs.create(GRAPH)

                async def act(n: int) -> None:
                    """Publish a text, let the team edit it or not, and change or withdraw it."""
                    scope, key, own = f"{TEAM}/agent/{n}", f"note/{n}", f"The team's {n}."
                    await again(lambda: memory.entities.put(GRAPH, [Entity(f"ship/{n}", "Ship", scope=scope)]))
                    note = Episode(f"First {n}.", key, scope=scope, mentions=[f"ship/{n}"])
                    await again(lambda: memory.episodes.put(GRAPH, [note]))
                    request = PublicationRequest(TEAM, "agent", "All.", key=key, scope=scope)
                    publication, _ = await again(lambda: memory.publications.publish(GRAPH, request))
                    if n % 2:
                        await again(lambda: memory.episodes.put(GRAPH, [Episode(own, key, scope=TEAM)]))
                    await again(lambda: memory.episodes.put(GRAPH, [Episode(f"Second {n}.", key, scope=scope)]))
                    expected = own if n % 2 else f"Second {n}."
                    assert (await again(lambda: memory.episodes.get(GRAPH, key, scope=TEAM))).text == expected
                    with suppress(NotFound):  # It was withdrawn just before the crash.
                        await again(lambda: memory.publications.withdraw(GRAPH, publication.id, scope=scope))

                async def crash() -> None:
                    await asyncio.sleep(chance.random())
                    pid = (await server.status()).pid
                    if pid is not None:
                        os.kill(pid, signal.SIGKILL)

                async with asyncio.timeout(240):
                    for n in range(0, rounds, 2):
                        await asyncio.gather(act(n), act(n + 1), *([crash()] if n % 4 else []))
                page = await again(lambda: memory.episodes.list(GRAPH, scope=TEAM))
                assert sorted(each.key for each in page.items if each.scope == TEAM and each.key) == sorted(
                    f"note/{n}" for n in range(1, rounds, 2)
                )
                left = await again(lambda: memory.entities.list(GRAPH, scope=TEAM))
                assert not [each.key for each in left.items if each.scope == TEAM and int(each.key[5:]) % 2 == 0]
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
