"""kill -9 of Postgres under writers: what was acknowledged is there, and the pool heals by itself."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from tests.embedded import home_folder, server_in
from tests.invariants import assert_index_matches_labels
from tests.memories import hashing, opened_memory, until
from tests.postgres import prepare_template
from tests.sizes import size, sized

pytestmark = [pytest.mark.crash, pytest.mark.slow]


async def kill(server: EmbeddedPostgres) -> None:
    """Kill the postmaster of a server that the test started."""
    pid = (await server.status()).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def test_the_database_says_that_it_is_away_and_that_it_is_back(short_folder: Path) -> None:
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            async with opened_memory(server.url) as memory:
                await memory.server.ping()
                await kill(server)

                async def refuses() -> bool:
                    try:
                        await memory.server.ping()
                    except DatabaseUnavailable:
                        return True
                    return False

                await until(refuses)
                watch = asyncio.create_task(server.keep_running())

                async def answers() -> bool:
                    return not await refuses()

                await until(answers)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


@sized
async def test_a_thousand_acknowledged_writes_outlive_kill_9_of_postgres(short_folder: Path) -> None:
    acknowledged: set[str] = set()
    refused: list[str] = []
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            async with opened_memory(server.url, embedder=hashing()) as memory:
                await memory.graphs.create("facts")

                async def write(who: int) -> None:
                    for n in range(size(20, 125)):
                        key = f"{who}-{n}"
                        while key not in acknowledged:
                            try:
                                await memory.entities.put("facts", [Entity(key, text=f"apple {key}")])
                            except DatabaseUnavailable as error:
                                refused.append(error.code)
                                await asyncio.sleep(0.02)
                            else:
                                acknowledged.add(key)

                async def crash() -> None:
                    for at in (200, 600):

                        async def reached(enough: int = at) -> bool:
                            return len(acknowledged) >= enough

                        await until(reached, 60)
                        await kill(server)

                async with asyncio.timeout(120):
                    await asyncio.gather(*(write(who) for who in range(8)), crash())
                assert len(acknowledged) == 8 * size(20, 125)
                assert refused, "nobody noticed that Postgres was gone"
                held = {item.key async for item in memory.exports.items("facts") if isinstance(item, Entity)}
                assert held == acknowledged
                await memory.embeddings.run("facts")
                await memory.index.rebuild("facts")
                answer = await memory.recall("facts", Question(What(text="apple"), k=1000))
                assert {hit.key for hit in answer.hits} == acknowledged
                await assert_index_matches_labels(memory, "facts")
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
