"""The same random queries on the same random graphs, with what is left to Postgres and without: the rows are the same.

Without it, patterns alone are matched by Postgres; all properties are read, and predicates, groups and limits computed.
"""

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import KgmemError
from kgmem.memory import Memory
from kgmem.query.execution.graph import GraphTransaction, MatchQuery, MatchRows
from kgmem.query.execution.statements import Engine, StatementRequest
from kgmem.query.values import Node, Path, Relationship
from kgmem.store.cypher.graphs import PostgresGraphs
from tests.memories import new_graph
from tests.sizes import examples, sized

pytestmark = pytest.mark.server

VALUES = [0, 1, 2, -1, 0.5, 1.0, 2**53, 2**53 + 1, "a", "b", "1", "", True, False, [1, 2], ["a"], float("nan")]
TEXTS = ["0", "1", "2", "1.0", "0.5", "9007199254740993", "'a'", "'1'", "''", "true", "null", "[1, 2]", "0.0 / 0.0"]
PATTERNS = [
    "(a)",
    "(a:A)",
    "(a:A {v: %s})",
    "(a {v: %s})",
    "(a:A|B)",
    "(a:!A)",
    "(a:A&B)",
    "(a:A)-[r:R]->(b)",
    "(a {v: %s})-[r]-(b:B)",
    "(a)<-[r:R|S]-(b {w: %s})",
    "(a:A)-[r {w: %s}]->(b)",
    "(a)-[:R]->(b)-[:S]->(c)",
    "(a)-[:R]->(b)-->(a)",
    "(a)-[r:R*0..2]->(b)",
    "p = (a:A)-[r*1..2]-(b {v: %s})",
    "(a:A), (b {v: a.v})",
    "(a:A {v: %s}), (b:B)",
    "(a:A), (b {v: a.w})-[:R]->(c), (d:B {w: b.w})",
    "(a)-[r:R]->(b), (c {v: coalesce(b.w, a.v)})",
    "(a:A), (a:B)",
    "(a:A&B {v: %s})",
]
WHERE = [
    "",
    "a.v = %s",
    "a.v <> %s",
    "a.v < %s",
    "a.v >= %s",
    "%s = a.v",
    "a.v IN [%s, %s]",
    "a.v IN $list",
    "a.w = $value",
    "a.v = a.w",
    "a.v = 1 + %s",
    "a.v IN [%s, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]",
    "a.v IS NULL",
    "a.v = %s OR a.w = %s",
    "NOT a.v = %s AND a.w IS NOT NULL",
    "a:A",
    "EXISTS { (a)-[:R]->() }",
    "(a)-->({v: %s})",
    "COUNT { (a)--() } > 1",
]
# What is compared with what each row has.
JOINS = [
    "a.v = u",
    "u = a.v",
    "a.v = coalesce(u, 1)",
    "a.v = u + 1",
    "a.v IN [u, 1, a.w]",
    "a.v IN [u, 2, null, u]",
    "a.v <= u",
    "coalesce(a.v, a.w) = u",
    "[a.v] = [u]",
    "a.v = u AND a.w = CASE WHEN u = 1 THEN 'b' ELSE u END",
]
RETURNS = [
    "a",
    "a.v",
    "a.v, a.w",
    "DISTINCT a.v",
    "DISTINCT a",
    "count(*)",
    "a.v, count(*)",
    "a, count(*)",
    "count(a.v), count(DISTINCT a.v), min(a.v), max(a.w)",
    "labels(a) AS l, count(*)",
    "a.v AS x ORDER BY x LIMIT 3",
    "a.v AS x ORDER BY a.v DESC, a.w SKIP 1 LIMIT 2",
    "a ORDER BY a.w DESC LIMIT 1",
    "a.w AS v, a.v AS w ORDER BY w LIMIT 4",
    "DISTINCT a.v AS x ORDER BY x SKIP 1 LIMIT 2",
    "a.v AS x, count(*) AS n ORDER BY n DESC, x LIMIT 2",
    "properties(a)",
    "count(a) > 0, id(a) = id(a)",
]
# What goes on behind a MATCH, beside the RETURN.
THEN = [
    "",
    "WITH a, count(*) AS n WHERE n > 0",
    "WITH DISTINCT a",
    "WITH a ORDER BY a.v, id(a) LIMIT 4",
    "MATCH (a)--(z)",
    "MATCH (z:B {v: a.w})",
    "OPTIONAL MATCH (a)-[:R]->(z {v: a.v})",
    "CALL (a) { MATCH (a)-->(y) RETURN count(y) AS m }",
]
OF_ALL = ["a, b", "a.v, b.v, r", "b.v, count(*)", "count(r), count(DISTINCT b)", "r"]
labels = st.sampled_from([["A"], ["B"], []])
further = st.sampled_from([["A"], ["B"], [], ["A", "B"], ["B", "A"]])
properties = st.fixed_dictionaries({}, optional={"v": st.sampled_from(VALUES[:-1]), "w": st.sampled_from(VALUES[:-1])})


def filled(text: str) -> st.SearchStrategy[str]:
    """Put values where they are missing."""
    values = st.lists(st.sampled_from(TEXTS), min_size=text.count("%s"), max_size=text.count("%s"))
    return values.map(lambda found: text % tuple(found))


@st.composite
def queries(draw: Callable[[Any], Any]) -> str:
    """A query that reads."""
    pattern = draw(st.sampled_from(PATTERNS))
    where = draw(st.sampled_from(WHERE).flatmap(filled))
    then = draw(st.sampled_from(THEN))
    more = OF_ALL if "(b" in pattern and "[r" in pattern and not then.startswith("WITH") else []
    match = f"MATCH {draw(filled(pattern))}{' WHERE ' + where if where else ''}"
    first = draw(st.sampled_from(["", "", "UNWIND [1, 'a', null, 1] AS u ", f"UNWIND [{', '.join(TEXTS)}] AS u "]))
    if first:
        match += f" {'AND' if where else 'WHERE'} {draw(st.sampled_from(JOINS))}"
    return f"{first}{match} {then} RETURN {draw(st.sampled_from([*RETURNS, *more]))}"


class Plain:
    """A transaction to which nothing but bare patterns is left."""

    def __init__(self, inner: GraphTransaction) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def match(self, sought: MatchQuery) -> MatchRows | None:
        """Match without conditions, for rows that differ in nothing else only once."""
        if sought.lean:
            return None
        found = await self.inner.match(replace(sought, conditions=()))
        if found is None or sought.pattern.bound:
            return found
        ways = [(row + 1, *way[1:]) for row in range(len(sought.rows)) for way in found.ways]
        return MatchRows(found.names, ways)


class PlainGraphs:
    """Graphs whose transactions are plain."""

    def __init__(self, inner: PostgresGraphs) -> None:
        self.inner = inner

    async def prepare(self, graph: str, labels: Collection[str], types: Collection[str]) -> None:
        """Make nothing known: nothing is written."""

    def reading(
        self, graph: str, scope: str | None, *, once: bool = False
    ) -> AbstractAsyncContextManager[GraphTransaction]:
        """Begin a transaction."""
        return self._reading(graph, scope)

    @asynccontextmanager
    async def _reading(self, graph: str, scope: str | None) -> AsyncIterator[Any]:
        async with self.inner.reading(graph, scope) as transaction:
            yield Plain(transaction)

    async def writing(
        self, graph: str, scope: str | None, work: Callable[[GraphTransaction], Any], *, follow: bool = True
    ) -> Any:
        """Write nothing."""
        raise NotImplementedError


def shown(value: Any) -> Any:
    """All that can be told of a value, so that two are the same only when nothing tells them apart."""
    if isinstance(value, Node):
        return ("node", value.id, value.labels, shown(dict(value.properties)))
    if isinstance(value, Relationship):
        return ("relationship", value.id, value.type, value.start, value.end, shown(dict(value.properties)))
    if isinstance(value, Path):
        return tuple(map(shown, value.elements))
    if isinstance(value, dict):
        return tuple(sorted((name, shown(each)) for name, each in value.items()))
    if isinstance(value, list):
        return tuple(map(shown, value))
    return (type(value).__name__, repr(value))


@pytest.fixture
async def names(memory: Memory) -> tuple[str, str]:
    """A graph whose nodes have one label at the most, and one whose nodes have several."""
    token = secrets.token_hex(6)
    return await new_graph(memory, f"single_{token}"), await new_graph(memory, f"several_{token}")


async def answer(engine: Engine, asked: StatementRequest) -> Any:
    """The rows, in any order unless the query orders them; or the error's kind."""
    try:
        rows: Sequence[Sequence[Any]] = (await engine.run(asked)).rows
    except KgmemError as error:
        return type(error).__name__, error.facts.get("detail")
    found = [tuple(map(shown, row)) for row in rows]
    return found if "ORDER BY x" in asked.text or "ORDER BY n" in asked.text else Counter(found)


@sized
@settings(
    max_examples=examples(30),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # Shrinking asks a database for minutes.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    several=st.booleans(),
    nodes=st.lists(st.tuples(labels, properties), min_size=1, max_size=6),
    more=st.lists(st.tuples(further, properties), max_size=3),
    links=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from("RS"), properties), max_size=9),
    asked=st.lists(queries(), min_size=6, max_size=6),
    value=st.sampled_from(VALUES),
    scope=st.sampled_from([None, None, ""]),
)
async def test_rows_are_the_same_whether_postgres_or_the_engine_computes(
    memory: Memory,
    names: tuple[str, str],
    several: bool,
    nodes: list[Any],
    more: list[Any],
    links: list[Any],
    asked: list[str],
    value: Any,
    scope: str | None,
) -> None:
    catalog: Any = memory.ports.graphs
    graphs = PostgresGraphs(catalog)
    pushing, plain = Engine(graphs), Engine(PlainGraphs(graphs))
    graph = names[several]
    held = [*nodes, *more] if several else nodes
    rows = [{"labels": each, "properties": own} for each, own in held]
    ends = [{"a": a % len(held), "b": b % len(held), "type": kind, "p": own} for a, b, kind, own in links]
    await pushing.run(StatementRequest("MATCH (n) DETACH DELETE n", graph, writes=True))
    text = (
        "UNWIND range(0, size($rows) - 1) AS i WITH i, $rows[i] AS row CREATE (n:$(row.labels)) SET n = row.properties "
        "WITH collect(n) AS all UNWIND $ends AS e WITH all[e.a] AS a, all[e.b] AS b, e "
        "CREATE (a)-[r:$(e.type)]->(b) SET r = e.p"
    )
    await pushing.run(StatementRequest(text, graph, {"rows": rows, "ends": ends}, writes=True))
    for each in asked:
        request = StatementRequest(each, graph, {"list": [value, 1, None], "value": value}, scope=scope)
        pushed = await answer(pushing, request)
        with (
            patch("kgmem.query.planning.clauses.with_needs", lambda plan: plan),
            patch("kgmem.query.planning.patterns.keys_in", return_value=()),
            patch("kgmem.query.planning.groups.components", lambda patterns, *_: [list(patterns)]),
        ):
            assert await answer(plain, request) == pushed, each
