"""kill -9 of Postgres under writers of agent states: every acknowledged version is there, and its checksum holds."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kgmem.domain.agents.state import StateAddress, VersionChoice
from kgmem.domain.errors import DatabaseUnavailable, VersionConflict
from tests.embedded import home_folder, server_in
from tests.memories import opened_memory, until
from tests.postgres import prepare_template

pytestmark = [pytest.mark.crash, pytest.mark.slow]
GRAPH = "agents"
WRITERS, CRASHES, BETWEEN = 4, 4, 40
MOST_SECONDS = 60.0  # In which the server answers again.


async def test_every_acknowledged_version_outlives_kill_9_of_postgres(short_folder: Path) -> None:
    chance = random.Random(7)
    acknowledged: dict[tuple[int, int], object] = {}
    done = asyncio.Event()
    recoveries: list[float] = []
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            async with opened_memory(server.url) as memory:
                await memory.graphs.create(GRAPH)

                async def write(who: int) -> None:
                    address = StateAddress("planner", f"plan-{who}")
                    version, items = 0, [0]
                    while not done.is_set():
                        value = {"who": who, "items": items}
                        try:
                            written = await memory.states.put(GRAPH, address, value, if_version=version)
                        except DatabaseUnavailable:
                            await asyncio.sleep(0.02)
                            continue
                        except VersionConflict as error:
                            raise AssertionError("a repeated write was refused") from error
                        version = written.version
                        acknowledged[who, version] = value
                        items = [*items, version]

                def reached(count: int) -> Callable[[], Awaitable[bool]]:
                    async def enough() -> bool:
                        return len(acknowledged) >= count

                    return enough

                async def crash() -> None:
                    for _ in range(CRASHES):
                        enough = len(acknowledged) + BETWEEN
                        await until(reached(enough), MOST_SECONDS)
                        await asyncio.sleep(chance.random() * 0.05)
                        pid = (await server.status()).pid
                        assert pid is not None
                        os.kill(pid, signal.SIGKILL)
                        started = time.monotonic()
                        before = len(acknowledged)
                        await until(reached(before + WRITERS + 1), MOST_SECONDS)  # Some answers were on their way.
                        recoveries.append(time.monotonic() - started)
                    done.set()

                async with asyncio.timeout(180):
                    await asyncio.gather(*(write(who) for who in range(WRITERS)), crash())
                assert len(recoveries) == CRASHES
                assert max(recoveries) < MOST_SECONDS
                for (who, version), value in acknowledged.items():
                    held = await memory.states.get(
                        GRAPH, StateAddress("planner", f"plan-{who}"), VersionChoice(version=version)
                    )
                    assert held.value == value
                for who in range(WRITERS):
                    address = StateAddress("planner", f"plan-{who}")
                    page = await memory.states.versions(GRAPH, address, limit=1000)
                    numbers = [each.version for each in page.items]
                    assert numbers == list(range(len(numbers), 0, -1))
                    assert {version for by, version in acknowledged if by == who} == set(numbers)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
