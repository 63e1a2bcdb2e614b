"""The register of imports: what was read, how, how far it is, and what came of it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import orjson

from kgmem.domain.batch import Rejection
from kgmem.domain.errors import NotFound
from kgmem.domain.imports import Import, ImportState, Waiting
from kgmem.domain.interval import iso
from kgmem.storage.postgres.catalog import PostgresCatalog
from kgmem.storage.postgres.statements import statement

LAST = 2**62  # Batches of what waited are numbered from here on.
_PAGE = 5000


class ImportRegister:
    """The register of the imports of every graph."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def begin(
        self, graph: str, files: Sequence[Mapping[str, Any]], options: Mapping[str, Any], source: str | None
    ) -> int:
        """Register an import; gives its id."""
        layout = await self.catalog.layout(graph)
        told = orjson.dumps(files).decode(), orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode()
        async with self.database.connection() as connection:
            id_: int = await connection.fetchval(statement("imports", "begin"), layout.id, *told, source)
        return id_

    async def resume(self, graph: str, files: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> int | None:
        """Give the newest import of the same files in the same way that did not end, and let it run; None without."""
        layout = await self.catalog.layout(graph)
        told = orjson.dumps(files).decode(), orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode()
        async with self.database.connection() as connection:
            id_: int | None = await connection.fetchval(statement("imports", "unfinished"), layout.id, *told)
            if id_ is not None:
                await connection.execute(statement("imports", "resume"), id_)
        return id_

    async def stored(self, id_: int) -> frozenset[int]:
        """Give the numbers of the batches that were stored."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("imports", "numbers"), id_, LAST)
        return frozenset(row["number"] for row in rows)

    async def waiting(self, id_: int) -> Waiting:
        """Count what waits until all entities are there."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(statement("imports", "waiting"), id_)
        return Waiting(row["relationships"], row["episodes"])

    async def finish(self, id_: int, state: ImportState, error: str | None = None) -> None:
        """Write how an import ended."""
        async with self.database.connection() as connection:
            await connection.execute(statement("imports", "finish"), id_, state, error)

    async def list(self, graph: str, *, id_: int | None = None, limit: int = 100) -> Sequence[Import]:
        """Give the imports of a graph, newest first. Raises NotFound for a graph that is not."""
        await self.catalog.layout(graph)
        async with self.database.connection() as connection:
            return [_import_of(row) for row in await connection.fetch(statement("imports", "get"), graph, id_, limit)]

    async def get(self, graph: str, id_: int) -> Import:
        """Give an import. Raises NotFound."""
        found = await self.list(graph, id_=id_)
        if not found:
            raise NotFound(f"There is no import {id_} of {graph!r}.", mend="List them: GET /v1/graphs/GRAPH/imports.")
        return found[0]

    async def rejections(self, id_: int) -> AsyncGenerator[Rejection, None]:
        """Give the records that an import rejected, in the order in which it did."""
        after = 0
        while True:
            async with self.database.connection() as connection:
                rows = await connection.fetch(statement("imports", "rejections"), id_, after, _PAGE)
            for row in rows:
                yield Rejection(row["file"], row["line"], row["reason"], row["record"])
                after = row["id"]
            if len(rows) < _PAGE:
                return


def _import_of(row: Any) -> Import:
    return Import(
        id=row["id"],
        graph=row["graph"],
        state=row["state"],
        files=orjson.loads(row["files"]),
        options=orjson.loads(row["options"]),
        source=row["source"],
        created_at=iso(row["created_at"]),
        finished_at=iso(row["finished_at"]) if row["finished_at"] is not None else None,
        error=row["error"],
        **{name: int(row[name]) for name in ("read", "created", "updated", "unchanged", "rejected")},
        kinds={kind: int(count) for kind, count in orjson.loads(row["kinds"]).items()},
    )
