"""MCP by standard input and output: one host, one process, the memory opened beside the handshake."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

from mcp.server.stdio import stdio_server

from kgmem.domain.errors import KgmemError
from kgmem.log import EventLog
from kgmem.mcp.caller import LOCAL, Caller, ConnectionOptions
from kgmem.mcp.protocol import ToolServer
from kgmem.mcp.signals import ending_by_signal
from kgmem.memory import Memory

log = EventLog(__name__)
Opener = Callable[[], AbstractAsyncContextManager[Memory]]


class Opening:
    """A memory that opens while the host says hello; a call waits for it, and a failure is tried again by the next."""

    def __init__(self, opener: Opener) -> None:
        """Take what opens the memory."""
        self._opener = opener
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Memory] | None = None

    def begin(self) -> "asyncio.Future[Memory]":
        """Begin to open it, unless that has begun; returns what becomes the memory."""
        if self._ready is None or (self._ready.done() and self._ready.exception() is not None):
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._keep(self._ready), name="kgmem mcp memory")
        return self._ready

    async def memory(self) -> Memory:
        """Return the open memory. Raises what opening it raises."""
        return await asyncio.shield(self.begin())

    async def _keep(self, ready: "asyncio.Future[Memory]") -> None:
        """Keep it open to the end, in one task."""
        try:
            async with self._opener() as memory:
                ready.set_result(memory)
                await self._ended.wait()
        except Exception as error:
            if ready.done():
                log.crash("mcp_memory_failed", error)
                return
            ready.set_exception(error)
            ready.exception()  # Nobody may wait for it.
            log.warning("mcp_memory_not_opened", error=error)

    async def close(self) -> None:
        """Close the memory."""
        self._ended.set()
        if self._task is not None:
            if self._ready is not None and not self._ready.done():
                self._task.cancel()
            with suppress(asyncio.CancelledError, KgmemError):
                await self._task


async def serve(opener: Opener, options: ConnectionOptions) -> None:
    """Serve the host at the other end of standard input and output, until it ends the input or a signal comes.

    Standard output is the protocol's alone: whatever else is printed goes to standard error.
    """
    async with stdio_server() as (reading, writing):
        opening = Opening(opener)
        opening.begin()
        caller = Caller(LOCAL, options, opening.memory, local=True)
        server = ToolServer(lambda _context: caller)
        with ending_by_signal(opening.close):  # Also while it closes: hosts that wait send a signal then.
            try:
                await server.sdk.run(reading, writing, server.sdk.create_initialization_options())
            finally:
                await asyncio.shield(asyncio.ensure_future(opening.close()))
