"""Changes: the feed of what happened to a graph, by pages or as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kgmem.domain.errors import InvalidInput, Unavailable
from kgmem.domain.graph.graph import Change
from kgmem.memory import Memory
from kgmem_api.access import ReadsWhole
from kgmem_api.context import context_of
from kgmem_api.parameters import GraphName, Limit, gives
from kgmem_api.replies import reply
from kgmem_api.wire.answers import ChangePage

router = APIRouter(tags=["changes"])

MOST_STREAMS = 64
LONGEST_STREAM = 600.0  # Seconds; the client then comes back with Last-Event-ID, as event sources do by themselves.
POLL = 0.5
KEEP_ALIVE = 15.0  # Seconds of silence after which a comment shows proxies that the stream lives.
_MOST = 2**63 - 1


@router.get("/v1/graphs/{graph}/changes", responses=gives(ChangePage))
async def list_changes(
    graph: GraphName,
    request: Request,
    access: ReadsWhole,
    after: Annotated[int, Query(ge=0, le=_MOST, description="The id of the last change that is known.")] = 0,
    limit: Limit = 1000,
) -> Response:
    """Return the changes after a cursor, in the order in which they may be relied upon.

    With `Accept: text/event-stream` they come as server-sent events, as they happen; Last-Event-ID continues.
    """
    if "text/event-stream" not in request.headers.get("accept", ""):
        changes = await access.memory.graphs.changes(graph, after=after, limit=limit)
        return reply({"changes": changes, "cursor": changes[-1].id if changes else after})
    state = request.app.state
    if state.streams >= MOST_STREAMS:
        raise Unavailable("The server is at its limit of event streams.", hint="Ask for pages.", retry_after=10)
    start = _last_event(request, after)
    first = await access.memory.graphs.changes(graph, after=start, limit=limit)
    context = context_of(request)
    context.unlimited()
    context.ending = asyncio.Event()
    events = _events(request, access.memory, graph, start, first)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def _last_event(request: Request, after: int) -> int:
    given = request.headers.get("last-event-id", "").strip()
    if not given:
        return after
    if not given.isdecimal() or int(given) > _MOST:
        raise InvalidInput(f"Last-Event-ID {given[:40]!r} is no change's id.", hint="Send the id of the last event.")
    return int(given)


async def _events(
    request: Request, memory: Memory, graph: str, after: int, changes: Sequence[Change]
) -> AsyncIterator[bytes]:
    """Return events until the client goes, its key ends, the server stops, or the stream has lasted long enough."""
    state = request.app.state
    over = context_of(request).ending or asyncio.Event()
    state.streams += 1
    try:
        yield b"retry: 2000\n\n"
        ending = told = time.monotonic()
        ending += LONGEST_STREAM
        while not state.stopping.is_set() and not over.is_set() and time.monotonic() < ending:
            for change in changes:
                after = change.id
                yield b"id: %d\nevent: change\ndata: %b\n\n" % (after, orjson.dumps(change))
            if changes:
                told = time.monotonic()
            elif time.monotonic() - told > KEEP_ALIVE:
                yield b": still here\n\n"
                told = time.monotonic()
            if not changes:
                await _pause(over)
                if over.is_set():
                    break
            changes = await memory.graphs.changes(graph, after=after, limit=1000)
    finally:
        state.streams -= 1


async def _pause(over: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(over.wait(), POLL)
    except TimeoutError:
        return
