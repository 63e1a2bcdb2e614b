"""What a webhook delivers: events a second that reach a receiver, beside the same requests without kgmem.

Entities are written first. Then one webhook sends their events to a receiver on loopback, one event a request and in
batches of 100, with its cursor and its log in the database. The baseline posts bodies of the same size with the same
HTTP client, four requests at a time.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Entity, SubscriptionRequest, WebhookAddress, WebhookRequest
from kgmem.memory import Memory

ROWS = 2_000
SHORT = 100
BATCH, PARALLEL, WRITTEN_AT_ONCE = 100, 4, 500
_GRAPH = "bench"


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return events a second of a webhook, one a request and in batches."""
    async with (
        fresh_database() as url,
        memory_on(url, webhook_allow="127.0.0.0/8") as memory,
        _receiver() as (address, taken),
    ):
        await memory.graphs.ensure(_GRAPH)
        for first in range(0, rows, WRITTEN_AT_ONCE):
            keys = range(first, min(first + WRITTEN_AT_ONCE, rows))
            await memory.entities.put(_GRAPH, [Entity(f"e{number}", "Thing") for number in keys])
        for name, batch in (("one", 1), ("batch", BATCH)):
            taken.clear()
            ours = rows / await _delivered(memory, address, name, batch)
            bodies = list(taken)
            base = rows / await _posted(address, bodies)
            told = "one a request" if batch == 1 else f"in batches of {batch}"
            yield compared(f"events sent {told}, beside plain POSTs", ours, base, "events/s")


async def _delivered(memory: Memory, address: str, name: str, batch: int) -> float:
    """Return the seconds in which a webhook sends all events."""
    hook = WebhookAddress(name)
    request = WebhookRequest(address, SubscriptionRequest(start="beginning"), batch)
    id_ = (await memory.webhooks.create(_GRAPH, hook, request)).webhook.id
    started = time.perf_counter()
    while any(each == id_ for each, _ in await memory.ports.webhooks.due(_GRAPH)):
        await memory.tasks.deliver_webhook(_GRAPH, id_)
    taken = time.perf_counter() - started
    await memory.webhooks.delete(_GRAPH, hook)
    return taken


async def _posted(address: str, bodies: list[bytes]) -> float:
    """Return the seconds in which bodies are posted without kgmem."""
    rest = iter(bodies)
    started = time.perf_counter()
    async with httpx.AsyncClient() as client:

        async def one() -> None:
            for body in rest:
                await client.post(address, content=body, headers={"content-type": "application/json"})

        await asyncio.gather(*(one() for _ in range(PARALLEL)))
    return time.perf_counter() - started


@asynccontextmanager
async def _receiver() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Return the address of a receiver that takes everything, and the bodies that it gets."""
    taken: list[bytes] = []

    async def handle(reader: Any, writer: Any) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                taken.append(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", taken
    finally:
        server.close()
