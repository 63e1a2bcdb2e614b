"""The store of merges and of pairs that may be duplicates, in the tables of each graph."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.text.resolution import Candidate, JudgedPair, Merge, NewMerge, pair
from kgmem.domain.time.interval import iso
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import scope_ids
from kgmem.store.graph.records import encoded
from kgmem.store.resolution import merge as merging
from kgmem.store.resolution import merge_rollback
from kgmem.store.resolution.merge_rows import as_merge
from kgmem.store.write.passages import Passages

_MOST_JUDGED = 2000  # Decisions that are learned from, the newest.


class _DryRun(Exception):
    """What a merge would do; raised so that nothing of it is written."""

    def __init__(self, merge: Merge) -> None:
        self.merge = merge


class PostgresMerges:
    """Merges, their undoing, and the review list; each write is one transaction."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def merge(self, graph: str, asked: NewMerge) -> Merge:
        """Merge one entity into another of the same scope. Raises NotFound, InvalidInput."""
        async with self.catalog.on(graph) as layout:
            async with self.database.connection() as connection:
                await scope_ids(connection, layout, [asked.scope], make=False)  # Which claims are written in.
            if not asked.dry_run:
                await layout.ensure("merges")

            async def work(connection: asyncpg.Connection) -> Merge:
                passages = Passages(layout)
                merged = await merging.merge(connection, passages, asked)
                if asked.dry_run:
                    raise _DryRun(merged)
                await passages.store(connection)
                return merged

            try:
                return await self.database.transact(work)
            except _DryRun as dry:
                return dry.merge

    async def undo(self, graph: str, id_: int, by: str, reason: str, scope: str) -> Merge:
        """Undo a merge. Raises NotFound, Conflict."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> Merge:
                passages = Passages(layout)
                undone = await merge_rollback.undo(connection, passages, (id_, by, reason), scope)
                await passages.store(connection)
                return undone

            return await self.database.transact(work)

    async def merges(self, graph: str, scope: str, before: int | None, limit: int) -> Sequence[Merge]:
        """Return the merges that a scope sees, the newest first."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("merge", "merges"), list(visible_from(scope)), before, limit)
            return [as_merge(row, row["path"]) for row in rows]

    async def put_candidates(self, graph: str, candidates: Sequence[Candidate], scope: str) -> int:
        """Put pairs of one scope on the review list, but those that a person has decided; return how many are there."""
        if not candidates:
            return 0
        unique = {pair(each.one, each.other): each for each in candidates}
        async with self.catalog.on(graph) as layout:
            await layout.ensure("merges")

            async def work(connection: asyncpg.Connection) -> int:
                numbers = await scope_ids(connection, layout, [scope], make=True)
                rows = await connection.fetch(
                    layout.sql("merge", "put_similarity"),
                    numbers[scope],
                    [one for one, _ in sorted(unique)],
                    [other for _, other in sorted(unique)],
                    [unique[each].evidence for each in sorted(unique)],
                    [encoded(unique[each].parts).decode() for each in sorted(unique)],
                    [unique[each].vetoed for each in sorted(unique)],
                )
                return len(rows)

            return await self.database.transact(work)

    async def candidates(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Candidate]:
        """Return a page of the pairs that wait for a decision, the likeliest first."""
        after = _after(cursor)
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(
                layout.sql("merge", "similarities"), list(visible_from(scope)), *after, limit + 1
            )
        found = [_candidate(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(found, f"{rows[limit - 1]['evidence'].hex()}_{rows[limit - 1]['id']}" if more else None)

    async def judged(self, graph: str, scope: str) -> Sequence[JudgedPair]:
        """Return decisions of people on pairs in this scope only whose similarity is known, the newest first."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            number = (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)
            states = (merging.ONE_THING, merge_rollback.TWO_THINGS, _MOST_JUDGED)
            rows = await connection.fetch(layout.sql("merge", "judged"), number, *states)
        return [JudgedPair(row["similarity"], row["same"]) for row in rows]

    async def settle(self, graph: str, id_: int, by: str, reason: str, scope: str) -> Candidate:
        """Mark a pair in this scope only as distinct, for good. Raises NotFound."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            numbers = await scope_ids(connection, layout, [scope], make=False)
            row = await connection.fetchrow(
                layout.sql("merge", "settle_similarity"),
                numbers.get(scope, -1),
                id_,
                merge_rollback.TWO_THINGS,
                by,
                reason,
            )
        if row is None:
            raise NotFound(f"No pair {id_} of this scope waits for a decision.", hint="List the candidates.")
        return _candidate(row, scope)


def _after(cursor: str | None) -> tuple[float | None, int | None]:
    if cursor is None:
        return None, None
    try:
        evidence, id_ = cursor.split("_")
        return float.fromhex(evidence), int(id_)
    except ValueError as error:
        raise InvalidInput(
            "The cursor is invalid.", hint="Send the cursor of the previous answer unchanged."
        ) from error


def _candidate(row: Any, scope: str | None = None) -> Candidate:
    return Candidate(
        row["one"],
        row["other"],
        round(row["evidence"], 3),
        orjson.loads(row["parts"]),
        row["vetoed"],
        row["path"] if scope is None else scope,
        row["id"],
        iso(row["at"]),
    )
