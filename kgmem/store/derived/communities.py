"""The communities of scopes, in the tables of each graph: what did not change is not written, and keeps its id."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.derived.communities import Community, CommunityChanges, Member, Members, matched
from kgmem.domain.errors import InvalidInput, NotFound, TooLarge
from kgmem.domain.graph.entity import Page
from kgmem.domain.time.interval import iso
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.write.fact_index import names_of

_SHOWN: Final = 5  # Members of each community that a listing names.


class PostgresCommunities:
    """Communities of entities, by scope and level."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def ask(self, graph: str, scope: str) -> None:
        """Turn on communities in this scope only."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("communities")
            async with self.database.connection() as connection:
                number = (await scope_ids(connection, layout, [scope], make=True))[scope]
                await connection.execute(layout.sql("communities", "ask"), number)

    async def stop(self, graph: str, scope: str) -> int:
        """Turn communities off and delete them; return how many."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                number = await _number(connection, layout, scope)
                await connection.execute(layout.sql("communities", "stop"), number)
                gone: int = await connection.fetchval(layout.sql("communities", "drop_all"), number)
                return gone

            return await self.database.transact(work)

    async def behind(self, graph: str, least_age: float) -> Sequence[str]:
        """Return the scopes whose communities are kept, and that something was written since they were made."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return [row["path"] for row in await connection.fetch(layout.sql("communities", "behind"), least_age)]

    async def links(self, graph: str, scope: str, most: int) -> tuple[str, Sequence[tuple[int, int, float]]]:
        """Return a position in the change feed, and the links in this scope only. Raises TooLarge."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            number = await _number(connection, layout, scope)
            mark: str = await connection.fetchval(layout.sql("communities", "now"))
            rows = await connection.fetch(layout.sql("communities", "links"), number, most + 1)
        if len(rows) > most:
            raise TooLarge(
                f"The scope {scope!r} joins its entities by more than {most:,} links, and so many are parted at once.",
                hint="Keep communities of smaller scopes, or export the graph to a tool for large ones.",
            )
        return mark, [(row["one"], row["other"], row["weight"]) for row in rows]

    async def put(self, graph: str, scope: str, levels: Sequence[Sequence[Members]], mark: str) -> CommunityChanges:
        """Store the communities of a scope; what has the same members stays as it is."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> CommunityChanges:
                number = await _number(connection, layout, scope)
                if await connection.fetchval(layout.sql("communities", "take_turn"), number) is None:
                    return CommunityChanges()  # Nobody wants them any more.
                done = await _put(connection, layout, number, levels)
                await connection.execute(layout.sql("communities", "done"), number, mark)
                return done

            return await self.database.transact(work)

    async def list(
        self, graph: str, scope: str, *, level: int | None, cursor: str | None, limit: int
    ) -> Page[Community]:
        """Return a page of the communities in this scope only, the finest level and the largest first."""
        after = _after(cursor)
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            number = await _number(connection, layout, scope)
            rows = await connection.fetch(layout.sql("communities", "list"), number, level, *after, limit + 1)
            found = await _told(connection, layout, rows[:limit], scope, _SHOWN)
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(found, f"{last['level']}_{last['size']}_{last['id']}" if last else None)

    async def get(self, graph: str, id_: int, scope: str, limit: int) -> Community:
        """Return a community in this scope only with its most central members. Raises NotFound."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(
                layout.sql("communities", "get"), id_, await _number(connection, layout, scope)
            )
            found = await _told(connection, layout, rows, scope, limit)
        if not found:
            raise NotFound(f"There is no community {id_} of this scope.", hint="List the communities.")
        return found[0]

    async def derived(self, graph: str, ids: Sequence[int]) -> tuple[set[tuple[int, int]], Sequence[int]]:
        """Return which of these entities is in which community, and the summaries that are derived of these things."""
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
        ):
            members = await connection.fetch(layout.sql("communities", "memberships"), list(ids))
            said = await connection.fetch(layout.sql("communities", "summaries_of"), list(ids))
        return {(row["item"], row["community"]) for row in members}, [row["id"] for row in said]

    async def there(self, graph: str, summaries: Sequence[int]) -> int:
        """Return how many of these summaries are there."""
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
        ):
            count: int = await connection.fetchval(layout.sql("communities", "summaries_there"), list(summaries))
            return count


async def _number(connection: asyncpg.Connection, layout: Layout, scope: str) -> int:
    return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def _put(
    connection: asyncpg.Connection, layout: Layout, scope: int, levels: Sequence[Sequence[Members]]
) -> CommunityChanges:
    held: dict[int, dict[int, dict[int, float]]] = defaultdict(dict)
    for row in await connection.fetch(layout.sql("communities", "held"), scope):
        told = zip(row["items"], row["centralities"], strict=True)
        held[row["level"]][row["id"]] = {item: share for item, share in told if item is not None}
    made = changed = 0
    gone: list[int] = []
    ids: list[list[int]] = []
    for level, found in enumerate(levels):
        before = held.pop(level, {})
        sets = {id_: frozenset(members) for id_, members in before.items()}
        names = matched(sets, [frozenset(item for item, _ in each) for each in found])
        fresh = [at for at, id_ in enumerate(names) if id_ is None]
        rows = await connection.fetch(layout.sql("communities", "make"), scope, level, [len(found[at]) for at in fresh])
        for at, row in zip(fresh, rows, strict=True):
            names[at] = row["id"]
        known = [id_ or 0 for id_ in names]
        moved = [
            (id_, each)
            for id_, each in zip(known, found, strict=True)
            if id_ in before and not _same(before[id_], each)
        ]
        new = [(known[at], found[at]) for at in fresh]
        await connection.execute(
            layout.sql("communities", "change"), [id_ for id_, _ in moved], [len(each) for _, each in moved]
        )
        await _fill(connection, layout, [*new, *moved])
        made, changed = made + len(new), changed + len(moved)
        gone += [id_ for id_ in before if id_ not in set(known)]
        ids.append(known)
    gone += [id_ for each in held.values() for id_ in each]
    await connection.execute(layout.sql("communities", "empty"), gone)
    await connection.execute(layout.sql("communities", "drop"), gone)
    await _lead(connection, layout, levels, ids)
    return CommunityChanges(sum(map(len, ids)), made, changed, len(gone))


def _same(held: Mapping[int, float], found: Members) -> bool:
    """Return whether a community has the members that it had, as central as they were."""
    return len(held) == len(found) and all(abs(held.get(item, 9.0) - share) < 1e-4 for item, share in found)


async def _fill(connection: asyncpg.Connection, layout: Layout, told: Sequence[tuple[int, Members]]) -> None:
    rows = [(id_, item, share) for id_, members in told for item, share in members]
    if rows:
        await connection.execute(layout.sql("communities", "empty"), [id_ for id_, _ in told])
        await connection.execute(layout.sql("communities", "fill"), *map(list, zip(*rows, strict=True)))


async def _lead(
    connection: asyncpg.Connection, layout: Layout, levels: Sequence[Sequence[Members]], ids: Sequence[Sequence[int]]
) -> None:
    """Store in each community which one of the next level contains it."""
    parents: dict[int, int | None] = {}
    for level, (found, names) in enumerate(zip(levels, ids, strict=True)):
        above: dict[int, int] = {}
        if level + 1 < len(levels):
            above = {item: id_ for id_, each in zip(ids[level + 1], levels[level + 1], strict=True) for item, _ in each}
        parents |= {id_: above.get(each[0][0]) for id_, each in zip(names, found, strict=True)}
    await connection.execute(layout.sql("communities", "lead"), list(parents), list(parents.values()))


async def _told(
    connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any], scope: str, most: int
) -> list[Community]:
    members = await connection.fetch(layout.sql("communities", "members"), [row["id"] for row in rows], most)
    names = await names_of(connection, layout, {row["item"] for row in members})
    of: dict[int, list[Member]] = defaultdict(list)
    for row in members:
        if row["item"] in names:
            of[row["community"]].append(
                Member(row["key"], row["label"], names[row["item"]], round(row["centrality"], 4))
            )
    return [
        Community(row["id"], row["level"], row["parent"], row["size"], iso(row["made_at"]), of[row["id"]], scope)
        for row in rows
    ]


def _after(cursor: str | None) -> tuple[int | None, int | None, int | None]:
    if cursor is None:
        return None, None, None
    try:
        level, size, id_ = (int(part) for part in cursor.split("_"))
    except ValueError as error:
        raise InvalidInput(
            "The cursor is invalid.", hint="Send the cursor of the previous answer unchanged."
        ) from error
    return level, size, id_
