"""Links between similar entities: of each to the most similar of those compared before it, by the index on vectors.

Later entities change nothing about an entity's own links, so that each is compared once; one whose vector changed
loses its links and is compared again.
"""

from typing import Any, Final

import asyncpg

from kgmem.domain.derived.similarity import SIMILAR_TO, LinkChanges
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.text.extraction_result import FOUND_BY
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import EDGE, Layout, ensure_labels
from kgmem.store.write.delete import delete_edges
from kgmem.store.write.edges import write_edges
from kgmem.store.write.passages import Passages

_BATCH: Final = 200  # Entities of one transaction.
_SMALL: Final = 1000  # Entities of a scope that are compared one by one.
_NEAREST: Final = 5  # That an entity is joined to at the most, of those before it.
_DIGITS: Final = 3


class PostgresConnections:
    """Similarities of a graph's entities, as edges of the kind SIMILAR_TO with a key of their own."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def ask(self, graph: str, min_similarity: float) -> None:
        """Turn on links between entities of at least this similarity; another value than before compares all again."""
        async with self.catalog.on(graph) as layout:
            if await self.asked(graph) not in (None, min_similarity):
                await self.stop(graph)
            await layout.ensure("similarity")
            async with self.database.connection() as connection:
                await connection.execute(layout.sql("similarity", "ask"), min_similarity)

    async def stop(self, graph: str) -> int:
        """Turn links off and delete them; return how many."""
        parted = 0
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                await connection.execute(layout.sql("similarity", "stop"))
                await connection.execute(layout.sql("similarity", "forget_compared"))
                label = layout.labels.get((EDGE, SIMILAR_TO))
                if label is None:
                    return 0
                rows = await connection.fetch(layout.sql("similarity", "every", label=label.age_name), _BATCH)
                await delete_edges(connection, layout, rows)
                return len(rows)

            while gone := await self.database.transact(work):
                parted += gone
        return parted

    async def asked(self, graph: str) -> float | None:
        """Return from which similarity on a graph's entities are joined; None where nobody asked for it."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            min_similarity = await connection.fetchval(layout.sql("similarity", "asked"))
            return None if min_similarity is None else round(min_similarity, 6)

    async def is_behind(self, graph: str) -> bool:
        """Return whether something was written since all was compared."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            behind: bool = await connection.fetchval(layout.sql("similarity", "is_behind"))
            return behind

    async def begin(self, graph: str) -> tuple[str, bool]:
        """Return a mark of what is written by now: no transaction before it runs any more, and what lacks vectors."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql("similarity", "now"))
            return row["since"], row["waits"]

    async def finish(self, graph: str, mark: tuple[str, bool]) -> None:
        """Note that all that was written before the mark is compared."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql("similarity", "done"), *mark)

    async def part(self, graph: str) -> LinkChanges:
        """Delete the links of entities whose vector changed or went, and those that a merge moved to others."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> LinkChanges:
                if await connection.fetchrow(layout.sql("similarity", "take_turn")) is None:
                    return LinkChanges()
                return await _part(connection, layout)

            return await self.database.transact(work)

    async def join(self, graph: str, after: int) -> tuple[LinkChanges, int | None]:
        """Compare the next entities with those before them; return the result and where to go on, None at the end."""
        async with self.catalog.on(graph) as layout:
            if not layout.vectors:
                return LinkChanges(), None
            await ensure_labels(self.database, layout, EDGE, [SIMILAR_TO])

            async def work(connection: asyncpg.Connection) -> tuple[LinkChanges, int | None]:
                turn = await connection.fetchrow(layout.sql("similarity", "take_turn"))
                return (
                    (LinkChanges(), None)
                    if turn is None
                    else await _join(connection, layout, turn["min_similarity"], after)
                )

            return await self.database.transact(work)


async def _part(connection: asyncpg.Connection, layout: Layout) -> LinkChanges:
    label = layout.labels.get((EDGE, SIMILAR_TO))
    if label is None or not layout.vectors:
        return LinkChanges()
    strays = await connection.fetch(layout.sql("similarity", "strays", label=label.age_name), _BATCH)
    gone = await connection.fetch(layout.sql("similarity", "gone", table=layout.vectors), _BATCH)
    if not strays and not gone:
        return LinkChanges()
    items = sorted({row["item"] for row in gone} | {row["source"] for row in strays})
    rows = {row["id"]: row for row in strays}
    rows |= {row["id"]: row for row in await connection.fetch(layout.sql("similarity", "of_items"), items, label.id)}
    await delete_edges(connection, layout, list(rows.values()))
    passages = [row["passage"] for row in gone]
    await connection.execute(layout.sql("similarity", "uncompare"), items, passages)
    return LinkChanges(parted=max(1, len(rows)))


async def _join(
    connection: asyncpg.Connection, layout: Layout, min_similarity: float, after: int
) -> tuple[LinkChanges, int | None]:
    rows = await connection.fetch(layout.sql("similarity", "next", table=layout.vectors or ""), after, _BATCH)
    if not rows:
        return LinkChanges(), None
    columns = zip(*((row["passage"], row["item"], row["vector"]) for row in rows), strict=True)
    made = await connection.fetch(layout.sql("similarity", "compare"), *map(list, columns))
    turns = {row["passage"]: row["turn"] for row in made}
    near: list[Relationship] = []
    small = {}
    for scope in sorted({row["scope"] for row in rows}):
        small[scope] = await connection.fetchval(layout.sql("similarity", "is_small"), scope, _SMALL)
    await connection.execute(layout.sql("similarity", "by_index"))
    for row in rows:
        name = "near_few" if small[row["scope"]] else "near_many"
        sql = layout.sql("similarity", name, table=layout.vectors or "")
        turn = turns[row["passage"]]
        found = await connection.fetch(sql, row["scope"], row["passage"], min_similarity, _NEAREST, turn)
        near += [_similarity(row, other) for other in found]
    mine = layout.with_scopes({row["path"]: row["scope"] for row in rows})
    written = await write_edges(connection, Passages(mine), near) if near else None
    joined = len(written.created) + len(written.updated) if written else 0
    return LinkChanges(len(rows), joined), rows[-1]["passage"] if len(rows) == _BATCH else None


def _similarity(one: Any, other: Any) -> Relationship:
    return Relationship(
        SIMILAR_TO,
        one["key"],
        other["key"],
        key=f"similar-{one['item']}-{other['id']}",
        properties={FOUND_BY: "vectors"},
        strength=round(min(1.0, other["similarity"]), _DIGITS),
        scope=one["path"],
    )
