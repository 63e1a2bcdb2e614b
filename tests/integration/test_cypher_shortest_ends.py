"""Shortest paths between ends that are found first: with labels and without, bound in the same MATCH or before it."""

from collections.abc import AsyncIterator

import pytest

from kgmem.memory import Memory
from kgmem.query.execution.limits import Limits
from tests.cypher import GRAPH, asked, rows
from tests.memories import new_graph, opened_memory

# More labels than a statement names one by one, and far fewer rows than there are pairs of nodes.
_LABELS = 16
_NODES = 320
_FEW = Limits(rows=2000)
_QUERIES = [
    "MATCH p = shortestPath((a {n: $a})-[*]-(b {n: $b}))",
    "MATCH p = shortestPath((a:L0 {n: $a})-[*]-(b {n: $b}))",
    "MATCH p = shortestPath((a)-[*]-(b)) WHERE a.n = $a AND b.n = $b",
    "MATCH p = shortestPath((a)-[*]-(b)) WHERE a.n + 0 = $a AND b.name ENDS WITH ' ' + $b AND b.n > 0",
    "MATCH (a {n: $a}), (b {n: $b}) MATCH p = shortestPath((a)-[*]-(b))",
    "MATCH (a {n: $a}) MATCH (b {n: $b}) MATCH p = allShortestPaths((a)-[*]-(b))",
    "MATCH (a {n: $a}), (b {n: $b}) WITH shortestPath((a)-[*]-(b)) AS p WHERE p IS NOT NULL",
    "MATCH p = SHORTEST 1 (a {n: $a})-[]-+(b {n: $b})",
    "MATCH (b {n: $b}) MATCH p = ALL SHORTEST (a {n: $a})-[:NEXT]->+(b)",
    "MATCH p = SHORTEST 1 ((a {n: $a})-[]-{1,20}(b {n: $b}))",
    "MATCH p = ANY ((a)-[]-+(b) WHERE a.n = $a AND b.n = $b)",
]


@pytest.fixture
async def memory(database_url: str) -> AsyncIterator[Memory]:
    """A ring of nodes of many labels, and one node that stands alone."""
    async with opened_memory(database_url) as opened:
        await new_graph(opened, GRAPH)
        for label in range(_LABELS):
            numbers = list(range(label, _NODES, _LABELS))
            made = f"UNWIND $numbers AS n CREATE (:L{label} {{n: n, name: 'node ' + n}})"
            await asked(opened, made, {"numbers": numbers})
        await asked(opened, "CREATE (:L0 {n: -1, name: 'alone'})")
        everything = "MATCH (a) WITH collect(a) AS nodes UNWIND nodes AS a WITH nodes, a WHERE a.n >= 0"
        found = f"{everything} UNWIND [b IN nodes WHERE b.n = (a.n + 1) % {_NODES}] AS b"
        await asked(opened, f"{found} CREATE (a)-[:NEXT]->(b)")
        yield opened


@pytest.mark.long
async def test_only_what_the_ends_are_is_looked_at(memory: Memory) -> None:
    for query in _QUERIES:
        told = f"{query} RETURN length(p)"
        for known, expected in (({"a": 0, "b": 9}, [9]), ({"a": 0, "b": -1}, []), ({"a": 0, "b": 4000}, [])):
            assert await rows(memory, told, known, writes=False, limits=_FEW) == expected, query


@pytest.mark.long
async def test_ends_in_a_scope_are_those_that_it_sees(memory: Memory) -> None:
    await asked(memory, "CREATE (:L1 {n: 9000})-[:OWN]->(:L2 {n: 9001})", scope="user/1")
    told = "MATCH p = shortestPath((a {n: $a})-[*]-(b {n: $b})) RETURN length(p)"
    for scope, expected in (("user/1", [1]), ("user/2", []), (None, [1])):
        found = await rows(memory, told, {"a": 9000, "b": 9001}, scope=scope, writes=False, limits=_FEW)
        assert found == expected


async def test_a_node_without_a_label_is_found_among_all_tables(memory: Memory) -> None:
    await asked(memory, "CREATE ({n: 7000})-[:R]->(:L3:L4 {n: 7001})")
    for limits in (_FEW, Limits()):
        found = await rows(memory, "MATCH (a {n: 7000})-->(b {n: 7001}) RETURN labels(b)", limits=limits)
        assert found == [["L3", "L4"]]
    assert await rows(memory, "MATCH (a {n: $n}) RETURN labels(a)", {"n": 7000}, limits=_FEW) == [[]]
    assert await rows(memory, "UNWIND [7000, 3] AS n MATCH (a {n: n}) RETURN a.n", limits=_FEW) == [7000, 3]


async def test_ends_that_one_property_names_are_found_together(memory: Memory) -> None:
    text = "MATCH p = allShortestPaths((a %s)-[:NEXT*]-(b %s)) RETURN length(p)"
    for one, other, expected in [
        ("{n: 3}", "{n: 5.0}", [2]),
        ("{n: 3.0}", "{n: 5, name: 'node 5'}", [2]),
        (":L3 {n: 3}", ":L3 {n: 19}", [16]),
        (":L3 {n: 3}", ":L3 {n: 4}", []),
        ("{n: 3}", "{n: null}", []),
        ("{n: 3, name: 'node 4'}", "{n: 4}", []),
        ("{n: 3}", "{name: 'node 5'}", [2]),
        ("{n: 3}", "{n: '4'}", []),
    ]:
        assert await rows(memory, text % (one, other), writes=False, limits=_FEW) == expected, (one, other)
    same = "MATCH (a {n: 3}), (b {n: 3}) RETURN a = b"
    assert await rows(memory, same, writes=False, limits=_FEW) == [True]
    many = ", ".join(f"(a{n} {{n: {n if n % 2 else float(n)}}})" for n in range(1, 13))
    for count in (4, 8, 9, 12):
        text = f"MATCH {', '.join(many.split(', ')[:count])} RETURN a1.n + a{count}.n"
        assert await rows(memory, text, writes=False, limits=_FEW) == [1 + count], count


async def test_paths_through_a_node_with_more_around_it_than_is_read_at_once(memory: Memory) -> None:
    await asked(memory, "MATCH (a {n: 0}) UNWIND range(1, 2100) AS i CREATE (a)-[:SPOKE]->(:Rim {rim: i})")
    text = "MATCH p = %s((a %s)-[*]-(b %s)) RETURN count(p), min(length(p))"
    for one, other, expected in [
        ("{rim: 7}", "{rim: 8}", (1, 2)),
        ("{n: 0}", "{rim: 9}", (1, 1)),
        ("{rim: 9}", "{n: 3}", (1, 4)),
        ("{n: -1}", "{rim: 9}", (0, None)),
        ("{rim: 9}", "{n: -1}", (0, None)),
    ]:
        for function in ("shortestPath", "allShortestPaths"):
            assert await rows(memory, text % (function, one, other), writes=False) == [expected], (function, one, other)
