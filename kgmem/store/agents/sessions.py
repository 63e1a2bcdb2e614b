"""Sessions in the tables of each graph: their messages in one strict order, each an episode of the graph."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final
from weakref import WeakValueDictionary

import asyncpg

from kgmem.domain.agents.message import StoredMessage
from kgmem.domain.agents.session import (
    Appended,
    NewMessage,
    Session,
    SessionAddress,
    SessionDetails,
    SessionFilter,
    no_such_session,
)
from kgmem.domain.errors import Conflict, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.expiry import NEVER, SESSION_KIND
from kgmem.store.agents.session_parts import add_parts
from kgmem.store.agents.session_rows import existing, message_of, scope_number, session_of
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids, source_ids
from kgmem.store.graph.records import encoded
from kgmem.store.read.items import PageRange
from kgmem.store.write.episodes import ensure_episode_labels, write_episodes
from kgmem.store.write.expiry import note_document, note_written
from kgmem.store.write.passages import Passages

_FILE: Final = "sessions"
READS: Final = ("sessions", "session_parts", "expiry")
_HIGHEST: Final = 2**62


class PostgresSessions:
    """Sessions by scope and id."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database
        self._turns: WeakValueDictionary[tuple[str, SessionAddress], asyncio.Lock] = WeakValueDictionary()

    async def put(self, graph: str, address: SessionAddress, details: SessionDetails) -> Session:
        """Make a session, or give the one that is there these details."""
        async with self.catalog.on(graph, reads=READS) as layout:
            await layout.ensure("sessions")
            if details.expires_at not in {None, NEVER}:
                await layout.ensure("expiry")

            async def work(connection: asyncpg.Connection) -> Session:
                number = (await scope_ids(connection, layout, [address.scope], make=True))[address.scope]
                metadata = encoded(details.metadata).decode()
                row = await connection.fetchrow(
                    layout.sql(_FILE, "put"), number, address.id, details.agent, list(details.users), metadata
                )
                await note_document(connection, layout, (SESSION_KIND, row["id"]), details.expires_at)
                stored = await existing(connection, layout, address)
                return replace(session_of(stored, address.scope), created=row["created"])

            session = await self.database.transact(work)
            if details.expires_at is not None:
                self.catalog.expiry.forget(layout)
        return session

    async def get(self, graph: str, address: SessionAddress) -> Session:
        """Return a session. Raises NotFound."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            return session_of(await existing(connection, layout, address), address.scope)

    async def list(self, graph: str, which: SessionFilter, cursor: str | None, limit: int) -> Page[Session]:
        """Return sessions in this scope only, the newest first."""
        below = PageRange(cursor, limit).after or _HIGHEST
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, which.scope)
            rows = await connection.fetch(
                layout.sql(_FILE, "list"), number, which.agent, which.user, which.is_open, below, limit + 1
            )
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return Page([session_of(row, which.scope) for row in rows[:limit]], more)

    async def set_closed(self, graph: str, address: SessionAddress, *, closed: bool) -> Session:
        """Close a session, or open it again. Raises NotFound."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, address.scope)
            row = await connection.fetchrow(layout.sql(_FILE, "set_closed"), number, address.id, closed)
        if row is None:
            raise no_such_session(address)
        return session_of(row, address.scope)

    async def append(self, graph: str, address: SessionAddress, messages: Sequence[NewMessage]) -> Appended:
        """Store messages behind those that are there, in order; those that are there already stay as they are.

        Raises NotFound, and Conflict for a closed session and for an id that has another content.
        """
        async with self._turn(graph, address), self.catalog.on(graph, reads=READS) as held:
            layout = await self._prepared(held, address, messages)
            created: list[str] = []
            expires = any(each.episode.expires_at is not None for each in messages)

            async def work(connection: asyncpg.Connection) -> Sequence[StoredMessage]:
                row = await connection.fetchrow(layout.sql(_FILE, "lock"), layout.scopes[address.scope], address.id)
                if row is None:
                    raise no_such_session(address)
                new = await _new(connection, layout, row["id"], messages, address)
                if new and row["closed"] is not None:
                    raise Conflict(
                        f"The session {address.id!r} is closed.", hint="Open it again, or begin another session."
                    )
                passages = Passages(layout)
                if new:
                    await _add(connection, passages, (row["id"], row["last"]), new)
                names = list(dict.fromkeys(each.id for each in messages))
                rows = await connection.fetch(layout.sql(_FILE, "named"), row["id"], names)
                created[:] = [each.id for each in new]
                await passages.store(connection)
                if created and expires:
                    await note_written(connection, layout)
                return [message_of(each, address.id) for each in rows]

            stored = {each.id: each for each in await self.database.transact(work)}
            if expires:
                self.catalog.expiry.forget(layout)
        fresh = set(created)
        return Appended([replace(stored[each.id], created=each.id in fresh) for each in messages], len(created))

    async def messages(
        self, graph: str, address: SessionAddress, cursor: str | None, limit: int, *, newest_first: bool
    ) -> Page[StoredMessage]:
        """Return messages of a session in order, or the newest first. Raises NotFound."""
        place = PageRange(cursor, limit).after
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            session = await existing(connection, layout, address)
            way, start = ("before", place or _HIGHEST) if newest_first else ("after", place)
            rows = await connection.fetch(layout.sql(_FILE, way), session["id"], start, limit + 1)
        more = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
        return Page([message_of(row, address.id) for row in rows[:limit]], more)

    async def message(self, graph: str, address: SessionAddress, id_: str) -> StoredMessage:
        """Return one message. Raises NotFound."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            session = await existing(connection, layout, address)
            rows = await connection.fetch(layout.sql(_FILE, "named"), session["id"], [id_])
        if not rows:
            raise NotFound(f"The session {address.id!r} has no message {id_[:80]!r}.", hint="List its messages.")
        return message_of(rows[0], address.id)

    async def keys(self, graph: str, address: SessionAddress) -> Sequence[str]:
        """Return the keys of the episodes of all messages, in order. Raises NotFound."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            session = await existing(connection, layout, address)
            return [row["key"] for row in await connection.fetch(layout.sql(_FILE, "keys"), session["id"])]

    async def delete(self, graph: str, address: SessionAddress) -> bool:
        """Delete a session that has no messages any more; returns whether it is gone."""
        async with self.catalog.on(graph, reads=READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, address.scope)
            gone = await connection.fetchval(layout.sql(_FILE, "delete"), number, address.id)
            if gone is not None:  # Numbers of sessions are never given again: what is noted of it concerns no other.
                await note_document(connection, layout, (SESSION_KIND, gone), NEVER)
            return gone is not None

    @asynccontextmanager
    async def _turn(self, graph: str, address: SessionAddress) -> AsyncIterator[None]:
        """Make writers of one session of this process wait here, where they keep no connection."""
        lock = self._turns.setdefault((graph, address), asyncio.Lock())
        async with lock:
            yield

    async def _prepared(self, layout: Layout, address: SessionAddress, messages: Sequence[NewMessage]) -> Layout:
        """Return the layout with the scope, and make what the transaction needs before it begins."""
        await layout.ensure("history")
        await layout.ensure("sessions")
        await layout.ensure("session_parts")
        episodes = [each.episode for each in messages]
        if any(each.expires_at is not None for each in episodes):
            await layout.ensure("expiry")
        async with self.database.connection() as connection:
            numbers = await scope_ids(connection, layout, [address.scope], make=True)
            await source_ids(connection, layout, {each.source for each in episodes}, make=True)
        await ensure_episode_labels(self.database, layout, episodes)
        return replace(layout, scopes=numbers)


async def _new(
    connection: asyncpg.Connection,
    layout: Layout,
    session: int,
    messages: Sequence[NewMessage],
    address: SessionAddress,
) -> list[NewMessage]:
    """Return the messages that are not stored yet, each once. Raises Conflict for an id that has another content."""
    rows = await connection.fetch(layout.sql(_FILE, "known"), session, [each.id for each in messages])
    digests: dict[str, bytes] = {row["name"]: row["digest"] for row in rows}
    new: list[NewMessage] = []
    for place, each in enumerate(messages):
        if each.id not in digests:
            digests[each.id] = each.digest
            new.append(each)
        elif digests[each.id] != each.digest:
            raise Conflict(
                f"The session {address.id!r} has a message {each.id!r} with another content.",
                hint="Send the message as it was, or with an id of its own.",
                field=f"messages[{place}].id",
            )
    return new


async def _add(
    connection: asyncpg.Connection, passages: Passages, place: tuple[int, int], new: Sequence[NewMessage]
) -> None:
    """Store messages as the next ones of a session; `place` is its number and that of its newest message."""
    session, last = place
    newest = last + len(new)
    outcome = await write_episodes(connection, passages, [each.episode for each in new])
    layout = passages.layout
    await connection.execute(
        layout.sql(_FILE, "add"), session, list(range(last + 1, newest + 1)), [each.id for each in new],
        [outcome.ids[at] for at in range(len(new))], [str(each.body["role"]) for each in new],
        [each.tokens for each in new], [each.digest for each in new],
        [encoded(each.body).decode() for each in new],
    )  # fmt: skip
    await connection.execute(
        layout.sql(_FILE, "note_added"), session, newest, len(new), sum(each.tokens for each in new)
    )
    await add_parts(connection, layout, session, last, newest)
