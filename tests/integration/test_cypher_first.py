"""ORDER BY with LIMIT: Postgres gives what may come first, and the rows are those of a sort of all."""

import random
import secrets
from collections.abc import Sequence
from typing import Any

import pytest

from kgmem.memory import Memory
from kgmem.query.values.comparison import order_key
from tests.memories import new_graph

pytestmark = pytest.mark.server

TEXTS = [
    "",
    " ",
    "!",
    "a",
    "a ",
    "a!",
    "ab",
    "A",
    "B",
    "Z",
    "_",
    "\u007f",
    "é",
    "ü",
    "Ω",
    "語",
    "\uffff",
    "😀",
    "null",
    "1",
]
ESCAPED = ['"', 'a"b', "a\\b", "a\nb"]
NUMBERS = [0, 1, 1.0, -1, 0.5, -0.0, 2**53, 2**53 + 1, float(2**53), -(2**63), 2**63 - 1, 1e300, -1e-300]
ODD = [True, False, None]
NESTED = [[1, 2], ["a"], []]


async def holding(memory: Memory, values: Sequence[Any]) -> str:
    """A graph with a node for each value."""
    graph = await new_graph(memory, f"first_{secrets.token_hex(6)}")
    rows = [{"v": value, "n": n} for n, value in enumerate(values)]
    await memory.cypher(graph, "UNWIND $rows AS r CREATE (:T {n: r.n, v: r.v})", {"rows": rows}, mode="write")
    return graph


def keys(values: Sequence[Any]) -> list[Any]:
    return [order_key(value) for value in values]


@pytest.mark.parametrize(
    "values",
    [TEXTS, NUMBERS, TEXTS + NUMBERS + ODD, TEXTS + ESCAPED, TEXTS + NUMBERS + ODD + NESTED],
    ids=["texts", "numbers", "mixed", "escaped", "nested"],
)
async def test_the_first_rows_are_those_of_all_rows_sorted(memory: Memory, values: list[Any]) -> None:
    values = random.Random(5).sample(values * 3, k=len(values) * 3)
    graph = await holding(memory, values)
    for way, reverse in (("", False), (" DESC", True)):
        wanted = sorted(values, key=order_key, reverse=reverse)
        for skip, limit in ((0, 0), (0, 1), (2, 3), (0, 10), (5, 40), (0, 1000)):
            text = f"MATCH (t:T) RETURN t.v AS v ORDER BY v{way} SKIP {skip} LIMIT {limit}"
            found = [row[0] for row in (await memory.cypher(graph, text)).rows]
            assert keys(found) == keys(wanted[skip : skip + limit]), text


async def test_what_is_level_in_the_first_part_is_ordered_by_the_next(memory: Memory) -> None:
    graph = await holding(memory, [n % 3 for n in range(30)])
    found = await memory.cypher(graph, "MATCH (t:T) RETURN t.n ORDER BY t.v DESC, t.n DESC LIMIT 4")
    assert [row[0] for row in found.rows] == [29, 26, 23, 20]


async def test_columns_hide_the_variables_of_their_names(memory: Memory) -> None:
    graph = await holding(memory, [3, 1, 2])
    found = await memory.cypher(graph, "MATCH (t:T), (u:T) RETURN u AS t, t.n AS n ORDER BY t.v, n DESC LIMIT 2")
    assert [(row[0].properties["v"], row[1]) for row in found.rows] == [(1, 2), (1, 1)]
    found = await memory.cypher(graph, "MATCH (t:T) RETURN t.v AS n, t.n AS v ORDER BY v DESC LIMIT 1")
    assert list(map(list, found.rows)) == [[2, 2]]


async def test_only_what_may_come_first_is_read(memory: Memory) -> None:
    graph = await holding(memory, list(range(200)))
    texts = await holding(memory, TEXTS)

    async def read(text: str, graph: str = graph) -> int:
        plan = (await memory.cypher(graph, "PROFILE " + text)).plan
        assert plan is not None
        while plan["children"]:
            plan = plan["children"][0]
        return int(plan["read"])

    assert await read("MATCH (t:T) RETURN t.n ORDER BY t.v DESC SKIP 2 LIMIT 3") == 5
    assert await read("MATCH (t:T) WITH t ORDER BY t.v LIMIT 3 RETURN t.n") == 3
    assert await read("MATCH (t:T) WHERE t.v IN [5, 6, 7] RETURN t.n ORDER BY t.v LIMIT 2") == 2
    assert await read("MATCH (t:T) RETURN t.n ORDER BY t.v DESC LIMIT 2", texts) == 2
    assert await read("MATCH (t:T) RETURN t.n ORDER BY -t.v LIMIT 3") == 200
    assert await read("MATCH (t:T) RETURN DISTINCT t.v AS v ORDER BY v LIMIT 3") == 200
