"""Reading that does not mind a server of the database that goes away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kgmem.domain.errors import ConnectionLost

T = TypeVar("T")
_PAUSES = (0.02, 0.1, 0.5)  # Seconds.


async def read_again(read: Callable[[], Awaitable[T]], *, unless: Callable[[], bool] = lambda: False) -> T:
    """Read, and read again where the connection to the database was lost meanwhile. Raises what `read` raises.

    Each pool of connections may lend one that was lost before it throws the others away. `unless` tells that a part of
    the answer was passed on already: then it cannot begin again.
    """
    for pause in _PAUSES:
        try:
            return await read()
        except ConnectionLost:
            if unless():
                raise
            await asyncio.sleep(pause)
    return await read()
