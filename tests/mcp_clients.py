"""Clients of MCP for fixtures: a client lives in a task of its own, since setup and teardown are in different ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp import Client


@asynccontextmanager
async def connected(client: Client) -> AsyncIterator[Client]:
    """Return a client that is connected while the block runs, whatever task its end comes in."""
    ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    ending = asyncio.Event()

    async def keep() -> None:
        try:
            async with client as open_client:
                ready.set_result(open_client)
                await ending.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    task = asyncio.create_task(keep())
    try:
        yield await ready
    finally:
        ending.set()
        await task
