"""Shortest paths by Cypher beside hand-written SQL: ends with labels and without, bound in the same MATCH and before.

On the sample graph (772 entities) and on a random graph with three relationships a person, with pairs that have a path
and pairs that have none, since one end stands alone. The baseline is a recursive query over kgmem's own edge index,
breadth first, which stops at the end and reads the keys and properties of all that lies on the path; for all paths of
the least length it goes that far once more and reads all of them. Where there is no path, it gathers all that is
reached, each node once.
"""

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from bench.contract import Figure, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, fresh_database, memory_on, raw_connection
from bench.rig.machine import tell_database
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory

ROWS = 20_000
SHORT = 2_000
_AT_MOST = 3
_REPEATS = 20
_SAMPLE = Path(__file__).parents[1] / "sample" / "apollo"
_PAIRS = [
    ("neil-armstrong", "apollo-13"),
    ("neil-armstrong", "wernher-von-braun"),
    ("kennedy-space-center", "buzz-aldrin"),
    ("apollo-11", "apollo-17"),
]
_ALONE = "stands-alone"
_ALL = "all of the least length"
_QUERIES = {
    "no labels": "MATCH p = shortestPath((a {key: $a})-[*]-(b {key: $b})) RETURN p",
    "labels": "MATCH p = shortestPath((a:%(one)s {key: $a})-[*]-(b:%(other)s {key: $b})) RETURN p",
    "no labels, bound before": ("MATCH (a {key: $a}), (b {key: $b}) MATCH p = shortestPath((a)-[*]-(b)) RETURN p"),
    _ALL: "MATCH p = allShortestPaths((a {key: $a})-[*]-(b {key: $b})) RETURN p",
    "SHORTEST 1": "MATCH p = SHORTEST 1 (a {key: $a})-[]-+(b {key: $b}) RETURN p",
}
_ENDS = """
    SELECT (SELECT id FROM kgm.item WHERE key = $1 AND kind = 1) AS a,
           (SELECT id FROM kgm.item WHERE key = $2 AND kind = 1) AS b
"""
_NEXT = """
    CROSS JOIN LATERAL (SELECT id, target FROM kgm.edge WHERE source = w.here
                        UNION ALL SELECT id, source FROM kgm.edge WHERE target = w.here) AS e (id, there)
"""
_PATH = f"""
    WITH RECURSIVE ends AS MATERIALIZED ({_ENDS}), walk (here, nodes, edges) AS (
        SELECT a, ARRAY[a], '{{}}'::bigint[] FROM ends
        UNION ALL SELECT e.there, w.nodes || e.there, w.edges || e.id FROM walk w {_NEXT}
        WHERE e.there <> ALL (w.nodes) AND cardinality(w.edges) < 30),
    found AS (SELECT nodes, edges FROM walk WHERE here = (SELECT b FROM ends) LIMIT 1)
    SELECT i.key, v.properties, n.edge, e.properties
    FROM (SELECT u.node, f.edges[u.place - 1] AS edge, u.place
          FROM found f CROSS JOIN LATERAL unnest(f.nodes) WITH ORDINALITY AS u (node, place)) n
    JOIN kgm.item i ON i.id = n.node
    CROSS JOIN LATERAL (SELECT properties FROM {GRAPH}._ag_label_vertex v WHERE v.id = n.node::text::graphid) v
    LEFT JOIN LATERAL (SELECT properties FROM {GRAPH}._ag_label_edge e WHERE e.id = n.edge::text::graphid) e ON true
    ORDER BY n.place
"""
_ALL_PATHS = f"""
    WITH RECURSIVE ends AS MATERIALIZED ({_ENDS}), walk (here, nodes, edges) AS (
        SELECT a, ARRAY[a], '{{}}'::bigint[] FROM ends
        UNION ALL SELECT e.there, w.nodes || e.there, w.edges || e.id FROM walk w {_NEXT}
        WHERE e.there <> ALL (w.nodes) AND cardinality(w.edges) < 30),
    least AS MATERIALIZED (SELECT cardinality(edges) AS most FROM walk WHERE here = (SELECT b FROM ends) LIMIT 1),
    again (here, nodes, edges) AS (
        SELECT a, ARRAY[a], '{{}}'::bigint[] FROM ends
        UNION ALL SELECT e.there, w.nodes || e.there, w.edges || e.id FROM again w {_NEXT}
        WHERE e.there <> ALL (w.nodes) AND cardinality(w.edges) < (SELECT most FROM least)),
    found AS (SELECT row_number() OVER () AS path, nodes, edges FROM again
              WHERE here = (SELECT b FROM ends) AND cardinality(edges) = (SELECT most FROM least))
    SELECT n.path, i.key, v.properties, n.edge, e.properties
    FROM (SELECT f.path, u.node, f.edges[u.place - 1] AS edge, u.place
          FROM found f CROSS JOIN LATERAL unnest(f.nodes) WITH ORDINALITY AS u (node, place)) n
    JOIN kgm.item i ON i.id = n.node
    CROSS JOIN LATERAL (SELECT properties FROM {GRAPH}._ag_label_vertex v WHERE v.id = n.node::text::graphid) v
    LEFT JOIN LATERAL (SELECT properties FROM {GRAPH}._ag_label_edge e WHERE e.id = n.edge::text::graphid) e ON true
    ORDER BY n.path, n.place
"""
_NO_PATH = f"""
    WITH RECURSIVE ends AS ({_ENDS}), walk (here) AS (SELECT a FROM ends UNION SELECT e.there FROM walk w {_NEXT})
    SELECT 1 FROM walk w WHERE w.here = (SELECT b FROM ends) LIMIT 1
"""


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the median of each query beside that of SQL."""
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.create(GRAPH, space=None)
        await memory.imports.run(GRAPH, [_SAMPLE / "entities.jsonl", _SAMPLE / "relationships.jsonl"])
        await memory.entities.put(GRAPH, [Entity(_ALONE, "Organization", "Stands alone")])
        async with raw_connection(url) as raw:
            labels = dict(await _labels(raw))
            async for figure in _compare(memory, raw, "sample", _PAIRS * 5, labels):
                yield figure
            await memory.graphs.delete(GRAPH)
            await _fill(memory, rows)
            chance = random.Random(7)
            pairs = [(f"p{chance.randrange(rows)}", f"p{chance.randrange(rows)}") for _ in range(_REPEATS)]
            people = {f"p{n}": "Person" for n in range(rows)} | {_ALONE: "Person"}
            async for figure in _compare(memory, raw, f"{rows:,} people", pairs, people):
                yield figure


async def _fill(memory: Memory, rows: int) -> None:
    await memory.graphs.create(GRAPH, space=None)
    chance = random.Random(5)
    names = [_ALONE, *(f"p{n}" for n in range(rows))]
    for first in range(0, rows, 2000):
        await memory.entities.put(GRAPH, [Entity(key, "Person", key) for key in names[first : first + 2000]])
    await memory.entities.put(GRAPH, [Entity(names[-1], "Person", names[-1])])
    for first in range(0, rows, 2000):
        people = range(first, min(first + 2000, rows))
        known = [Relationship("KNOWS", f"p{n}", f"p{m}") for n in people for m in chance.sample(range(rows), 3)]
        await memory.relationships.put(GRAPH, known)


async def _labels(raw: asyncpg.Connection) -> Sequence[tuple[str, str]]:
    schema = await _schema(raw)
    sql = f"SELECT i.key, l.name FROM {schema}.item i JOIN {schema}.label l ON l.id = i.id >> 48 WHERE i.kind = 1"
    return [(row[0], row[1]) for row in await raw.fetch(sql)]


async def _schema(raw: asyncpg.Connection) -> str:
    number = await raw.fetchval("SELECT id FROM kgmem.graph WHERE name = $1", GRAPH)
    return f"kgm_{int(number)}"


async def _compare(
    memory: Memory, raw: asyncpg.Connection, world: str, pairs: Sequence[tuple[str, str]], labels: dict[str, str]
) -> AsyncIterator[Figure]:
    await tell_database(raw)
    await raw.execute("VACUUM ANALYZE")
    schema = await _schema(raw)
    for there, chosen, sql in (("", pairs, _PATH), (", no path", [(a, _ALONE) for a, _ in pairs], _NO_PATH)):
        for name, text in _QUERIES.items():
            plain = (_ALL_PATHS if name == _ALL and sql == _PATH else sql).replace("kgm.", f"{schema}.")

            async def ours(pair: tuple[str, str], text: str = text) -> Any:
                told = text % {"one": labels[pair[0]], "other": labels[pair[1]]} if "%(" in text else text
                return await memory.cypher(GRAPH, told, {"a": pair[0], "b": pair[1]})

            async def theirs(pair: tuple[str, str], plain: str = plain) -> Any:
                return await raw.fetch(plain, *pair)

            mine, base = await interleave(chosen, ours, theirs, warm_up=8)
            yield compared(f"{world}: {name}{there}", mine.p50, base.p50, "ms", at_most=_AT_MOST)
