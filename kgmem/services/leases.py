"""Leases: a run is executed by one process at a time, which shows that it goes on."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from kgmem.domain.errors import Conflict, DatabaseUnavailable
from kgmem.log import EventLog
from kgmem.tasks import told_to_stop

log = EventLog(__name__)


class Leased(Protocol):
    """A store of runs, each of which one executor has for a while."""

    lease: float  # Seconds for which an executor may be silent.

    async def take(self, graph: str, run: int, holder: int) -> bool:
        """Take a run, or show that it goes on; False where another executor has it."""

    async def release(self, graph: str, run: int, holder: int) -> None:
        """Release a run."""


@asynccontextmanager
async def leasing(store: Leased, graph: str, run: int) -> AsyncIterator[None]:
    """Have a run alone while the block lasts. Raises Conflict."""
    holder = secrets.randbits(62)
    if not await store.take(graph, run, holder):
        raise Conflict(f"Run {run} is being executed.", hint="Wait for it: its state shows when it has ended.")

    async def show() -> None:
        while not told_to_stop():
            await asyncio.sleep(store.lease / 3)
            try:
                await store.take(graph, run, holder)
            except DatabaseUnavailable as error:
                log.debug("lease_not_renewed", graph=graph, run=run, error=error)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        try:
            await store.release(graph, run, holder)
        except DatabaseUnavailable as error:  # The lease ends by itself.
            log.debug("lease_not_released", graph=graph, run=run, error=error)
