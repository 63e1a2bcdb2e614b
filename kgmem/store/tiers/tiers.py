"""Tiers of items: settings, moves, pins, and sweeps that let what nobody uses get colder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import ENTITY, EPISODE, Page
from kgmem.domain.graph.tier import NAMES, TIERS, ItemKind, Tier, TierChanges, TierCounts, TieredItem, TierSettings
from kgmem.domain.time.interval import iso
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.db.sql import SQL
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout
from kgmem.store.tiers.records import forget_answers
from kgmem.store.write import archive
from kgmem.tasks import parts

_FILE: Final = "tiers"
_READS: Final = ("tiers",)
_SETTING: Final = ("tiers", "cache")
_OF_ARCHIVE: Final = "archive"
_ARCHIVE: Final = ("tiers", "history", "archive")
_PAGE: Final = 5000  # Items of one transaction of a sweep.
_SWEEP_EVERY: Final = 300.0  # Seconds between two sweeps of a graph.
_KINDS: Final[Mapping[ItemKind, int]] = {"entity": ENTITY, "episode": EPISODE}
_KIND_NAMES: Final[Mapping[int, ItemKind]] = {number: name for name, number in _KINDS.items()}


class PostgresTiers:
    """Tiers in the tables of each graph."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database
        catalog.usage.on_flush(self._store_uses)

    async def settings(self, graph: str) -> TierSettings:
        """Return the settings of a graph; those of a new one are the defaults."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return await read_settings(connection, layout)

    async def put_settings(self, graph: str, settings: TierSettings) -> None:
        """Store the settings of a graph."""
        async with self.catalog.on(graph, reads=_SETTING) as layout:
            await layout.ensure("tiers")
            told = orjson.dumps(asdict(settings)).decode()

            async def work(connection: asyncpg.Connection) -> None:
                await connection.execute(layout.sql(_FILE, "put_settings"), told)
                await forget_answers(connection, layout)

            await self.database.transact(work)

    async def counts(self, graph: str, scope: str | None) -> Mapping[Tier, TierCounts]:
        """Return the items of each tier, in this scope only or, without one, in all."""
        async with self.catalog.on(graph, reads=_ARCHIVE) as layout, self.database.connection() as connection:
            number = None if scope is None else await scope_number(connection, layout, scope)
            rows = await connection.fetch(layout.sql(_FILE, "counts"), number)
        found = {NAMES[row["tier"]]: TierCounts(row["items"], row["pinned"], row["archived"]) for row in rows}
        return {tier: found.get(tier, TierCounts()) for tier in TIERS}

    async def list(self, graph: str, scope: str, tier: Tier | None, cursor: str | None, limit: int) -> Page[TieredItem]:
        """Return a page of the items in this scope only, by id."""
        if cursor is not None and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 19):
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        number = None if tier is None else TIERS[tier]
        await self.flush(graph)
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            settings = await read_settings(connection, layout)
            of = await scope_number(connection, layout, scope)
            sql = layout.sql(_FILE, "list")
            rows = await connection.fetch(sql, of, number, int(cursor or 0), limit + 1, settings.half_life)
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return Page([_item(row, scope) for row in rows[:limit]], more)

    async def get(self, graph: str, scope: str, kind: ItemKind, keys: Sequence[str]) -> Sequence[TieredItem]:
        """Return those items of this scope only that there are, in the order of the keys."""
        await self.flush(graph)
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            settings = await read_settings(connection, layout)
            of = await scope_number(connection, layout, scope)
            sql = layout.sql(_FILE, "get")
            rows = await connection.fetch(sql, of, _KINDS[kind], list(keys), settings.half_life)
        return [_item(row, scope) for row in rows]

    async def move(self, graph: str, ids: Sequence[int], tier: Tier, scope: str | None) -> TierChanges:
        """Set the tier of items by id, of this scope only or of any; others are missing. Pinned items stay."""
        await self.catalog.usage.flush(graph)  # A use before the move makes nothing hot after it.
        async with self.catalog.on(graph, reads=_ARCHIVE) as layout:
            await layout.ensure("tiers")
            wanted = sorted(set(ids))

            async def work(connection: asyncpg.Connection) -> TierChanges:
                of = None if scope is None else await scope_number(connection, layout, scope)
                row = await connection.fetchrow(layout.sql(_FILE, "move"), wanted, TIERS[tier], of)
                missing = await connection.fetch(layout.sql(_FILE, "missing"), wanted, of)
                await connection.execute(layout.sql(_FILE, "to_be_swept"))
                return TierChanges(row["raised"], row["lowered"], missing=[str(each["id"]) for each in missing])

            changed = await self.database.transact(work)
            restored = 0 if tier == "cold" else await self._restore(layout, wanted)
            return replace(changed, restored=restored)

    async def pin(self, graph: str, ids: Sequence[int], tier: Tier, scope: str | None) -> int:
        """Pin items in a tier, of this scope only or of any; return how many."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("tiers")

            async def work(connection: asyncpg.Connection) -> int:
                await connection.execute(layout.sql(_FILE, "to_be_swept"))
                of = None if scope is None else await scope_number(connection, layout, scope)
                return int(await connection.fetchval(layout.sql(_FILE, "pin"), sorted(set(ids)), TIERS[tier], of))

            return await self.database.transact(work)

    async def unpin(self, graph: str, ids: Sequence[int], scope: str | None) -> int:
        """Unpin items, of this scope only or of any; return how many were pinned."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                of = None if scope is None else await scope_number(connection, layout, scope)
                return int(await connection.fetchval(layout.sql(_FILE, "unpin"), sorted(set(ids)), of))

            return await self.database.transact(work)

    async def flush(self, graph: str | None = None) -> None:
        """Store the uses that this process has counted."""
        await self.catalog.usage.flush(graph)

    async def is_due(self, graph: str) -> bool:
        """Return whether a sweep may find something to do."""
        reading = self.catalog.on(graph, reads=_READS, expires=False)
        async with reading as layout, self.database.connection() as connection:
            return bool(await connection.fetchval(layout.sql(_FILE, "is_due"), _SWEEP_EVERY))

    async def begin(self, graph: str) -> tuple[int, int]:
        """Return a mark of what is written by now, for `swept`."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("tiers")
            async with self.database.connection() as connection:
                row = await connection.fetchrow(layout.sql(_FILE, "sweep_begins"))
                return row["at"], row["seen"]

    async def lower(self, graph: str, after: int) -> tuple[TierChanges, bool, int | None]:
        """Lower the next items whose last use is long ago; return whether some will be later, and where to go on."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> tuple[TierChanges, bool, int | None]:
                settings = await read_settings(connection, layout)
                times = settings.hot_for, settings.warm_for
                row = await connection.fetchrow(layout.sql(_FILE, "lower"), after, _PAGE, *times)
                forget = layout.sql(_FILE, "forget_uses")
                await connection.execute(forget, after, _PAGE, settings.half_life, settings.warm_for)
                last = row["last"] if row["looked_at"] == _PAGE else None
                return TierChanges(row["raised"], row["lowered"]), bool(row["active"]), last

            return await self.database.transact(work)

    async def archive(self, graph: str, after: int | None) -> tuple[TierChanges, int | None]:
        """Archive the next cold episodes, where the settings want it, and restore those that are cold no more.

        `after` is where the last call ended, and None at first. Returns what changed, and where to go on.
        """
        async with self.catalog.on(graph, reads=_ARCHIVE) as layout:
            async with self.database.connection() as connection:
                wanted = (await read_settings(connection, layout)).archive and layout.graph.space is not None
            if not wanted and "archive" not in layout.subsystems.made:
                return TierChanges(), None
            await layout.ensure("archive")
            if after is None:
                restored = await self._restore_warmer(layout, everything=not wanted)
                if wanted:
                    await self._begin_archive(layout)
                return TierChanges(restored=restored), 0 if wanted else None
            return await self._archive_page(layout, after)

    async def _begin_archive(self, layout: Layout) -> None:
        async def work(connection: asyncpg.Connection) -> None:
            await connection.execute(layout.sql(_OF_ARCHIVE, "orphans"))
            await archive.begin(connection, layout, await connection.fetchval(layout.sql(_OF_ARCHIVE, "passages")))

        await self.database.transact(work)

    async def _archive_page(self, layout: Layout, after: int) -> tuple[TierChanges, int | None]:
        async with self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_OF_ARCHIVE, "page"), after, archive.AT_ONCE)
        ids = [row["item"] for row in rows]

        async def work(connection: asyncpg.Connection) -> int:
            return await archive.archive(connection, layout, ids)

        done = await self.database.transact(work) if ids else 0
        if len(ids) == archive.AT_ONCE:
            return TierChanges(archived=done), ids[-1]

        async def finish(connection: asyncpg.Connection) -> None:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            await archive.finish(connection, layout)

        if done or after:
            await self.database.transact(finish)
        return TierChanges(archived=done), None

    async def _restore_warmer(self, layout: Layout, *, everything: bool) -> int:
        """Restore archived items that are not cold any more, or all of them; return how many."""
        if everything:
            return await archive.restore_all(self.database, layout)
        space = layout.graph.space.id if layout.graph.space else ""
        sql = layout.sql(_OF_ARCHIVE, "warmer")
        restored, after = 0, 0
        while True:
            async with self.database.connection() as connection:
                rows = await connection.fetch(sql, after, archive.AT_ONCE, space)
            ids = [row["item"] for row in rows]
            if not ids:
                return restored
            restored += await self._restore(layout, ids)
            after = ids[-1]

    async def _restore(self, layout: Layout, ids: Sequence[int]) -> int:
        """Restore those of these items that are archived, in batches; return how many."""
        if "archive" not in layout.subsystems.made:
            return 0
        restored = 0
        for part in parts(sorted(ids), archive.AT_ONCE):

            async def work(connection: asyncpg.Connection, part: Sequence[int] = part) -> int:
                return await archive.restore(connection, layout, part)

            restored += await self.database.transact(work)
        return restored

    async def swept(self, graph: str, mark: tuple[int, int], *, active: bool) -> None:
        """Note that a sweep has come to its end; `active`: it left what will get colder."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql(_FILE, "swept"), *mark, active)

    async def _store_uses(self, graph: str, ids: Sequence[int], uses: Sequence[float]) -> None:
        async with self.catalog.on(graph, reads=_ARCHIVE, expires=False) as layout:
            await layout.ensure("tiers")

            async def work(connection: asyncpg.Connection) -> None:
                settings = await read_settings(connection, layout)
                await connection.execute(layout.sql(_FILE, "used"), ids, uses, settings.half_life)

            await self.database.transact(work)
            if "archive" in layout.subsystems.made:
                async with self.database.connection() as connection:
                    rows = await connection.fetch(layout.sql(_OF_ARCHIVE, "warmer_of"), ids)
                await self._restore(layout, [row["item"] for row in rows])


async def read_settings(connection: asyncpg.Connection, layout: Layout) -> TierSettings:
    """Return the settings of a graph; those that are not stored are the defaults."""
    stored = await connection.fetchval(layout.sql(_FILE, "settings"))
    return TierSettings(**orjson.loads(stored)) if stored else TierSettings()


def _item(row: Any, scope: str) -> TieredItem:
    return TieredItem(
        row["id"], _KIND_NAMES[row["kind"]], row["key"], scope, NAMES[row["tier"]], row["pinned"],
        iso(row["used_at"]), round(row["uses"], 3),
    )  # fmt: skip
