"""What a session of 100,000 messages costs beside one of 1,000: pages of 50, one message, and an append.

The baseline of each figure is the same request on the short session, in turns. The first page, the last one, one in
the middle by its cursor, the newest messages, and 10 messages more. Extraction and embedding are off.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Message, SessionAddress
from kgmem.memory import Memory

ROWS = 100_000
SHORT = 2_000
_FEW = 1_000
_ROUNDS = 40
_PAGE = 50
Request = Callable[[SessionAddress, int, int], Awaitable[object]]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of each request on the long session beside the short one, in milliseconds."""
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.create("main", extraction="off")
        few = min(_FEW, rows // 2)
        sessions = [(SessionAddress("long"), rows), (SessionAddress("short"), few)]
        for address, count in sessions:
            await memory.sessions.open("main", address)
            for first in range(0, count, 500):
                await memory.sessions.append("main", address, _said(first, min(500, count - first)))
        for name, request in _requests(memory).items():
            times: list[list[float]] = [[], []]
            for turn in range(_ROUNDS):
                for kept, (address, count) in zip(times, sessions, strict=True):
                    started = time.perf_counter()
                    await request(address, count, turn)
                    kept.append(time.perf_counter() - started)
            yield compared(f"{name}, p50", 1000 * median(times[0]), 1000 * median(times[1]), "ms", at_most=2.0)


def _requests(memory: Memory) -> dict[str, Request]:
    async def page(address: SessionAddress, after: int, count: int = _PAGE, *, newest_first: bool = False) -> None:
        cursor = str(after) if after else None
        found = await memory.sessions.messages("main", address, newest_first=newest_first, cursor=cursor, limit=_PAGE)
        if len(found.items) != count:
            raise AssertionError("a page is not what it should be")

    async def append(address: SessionAddress, count: int, turn: int) -> None:
        await memory.sessions.append("main", address, _said(count + 10 * turn, 10))

    return {
        "first page": lambda address, _, __: page(address, 0),
        "page in the middle": lambda address, count, _: page(address, count // 2),
        "last page": lambda address, count, _: page(address, count - _PAGE),
        "newest page": lambda address, _, __: page(address, 0, newest_first=True),
        "one message": lambda address, count, _: memory.sessions.message("main", address, f"m{count // 2}"),
        "append of 10": append,
    }


def _said(first: int, count: int) -> list[Message]:
    """Return messages with ids from m<first> on."""
    return [
        Message(
            "assistant" if number % 2 else "user",
            f"Message {number} is about parcel {number * 7 % 9973}.",
            f"m{number}",
        )
        for number in range(first, first + count)
    ]
