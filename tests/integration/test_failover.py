"""A server that is given several hosts follows the primary: what was acknowledged is there, and once."""

import asyncio
import operator
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kgmem import AccountSpec
from kgmem.bootstrap import open_memory
from kgmem.domain.errors import CommitUnknown, DatabaseUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.memories import until
from tests.postgres import run_on
from tests.replicas import pair_of_servers

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.crash]

GRAPH = "failover"
CALLERS = 8


class Writers:
    """Callers who write one after the other, and note what was acknowledged and what was not."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.stored: list[str] = []
        self.posted = 0
        self.answered = 0
        self.refused: list[DatabaseUnavailable] = []
        self.gaps: list[float] = []
        self._go = True

    async def run(self, change: Callable[[], Coroutine[Any, Any, None]], *, before: int = 20) -> None:
        """Write, make a change once each caller has written, and write until each has written again."""
        self._go = True
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS // 2):
                group.create_task(self._put(number))
                group.create_task(self._post())
            group.create_task(self._read())
            await self._until(before)
            await change()
            await self._until(before)
            self._go = False

    async def _until(self, more: int) -> None:
        """Wait until each kind of call was answered so many times more."""
        already = self._counts()

        async def written() -> bool:
            return min(map(operator.sub, self._counts(), already)) >= more

        await until(written, seconds=60)

    def _counts(self) -> tuple[int, int, int]:
        return len(self.stored), self.posted, self.answered

    async def _put(self, number: int) -> None:
        n = 0
        while self._go:
            n += 1
            key, began = f"e{number}-{n}", time.monotonic()
            try:
                await self.memory.entities.put(GRAPH, [Entity(key, "Note", name=f"note {key}", text="a common word")])
                self.stored.append(key)
            except DatabaseUnavailable as error:
                self.refused.append(error)
            self.gaps.append(time.monotonic() - began)

    async def _read(self) -> None:
        """Ask and look up: a read never fails, since it may be repeated."""
        while self._go:
            expected = min(10, len(self.stored))
            assert await words(self.memory, "common") >= expected
            await self.memory.cypher(GRAPH, "MATCH (n) RETURN count(n)")
            self.answered += 1

    async def _post(self) -> None:
        while self._go:
            try:
                await self.memory.ledger.post(GRAPH, {"grant": "-1", "budget": "1"})
                self.posted += 1
            except DatabaseUnavailable as error:
                self.refused.append(error)

    async def verify(self) -> None:
        """Read back: all that was acknowledged is there, and nothing is there twice."""
        found = {entity.key for key in self.stored for entity in [await self.memory.entities.get(GRAPH, key)]}
        assert found == set(self.stored)
        unknown = sum(isinstance(error, CommitUnknown) for error in self.refused)
        balance = (await self.memory.ledger.account(GRAPH, "budget")).balance.posted
        assert self.posted <= balance <= self.posted + unknown


async def prepare(memory: Memory) -> None:
    """Make a graph with two accounts."""
    await memory.graphs.create(GRAPH, space=None)
    for name, kind in (("grant", "income"), ("budget", "budget")):
        await memory.ledger.put_account(GRAPH, AccountSpec(name, kind, "USD"))


async def words(memory: Memory, text: str) -> int:
    """Count the hits for some words."""
    answer = await memory.recall(GRAPH, Question(What(text=text), k=10))
    return len(answer.hits)


async def test_writes_follow_the_primary_that_is_killed_and_nothing_acknowledged_is_lost(short_folder: Path) -> None:
    async with pair_of_servers(short_folder) as pair:
        settings = Settings(database_url=pair.url, home=short_folder / "client", embedder="none")
        async with open_memory(settings) as memory:
            await prepare(memory)
            await pair.follow(synchronous=True)
            writers = Writers(memory)

            async def fail_over() -> None:
                pair.kill_first()
                await asyncio.sleep(1)  # So long nobody takes writes.
                await pair.promote()

            await writers.run(fail_over)
            await writers.verify()
            # All else waited for the new primary: only what was on its way when the first one died was refused.
            assert len(writers.refused) <= CALLERS
            assert await words(memory, "common") == 10


async def test_a_planned_switch_and_back_refuses_no_read_and_loses_no_write(short_folder: Path) -> None:
    async with pair_of_servers(short_folder) as pair:
        settings = Settings(database_url=pair.url, home=short_folder / "client", embedder="none")
        async with open_memory(settings) as memory:
            await prepare(memory)
            await pair.follow(synchronous=False)
            writers = Writers(memory)

            async def switch() -> None:
                await pair.stop_first()
                await pair.promote()

            await writers.run(switch)
            await pair.rejoin_first()

            async def switch_back() -> None:
                await pair.second.stop()
                await run_on(pair.first.url, "SELECT pg_promote()")

            await writers.run(switch_back)
            await writers.verify()
            assert await words(memory, "common") == 10


async def test_jobs_run_on_the_new_primary_without_a_restart(short_folder: Path) -> None:
    async with pair_of_servers(short_folder) as pair:
        settings = Settings(database_url=pair.url, home=short_folder / "client", embedder="none", extractor="none")
        async with open_memory(settings, worker=True) as memory:
            await prepare(memory)
            await pair.follow(synchronous=True)

            async def done(id_: int) -> bool:
                return any(each.id == id_ and each.status == "succeeded" for each in await memory.jobs.list())

            for change in (None, pair.kill_first):
                if change:
                    change()
                    await pair.promote()
                job = await memory.communities.enqueue(GRAPH)
                assert job is not None
                await until(partial(done, job), seconds=60)
