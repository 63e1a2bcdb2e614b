"""Statements with many rows are computed beside the event loop, and end there when their time is over."""

import threading
from collections.abc import AsyncIterator

import pytest

from kgmem.domain.errors import TimedOut
from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from kgmem.query.execution.limits import Limits
from tests.cypher import GRAPH, asked, rows
from tests.heartbeat import steadily
from tests.memories import new_graph, opened_memory, until


@pytest.fixture
async def memory(database_url: str) -> AsyncIterator[Memory]:
    async with opened_memory(database_url) as opened:
        await new_graph(opened, GRAPH)
        await asked(opened, "UNWIND range(1, 50) AS n CREATE (:N {n: n})")
        await asked(opened, "MATCH (a:N), (b:N) WHERE a.n < b.n AND b.n < a.n + 4 CREATE (a)-[:R]->(b)")
        yield opened


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UNWIND range(1, 500) AS x UNWIND range(1, 500) AS y WITH x, y WHERE x + y > 5 RETURN count(*)", 249_990),
        ("UNWIND range(1, 200000) AS x WITH DISTINCT x % 1000 AS y RETURN count(y)", 1000),
        ("UNWIND range(1, 100000) AS x WITH x ORDER BY -x SKIP 5 RETURN max(x)", 99_995),
        ("UNWIND range(1, 100000) AS x WITH collect(x) AS all UNWIND all AS y RETURN sum(y)", 5_000_050_000),
        ("MATCH (a:N), (b:N), (c:N) WITH a.n + b.n + c.n AS sum RETURN max(sum)", 150),
        ("MATCH (a:N), (b:N), (c:N) WITH a, b, c WHERE a.n < b.n AND b.n < c.n RETURN count(*)", 19_600),
        ("MATCH (a:N {n: 1})-[r:R*1..7]-(b) RETURN count(DISTINCT b.n)", 22),
        (
            "CALL { UNWIND range(1, 50000) AS x RETURN x UNION UNWIND range(2, 50001) AS x RETURN x } RETURN count(x)",
            50_001,
        ),
        ("UNWIND range(1, 3000) AS x RETURN count(CASE WHEN EXISTS { MATCH (n:N {n: x}) } THEN 1 END)", 50),
    ],
)
async def test_many_rows_leave_the_event_loop_to_others(memory: Memory, text: str, expected: int) -> None:
    assert await steadily(lambda: rows(memory, text)) == [expected]


@pytest.mark.long
async def test_a_thread_of_a_statement_ends_with_its_time(memory: Memory) -> None:
    for text in (
        "UNWIND range(1, 1000) AS x UNWIND range(1, 900) AS y WITH x, y ORDER BY x * y % 7, y RETURN collect(x + y)",
        "UNWIND range(1, 900) AS x UNWIND range(1, 900) AS y WITH DISTINCT x % 7 AS a, y AS b RETURN count(*)",
        "MATCH (a:N), (b:N), (c:N), (d:N) WHERE a.n + b.n + c.n + d.n < 0 RETURN count(*)",
    ):
        with pytest.raises(TimedOut, match=r"longer than 0.2 seconds"):
            await asked(memory, text, limits=Limits(seconds=0.2, rows=10**7))

        async def ended() -> bool:
            return not any(thread.name == "kgmem cypher" for thread in threading.enumerate())

        await until(ended, seconds=10)
    assert await rows(memory, "MATCH (n:N) RETURN count(n)") == [50]


async def test_what_a_statement_writes_from_a_thread_is_whole_or_not_there(memory: Memory) -> None:
    await asked(memory, "UNWIND range(1, 3000) AS x CREATE (:Made {x: x}) WITH x MATCH (n:N {n: x}) SET n.seen = x")
    assert await rows(memory, "MATCH (n:Made) RETURN count(n)") == [3000]
    assert await rows(memory, "MATCH (n:N) RETURN sum(n.seen)") == [1275]
    with pytest.raises(CypherError, match="Division by zero"):
        await asked(memory, "UNWIND range(-2000, 0) AS x CREATE (:Broken {x: 1 / x})")
    assert await rows(memory, "MATCH (n:Broken) RETURN count(n)") == [0]
