"""Writing in groups under savepoints, so that what cannot be written costs only itself."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg

from kgmem.domain.errors import Conflict, InvalidInput, KgmemError
from kgmem.store.db.errors import translated
from kgmem.store.db.unique_values import explain, forget_stale

Item = TypeVar("Item")
_AT_ONCE = 1000
# What an index or a type of the database refuses, which no check beforehand tells.
REFUSALS = (asyncpg.UniqueViolationError, asyncpg.ProgramLimitExceededError, asyncpg.DataError)


async def in_groups(
    connection: asyncpg.Connection,
    items: Sequence[Item],
    put: Callable[[list[Item]], Awaitable[Any]],
    refuse: Callable[[Item, str], None],
) -> None:
    """Put items in groups, in their order; a group that cannot be put is halved until the bad one stands alone."""
    waiting = [list(items[n : n + _AT_ONCE]) for n in range(0, len(items), _AT_ONCE)][::-1]
    while waiting:
        group = waiting.pop()
        try:
            async with connection.transaction():
                await put(group)
        except (InvalidInput, Conflict, *REFUSALS) as error:
            if len(group) > 1:
                half = len(group) // 2
                waiting += [group[half:], group[:half]]
                continue
            if isinstance(error, asyncpg.UniqueViolationError) and await forget_stale(connection, error):
                waiting.append(group)
                continue
            reason = error if isinstance(error, KgmemError) else await _reason(connection, error)
            if reason is None:
                raise
            refuse(group[0], str(reason))


async def _reason(connection: asyncpg.Connection, error: asyncpg.PostgresError) -> KgmemError | None:
    if isinstance(error, asyncpg.UniqueViolationError):
        return await explain(connection, error)
    return translated(error)
