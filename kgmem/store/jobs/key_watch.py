"""The watch over keys that are in use: what was opened with a key is closed when the key is revoked or has expired."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from itertools import count

from kgmem.domain.errors import KgmemError, Unauthenticated
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.statements import load
from kgmem.tasks import for_nobody, told_to_stop

log = EventLog(__name__)

# Seconds between two looks at the keys in use: what a key has opened is closed within a second, in every process.
_EVERY = 0.3
FRESH = 1.0  # Seconds for which what was read of a key counts.
_MOST_REMEMBERED = 10_000


class KeyWatch:
    """Looks at the keys in use, all in one statement, as long as any is."""

    def __init__(self, database: Database, forget: Callable[[str], None]) -> None:
        """Take the database that has the keys, and what forgets all that was read of one that is no longer in force."""
        self._database = database
        self._forget = forget
        self._watchers: dict[str, dict[int, Callable[[], None]]] = {}
        self._numbers = count()
        self._in_force: OrderedDict[str, float] = OrderedDict()  # When each key was last read and found in force.
        self._task: asyncio.Task[None] | None = None

    def watch(self, id_: str, ended: Callable[[], None]) -> Callable[[], None]:
        """Call `ended` once when a key is no longer in force; returns what ends the watch."""
        number = next(self._numbers)
        self._watchers.setdefault(id_, {})[number] = ended
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_looking(), name="kgmem key watch", context=for_nobody())

        def unwatch() -> None:
            watchers = self._watchers.get(id_, {})
            watchers.pop(number, None)
            if not watchers:
                self._watchers.pop(id_, None)

        return unwatch

    async def check(self, id_: str) -> None:
        """Raise Unauthenticated unless a key is in force, as read less than a second ago."""
        if time.monotonic() - self._in_force.get(id_, float("-inf")) < FRESH:
            return
        await self._look([id_])
        if id_ not in self._in_force:
            raise no_longer_valid()

    def end(self, id_: str) -> None:
        """Close what a key has opened in this process; it is no longer in force."""
        self._in_force.pop(id_, None)
        self._forget(id_)
        for ended in self._watchers.pop(id_, {}).values():
            ended()

    async def aclose(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while self._watchers and not told_to_stop():
            await asyncio.sleep(_EVERY)
            if not self._watchers:
                return
            try:
                await self._look(list(self._watchers))
            except KgmemError as error:
                log.debug("key_check_failed", error=error)

    async def _look(self, ids: list[str]) -> None:
        """Read which keys are in force, and close what others have opened."""
        read_at = time.monotonic()
        async with self._database.connection() as connection:
            rows = await connection.fetch(load("keys")["in_force"], ids)
        in_force = {row["id"] for row in rows}
        for id_ in ids:
            if id_ in in_force:
                self._in_force[id_] = read_at
                self._in_force.move_to_end(id_)
            else:
                self.end(id_)
        while len(self._in_force) > _MOST_REMEMBERED:
            self._in_force.popitem(last=False)


def no_longer_valid() -> Unauthenticated:
    """Return the error for a key that was in force and is no longer."""
    return Unauthenticated(
        "The API key is no longer valid: it was revoked, or it has expired.", hint="kgmem key create makes another one."
    )
