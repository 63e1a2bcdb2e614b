"""The text index is whole after Postgres has restarted, however it ended."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kgmem.domain.entity import Entity
from kgmem.domain.errors import DatabaseUnavailable
from kgmem.domain.question import Question, What
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.storage.postgres.embedded import EmbeddedPostgres
from kgmem.wiring import open_memory

COUNT = 40


async def found(memory: Memory, text: str) -> list[str]:
    """Give the keys of the hits for some words, in the order of the answer."""
    answer = await memory.recall("words", Question(What(text=text), k=COUNT))
    return [hit.key for hit in answer.hits if "words" in hit.arms]


async def found_at_last(memory: Memory, text: str) -> list[str]:
    """Ask again until Postgres takes connections."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await found(memory, text)
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)


async def fill(memory: Memory) -> None:
    """Store entities one by one, so that the text index keeps them in memory."""
    await memory.create_graph("words", space=None)
    for n in range(COUNT):
        await memory.put_entities("words", [Entity(f"e{n}", "Note", name=f"note number{n}", text="a common word")])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.crash
async def test_words_find_everything_after_a_restart(short_folder: Path, sign: signal.Signals) -> None:
    settings = Settings(home=short_folder, embedder="none")
    async with open_memory(settings, owner=True, migrating=True) as memory:
        await fill(memory)
        before = await found(memory, "common")
        status = await EmbeddedPostgres(short_folder, attach=True).status()
        assert status.pid is not None
        os.kill(status.pid, sign)
        await wait_for_another(short_folder, status.pid)

        assert sorted(await found_at_last(memory, "common")) == sorted(before)
        assert len(before) == COUNT
        assert await found(memory, "number33") == ["e33"]

    async with open_memory(settings, owner=True) as memory:
        assert sorted(await found(memory, "common")) == sorted(before)


async def wait_for_another(home: Path, former: int) -> None:
    """Wait until the owner has started Postgres again."""
    async with asyncio.timeout(30):
        while True:
            status = await EmbeddedPostgres(home, attach=True).status()
            if status.running and status.pid != former:
                return
            await asyncio.sleep(0.05)
