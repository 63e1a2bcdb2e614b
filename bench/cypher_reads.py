"""How long Cypher reads take beside hand-written SQL on AGE's label tables, and beside AGE's own cypher().

A graph of Person nodes (uid indexed, name, age) with three random KNOWS relationships each, written through the façade;
bars hold at 100,000 nodes. Each query runs on the engine, as SQL that somebody who knows the tables would write, and,
where AGE can answer it in time, by cypher(). Medians of interleaved repetitions; the text is the same each time and the
person another one, as an application asks.
"""

import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from bench.contract import Figure, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, fresh_database, memory_on, raw_connection
from bench.rig.machine import tell_database
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.query.execution.statements import Engine, StatementRequest
from kgmem.store.cypher.graphs import PostgresGraphs

ROWS = 100_000
SHORT = 5_000
REPEATS = 60
SCHEMA = {"labels": {"Person": {"properties": {"uid": {"type": "integer", "indexed": True}, "age": "integer"}}}}

_UID = "agtype_access_operator(VARIADIC ARRAY[%s.properties, '\"uid\"'::agtype])"
_NAME = "agtype_access_operator(VARIADIC ARRAY[%s.properties, '\"name\"'::agtype])"
_AGE = "agtype_access_operator(VARIADIC ARRAY[properties, '\"age\"'::agtype])"
_A = f'bench."Person" a WHERE {_UID % "a"} = $1::agtype'


def _hops(count: int) -> str:
    joins = "".join(
        f' JOIN bench."KNOWS" e{n} ON e{n}.start_id = {"a.id" if n == 1 else f"e{n - 1}.end_id"}'
        + "".join(f" AND e{n}.id <> e{m}.id" for m in range(1, n))
        for n in range(1, count + 1)
    )
    last = f'JOIN bench."Person" b ON b.id = e{count}.end_id'
    return f'SELECT {_NAME % "b"} FROM bench."Person" a{joins} {last} WHERE {_UID % "a"} = $1::agtype'


_UNDIRECTED = f"""
    SELECT {_NAME % "b"} FROM bench."Person" a JOIN bench."KNOWS" e ON e.start_id = a.id
    JOIN bench."Person" b ON b.id = e.end_id WHERE {_UID % "a"} = $1::agtype
    UNION ALL
    SELECT {_NAME % "b"} FROM bench."Person" a JOIN bench."KNOWS" e ON e.end_id = a.id AND e.start_id <> e.end_id
    JOIN bench."Person" b ON b.id = e.start_id WHERE {_UID % "a"} = $1::agtype
"""
_CHAINS = f"""
    WITH RECURSIVE walk (here, path) AS (
        SELECT a.id, ARRAY[]::graphid[] FROM {_A}
        UNION ALL
        SELECT e.end_id, path || e.id FROM walk w JOIN bench."KNOWS" e ON e.start_id = w.here
        WHERE cardinality(path) < 5 AND NOT e.id = ANY (path))
    SELECT count(*) FROM walk WHERE cardinality(path) > 0
"""
_SHORTEST = f"""
    WITH RECURSIVE walk (here, depth) AS (
        SELECT a.id, 0 FROM {_A}
        UNION
        SELECT e.end_id, w.depth + 1 FROM walk w JOIN bench."KNOWS" e ON e.start_id = w.here WHERE w.depth < 12)
    SELECT w.depth FROM walk w
    WHERE w.here = (SELECT b.id FROM bench."Person" b WHERE {_UID % "b"} = $2::agtype) LIMIT 1
"""

# Name, Cypher, SQL, bar on the ratio to SQL, whether AGE answers it in a time that can be waited for.
QUERIES: list[tuple[str, str, str, float, bool]] = [
    (
        "point read",
        "MATCH (a:Person {uid: $uid}) RETURN a.name",
        f"SELECT {_NAME % 'a'} FROM {_A}",
        3,
        True,
    ),
    ("1 hop", "MATCH (a:Person {uid: $uid})-[:KNOWS]->(b:Person) RETURN b.name", _hops(1), 3, True),
    (
        "2 hops",
        "MATCH (a:Person {uid: $uid})-[:KNOWS]->(:Person)-[:KNOWS]->(b:Person) RETURN b.name",
        _hops(2),
        3,
        True,
    ),
    (
        "3 hops",
        "MATCH (a:Person {uid: $uid})-[:KNOWS]->(:Person)-[:KNOWS]->(:Person)-[:KNOWS]->(b:Person) RETURN b.name",
        _hops(3),
        3,
        True,
    ),
    ("undirected hop", "MATCH (a:Person {uid: $uid})-[:KNOWS]-(b:Person) RETURN b.name", _UNDIRECTED, 3, True),
    ("chains of 1 to 5", "MATCH (a:Person {uid: $uid})-[:KNOWS*1..5]->(b) RETURN count(*)", _CHAINS, 3, True),
    (
        "shortest path",
        "MATCH (a:Person {uid: $uid}), (b:Person {uid: $other}) RETURN length(shortestPath((a)-[:KNOWS*..12]->(b)))",
        _SHORTEST,
        3,
        False,
    ),
    (
        "aggregation over all",
        "MATCH (a:Person) RETURN count(a), avg(a.age), max(a.age)",
        f'SELECT count(*), avg(({_AGE})::float8), max(({_AGE})::float8) FROM bench."Person"',
        3,
        True,
    ),
    (
        "groups over all",
        "MATCH (a:Person) RETURN a.age AS age, count(*) AS n ORDER BY n DESC, age LIMIT 10",
        f'SELECT {_AGE} AS age, count(*) AS n FROM bench."Person" GROUP BY 1 ORDER BY n DESC, age LIMIT 10',
        3,
        True,
    ),
    (
        "the first 10 by name",
        "MATCH (a:Person) RETURN a.name ORDER BY a.name LIMIT 10",
        f'SELECT {_NAME % "a"} AS name FROM bench."Person" a ORDER BY name LIMIT 10',
        3,
        True,
    ),
    ("25 nodes", "MATCH (a:Person) RETURN a LIMIT 25", 'SELECT id, properties FROM bench."Person" LIMIT 25', 3, True),
]
_SLOW = {"aggregation over all", "groups over all", "the first 10 by name", "shortest path"}


async def fill(memory: Memory, rows: int) -> None:
    """Write the graph."""
    await memory.graphs.create(GRAPH, schema=SCHEMA, space=None)
    chance = random.Random(5)
    for first in range(0, rows, 2000):
        people = range(first, min(first + 2000, rows))
        told = [Entity(f"p{n}", "Person", f"Person {n}", {"uid": n, "age": chance.randrange(18, 99)}) for n in people]
        await memory.entities.put(GRAPH, told)
    for first in range(0, rows, 2000):
        people = range(first, min(first + 2000, rows))
        known = [Relationship("KNOWS", f"p{n}", f"p{m}") for n in people for m in chance.sample(range(rows), 3)]
        await memory.relationships.put(GRAPH, known)


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return each query's median beside SQL's and AGE's."""
    async with fresh_database() as url, memory_on(url) as memory:
        await fill(memory, rows)
        async with raw_connection(url) as raw:
            await tell_database(raw)
            await raw.execute("VACUUM ANALYZE")
            async for figure in compare(memory, raw, rows):
                yield figure


async def compare(memory: Memory, raw: asyncpg.Connection, rows: int, *, age: bool = True) -> AsyncIterator[Figure]:
    """Return the figures of a graph that is filled."""
    catalog: Any = memory.ports.graphs
    engine = Engine(PostgresGraphs(catalog))
    for name, text, sql, bar, able in QUERIES:
        repeats = REPEATS if name not in _SLOW else 8
        pairs = [(random.Random(n).randrange(rows), random.Random(-n - 1).randrange(rows)) for n in range(repeats)]

        async def ours(pair: tuple[int, int], text: str = text) -> Any:
            return await engine.run(StatementRequest(text, GRAPH, {"uid": pair[0], "other": pair[1]}))

        async def theirs(pair: tuple[int, int], sql: str = sql) -> Any:
            arguments = [str(each) for each in pair][: 2 if "$2" in sql else 1 if "$1" in sql else 0]
            return await raw.fetch(sql, *arguments)

        mine, base = await interleave(pairs, ours, theirs, warm_up=min(repeats, 10))
        yield compared(f"{name}, beside SQL", mine.p50, base.p50, "ms", at_most=bar)
        if not (able and age):
            continue
        few = pairs[:5]

        async def by_age(pair: tuple[int, int], text: str = text) -> Any:
            return await _by_age(raw, text, pair)

        again, slow = await interleave(few, ours, by_age, warm_up=1)
        fast = 0.02 if name in {"undirected hop", "chains of 1 to 5"} else 1.5
        yield compared(f"{name}, beside AGE's cypher()", again.p50, slow.p50, "ms", at_most=fast)


async def _by_age(raw: asyncpg.Connection, text: str, pair: tuple[int, int]) -> Any:
    told = text.replace("$uid", str(pair[0])).replace("$other", str(pair[1]))
    columns = told.rpartition("RETURN")[2].partition("ORDER BY")[0].count(",") + 1
    names = ", ".join(f"c{n} agtype" for n in range(columns))
    return await raw.fetch(f"SELECT * FROM cypher('{GRAPH}', $bench$ {told} $bench$) AS ({names})")
