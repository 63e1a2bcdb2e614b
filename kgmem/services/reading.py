"""Reading that does not mind a server of the database that goes away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kgmem.domain.errors import ConnectionLost

T = TypeVar("T")
_PAUSES = (0.02, 0.1, 0.5)  # Seconds.


async def read_again(read: Callable[[], Awaitable[T]]) -> T:
    """Read, and read again where the connection to the database was lost meanwhile. Raises what `read` raises.

    Each pool of connections may lend one that was lost before it throws the others away.
    """
    for pause in _PAUSES:
        try:
            return await read()
        except ConnectionLost:
            await asyncio.sleep(pause)
    return await read()
