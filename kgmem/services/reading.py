"""Reading that does not mind a server of the database that goes away."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from kgmem.domain.errors import ConnectionLost

T = TypeVar("T")


async def read_again(read: Callable[[], Awaitable[T]]) -> T:
    """Read, and read once more where the connection to the database was lost meanwhile. Raises what `read` raises."""
    try:
        return await read()
    except ConnectionLost:
        return await read()
