"""What one statement may take: time, rows, memory, depth; and what it leaves behind when it is stopped."""

import asyncio
import logging
import time
from collections.abc import Awaitable

import pytest

from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import InvalidInput, TimedOut
from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from kgmem.query.execution.limits import Limits
from tests.cypher import GRAPH, asked, rows
from tests.memories import new_graph

SECONDS = 1.0
PATIENCE = 20.0  # What a busy machine may add.


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def longest_pause(work: Awaitable[object]) -> float:
    """Return the longest time for which nobody else had a turn while work was done that fails."""
    pause = 0.0

    async def beat() -> None:
        nonlocal pause
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            pause, last = max(pause, now - last), now

    beating = asyncio.create_task(beat())
    with pytest.raises(TimedOut):
        await work
    beating.cancel()
    return pause


@pytest.mark.long
@pytest.mark.parametrize(
    "text",
    [
        "RETURN size([x IN range(1, 3000) | size([y IN range(1, 3000) WHERE all(z IN range(1, 3000) WHERE z > 0)])])",
        "RETURN size([x IN range(1, 900) | [y IN range(1, 900) | reduce(b = 0, z IN range(1, 900) | b + z)]])",
        "UNWIND range(1, 900) AS x UNWIND range(1, 900) AS y RETURN sum(reduce(b = 0, z IN range(1, 900) | b + z))",
        "MATCH (a), (b), (c), (d), (e) RETURN count(*)",
        "MATCH p = (a)-[*]-(b) RETURN count(p)",
    ],
)
async def test_what_takes_too_long_is_stopped_while_others_have_their_turn(memory: Memory, text: str) -> None:
    await asked(memory, "UNWIND range(1, 60) AS n CREATE (:N {n: n})")
    await asked(memory, "MATCH (a:N), (b:N) WHERE a.n < b.n AND b.n < a.n + 5 CREATE (a)-[:R]->(b)")
    began = time.monotonic()
    pause = await longest_pause(asked(memory, text, limits=Limits(seconds=SECONDS, rows=10**9)))
    assert time.monotonic() - began < SECONDS + PATIENCE
    assert pause < SECONDS + PATIENCE / 4
    assert await rows(memory, "MATCH (n:N) RETURN count(n)") == [60]


@pytest.mark.long
async def test_what_a_stopped_statement_wrote_is_undone(memory: Memory) -> None:
    text = (
        "CREATE (:Left) WITH 1 AS one RETURN size([x IN range(1, 90000) WHERE all(y IN range(1, 90000) WHERE y > 0)])"
    )
    with pytest.raises(TimedOut, match="longer than 1 second"):
        await asked(memory, text, limits=Limits(seconds=SECONDS))
    assert await rows(memory, "MATCH (n:Left) RETURN count(n)") == [0]


@pytest.mark.long
async def test_what_is_stopped_in_a_list_leaves_its_connection_in_order(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    await asked(memory, "UNWIND range(1, 40) AS n CREATE (:N {n: n})")
    text = "RETURN [x IN range(1, 2000) WHERE EXISTS { MATCH (a:N), (b:N), (c:N) WHERE a.n + b.n + c.n = x * 1000 }]"
    for seconds in (0.3, 0.5, 0.7, 0.9):
        with pytest.raises(TimedOut):
            await asked(memory, text, limits=Limits(seconds=seconds))
        assert await rows(memory, "MATCH (n:N) RETURN count(n)") == [40]
    assert not [record for record in caplog.records if "active transaction" in record.getMessage()]


async def test_a_step_holds_only_so_many_rows(memory: Memory) -> None:
    with pytest.raises(CypherError, match="more than 1,000 rows") as caught:
        await asked(memory, "UNWIND range(1, 40) AS x UNWIND range(1, 40) AS y RETURN x, y", limits=Limits(rows=1000))
    assert (caught.value.type, caught.value.detail) == ("ResourceExhausted", "TooManyRows")
    await asked(memory, "UNWIND range(1, 40) AS n CREATE (:N)")
    with pytest.raises(CypherError, match="more than 1,000 rows"):
        await asked(memory, "MATCH (a:N), (b:N) RETURN a, b", limits=Limits(rows=1000))
    assert len(await rows(memory, "UNWIND range(1, 1000) AS x RETURN x", limits=Limits(rows=1000))) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "RETURN size([x IN range(1, 5000) | range(x, x + 5000)])",
        "RETURN size([x IN range(1, 500) | reduce(s = 'a', y IN range(1, 21) | s + s)])",
        "RETURN size(reduce(s = {a: 1}, x IN range(1, 500) | {a: s, b: range(x, x + 100000)}).b)",
    ],
)
async def test_a_statement_takes_only_so_much_memory(memory: Memory, text: str) -> None:
    with pytest.raises(CypherError, match="more than 64 MiB of memory") as caught:
        await asked(memory, text, limits=Limits(seconds=60, memory=64 << 20))
    assert (caught.value.type, caught.value.detail) == ("ResourceExhausted", "TooMuchMemory")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RETURN range(1, 10000000000)", "10,000,000 items"),
        ("RETURN reduce(s = 'a', x IN range(1, 60) | s + s)", "50,000,000 characters"),
        ("RETURN reduce(s = [1], x IN range(1, 60) | s + s)", "10,000,000 items"),
    ],
)
async def test_one_value_has_a_largest_size(memory: Memory, text: str, told: str) -> None:
    with pytest.raises(CypherError, match=told):
        await asked(memory, text)


async def test_queries_stand_only_so_deep_in_each_other(memory: Memory) -> None:
    deep = "EXISTS { MATCH (a) WHERE " * 8 + "true" + " }" * 8
    await asked(memory, "CREATE ()")
    assert await rows(memory, f"RETURN {deep}", limits=Limits(depth=8)) == [True]
    with pytest.raises(CypherError, match="more than 5 levels deep") as caught:
        await asked(memory, f"RETURN {deep}", limits=Limits(depth=5))
    assert caught.value.detail == "TooDeeplyNested"


async def test_each_query_that_writes_leaves_one_line_in_the_log(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kgmem.audit")
    await memory.cypher(GRAPH, "CREATE (:Person\n {name: $name})", {"name": "Ada"}, mode="write", scope="user/1")
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"cypher_written key=None graphs={GRAPH!r} scope='user/1' changes={{'nodes_created': 1,")
    assert told.endswith("query='CREATE (:Person {name: $name})'")
    assert "Ada" not in told
    caplog.clear()
    await memory.cypher(GRAPH, "MATCH (n) RETURN n", mode="write")
    with pytest.raises(InvalidInput):
        await memory.cypher(GRAPH, "CREATE (:Person)")
    assert not caplog.records
    async with memory.transaction(GRAPH, mode="write") as transaction:
        await transaction.run(CypherQuery("CREATE (:Person)"))
        await transaction.commit()
    assert [record.getMessage().split()[0] for record in caplog.records] == ["cypher_written", "cypher_committed"]
