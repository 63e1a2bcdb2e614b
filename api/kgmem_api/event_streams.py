"""Server-sent events: what happens, as it happens, until the client goes, its key ends or the server stops."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import StreamingResponse

from kgmem.domain.errors import Unavailable
from kgmem_api.context import context_of

MOST_STREAMS = 64
MOST_OF_A_KEY = 16  # So that no caller takes all of them.
LONGEST_STREAM = 600.0  # Seconds; the client then comes back with Last-Event-ID, as event sources do by themselves.
POLL = 0.5
KEEP_ALIVE = 15.0  # Seconds of silence after which a line shows proxies that the stream lives.


@dataclass(frozen=True, slots=True)
class Happened:
    """What has happened behind a cursor: (id, kind, what it is) in order, and where reading goes on."""

    events: Sequence[tuple[str, str, Any]]
    cursor: str


Read = Callable[[str], Awaitable[Happened]]


def is_wanted(request: Request) -> bool:
    """Return whether the client wants a stream, and no page."""
    return "text/event-stream" in request.headers.get("accept", "")


def last_event(request: Request) -> str | None:
    """Return the id behind which a client goes on; None where it begins."""
    return request.headers.get("last-event-id", "").strip() or None


async def stream(
    request: Request, start: str, read: Read, wait: Callable[[], Awaitable[None]] | None = None
) -> StreamingResponse:
    """Return a stream of what happens behind a cursor; `wait` ends when it is time to read again.

    Raises Unavailable, and what the first read raises.
    """
    state = request.app.state
    if state.streams.total() >= MOST_STREAMS:
        raise Unavailable("The server is at its limit of event streams.", hint="Ask for pages.", retry_after=10)
    bearer = context_of(request).key
    key = bearer.id if bearer else ""
    if state.streams[key] >= MOST_OF_A_KEY:
        raise Unavailable(
            f"The key has {MOST_OF_A_KEY} event streams, the most of one key.",
            hint="Close one of them, or ask for pages.",
            retry_after=10,
        )
    first = await read(start)
    context = context_of(request)
    context.unlimited()
    context.ending = asyncio.Event()
    events = _events(request, key, read, first, wait or _pause)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _events(
    request: Request, key: str, read: Read, found: Happened, wait: Callable[[], Awaitable[None]]
) -> AsyncIterator[bytes]:
    state = request.app.state
    over = context_of(request).ending or asyncio.Event()
    state.streams[key] += 1
    try:
        yield b"retry: 2000\n\n"
        ending = told = time.monotonic()
        ending += LONGEST_STREAM
        cursor = found.cursor
        while not state.stopping.is_set() and not over.is_set() and time.monotonic() < ending:
            for id_, kind, what in found.events:
                yield b"id: %b\nevent: %b\ndata: %b\n\n" % (id_.encode(), kind.encode(), orjson.dumps(what))
            if found.events:
                told = time.monotonic()
            elif time.monotonic() - told > KEEP_ALIVE:
                # Without data it is no event, and the client comes back behind what did not concern it.
                yield b": still here\nid: %b\n\n" % cursor.encode()
                told = time.monotonic()
            if not found.events:
                await _either(over, wait)
                if over.is_set():
                    break
            found = await read(cursor)
            cursor = found.cursor
    finally:
        state.streams[key] -= 1
        state.streams = +state.streams  # Without keys that have none any more.


async def _pause() -> None:
    await asyncio.sleep(POLL)


async def _either(over: asyncio.Event, wait: Callable[[], Awaitable[None]]) -> None:
    """Wait for one of them."""
    tasks = [asyncio.ensure_future(over.wait()), asyncio.ensure_future(wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
