"""How many rows a second reach Neo4j's driver for Python over Bolt, beside asyncpg's raw fetch of the same rows.

The graph of cypher_reads, a server process of its own, the driver in this process over one kept connection. Nodes: all
of a label; scalars: three columns of numbers and texts. The baseline of rows is one SELECT of the same out of AGE's
label table; that of the point query is the same query as SQL through asyncpg. Interleaved repetitions.
"""

import random
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import neo4j

from bench.contract import Figure, alone, compared, within
from bench.cypher_reads import fill
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, fresh_database, memory_on, raw_connection
from bench.rig.machine import tell_database
from bench.rig.server import HOST, serving

ROWS = 20_000
SHORT = 2_000
REPEATS = 8
POINTS = 200
_UID = "agtype_access_operator(VARIADIC ARRAY[properties, '\"uid\"'::agtype])"
_NAME = "agtype_access_operator(VARIADIC ARRAY[properties, '\"name\"'::agtype])"
_NODES = 'SELECT id, properties FROM bench."Person"'
_SCALARS = f'SELECT id::text::bigint, {_UID}, {_NAME} FROM bench."Person"'
_POINT = f'SELECT {_NAME} FROM bench."Person" WHERE {_UID} = $1::agtype'


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return rows a second, of nodes and of scalars, and the p50 of a point query."""
    port = _free_port()
    async with fresh_database() as url, memory_on(url) as memory:
        await fill(memory, rows)
        settings = {"EMBEDDER": "none", "BOLT_PORT": str(port), "EXTRACTOR": "none"}
        async with raw_connection(url) as raw, serving(url, memory, **settings) as door:
            await tell_database(raw)
            await raw.execute("VACUUM ANALYZE")
            with (
                neo4j.GraphDatabase.driver(f"bolt://{HOST}:{port}", auth=("bench", door.secret)) as driver,
                driver.session(database=GRAPH, fetch_size=-1) as session,
            ):

                async def ours(asked: tuple[str, str, dict[str, Any]]) -> int:
                    return sum(1 for _ in session.run(asked[0], asked[2]))

                async def theirs(asked: tuple[str, str, dict[str, Any]]) -> int:
                    return len(await raw.fetch(asked[1], *map(str, asked[2].values())))

                for name, text, sql, bar in (
                    ("nodes", "MATCH (p:Person) RETURN p", _NODES, 40_000),
                    ("scalars", "MATCH (p:Person) RETURN id(p), p.uid, p.name", _SCALARS, 100_000),
                ):
                    mine, base = await interleave([(text, sql, {})] * REPEATS, ours, theirs, warm_up=2)
                    rate = rows / mine.p50 * 1000
                    figure = compared(f"rows a second, {name}", rate, rows / base.p50 * 1000, "rows/s")
                    yield replace(figure, bar=f">= {bar:,} rows/s", holds=rate >= bar)
                    spent = time.process_time()
                    for _ in range(REPEATS):
                        await ours((text, sql, {}))
                    most = rows * REPEATS / (time.process_time() - spent)
                    why = "what the driver itself computes in this process"
                    yield alone(f"rows per second of the driver's own CPU time, {name}", most, "rows/s", why)
                chance = random.Random(3)
                text = "MATCH (p:Person {uid: $uid}) RETURN p.name"
                points = [(text, _POINT, {"uid": chance.randrange(rows)}) for _ in range(POINTS)]
                mine, base = await interleave(points, ours, theirs)
                figure = compared("a point query, p50", mine.p50, base.p50, "ms")
                yield within(figure, 2 * base.p50 + 1, "<= 2 x baseline + 1 ms")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
