"""Expired items leave a graph before anything reads or writes it."""

from collections.abc import Awaitable, Callable, Sequence

from kgmem.domain.graph.expiry import ExpiredItem
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.write import expiry


class PostgresExpiry:
    """When items of graphs expire."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def due(self, graph: str, most: int) -> Sequence[ExpiredItem]:
        """Return items whose time is over, those that expired first before the others."""
        async with self.catalog.on(graph, reads=("expiry",), expires=False) as layout:
            while True:
                found, looked_at = await self.database.transact(lambda connection: expiry.due(connection, layout, most))
                if found or not looked_at:
                    return found

    async def settle(self, graph: str, items: Sequence[ExpiredItem]) -> None:
        """Note that items are deleted: their history ends at the time at which they expired."""
        async with self.catalog.on(graph, reads=("expiry",), expires=False) as layout:
            await self.database.transact(lambda connection: expiry.settle(connection, layout, items))

    async def has_due(self, graph: str) -> bool:
        """Return whether the time of an item is over."""
        async with self.catalog.on(graph, reads=("expiry",), expires=False) as layout:
            return await self.catalog.expiry.is_due(layout)

    def on_due(self, expire: Callable[[str], Awaitable[int]]) -> None:
        """Take what deletes the expired items of a graph; it runs before anything reads or writes the graph."""
        self.catalog.expiry.expire = expire
