"""Signs of life: a process that works on an import tells the register how far it is, every second."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from kgmem.domain.errors import KgmemError
from kgmem.services.ports import Ports
from kgmem.stopping import told_to_stop

_PAUSE = 1.0


@asynccontextmanager
async def signs_of_life(parts: Ports, id_: int) -> AsyncIterator[Callable[[Mapping[str, Any]], None]]:
    """Return what takes the newest progress of an import; the last of it is written at the end."""
    newest: Mapping[str, Any] | None = None

    def take(progress: Mapping[str, Any]) -> None:
        nonlocal newest
        newest = progress

    async def tell() -> None:
        with contextlib.suppress(KgmemError):  # The next one may reach the database again.
            await parts.imports.tell(id_, newest)

    async def regularly() -> None:
        # What begins the work gives the first sign itself, once it has seen whether the last one was long ago.
        while not told_to_stop():
            await asyncio.sleep(_PAUSE)
            await tell()

    task = asyncio.create_task(regularly())
    try:
        yield take
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await tell()
