"""A pool of graphs: one that a test has used is emptied for the next, since making a graph takes far longer."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.memory import Memory
from kgmem.store.db.statements import forget_statements
from kgmem.store.graph.subsystems import SUBSYSTEMS

# Each test gets a new graph, of which no subsystem has tables; slow, and shows writers that forget to make them.
_NEW_EACH = bool(os.environ.get("KGMEM_TEST_NEW_GRAPHS"))
_SQL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")


_POOLS: "WeakKeyDictionary[Memory, GraphPool]" = WeakKeyDictionary()


def pool_of(memory: Memory) -> "GraphPool | None":
    """Return the pool of a memory that tests share."""
    return _POOLS.get(memory)


class GraphPool:
    """Graphs of one memory, each of them empty when it is taken, whatever the test before did to it."""

    def __init__(self, memory: Memory) -> None:
        """Take the memory whose graphs these are."""
        self.memory = memory
        self._parked: list[int] = []
        self._taken: dict[str, int] = {}
        _POOLS[memory] = self

    def serve(self, memory: Memory) -> Memory:
        """Let another memory over the same parts take graphs, too."""
        _POOLS[memory] = self
        return memory

    async def prepare(self) -> None:
        """Put into the database what empties graphs, where it is not there yet."""
        async with self._database.connection() as connection:
            if not await connection.fetchval("SELECT to_regnamespace('kgmem_test') IS NOT NULL"):
                await connection.execute(_SQL)

    def has(self, name: str) -> bool:
        """Whether a graph is taken from this pool."""
        return name in self._taken

    async def take(self, name: str | None = None) -> str:
        """Return the name of an empty graph in the memory's embedding space."""
        name = name or f"pooled_{secrets.token_hex(6)}"
        async with self._database.connection() as connection:
            if self._parked:
                id_ = self._parked.pop()
                # Kept by the graph's number and its index, of what the test before made of them.
                self._index._lexemes._looked.clear()
                forget_statements(await connection.fetchval("SELECT kgmem_test.take($1, $2)", id_, name))
            else:
                id_ = (await self.memory.graphs.create(name)).id
                if _NEW_EACH:
                    self._taken[name] = id_
                    return name
                # With them the graph has the shape to which any test may bring it.
                layout = await self._catalog.layout(name)
                for subsystem in SUBSYSTEMS:
                    await layout.ensure(subsystem)
                await connection.execute("SELECT kgmem_test.pool($1)", name)
        self._catalog.forget(name)
        self._taken[name] = id_
        return name

    async def give_back(self, name: str) -> None:
        """Empty a graph, so that another test may have it; one that a test has changed in its shape is dropped."""
        id_ = self._taken.pop(name)
        if _NEW_EACH:
            with suppress(NotFound):  # The test may have deleted it.
                await self.memory.graphs.delete(name)
            return
        try:
            async with self._database.connection() as connection, connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                emptied = await connection.fetchval("SELECT kgmem_test.park($1)", id_)
        except KgmemError:
            emptied = False  # Something of the test still holds it.
        self._catalog.forget(name)
        if emptied:
            self._parked.append(id_)
            return
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM kgmem_test.pooled WHERE id = $1", id_)
            left = await connection.fetchval("SELECT name FROM kgmem.graph WHERE id = $1", id_)
        if left is not None:
            await self.memory.graphs.delete(left)

    @asynccontextmanager
    async def lent(self, name: str | None = None) -> AsyncIterator[str]:
        """Return the name of an empty graph for a block."""
        name = await self.take(name)
        try:
            yield name
        finally:
            if name in self._taken:
                await self.give_back(name)

    async def give_back_all(self) -> None:
        """Empty all graphs that are taken."""
        for name in list(self._taken):
            await self.give_back(name)

    async def clean(self) -> None:
        """Leave nothing in the database but graphs of the pool that nobody has taken."""
        await self.give_back_all()
        for graph in await self.memory.graphs.list():
            await self.memory.graphs.delete(graph.name)
        async with self._database.connection() as connection:
            await connection.execute("SELECT kgmem_test.clean()")

    @property
    def _catalog(self) -> Any:
        return self.memory.ports.graphs

    @property
    def url(self) -> str:
        """The URL of the database."""
        return str(self._database.url)

    @property
    def _index(self) -> Any:
        return self.memory.ports.index

    @property
    def _database(self) -> Any:
        return self._catalog.database
