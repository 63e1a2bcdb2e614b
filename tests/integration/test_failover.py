"""A server that is given several hosts follows the primary: what was acknowledged is there, and once."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from kgmem.bootstrap import open_memory
from kgmem.domain.errors import DatabaseUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem import AccountSpec
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.replicas import pair_of_servers

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.crash]

GRAPH = "failover"


class Writers:
    """Callers who write one after the other, and note what was acknowledged and what was not."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.stored: list[str] = []
        self.posted = 0
        self.refused: list[DatabaseUnavailable] = []
        self.gaps: list[float] = []
        self._go = True

    async def run(self, change: Callable[[], Coroutine[Any, Any, None]], *, before: int = 20) -> None:
        """Write, make a change once each caller has written, and write until each has written again."""
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(self._put(number))
                group.create_task(self._post())
            await self._until(before)
            await change()
            await self._until(len(self.stored) + before)
            self._go = False

    async def _until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.stored) < count or self.posted < count:
                await asyncio.sleep(0.01)

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
        unknown = sum("not known" in str(error) for error in self.refused)
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
            # Writes that were not on their way to be committed waited for the new primary.
            assert all("not known" in str(error) for error in writers.refused)
            assert await words(memory, "common") == 10
