"""Queries of many rows: others have their turn meanwhile, and the time limit holds inside of each step."""

import time
from typing import Any

import pytest

from kgmem.domain.errors import TimedOut
from kgmem.memory import Memory
from tests.heartbeat import steadily

EXPLOSIONS = [
    "UNWIND range(1, 300) AS x UNWIND range(1, 300) AS y RETURN x, y",
    "UNWIND range(1, 100000) AS x WITH DISTINCT x % 5000 AS y RETURN sum(y) AS s",
    "UNWIND range(1, 100000) AS x RETURN x ORDER BY x % 7, -x LIMIT 3",
    "UNWIND range(1, 100000) AS x RETURN x % 1000 AS k, sum(x) AS s, collect(x)[0] AS c",
    "UNWIND range(1, 100000) AS x WITH x WHERE x % 3 = 0 RETURN count(*) AS n",
    "UNWIND range(1, 50000) AS x RETURN x UNION UNWIND range(1, 50000) AS x RETURN x",
    "UNWIND range(1, 3000) AS x CALL { WITH x UNWIND range(1, 20) AS y RETURN y } RETURN sum(y) AS s",
    "RETURN size([x IN range(1, 200000) | x * 2]) AS n",
]


@pytest.mark.long
@pytest.mark.parametrize("query", EXPLOSIONS)
async def test_others_have_their_turn_during_a_query_of_many_rows(memory: Memory, graph: str, query: str) -> None:
    await steadily(lambda: memory.cypher(graph, query))


async def test_others_have_their_turn_while_many_parameters_are_read(memory: Memory, graph: str) -> None:
    rows: list[Any] = [{"id": n, "names": [f"n{n}"]} for n in range(40_000)]
    answer = await steadily(lambda: memory.cypher(graph, "UNWIND $rows AS r RETURN count(r.id) AS n", {"rows": rows}))
    assert answer.rows == [(40_000,)]


@pytest.mark.parametrize(
    "query",
    [
        "UNWIND range(1, 900000) AS x RETURN x % 100000 AS k, collect(x) AS l ORDER BY k",
        "UNWIND range(1, 900000) AS x WITH DISTINCT x ORDER BY -x RETURN count(*)",
    ],
)
async def test_a_time_limit_holds_inside_of_a_step(memory: Memory, graph: str, query: str) -> None:
    began = time.process_time()
    with pytest.raises(TimedOut):
        await memory.cypher(graph, query, seconds=0.2)
    assert time.process_time() - began < 2  # Without a look at the clock a step goes on for several seconds.


@pytest.mark.parametrize("descending", [False, True])
async def test_many_rows_are_sorted_as_few_are(memory: Memory, graph: str, descending: bool) -> None:
    way = "DESC" if descending else ""
    answer = await memory.cypher(
        graph, f"UNWIND range(1, 20000) AS x WITH x, x % 7 AS k ORDER BY k {way} RETURN k, x SKIP 10 LIMIT 15000"
    )
    expected = sorted(((x % 7, x) for x in range(1, 20001)), key=lambda row: row[0], reverse=descending)
    assert list(map(tuple, answer.rows)) == expected[10:15010]
