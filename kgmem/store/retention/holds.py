"""Legal holds in Postgres: rows for the audit, and triggers that refuse deletions."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.retention.hold import Hold, HoldRequest, held_by
from kgmem.domain.time.interval import iso
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout

_FILE: Final = "holds"
_NEWEST: Final = 2**62


class PostgresHolds:
    """The holds of graphs. A graph that has one has triggers; others cost nothing."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def put(self, graph: str, request: HoldRequest) -> Hold:
        """Hold something. Raises NotFound for keys and ids that are not there."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> Any:
                await connection.execute(SQL("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = 0"))
                await connection.execute(statement(_FILE, "lock"), layout.id)
                ids = await _ids(connection, layout, request)
                row = await connection.fetchrow(
                    statement(_FILE, "put"), layout.id, request.kind, request.name, ids, list(request.keys),
                    request.reason, request.by,
                )  # fmt: skip
                await connection.execute(statement(_FILE, "guard"), layout.id, layout.index_name)
                return row

            hold = _hold(await self.database.transact(work))
        self.catalog.expiry.forget(layout)
        return hold

    async def release(self, graph: str, id_: int, by: str, reason: str) -> Hold:
        """Release a hold. Raises NotFound, Conflict where it was released before."""
        layout = await self.catalog.layout(graph)

        async def work(connection: asyncpg.Connection) -> Any:
            await connection.execute(SQL("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = 0"))
            await connection.execute(statement(_FILE, "lock"), layout.id)
            row = await connection.fetchrow(statement(_FILE, "release"), layout.id, id_, by, reason)
            await connection.execute(statement(_FILE, "guard"), layout.id, layout.index_name)
            return row

        row = await self.database.transact(work)
        self.catalog.expiry.forget(layout)
        if row is None:
            await self.get(graph, id_)
            raise Conflict(f"The hold {id_} was released before.", hint="Look at the list of holds.")
        return _hold(row)

    async def get(self, graph: str, id_: int) -> Hold:
        """Return a hold. Raises NotFound."""
        layout = await self.catalog.layout(graph)
        async with self.database.connection() as connection:
            row = await connection.fetchrow(statement(_FILE, "get"), layout.id, id_)
        if row is None:
            raise NotFound(f"There is no hold {id_} of {graph!r}.", hint="Look at the list of holds.")
        return _hold(row)

    async def list(self, graph: str, *, active: bool | None, cursor: str | None, limit: int) -> Page[Hold]:
        """Return a page of holds, the newest first."""
        if cursor is not None and not (cursor.isdecimal() and len(cursor) < 19):
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        layout = await self.catalog.layout(graph)
        before = int(cursor) if cursor else _NEWEST
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement(_FILE, "list"), layout.id, active, before, limit + 1)
        return Page([_hold(row) for row in rows[:limit]], str(rows[limit - 1]["id"]) if len(rows) > limit else None)

    async def held_items(self, graph: str, ids: Collection[int]) -> Collection[int]:
        """Return those of these items and relationships that a hold covers."""
        return {row["id"] for row in await self._rows(graph, "held", ids)}

    async def refuse(self, graph: str, ids: Collection[int]) -> None:
        """Raise OnHold where a hold covers one of these items and relationships."""
        _raise(await self._rows(graph, "held", ids))

    async def refuse_claims(self, graph: str, ids: Collection[int]) -> None:
        """Raise OnHold where a hold covers one of these claims, or what they are about."""
        _raise(await self._rows(graph, "held_claims", ids))

    async def refuse_scopes(self, graph: str, scopes: Collection[str]) -> None:
        """Raise OnHold where a hold covers a scope, or something in it."""
        _raise(await self._rows(graph, "held_scopes", scopes))
        _raise(await self._rows(graph, "held_in_scopes", scopes))

    async def refuse_scope_names(self, graph: str, scopes: Collection[str]) -> None:
        """Raise OnHold where a hold covers one of these scopes as a whole."""
        _raise(await self._rows(graph, "held_scopes", scopes))

    async def refuse_texts(self, graph: str, keys: Collection[str], scope: str) -> None:
        """Raise OnHold where a hold covers one of these texts, or what was extracted from them alone."""
        layout = await self.catalog.layout(graph)
        if await self._active(layout) is None:
            return
        async with self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "of_texts"), scope, list(keys))
        await self.refuse(graph, [row["id"] for row in rows if row["id"] is not None])

    async def refuse_import(self, graph: str, id_: int) -> None:
        """Raise OnHold where a hold covers something that came with an import."""
        layout = await self.catalog.layout(graph)
        if await self._active(layout) is None:
            return
        async with self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "of_import"), id_)
        await self.refuse(graph, [row["id"] for row in rows])

    async def refuse_graph(self, graph: str) -> None:
        """Raise OnHold where a graph has a hold of any kind."""
        row = await self._active(await self.catalog.layout(graph))
        if row is not None:
            raise held_by(row["id"], row["reason"])

    async def _active(self, layout: Layout) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchrow(statement(_FILE, "active"), layout.id)

    async def _rows(self, graph: str, name: str, values: Collection[Any]) -> Sequence[Any]:
        layout = await self.catalog.layout(graph)
        if not values or await self._active(layout) is None:
            return []
        async with self.catalog.on(graph, expires=False) as current, self.database.connection() as connection:
            return await connection.fetch(current.sql(_FILE, name), layout.id, [*values])


async def _ids(connection: asyncpg.Connection, layout: Layout, request: HoldRequest) -> list[int]:
    if request.kind != "items":
        return []
    rows = await connection.fetch(layout.sql(_FILE, "keyed"), request.keys_in, list(request.keys), list(request.ids))
    missing = {*request.keys, *request.ids} - {row["key"] if row["key"] is not None else row["id"] for row in rows}
    if missing:
        raise NotFound(f"There is no item {min(map(str, missing))!r}.", hint="Hold what is there.", field="keys")
    return sorted({row["id"] for row in rows})


def _raise(rows: Sequence[Any]) -> None:
    if rows:
        raise held_by(rows[0]["hold"], rows[0]["reason"])


def _hold(row: Any) -> Hold:
    return Hold(
        row["id"], row["kind"], row["name"], row["keys"], row["ids"], row["reason"], row["by"], iso(row["at"]),
        iso(row["released_at"]) if row["released_at"] is not None else None, row["released_by"], row["release_reason"],
    )  # fmt: skip
