"""The watch over keys that are in use: what was opened with a key is closed when the key is revoked or has expired."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import count
from typing import Any

from kgmem.domain.access import Grant, Key, RateLimit
from kgmem.domain.errors import KgmemError, Unauthenticated
from kgmem.domain.time.interval import iso
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.statements import load
from kgmem.tasks import for_nobody, told_to_stop

log = EventLog(__name__)

# Seconds between two looks at the keys in use: what a key has opened is closed within a second, in every process.
_EVERY = 0.3
FRESH = 1.0  # Seconds for which what was read of a key counts.
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Watcher:
    """What is called when a key, or one of these grants of it, ends."""

    ended: Callable[[], None]
    grants: frozenset[int]
    generation: int | None  # Of the secret by which it was opened.

    def holds(self, grants: Set[int], oldest: int) -> bool:
        """Return whether what it was opened by is in force: grants, and a secret that is not older than the oldest."""
        return self.grants <= grants and (self.generation is None or self.generation >= oldest)


@dataclass(frozen=True, slots=True)
class _InForce:
    """The grants of a key that is in force, and until when that need not be read again."""

    until: float
    grants: tuple[Grant, ...]
    oldest: int  # Generation of the oldest secret that is valid.


class KeyWatch:
    """Looks at the keys in use, all in one statement, as long as any is."""

    def __init__(self, database: Database, forget: Callable[[str], None]) -> None:
        """Take the database that has the keys, and what forgets all that was read of one that is no longer in force."""
        self._database = database
        self._forget = forget
        self._watchers: dict[str, dict[int, _Watcher]] = {}
        self._numbers = count()
        self._in_force: OrderedDict[str, _InForce] = OrderedDict()
        self._changes = 0  # Of keys and grants by this process: what was read before one is read again.
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def watch(
        self,
        id_: str,
        ended: Callable[[], None],
        grants: frozenset[int] = frozenset(),
        *,
        generation: int | None = None,
    ) -> Callable[[], None]:
        """Call `ended` once when a key, one of these grants or its secret is no longer valid; returns what ends it."""
        number = next(self._numbers)
        self._watchers.setdefault(id_, {})[number] = _Watcher(ended, grants, generation)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_looking(), name="kgmem key watch", context=for_nobody())

        def unwatch() -> None:
            watchers = self._watchers.get(id_, {})
            watchers.pop(number, None)
            if not watchers:
                self._watchers.pop(id_, None)

        return unwatch

    async def check(self, id_: str, *, generation: int | None = None) -> None:
        """Raise Unauthenticated unless a key and its secret are in force, as read less than a second ago."""
        known = await self._in_force_now(id_)
        if generation is not None and generation < known.oldest:
            raise no_longer_valid()

    async def grants(self, id_: str) -> tuple[Grant, ...]:
        """Return the grants of a key that are in force, as read less than a second ago. Raises Unauthenticated."""
        return (await self._in_force_now(id_)).grants

    async def _in_force_now(self, id_: str) -> _InForce:
        known = self._known(id_)
        if known is None:
            async with self._looking:
                known = self._known(id_)
                if known is None:
                    await self._look([id_])
                    known = self._in_force.get(id_)
        if known is None:
            raise no_longer_valid()
        return known

    def _known(self, id_: str) -> "_InForce | None":
        """Return what is known of a key, unless it is too old, or a grant has begun or ended since."""
        known = self._in_force.get(id_)
        return known if known is not None and time.monotonic() < known.until else None

    def end(self, id_: str) -> None:
        """Close what a key has opened in this process; it is no longer in force."""
        self.granted(id_)
        self._forget(id_)
        for watcher in self._watchers.pop(id_, {}).values():
            watcher.ended()

    def granted(self, id_: str) -> None:
        """Read the grants of a key again before they are used the next time."""
        self._changes += 1
        self._in_force.pop(id_, None)

    def end_grant(self, id_: str, grant: int) -> None:
        """Close what a key has opened by a grant in this process; it is no longer in force."""
        self.granted(id_)
        watched = {each for watcher in self._watchers.get(id_, {}).values() for each in watcher.grants}
        self._end_watchers(id_, watched - {grant}, 0)

    def _end_watchers(self, id_: str, in_force: Set[int], oldest: int) -> None:
        """Close what was opened by grants other than these, or by an older secret."""
        watchers = self._watchers.get(id_, {})
        for number in [number for number, watcher in watchers.items() if not watcher.holds(in_force, oldest)]:
            watchers.pop(number).ended()
        if not watchers:
            self._watchers.pop(id_, None)

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
        """Read which keys and grants are in force, and close what others have opened."""
        while True:
            changes, read_at = self._changes, time.monotonic()
            async with self._database.connection() as connection:
                rows = await connection.fetch(load("keys")["in_force"], ids)
                scoped = [row["id"] for row in rows if row["scope"]]
                grants = await connection.fetch(load("grants")["in_force"], scoped) if scoped else []
            if changes == self._changes:
                break
        in_force = {
            row["id"]: _in_force(read_at, row, [each for each in grants if each["key"] == row["id"]]) for row in rows
        }
        for id_ in ids:
            known = in_force.get(id_)
            if known is None:
                self.end(id_)
                continue
            self._in_force[id_] = known
            self._in_force.move_to_end(id_)
            self._end_watchers(id_, {each.id for each in known.grants}, known.oldest)
        while len(self._in_force) > _MOST_REMEMBERED:
            self._in_force.popitem(last=False)


def _in_force(read_at: float, key: Any, rows: Sequence[Any]) -> _InForce:
    """Return what was read of a key: it counts for a second, or until it, a grant or a secret begins or ends."""
    changes = [row["changes_in"] for row in rows if row["changes_in"] is not None]
    if key["ends_in"] is not None:
        changes.append(key["ends_in"])
    grants = tuple(grant_of(row) for row in rows if row["begun"])
    return _InForce(read_at + min([FRESH, *changes]), grants, key["oldest"])


def key_of(row: Any) -> Key:
    """Return the key of a row, without its secret."""
    return Key(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        graph=row["graph"],
        scope=row["scope"],
        created_at=_time(row["created_at"]),
        expires_at=_time(row["expires_at"]),
        revoked_at=_time(row["revoked_at"]),
        limit=RateLimit(row["per_minute"], row["burst"]) if row["per_minute"] is not None else None,
        rotated_at=_time(row["rotated_at"]),
        old_secret_until=_time(row["old_until"]),
        last_used_at=_time(row["last_used_at"]),
        generation=row["generation"],
    )


def grant_of(row: Any) -> Grant:
    """Return the grant of a row."""
    return Grant(
        id=row["id"],
        key=row["key"],
        scope=row["scope"],
        access=row["access"],
        reason=row["reason"],
        graph=row["graph"],
        starts_at=_time(row["starts_at"]),
        expires_at=_time(row["expires_at"]),
        created_at=_time(row["created_at"]),
        created_by=row["created_by"],
        revoked_at=_time(row["revoked_at"]),
        revoked_by=row["revoked_by"],
        revoke_reason=row["revoke_reason"],
    )


def _time(instant: int | None) -> str | None:
    return None if instant is None else iso(instant)


def no_longer_valid() -> Unauthenticated:
    """Return the error for a key that was in force and is no longer."""
    return Unauthenticated(
        "The API key is no longer valid: it was revoked, or it has expired.", hint="kgmem key create makes another one."
    )
