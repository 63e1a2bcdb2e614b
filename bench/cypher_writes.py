"""How many nodes and relationships a second Cypher writes in batches, beside AGE's own cypher() as the baseline.

A graph with an index on Person.uid. Batches of 10,000 rows come as a parameter; AGE, which takes none, gets them as
literals. Creating is measured in turns, medians of five batches each; of the rows that are merged half are there
already. AGE merges so few rows a second that it gets a batch of 300 once.
"""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import asyncpg

from bench.contract import Figure, compared
from bench.rig.database import GRAPH, fresh_database, memory_on, raw_connection
from bench.rig.machine import tell_database
from kgmem.memory import Memory
from kgmem.query.execution.statements import Engine, StatementRequest
from kgmem.store.cypher.graphs import PostgresGraphs

ROWS = 10_000
SHORT = 1_000
TURNS = 5
_FEW = 300
SCHEMA = {"labels": {"Person": {"properties": {"uid": {"type": "integer", "indexed": True}}}}}
_CREATE = "UNWIND %s AS row CREATE (:Person {uid: row.uid, name: row.name})"
_MERGE = "UNWIND %s AS row MERGE (p:Person {uid: row.uid}) ON CREATE SET p.name = row.name"
_MERGE_BY_AGE = _MERGE.partition(" ON CREATE")[0]  # AGE 1.7 knows no more.
_LINK = "UNWIND %s AS row MATCH (a:Person {uid: row.uid}), (b:Person {uid: row.other}) CREATE (a)-[:KNOWS]->(b)"


class Writes:
    """Ours and AGE's, on one graph; each batch is of people that are not there yet."""

    def __init__(self, memory: Memory, raw: asyncpg.Connection) -> None:
        """Take the memory and a connection of AGE's."""
        catalog: Any = memory.ports.graphs
        self._engine = Engine(PostgresGraphs(catalog))
        self._raw = raw
        self._next = 0

    def people(self, count: int, *, again: int = 0) -> list[dict[str, Any]]:
        """Return so many people, of whom so many were given before."""
        first = self._next - again
        self._next = first + count
        return [{"uid": n, "name": f"Person {n}", "other": max(n - 7, 0)} for n in range(first, first + count)]

    async def ours(self, text: str, rows: Sequence[dict[str, Any]]) -> float:
        """Return the rows a second of the engine."""
        started = time.perf_counter()
        await self._engine.run(StatementRequest(text % "$rows", GRAPH, {"rows": rows}, writes=True))
        return len(rows) / (time.perf_counter() - started)

    async def by_age(self, text: str, rows: Sequence[dict[str, Any]]) -> float:
        """Return the rows a second of AGE's cypher()."""
        told = ", ".join(f"{{uid: {row['uid']}, name: '{row['name']}', other: {row['other']}}}" for row in rows)
        query = text % f"[{told}]"
        started = time.perf_counter()
        await self._raw.execute(f"SELECT * FROM cypher('{GRAPH}', $bench$ {query} $bench$) AS (a agtype)")
        return len(rows) / (time.perf_counter() - started)


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the rows a second of each way to write."""
    async with fresh_database() as url, memory_on(url) as memory, raw_connection(url) as raw:
        await tell_database(raw)
        await memory.graphs.create(GRAPH, schema=SCHEMA, space=None)
        writes = Writes(memory, raw)
        await writes.ours(_CREATE, writes.people(rows))
        await writes.by_age(_CREATE, writes.people(rows))
        ours, theirs = [], []
        for _ in range(TURNS):
            ours.append(await writes.ours(_CREATE, writes.people(rows)))
            theirs.append(await writes.by_age(_CREATE, writes.people(rows)))
        found = compared("UNWIND $rows CREATE, beside AGE's", median(ours), median(theirs), "rows/s", at_least=0.5)
        yield replace(found, bar="ratio >= 0.5 or 50,000 rows/s", holds=found.holds or found.value >= 50_000)
        await writes.ours(_MERGE, writes.people(rows, again=rows // 2))
        merged = [await writes.ours(_MERGE, writes.people(rows, again=rows // 2)) for _ in range(TURNS)]
        slow = await writes.by_age(_MERGE_BY_AGE, writes.people(_FEW, again=_FEW // 2))
        told = compared("UNWIND $rows MERGE, half of them there", median(merged), slow, "rows/s")
        yield replace(told, bar=">= 20,000 rows/s", holds=told.value >= 20_000)
        linked = [await writes.ours(_LINK, writes.people(rows, again=rows)) for _ in range(TURNS)]
        slow = await writes.by_age(_LINK, writes.people(_FEW, again=_FEW))
        yield compared("UNWIND $rows MATCH two, CREATE a relationship", median(linked), slow, "rows/s", at_least=1)
