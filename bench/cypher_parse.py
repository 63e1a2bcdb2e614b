"""How long it takes until a Cypher query is parsed and checked, beside json.loads of a tree of the same size.

Queries as analysts and tools send them, one of each kind: a point read, hops with conditions and aggregation, an upsert
of many rows, a subquery, a schema question; and one long script of CREATE clauses (milliseconds per 100 clauses). Ours
is what a door calls for a text that it has not seen: tokens, tree, scopes, types, columns. The baseline reads the same
tree from JSON. In turns.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from typing import Any

from bench.contract import Figure, compared, within
from bench.rig.clock import interleave
from kgmem.query.analysis.statements import analyse
from kgmem.query.parser.statements import parse
from kgmem.query.tree.expressions import Located
from kgmem.query.tree.traversal import children

ROWS = 2_000
SHORT = 100
_CLAUSES = 1_000
_TYPICAL = "hops with conditions and aggregation"
_QUERIES = {
    "point read": "MATCH (n:Person {key: $key}) RETURN n",
    _TYPICAL: """
        MATCH (a:Person {name: $name})-[:KNOWS]->(b:Person)<-[r:LIKES|LOVES*1..3]-(c)
        WHERE b.age > 30 AND c.name STARTS WITH 'A'
        RETURN a.name AS name, count(DISTINCT b) AS n, collect(c.name)[0..3] AS names
        ORDER BY n DESC, name LIMIT 10""",
    "upsert of many rows": """
        UNWIND $rows AS row MERGE (n:Person {key: row.key})
        ON CREATE SET n.created = datetime() SET n += row.properties""",
    "subquery": """
        MATCH (n:Person) WHERE EXISTS { (n)-[:OWNS]->(:Car) } CALL (n) { MATCH (n)-->(m) RETURN count(m) AS degree }
        RETURN n {.name, degree, friends: [(n)-[:KNOWS]->(f) WHERE f.age > 18 | f.name]} AS person""",
    "schema question": """
        MATCH (n) UNWIND labels(n) AS label UNWIND keys(n) AS key
        WITH label, key, count(*) AS times WHERE times > $least
        RETURN label, collect({key: key, times: times}) AS keys ORDER BY label""",
}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of each kind of query, and that of a script per 100 clauses."""
    for name, query in _QUERIES.items():
        ours, base = await _beside(query, rows)
        figure = compared(f"{name}, parsed and checked, p50", ours, base, "ms")
        yield within(figure, 1) if name == _TYPICAL else figure
    script = "\n".join(f"CREATE (n{at}:Person {{key: 'k{at}', born: {at}}})" for at in range(_CLAUSES))
    ours, base = await _beside(script, max(5, rows // 100))
    yield compared(f"script of {_CLAUSES:,} clauses, per 100, p50", ours * 100 / _CLAUSES, base * 100 / _CLAUSES, "ms")


async def _beside(query: str, times: int) -> tuple[float, float]:
    tree = json.dumps(_plain(parse(query)))
    ours, base = await interleave(range(times), _asked(analyse, query), _asked(json.loads, tree), warm_up=3)
    return ours.p50, base.p50


def _asked(work: Callable[[str], Any], text: str) -> Any:
    async def run(_: int) -> None:
        work(text)

    return run


def _plain(part: Located) -> dict[str, Any]:
    """Return a tree as JSON has it: each part with its kind, its place, what it holds and its parts."""
    values = {each.name: getattr(part, each.name) for each in fields(part)}
    held = {name: value for name, value in values.items() if isinstance(value, str | int | float)}
    return {"kind": type(part).__name__, **held, "parts": [_plain(child) for child in children(part)]}
