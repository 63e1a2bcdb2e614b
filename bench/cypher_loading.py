"""How many rows a second Cypher's loading idioms take, beside SQL that loads the same into plain tables.

Rows of texts, as a CSV file has them, come as one parameter: nodes by UNWIND and CREATE, then relationships by UNWIND,
MATCH of both ends by an indexed property, and CREATE or MERGE. The baseline is one INSERT into a table with the same
index, for relationships with a join to find the ends and an index of each end; it keeps no history and no change feed.
In turns, medians of three batches each.
"""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median
from typing import Any

import asyncpg
import orjson

from bench.contract import Figure, compared
from bench.rig.database import GRAPH, fresh_database, memory_on, raw_connection
from bench.rig.machine import tell_database
from kgmem.memory import Memory

ROWS = 10_000
SHORT = 1_000
TURNS = 3
SCHEMA = {"labels": {"Person": {"properties": {"uid": {"type": "integer", "indexed": True}}}}}
_NODES = "UNWIND $rows AS r CREATE (:Person {uid: toInteger(r.a), name: r.name})"
_ENDS = "UNWIND $rows AS r MATCH (a:Person {uid: toInteger(r.a)}), (b:Person {uid: toInteger(r.b)})"
_TABLES = """
    CREATE TABLE bench_node (id bigserial PRIMARY KEY, uid bigint, name text);
    CREATE INDEX ON bench_node (uid);
    CREATE TABLE bench_edge (id bigserial PRIMARY KEY, source bigint, target bigint);
    CREATE INDEX ON bench_edge (source);
    CREATE INDEX ON bench_edge (target);
"""
_SQL_NODES = """
    INSERT INTO bench_node (uid, name) SELECT r.a::bigint, r.name
    FROM jsonb_to_recordset($1::jsonb) AS r (a text, b text, name text)
"""
_SQL_EDGES = """
    INSERT INTO bench_edge (source, target) SELECT a.id, b.id
    FROM jsonb_to_recordset($1::jsonb) AS r (a text, b text, name text)
    JOIN bench_node a ON a.uid = r.a::bigint JOIN bench_node b ON b.uid = r.b::bigint
"""


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the rows a second of each idiom."""
    async with fresh_database() as url, memory_on(url) as memory, raw_connection(url) as raw:
        await tell_database(raw)
        await memory.graphs.create(GRAPH, schema=SCHEMA, space=None)
        await raw.execute(_TABLES)
        batches = [_batch(number, rows) for number in range(TURNS)]
        for name, ours, theirs in (
            ("UNWIND, CREATE nodes", _NODES, _SQL_NODES),
            ("UNWIND, MATCH both ends, CREATE", f"{_ENDS} CREATE (a)-[:KNOWS]->(b)", _SQL_EDGES),
            ("UNWIND, MATCH both ends, MERGE", f"{_ENDS} MERGE (a)-[:LIKES]->(b)", _SQL_EDGES),
        ):
            mine, base = [], []
            for batch in batches:
                mine.append(await _rate(batch, _by_cypher(memory, ours)))
                base.append(await _rate(batch, _by_sql(raw, theirs)))
            yield compared(name, median(mine), median(base), "rows/s")


def _batch(number: int, rows: int) -> list[dict[str, str]]:
    """Return rows of people who are new, each with another of them."""
    chance, first = random.Random(number), number * rows
    return [
        {"a": str(n), "b": str(first + chance.randrange(rows)), "name": f"Person {n}"}
        for n in range(first, first + rows)
    ]


def _by_cypher(memory: Memory, query: str) -> Callable[[list[dict[str, str]]], Awaitable[Any]]:
    return lambda batch: memory.cypher(GRAPH, query, {"rows": batch}, mode="write")


def _by_sql(raw: asyncpg.Connection, sql: str) -> Callable[[list[dict[str, str]]], Awaitable[Any]]:
    return lambda batch: raw.execute(sql, orjson.dumps(batch).decode())


async def _rate(batch: list[dict[str, str]], load: Callable[[list[dict[str, str]]], Awaitable[Any]]) -> float:
    """Return the rows a second of one batch."""
    began = time.perf_counter()
    await load(batch)
    return len(batch) / (time.perf_counter() - began)
