"""Grants of further scopes to API keys: made, listed, and revoked at once."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from kgmem.domain.access import MOST_GRANTS, Grant, GrantRequest
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.time.interval import now, parse_time
from kgmem.store.db.database import Database
from kgmem.store.db.statements import load
from kgmem.store.jobs.key_watch import KeyWatch, grant_of, key_of


class PostgresGrants:
    """The grants of one database."""

    def __init__(self, database: Database, watch: KeyWatch) -> None:
        """Take the database, and the watch that ends what was opened by a grant."""
        self._database = database
        self._watch = watch

    async def create(self, key: str, wanted: GrantRequest, *, by: str | None) -> Grant:
        """Grant a scope to a key. Raises NotFound, InvalidInput, Conflict."""
        starts, expires = (_instant(at) for at in (wanted.starts_at, wanted.expires_at))
        if expires is not None and expires <= max(now(), starts or 0):
            raise InvalidInput(
                f"expires_at: {wanted.expires_at!r} is not after the grant begins.",
                hint="A grant expires in the future, after starts_at.",
            )

        async def work(connection: asyncpg.Connection) -> Any:
            row = await connection.fetchrow(load("grants")["lock_key"], key)
            if row is None:
                raise _no_key(key)
            if not row["good"]:
                raise Conflict(f"The API key {key} is no longer valid.", hint="Create another one.")
            asked = wanted.checked_for(key_of(row))
            existing = await connection.fetchrow(load("grants")["open"], key, asked.scope, asked.access, asked.graph)
            if existing["same"] is not None:
                raise Conflict(
                    f"The API key {key} has this grant already, with the id {existing['same']}.",
                    hint="Revoke it first to change when it begins or ends.",
                )
            if existing["open"] >= MOST_GRANTS:
                raise Conflict(
                    f"The API key {key} has {MOST_GRANTS} grants, the most it may have.",
                    hint="Revoke some, or grant one scope above several.",
                )
            return await connection.fetchrow(
                load("grants")["create"], key, asked.scope, asked.access, asked.graph, asked.reason, starts, expires, by
            )

        row = await self._database.transact(work)
        self._watch.granted(key)
        return grant_of(row)

    async def list(self, key: str, *, before: int | None, limit: int) -> Sequence[Grant]:
        """Return the grants of a key, newest first, those that are over included. Raises NotFound."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(load("grants")["list"], key, before, limit)
            if not rows and not await connection.fetchval(load("grants")["key_exists"], key):
                raise _no_key(key)
        return [grant_of(row) for row in rows]

    async def revoke(self, key: str, id_: int, *, by: str | None, reason: str | None) -> Grant:
        """Revoke a grant: here at once, in other processes within a second. Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(load("grants")["revoke"], key, id_, by, reason)
        if row is None:
            raise NotFound(
                f"The API key {key[:40]!r} has no grant {id_}.", hint="kgmem key grants shows the grants of a key."
            )
        self._watch.end_grant(key, id_)
        return grant_of(row)


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_time(text).start


def _no_key(key: str) -> NotFound:
    return NotFound(f"There is no API key {key[:40]!r}.", hint="kgmem key list shows their ids.")
