"""Uses are stored now and then, and seldom where a store takes long."""

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from kgmem.store.graph import usage
from kgmem.store.graph.usage import UseCounter

LAYOUT: Any = SimpleNamespace(is_past=False, graph=SimpleNamespace(name="g"))


async def test_a_store_that_takes_long_makes_the_next_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_PAUSE", 0.01)
    monkeypatch.setattr(usage, "_LONGEST_PAUSE", 0.3)
    counter, stored = UseCounter(), asyncio.Queue[tuple[float, float, Sequence[float]]]()

    async def store(graph: str, ids: Sequence[int], uses: Sequence[float]) -> None:
        began = time.monotonic()
        counter.note(LAYOUT, [2])  # What is used meanwhile is stored next.
        await asyncio.sleep(0.02)
        await stored.put((began, time.monotonic(), [*ids, *uses]))

    counter.on_flush(store)
    counter.note(LAYOUT, [1, 3, 1])
    _, ended, first = await asyncio.wait_for(stored.get(), 10)
    began, _, second = await asyncio.wait_for(stored.get(), 10)
    assert (first, second) == ([1, 3, 2.0, 1.0], [2, 1.0])
    assert began - ended >= 0.29  # 0.02 seconds are a hundredth of two, which is more than the longest pause.
    counter.on_flush(lambda *_: asyncio.sleep(0))
    await counter.aclose()
