"""CALL { } IN TRANSACTIONS: batches are kept one by one, and errors stop what the query says."""

from typing import Any

import pytest

from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.memory import Memory
from tests.cypher import asked, rows

# The fifth of seven cannot be made: 1 / 0.
FAILING = "UNWIND [1, 2, 3, 4, 0, 6, 7] AS i CALL (i) { CREATE (n:B {i: i, x: 1 / i}) RETURN n.i AS made } "


async def kept(memory: Memory, graph: str) -> list[Any]:
    return await rows(memory, "MATCH (n:B) RETURN n.i ORDER BY n.i", graph=graph)


async def test_what_was_kept_before_an_error_stays(memory: Memory, graph: str) -> None:
    for end in ("IN TRANSACTIONS OF 2 ROWS", "IN TRANSACTIONS OF 2 ROWS ON ERROR FAIL"):
        await asked(memory, "MATCH (n) DETACH DELETE n", graph=graph)
        with pytest.raises(InvalidInput, match="zero"):
            await asked(memory, f"{FAILING} {end} RETURN made", graph=graph)
        assert await kept(memory, graph) == [1, 2, 3, 4]


async def test_on_error_continue_goes_on_with_the_next_batch(memory: Memory, graph: str) -> None:
    text = f"{FAILING} IN TRANSACTIONS OF 2 ROWS ON ERROR CONTINUE REPORT STATUS AS s RETURN i, made, s"
    result = await asked(memory, text, graph=graph)
    assert [(i, made) for i, made, _ in result.rows] == [(1, 1), (2, 2), (3, 3), (4, 4), (0, None), (6, None), (7, 7)]
    assert [(s["started"], s["committed"]) for _, _, s in result.rows] == [(True, True)] * 4 + [(True, False)] * 2 + [
        (True, True)
    ]
    assert [s["errorMessage"] is None for _, _, s in result.rows] == [True] * 4 + [False] * 2 + [True]
    assert "zero" in result.rows[4][2]["errorMessage"]
    assert len({s["transactionId"] for _, _, s in result.rows}) == 4
    assert await kept(memory, graph) == [1, 2, 3, 4, 7]
    assert (result.counters.nodes_created, result.counters.labels_added) == (5, 5)


async def test_on_error_break_starts_no_further_batch(memory: Memory, graph: str) -> None:
    text = f"{FAILING} IN TRANSACTIONS OF 2 ROWS ON ERROR BREAK REPORT STATUS AS s RETURN i, made, s"
    result = await asked(memory, text, graph=graph)
    assert [made for _, made, _ in result.rows] == [1, 2, 3, 4, None, None, None]
    started = [(s["started"], s["committed"], s["transactionId"] is None) for _, _, s in result.rows]
    assert started == [(True, True, False)] * 4 + [(True, False, False)] * 2 + [(False, False, True)]
    assert await kept(memory, graph) == [1, 2, 3, 4]


async def test_each_batch_has_a_transaction_of_its_own(memory: Memory, graph: str) -> None:
    # A batch that fails is undone as a whole, and what it made before its error with it.
    text = "UNWIND range(1, 10) AS i CALL (i) { CREATE (:B {i: i}) WITH i WHERE 1 / (i - 8) > 9 RETURN 1 AS x } "
    await asked(memory, f"{text} IN TRANSACTIONS OF 4 ROWS ON ERROR CONTINUE RETURN count(*)", graph=graph)
    assert await kept(memory, graph) == [1, 2, 3, 4, 9, 10]
    changes = await rows(memory, "MATCH (n:B) RETURN count(DISTINCT n)", graph=graph)
    assert changes == [6]


async def test_batches_change_what_was_matched_before_them_as_it_is_by_then(memory: Memory, graph: str) -> None:
    await asked(memory, "UNWIND range(1, 5) AS i CREATE (:B {i: i, n: 0})", graph=graph)
    text = (
        "MATCH (n:B), (m:B) CALL (n, m) { SET n.n = n.n + 1, m.last = n.i } IN TRANSACTIONS OF 3 ROWS "
        "RETURN count(*) AS c"
    )
    assert await rows(memory, text, graph=graph) == [25]
    assert await rows(memory, "MATCH (n:B) RETURN n.n", graph=graph) == [5] * 5
    text = "MATCH (n:B) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2 ROWS"
    result = await asked(memory, text, graph=graph)
    assert result.counters.nodes_deleted == 5
    assert await kept(memory, graph) == []


async def test_what_follows_sees_what_was_kept(memory: Memory, graph: str) -> None:
    text = (
        "UNWIND range(1, 5) AS i CALL { WITH i CREATE (:B {i: i}) } IN TRANSACTIONS OF 2 ROWS "
        "WITH count(*) AS c MATCH (n:B) SET n.done = true RETURN c, count(n)"
    )
    assert await rows(memory, text, graph=graph) == [(5, 5)]
    text = (
        "UNWIND [1, 2] AS i CALL (i) { CREATE (:C {i: i}) } IN 3 CONCURRENT TRANSACTIONS OF $n ROWS "
        "WITH i CALL (i) { MATCH (c:C) WHERE c.i <= i RETURN count(c) AS seen } IN TRANSACTIONS RETURN i, seen"
    )
    assert await rows(memory, text, {"n": 1}, graph=graph) == [(1, 1), (2, 2)]


async def test_a_subquery_that_reads_may_be_in_a_query_that_reads(memory: Memory, graph: str) -> None:
    text = "UNWIND [1, 2, 3] AS i CALL (i) { RETURN i * 2 AS j } IN TRANSACTIONS OF 2 ROWS RETURN j"
    assert await rows(memory, text, graph=graph, writes=False) == [2, 4, 6]
    plan = (await asked(memory, f"EXPLAIN {FAILING} IN TRANSACTIONS RETURN made", graph=graph)).plan
    profile = (await asked(memory, f"PROFILE {text}", graph=graph)).plan
    assert plan is not None
    assert profile is not None
    assert profile["rows"] == 3


REFUSED = [
    "UNWIND [1] AS i CALL (i) { CALL (i) { CREATE (:B {i: i}) } IN TRANSACTIONS } RETURN i",
    "CREATE (:B {i: 1}) WITH 1 AS i CALL (i) { CREATE (:B {i: i}) } IN TRANSACTIONS",
    "UNWIND [1] AS i CALL (i) { CREATE (:B) RETURN 1 AS x } IN TRANSACTIONS RETURN x UNION RETURN 2 AS x",
    "UNWIND [1] AS i CALL (i) { CREATE (:B {i: i}) } IN TRANSACTIONS REPORT STATUS AS s RETURN s",
    "UNWIND [1] AS i CALL (i) { CREATE (:B {i: i}) } IN TRANSACTIONS ON ERROR FAIL REPORT STATUS AS s RETURN s",
    "UNWIND [1] AS i CALL (i) { CREATE (:B {i: i}) } IN TRANSACTIONS OF 0 ROWS",
    "UNWIND [1] AS i CALL (i) { CREATE (:B {i: i}) } IN TRANSACTIONS OF -1 ROWS",
    "UNWIND [1] AS i CALL (i) { CREATE (:B {i: i}) } IN TRANSACTIONS OF 'many' ROWS",
]


@pytest.mark.parametrize("text", REFUSED)
async def test_what_cannot_be_run_in_transactions_is_refused(memory: Memory, graph: str, text: str) -> None:
    with pytest.raises(InvalidInput):
        await asked(memory, text, graph=graph)
    assert await kept(memory, graph) == []


async def test_it_is_refused_in_a_transaction_that_is_open(memory: Memory, graph: str) -> None:
    async with memory.transaction(graph, mode="write") as transaction:
        with pytest.raises(InvalidInput, match="in an implicit transaction"):
            await transaction.run(CypherQuery(f"{FAILING} IN TRANSACTIONS RETURN made", mode="write"))
    assert await kept(memory, graph) == []


async def test_a_schema_command_after_a_write_of_the_same_transaction_is_refused_at_once(
    memory: Memory, graph: str
) -> None:
    await memory.cypher(graph, "CREATE INDEX named FOR (n:B) ON (n.j)", mode="write")
    for command in ("CREATE INDEX FOR (n:B) ON (n.i)", "DROP INDEX named"):
        async with memory.transaction(graph, mode="write") as transaction:
            await transaction.run(CypherQuery("CREATE (:B {i: 1})", mode="write"))
            with pytest.raises((Conflict, InvalidInput), match="same transaction"):
                await transaction.run(CypherQuery(command, mode="write"))
    async with memory.transaction(graph, mode="write") as transaction:
        await transaction.run(CypherQuery("MATCH (b:B) RETURN b", mode="write"))
        with pytest.raises((Conflict, InvalidInput), match="same transaction"):
            await transaction.run(CypherQuery("DROP INDEX named", mode="write"))
    async with memory.transaction(graph, mode="write") as transaction:
        await transaction.run(CypherQuery("CREATE INDEX FOR (n:B) ON (n.i)", mode="write"))
        await transaction.run(CypherQuery("CREATE (:B {i: 2})", mode="write"))
        await transaction.commit()
    assert await kept(memory, graph) == [2]


async def test_each_row_of_a_subquery_and_of_foreach_sees_what_those_before_it_wrote(
    memory: Memory, graph: str
) -> None:
    text = "CREATE (n:B {i: 0}) FOREACH (i IN [1, 2, 3] | SET n.i = n.i + i) RETURN n.i"
    assert await rows(memory, text, graph=graph) == [6]
    text = "MATCH (n:B) UNWIND [1, 2, 3] AS i CALL (n) { SET n.i = n.i + 1 RETURN n.i AS now } RETURN now, n.i"
    assert await rows(memory, text, graph=graph) == [(7, 9), (8, 9), (9, 9)]
    text = "MATCH (n:B) UNWIND [1, 2] AS i FOREACH (j IN [1, 2] | SET n.i = n.i + j) RETURN n.i"
    assert await rows(memory, text, graph=graph) == [15, 15]
    assert await kept(memory, graph) == [15]


KEYS = [
    "CREATE (:P {key: 'a'})",
    "CREATE (:Q:P {key: 'a'})",
    "CREATE (:P {key: 'x'}), (:P {key: 'x'})",
    "MATCH (n {key: 'b'}) SET n.key = 'a'",
    "MATCH (n {key: 'b'}) SET n += {key: 'a'}",
    "UNWIND ['c', 'c'] AS k CREATE (:P {key: k})",
    "UNWIND range(1, 300) AS i CREATE (:P {key: CASE WHEN i = 300 THEN 'a' ELSE 'k' + i END})",
]


@pytest.mark.parametrize("text", KEYS)
async def test_a_key_is_given_once_in_a_scope(memory: Memory, graph: str, text: str) -> None:
    await memory.cypher(graph, "CREATE (:P {key: 'a', n: 1}), (:P {key: 'b', n: 2})", mode="write")
    with pytest.raises(Conflict, match="is taken in this scope"):
        await memory.cypher(graph, text, mode="write")
    assert await rows(memory, "MATCH (n) RETURN n.key ORDER BY n.key", graph=graph) == ["a", "b"]


async def test_a_key_may_change_hands_and_be_of_several_scopes(memory: Memory, graph: str) -> None:
    await memory.cypher(graph, "CREATE (:P {key: 'a', n: 1}), (:P {key: 'b', n: 2})", mode="write")
    swap = "MATCH (x {key: 'a'}), (y {key: 'b'}) SET x.key = 'b', y.key = 'a'"
    await memory.cypher(graph, swap, mode="write")
    found = await rows(memory, "MATCH (n) RETURN n.key, n.n ORDER BY n.key", graph=graph)
    assert found == [("a", 2), ("b", 1)]
    await memory.cypher(graph, "MATCH (n {key: 'a'}) DELETE n CREATE (:P {key: 'a', n: 3})", mode="write")
    await memory.cypher(graph, "CREATE (:P {key: 'a', n: 4})", mode="write", scope="team")
    found = await rows(memory, "MATCH (n {key: 'a'}) RETURN n.n ORDER BY n.n", graph=graph)
    assert found == [3, 4]


async def test_lists_have_an_end(memory: Memory, graph: str) -> None:
    for text in (
        "RETURN range(0, 9223372036854775807)",
        "RETURN range(-9223372036854775808, 9223372036854775807)",
        "RETURN range(9223372036854775807, -9223372036854775808, -1)",
        "WITH reduce(s = 'aaaaaaaaaa', i IN range(1, 20) | s + s) AS s RETURN size(split(s, ''))",
        "WITH reduce(s = ',,,,,,,,,,', i IN range(1, 20) | s + s) AS s RETURN size(split(s, ','))",
    ):
        with pytest.raises(InvalidInput, match="10,000,000"):
            await asked(memory, text, graph=graph)
    text = "RETURN range(0, 3), range(3, 0), range(3, 0, -2), range(0, 9223372036854775807, 9223372036854775807)"
    assert await rows(memory, text, graph=graph) == [([0, 1, 2, 3], [], [3, 1], [0, 2**63 - 1])]


async def test_show_names_the_home_database(memory: Memory, graph: str) -> None:
    for word in ("DEFAULT", "HOME"):
        answer = await memory.cypher(graph, f"SHOW {word} DATABASE YIELD name, home, default")
        assert list(answer.rows) == [(graph, True, True)]
    answer = await memory.cypher(graph, f"SHOW DATABASE {graph.upper()} YIELD name")
    assert list(answer.rows) == [(graph,)]
