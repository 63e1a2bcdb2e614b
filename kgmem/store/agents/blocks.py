"""Memory blocks in the tables of each graph, in versions that never change."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from kgmem.domain.agents.block import Block, BlockAddress, BlockContent
from kgmem.domain.agents.state import WriteCondition
from kgmem.domain.errors import InvalidInput, NotFound, VersionConflict
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.expiry import BLOCK_KIND, NEVER
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.time.interval import iso
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import scope_ids
from kgmem.store.write.expiry import is_over, note_document
from kgmem.tasks import caller

_FILE: Final = "blocks"
_READS: Final = ("blocks", "expiry")
_HIGHEST: Final = 2**31 - 1


class PostgresBlocks:
    """Memory blocks by scope and name."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def put(
        self,
        graph: str,
        address: BlockAddress,
        content: BlockContent,
        condition: WriteCondition,
        *,
        expires_at: str | None = None,
    ) -> Block:
        """Write a version, unless the current one is the same. Raises VersionConflict.

        `expires_at`: when the block is deleted, NEVER for no time; None leaves what is stored.
        """
        by = caller()
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("blocks")
            if expires_at not in {None, NEVER}:
                await layout.ensure("expiry")

            async def work(connection: asyncpg.Connection) -> bool:
                number = (await scope_ids(connection, layout, [address.scope], make=True))[address.scope]
                row = await connection.fetchrow(layout.sql(_FILE, "take"), number, address.name)
                current = 0 if row["gone"] else row["last"]
                held = await connection.fetchrow(layout.sql(_FILE, "versions"), number, address.name, _HIGHEST, 1)
                _check(condition, current, address)
                await note_document(connection, layout, (BLOCK_KIND, row["id"]), expires_at)
                if held and _block(held, address.scope).content() == content:
                    return False
                await connection.execute(
                    layout.sql(_FILE, "add"), row["id"], row["last"] + 1, by.key if by else None, content.text,
                    content.description, content.limit, list(content.agents),
                )  # fmt: skip
                return True

            written = await self.database.transact(work)
            if expires_at is not None:
                self.catalog.expiry.forget(layout)
            return await self._read(graph, address, None, created=written)

    async def get(self, graph: str, address: BlockAddress, version: int | None) -> Block:
        """Return a block: the current version, or an earlier one. Raises NotFound."""
        return await self._read(graph, address, version)

    async def list(self, graph: str, scope: str, agent: str | None, cursor: str | None, limit: int) -> Page[Block]:
        """Return the blocks in this scope only, by name; of all agents or those that one has."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            rows = await connection.fetch(layout.sql(_FILE, "list"), number, cursor or "", agent, limit + 1)
        more = rows[limit - 1]["name"] if len(rows) > limit else None
        return Page([_block(row, scope) for row in rows[:limit]], more)

    async def versions(self, graph: str, address: BlockAddress, cursor: str | None, limit: int) -> Page[Block]:
        """Return the versions of a block, the newest first. Raises NotFound."""
        if cursor is not None and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 10):
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        below = int(cursor) if cursor else _HIGHEST
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, address.scope)
            rows = await connection.fetch(layout.sql(_FILE, "versions"), number, address.name, below, limit + 1)
        if not rows and cursor is None:
            raise _no_block(address)
        more = str(rows[limit - 1]["version"]) if len(rows) > limit else None
        return Page([_block(row, address.scope) for row in rows[:limit]], more)

    async def delete(self, graph: str, address: BlockAddress, condition: WriteCondition) -> int:
        """Delete a block with all versions; returns how many. Raises NotFound, VersionConflict."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                number = await scope_number(connection, layout, address.scope)
                row = await connection.fetchrow(layout.sql(_FILE, "lock"), number, address.name)
                if row is None or row["gone"]:
                    raise _no_block(address)
                _check(condition, row["last"], address)
                if condition.expired and not await is_over(connection, layout, (BLOCK_KIND, row["id"])):
                    return 0
                await note_document(connection, layout, (BLOCK_KIND, row["id"]), NEVER)
                return int(await connection.fetchval(layout.sql(_FILE, "delete"), row["id"]))

            return await self.database.transact(work)

    async def of_agent(self, graph: str, scope: str, agent: str | None) -> Sequence[Block]:
        """Return the blocks that an agent has in a scope, in those above it, and shared; of one name the nearest.

        Called after what has looked for the tables of blocks, and passed the gate of what expires (`latest`).
        """
        async with self.catalog.on(graph, reads=(), expires=False) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "of_agent"), list(visible_from(scope)), agent)
        return [_block(row, row["path"]) for row in rows]

    async def _read(self, graph: str, address: BlockAddress, version: int | None, *, created: bool = True) -> Block:
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, address.scope)
            below = _HIGHEST if version is None else version + 1
            rows = await connection.fetch(layout.sql(_FILE, "versions"), number, address.name, below, 1)
        if not rows:
            raise _no_block(address)
        if version is not None and rows[0]["version"] != version:
            raise NotFound(f"The block {address.name!r} has no version {version}.", hint="List its versions.")
        return _block(rows[0], address.scope, created=created)


def _block(row: asyncpg.Record, scope: str, *, created: bool = True) -> Block:
    return Block(
        name=row["name"], scope=scope, version=row["version"], text=row["content"], description=row["description"],
        limit=row["most"], agents=tuple(row["agents"]), at=iso(row["at"]), author=row["author"], created=created,
        expires_at=iso(row["expires_at"]) if row["expires_at"] is not None else None,
    )  # fmt: skip


def _check(condition: WriteCondition, current: int, address: BlockAddress) -> None:
    """Raise VersionConflict unless the current version is the one that the writer knows."""
    if condition.version in {None, current}:
        return
    told = f"is at version {current}" if current else "does not exist"
    raise VersionConflict(
        f"The block {address.name!r} {told}, not at version {condition.version}.",
        hint="Read it again, apply the change to what it holds now, and write with its version.",
        stored_version=current,
    )


def _no_block(address: BlockAddress) -> NotFound:
    return NotFound(f"There is no block {address.name!r} in this scope.", hint="List the blocks.")
