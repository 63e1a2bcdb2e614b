"""An import that is cancelled leaves the process sound, wherever it stood."""

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from kgmem.domain.errors import Unavailable
from kgmem.domain.graph.entity import Entity
from kgmem.formats.records import Located
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.services.imports.stated_keys import StatedKeys

KEYS = 200_000  # Enough for a search for duplicates of tenths of a second.


@pytest.mark.long
async def test_keys_closed_under_a_running_search_end_it_and_the_process_lives() -> None:
    keys = StatedKeys()
    entities = [Located(n, Entity(label="City", key=f"k{n % (KEYS - 7)}")) for n in range(KEYS)]
    keys.take([("cities.jsonl", each) for each in entities])
    assert keys.duplicates()[0].count == 7
    refused: list[Unavailable] = []

    def search() -> None:
        while not refused:
            try:
                keys.duplicates()
            except Unavailable as error:
                refused.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    await asyncio.sleep(0.05)
    begun = time.perf_counter()
    keys.close()
    assert time.perf_counter() - begun < 5
    thread.join(timeout=5)
    assert len(refused) == 1


async def test_an_import_that_is_cancelled_at_any_moment_can_be_run_again(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    path = tmp_path / "cities.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"type": "entity", "key": f"k{n % 990}"}) + b"\n" for n in range(1000)))
    for milliseconds in (1, 3, 10, 20, 40, 80):
        task = asyncio.create_task(memory.imports.run(graph, [path], ImportOptions(dry_run=True)))
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    done = await memory.imports.run(graph, [path], ImportOptions())
    assert sum(each.count for each in done.duplicates) == 10
