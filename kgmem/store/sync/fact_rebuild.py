"""The rebuild of a graph's facts: after its setting was changed, or after a migration that introduced facts."""

import asyncio

import asyncpg

from kgmem.domain.slices import broken_off, progress, slice_over
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import SETTINGS_KEPT, PostgresCatalog
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, Label, Layout, learn_labels
from kgmem.store.write import fact_index
from kgmem.store.write.edges import read_edges
from kgmem.store.write.passages import Passages

_BATCH = 2000


async def make_facts(catalog: PostgresCatalog, graph: str) -> None:
    """Bring the facts of a graph in line with its setting, in batches beside readers and writers."""
    catalog.forget(graph)
    begun_at = progress()
    if begun_at.get("setting") != (await catalog.layout(graph)).graph.facts:
        begun_at = {}
        # Other processes still write by the setting before, and then for as long as their transactions last.
        await asyncio.sleep(SETTINGS_KEPT)
        catalog.forget(graph)
    layout = await catalog.layout(graph)

    async def wait(connection: asyncpg.Connection) -> None:
        await connection.execute(layout.sql("fact_index", "writers_wait"))
        await learn_labels(connection, layout)

    await catalog.database.transact(wait)
    for label in sorted(layout.by_id.values(), key=lambda each: each.id):
        if label.kind == EDGE and label.id >= begun_at.get("label", 0):
            here = label.id == begun_at.get("label")
            await _make_of_kind(catalog, layout, label, begun_at["after"] if here else label.id << LABEL_SHIFT)
            if broken_off():
                return
    await tell_made(catalog, layout)


async def tell_made(catalog: PostgresCatalog, layout: Layout) -> None:
    """Take facts out of the index whose edge is gone, and note that the rest is as the graph's setting says."""

    async def work(connection: asyncpg.Connection) -> None:
        await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
        gone = [row["id"] for row in await connection.fetch(layout.sql("fact_index", "strays"))]
        await fact_index.drop(connection, layout, gone)
        if layout.graph.facts == "none":
            gone += [row["id"] for row in await connection.fetch(layout.sql("fact_index", "past"))]
        await fact_index.forget(connection, layout, gone)
        await connection.execute(statement("fact_index", "made"), layout.id, layout.graph.facts)

    await catalog.database.transact(work)


async def _make_of_kind(catalog: PostgresCatalog, layout: Layout, label: Label, after: int) -> None:
    page = layout.sql("fact_index", "page", label=label.age_name)
    while True:

        async def work(connection: asyncpg.Connection, after: int = after) -> tuple[int | None, Layout]:
            own = layout.apart()
            await connection.execute(SQL("SET LOCAL statement_timeout = '10min'"))
            ids = [row["id"] for row in await connection.fetch(page, after, _BATCH, layout.graph.facts)]
            rows = await connection.fetch(own.sql("fact_index", "lock"), ids)
            wanted = Passages(own)
            edges = await read_edges(connection, own, [row["id"] for row in rows])
            await fact_index.keep(connection, wanted, edges, is_rebuild=True)
            await wanted.store(connection)
            return (ids[-1] if ids else None), own

        last, learnt = await catalog.database.transact(work)
        layout.adopt(learnt)
        if last is None:
            return
        after = last
        if await slice_over({"setting": layout.graph.facts, "label": label.id, "after": after}):
            return
