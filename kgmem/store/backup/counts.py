"""What is in a server's graphs: rows of each table, whether indexes answer, and texts to ask for."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from kgmem.domain.backups.backup import CountedTable, CountRange, SampleText
from kgmem.store.db.errors import translating
from kgmem.store.db.hosts import connect
from kgmem.store.db.sql import SQL, compose, identifier
from kgmem.store.db.statements import load, statement
from kgmem.store.sync.keyword_index_repair import build_keyword_index

# What a session has changed is in the statistics after a second at the latest, once its transaction has ended.
_STATISTICS = 1.1
_WORDS = 8


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection to a server that no statement is stopped on. Raises DatabaseUnavailable."""
    settings = {"search_path": "ag_catalog,public", "kgmem.own": "on", "application_name": "kgmem backup"}
    with translating():
        connection = await connect(url, server_settings={**settings, "statement_timeout": "0"}, timeout=30)
        try:
            yield connection
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Before:
    """The state of the statistics when a backup began."""

    transaction: str
    changes: Mapping[tuple[str, str], tuple[int, int]]


async def begin(connection: asyncpg.Connection) -> Before:
    """Return what `ranges` compares with at the end."""
    transaction = await connection.fetchval(load("backup")["last_transaction"])
    return Before(transaction, {_key(row): _changes(row) for row in await _tables(connection)})


async def ranges(connection: asyncpg.Connection, before: Before) -> Mapping[str, Mapping[str, CountRange]]:
    """Return per graph how many rows each table has in a backup that was made since `begin`.

    Without writes meanwhile that is one number. Else the backup has at least what there is now without what was
    inserted, and at most that and what was deleted.
    """
    found: dict[str, dict[str, CountRange]] = {}
    counted = [(row, await _count(connection, row)) for row in await _tables(connection)]
    quiet = before.transaction == await connection.fetchval(load("backup")["last_transaction"])
    after: Mapping[tuple[str, str], tuple[int, int]] = {}
    if not quiet:
        await asyncio.sleep(_STATISTICS)
        after = {_key(row): _changes(row) for row in await _tables(connection)}
    for row, count in counted:
        earlier = before.changes.get(_key(row), (0, 0))
        later = after.get(_key(row), earlier)
        inserted, deleted = (max(0, now - then) for now, then in zip(later, earlier, strict=True))
        found.setdefault(row["graph"], {})[row["title"]] = CountRange(max(0, count - inserted), count + deleted)
    if not quiet:
        _forgive_new_graphs(found, before)
    return found


def _forgive_new_graphs(found: dict[str, dict[str, CountRange]], before: Before) -> None:
    """Drop tables that were made meanwhile: the backup may be from before."""
    known = {graph: {title for name, title in before.changes if name == graph} for graph, _ in before.changes}
    for graph in list(found):
        kept = {title: rows for title, rows in found[graph].items() if title in known.get(graph, ())}
        if kept:
            found[graph] = kept
        else:
            del found[graph]


async def counted(connection: asyncpg.Connection) -> Sequence[CountedTable]:
    """Return the rows of each table of each graph."""
    rows = await _tables(connection)
    return [CountedTable(row["graph"], row["title"], await _count(connection, row)) for row in rows]


async def index_errors(connection: asyncpg.Connection) -> Sequence[str]:
    """Return what is wrong with vector indexes: a stored vector must be found by them."""
    errors = []
    for row in await connection.fetch(load("backup")["vector_tables"]):
        names = {"schema": row["schema"], "table": row["name"]}
        async with connection.transaction():
            await connection.execute(SQL("SET LOCAL enable_seqscan = off"))
            found = await connection.fetchrow(statement("backup", "nearest", **names))
        lost = found["nearest"] is None or found["nearest"] > found["itself"] + 0.01
        if found["stored"] and lost:
            errors.append(f"The vector index of {row['name']} of the graph {row['graph']} does not find a vector.")
    return errors


async def samples(connection: asyncpg.Connection) -> AsyncIterator[SampleText]:
    """Return the first words of some texts of each graph."""
    for graph in await connection.fetch(load("backup")["graphs"]):
        for row in await connection.fetch(statement("backup", "sample", index=graph["index_name"])):
            words = " ".join(row["body"].split()[:_WORDS])
            yield SampleText(graph["name"], row["scope"], words)


async def rebuild_keyword_indexes(connection: asyncpg.Connection) -> int:
    """Rebuild every keyword index that is not in the WAL; return how many."""
    if not await connection.fetchval(load("backup")["has_graphs"]):
        return 0
    if not await connection.fetchval(statement("keyword_index", "loses_memory")):
        return 0
    graphs = await connection.fetch(load("backup")["keyword_graphs"])
    for row in graphs:
        await build_keyword_index(connection, row["id"], row["index_name"])
    return len(graphs)


async def _tables(connection: asyncpg.Connection) -> Sequence[asyncpg.Record]:
    if not await connection.fetchval(load("backup")["has_graphs"]):
        return []
    found: Sequence[asyncpg.Record] = await connection.fetch(load("backup")["tables"])
    return found


async def _count(connection: asyncpg.Connection, row: asyncpg.Record) -> int:
    count = compose("SELECT count(*) FROM ONLY {}", identifier(row["schema"], row["name"]))
    try:
        return int(await connection.fetchval(count))
    except asyncpg.UndefinedTableError:
        return 0  # Its graph was dropped meanwhile.


def _key(row: asyncpg.Record) -> tuple[str, str]:
    return row["graph"], row["title"]


def _changes(row: asyncpg.Record) -> tuple[int, int]:
    return row["inserted"], row["deleted"]
