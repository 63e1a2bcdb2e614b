"""The search indexes and the pages under a graph: what Postgres and its extensions can tell of their own damage."""

import asyncio
import re
from collections.abc import Sequence

import asyncpg

from kgmem.domain.diagnostics import Damage
from kgmem.store.db.sql import SQL, identifier
from kgmem.store.db.statements import statement
from kgmem.store.graph.checks import damage
from kgmem.store.graph.layout import Layout

_SAMPLE = 40  # Vectors that are looked for by themselves.
_MOST_LOST = 0.2  # Of the sample: HNSW is approximate, and may miss a few of many.
_LOOKS = 3  # At the keyword index, which is not part of any snapshot.
_SEGMENTS = re.compile(r"^\s*Total: .*?(\d+) docs\b", re.MULTILINE)
_ALIVE = re.compile(r"^\s*Total: .*?\(alive=(\d+)", re.MULTILINE)
# Before 1.5 it also tells the docids from which these documents can be recovered: the same ones once more.
_IN_MEMORY = re.compile(r"^\s*documents: (\d+)", re.MULTILINE)


async def compare_keyword_index(connection: asyncpg.Connection, layout: Layout) -> list[Damage]:
    """Return how many passages BM25 does not have; those that are written meanwhile count for neither side."""
    missing = 0
    for _ in range(_LOOKS):
        before = await connection.fetchval(layout.sql("integrity", "passages"))
        told = await connection.fetchval(
            statement("keyword_index", "summary"), f"{identifier(layout.index_name)}.passage_words"
        )
        after = await connection.fetchval(layout.sql("integrity", "passages"))
        missing = min(before, after) - _documents(told)
        if missing <= 0:
            return []
        await asyncio.sleep(0.05)
    return [damage("keyword-index", missing)]


def _documents(told: str) -> int:
    """Return how many documents an index has, by pg_textsearch's summary; those in memory count as well."""
    segments = _ALIVE.search(told) or _SEGMENTS.search(told)
    return (int(segments[1]) if segments else 0) + sum(int(number) for number in _IN_MEMORY.findall(told))


async def compare_vector_index(connection: asyncpg.Connection, layout: Layout) -> list[Damage]:
    """Return how many vectors of a sample the vector index does not find by themselves."""
    if layout.vectors is None:
        return []
    await connection.execute(SQL("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"))
    await connection.execute(SQL("SET LOCAL hnsw.ef_search = 200; SET LOCAL hnsw.iterative_scan = strict_order"))
    sample = await connection.fetch(layout.sql("integrity", "vector_sample", table=layout.vectors), _SAMPLE)
    sql = layout.sql("integrity", "vector_found", table=layout.vectors)
    lost = [row["passage"] for row in sample if not await connection.fetchval(sql, row["passage"])]
    if len(lost) <= _MOST_LOST * len(sample):
        return []
    return [damage("vector-index", len(lost), f"passage {lost[0]}, of {len(sample)} vectors that were tried")]


async def amcheck_schema(connection: asyncpg.Connection) -> tuple[str | None, str]:
    """Return the schema of the extension amcheck, or None and the reason why it is not there."""
    row = await connection.fetchrow(statement("integrity", "amcheck"))
    if row["schema"]:
        return row["schema"], ""
    if row["available"]:
        return None, "the extension amcheck is not installed: CREATE EXTENSION amcheck;"
    return None, "this Postgres has no extension amcheck"


async def damaged_btrees(connection: asyncpg.Connection, schemas: Sequence[str], amcheck: str) -> list[tuple[str, str]]:
    """Return the btree indexes that fail amcheck, each with what it says."""
    sql = statement("integrity", "check_btree", amcheck=amcheck)
    failed = []
    for row in await connection.fetch(statement("integrity", "btrees"), list(schemas)):
        try:
            async with connection.transaction():
                await connection.execute(sql, row["oid"])
        except (asyncpg.UndefinedObjectError, asyncpg.UndefinedTableError):
            continue  # It was dropped meanwhile.
        except asyncpg.InternalServerError as error:
            failed.append((row["name"], str(error)))
    return failed


async def damaged_tables(connection: asyncpg.Connection, schemas: Sequence[str], amcheck: str) -> list[tuple[str, str]]:
    """Return the tables that fail amcheck, each with what it says."""
    sql = statement("integrity", "check_heap", amcheck=amcheck)
    failed = []
    for row in await connection.fetch(statement("integrity", "tables"), list(schemas)):
        try:
            async with connection.transaction():
                told = await connection.fetch(sql, row["oid"])
        except asyncpg.UndefinedTableError:
            continue  # It was dropped meanwhile.
        except asyncpg.InternalServerError as error:
            failed.append((row["name"], str(error)))
        else:
            failed += [(row["name"], f"block {each['blkno']}: {each['msg']}") for each in told[:1]]
    return failed


async def compare_checksums(connection: asyncpg.Connection) -> tuple[list[Damage], str | None]:
    """Return failed checksums of the database, and why there are none to be had where they are off."""
    row = await connection.fetchrow(statement("integrity", "checksums"))
    if not row["enabled"]:
        return [], "data checksums are off: pg_checksums --enable, with Postgres stopped"
    found = [damage("checksums", row["failures"], f"the last at {row['last']}")] if row["failures"] else []
    return found, None
