"""USE: a query, a branch of UNION, or a subquery runs on the graph that it names, or is refused; never on another."""

import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from kgmem.domain.access import Key
from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import Forbidden, InvalidInput, NotFound
from kgmem.memory import Memory
from kgmem.query.values import Node
from tests.memories import new_graph


@dataclass(frozen=True)
class Two:
    """Two graphs: that of the connection, with one node of n = 1, and another, with nodes of n = 10 and 20."""

    memory: Memory
    here: str
    there: str

    async def ask(self, text: str, *, mode: Any = "write", **more: Any) -> list[Any]:
        given = {"there": self.there, "here": self.here}
        answer = await self.memory.cypher(self.here, self.named(text), given, mode=mode, **more)
        return [row[0] if len(row) == 1 else tuple(row) for row in answer.rows]

    def named(self, text: str) -> str:
        return text.replace("@there", self.there).replace("@here", self.here)

    async def all(self) -> tuple[list[Any], list[Any]]:
        """The numbers in each graph."""
        found = []
        for graph in (self.here, self.there):
            answer = await self.memory.cypher(graph, "MATCH (n:N) RETURN n.n ORDER BY n.n")
            found.append([row[0] for row in answer.rows])
        return found[0], found[1]


@pytest.fixture
async def two(memory: Memory) -> Two:
    token = secrets.token_hex(6)
    here, there = await new_graph(memory, f"here_{token}"), await new_graph(memory, f"There_{token}")
    await memory.cypher(here, "CREATE (:N {n: 1})-[:R]->(:N {n: 2})", mode="write")
    await memory.cypher(there, "CREATE (:N {n: 10})-[:R]->(:N {n: 20})", mode="write")
    return Two(memory, here, there)


def key(role: Any, graph: str | None = None, scope: str = "") -> Key:
    return Key(id="k", name="k", role=role, graph=graph, scope=scope)


READS = [
    ("USE @there MATCH (n:N) RETURN n.n ORDER BY n.n", [10, 20]),
    ("USE graph.byName($there) MATCH (n:N) RETURN n.n ORDER BY n.n", [10, 20]),
    ("USE graph.byName('@there') MATCH (n:N) RETURN sum(n.n)", [30]),
    ("USE $there MATCH (n:N) RETURN count(*)", [2]),
    ("USE @here MATCH (n:N) RETURN sum(n.n)", [3]),
    ("MATCH (n:N) RETURN n.n AS n UNION ALL USE @there MATCH (n:N) RETURN n.n AS n", [1, 2, 10, 20]),
    ("USE @there MATCH (n:N) RETURN n.n AS n UNION USE @here MATCH (n:N) RETURN n.n AS n", [10, 20, 1, 2]),
    ("MATCH (a:N) CALL { USE @there MATCH (n:N) RETURN sum(n.n) AS s } RETURN a.n, s ORDER BY a.n", [(1, 30), (2, 30)]),
    ("UNWIND [$here, $there] AS g CALL (g) { USE graph.byName(g) MATCH (n:N) RETURN sum(n.n) AS s } RETURN s", [3, 30]),
    ("MATCH (a:N {n: 1}) CALL (a) { USE @there MATCH (n:N {n: a.n * 10}) RETURN n.n AS m } RETURN m", [10]),
    ("MATCH (a:N {n: 1}) RETURN COUNT { USE @there MATCH (n:N) WHERE n.n > a.n }", [2]),
    ("USE @there MATCH (n:N) WHERE EXISTS { (n)-[:R]->() } RETURN n.n", [10]),
    (
        "USE @there UNWIND [10, 20] AS i MATCH (n:N {n: i}) CALL (n) { MATCH (n)-[:R]->(m) RETURN m.n AS m } RETURN m",
        [20],
    ),
    ("CALL { USE @there CALL { USE @here MATCH (n:N) RETURN sum(n.n) AS s } RETURN s } RETURN s", [3]),
    (
        (
            "CALL { USE @there MATCH (n:N {n: 10}) RETURN n } "
            "CALL (n) { USE @there MATCH (n)-->(m) RETURN m.n AS m } RETURN m"
        ),
        [20],
    ),
]


@pytest.mark.parametrize(("text", "expected"), READS)
async def test_it_reads_the_graph_that_is_named(two: Two, text: str, expected: list[Any]) -> None:
    assert await two.ask(text, mode="read") == expected
    async with two.memory.transaction(two.here, mode="read") as transaction:
        query = CypherQuery(two.named(text), {"there": two.there, "here": two.here})
        answer = await transaction.run(query)
    assert [row[0] if len(row) == 1 else tuple(row) for row in answer.rows] == expected


async def test_it_writes_the_graph_that_is_named_and_no_other(two: Two) -> None:
    await two.ask("USE @there CREATE (:N {n: 30})")
    assert await two.all() == ([1, 2], [10, 20, 30])
    await two.ask("MATCH (a:N) CALL (a) { USE @there MERGE (n:N {n: a.n}) SET n:Copied } RETURN count(*)")
    assert await two.all() == ([1, 2], [1, 2, 10, 20, 30])
    await two.ask("CALL { USE @there MATCH (n:Copied) DETACH DELETE n } MATCH (m:N {n: 2}) SET m.n = 3")
    assert await two.all() == ([1, 3], [10, 20, 30])
    async with two.memory.transaction(two.here, mode="write") as transaction:
        await transaction.run(CypherQuery(two.named("USE @there CREATE (:N {n: 40}), (:New {n: 1})"), mode="write"))
        await transaction.run(CypherQuery("CREATE (:N {n: 4})", mode="write"))
    assert await two.all() == ([1, 3], [10, 20, 30])
    async with two.memory.transaction(two.here, mode="write") as transaction:
        await transaction.run(CypherQuery(two.named("USE @there CREATE (:N {n: 40})"), mode="write"))
        await transaction.run(CypherQuery("CREATE (:N {n: 4})", mode="write"))
        await transaction.commit()
    assert await two.all() == ([1, 3, 4], [10, 20, 30, 40])


WRONG = [
    "CALL { USE @there MATCH (n:N) RETURN n } SET n.n = 0",
    "CALL { USE @there MATCH (n:N) RETURN n } MATCH (n)-->(m) RETURN m",
    "CALL { USE @there MATCH (n:N) RETURN n } CREATE (n)-[:R]->(:N)",
    "CALL { USE @there MATCH (n:N) RETURN n } DETACH DELETE n",
    "CALL { USE @there MATCH (n:N) RETURN n } MERGE (n)-[:S]->(:N)",
    "CALL { USE @there MATCH (:N)-[r]->() RETURN r } DELETE r",
    "MATCH (n:N) CALL (n) { USE @there SET n.n = 0 }",
    "MATCH (n:N) CALL (n) { USE @there MATCH (m:N) CREATE (n)-[:R]->(m) }",
]


@pytest.mark.parametrize("text", WRONG)
async def test_what_is_of_another_graph_is_neither_matched_nor_changed(two: Two, text: str) -> None:
    with pytest.raises(InvalidInput, match="of another graph"):
        await two.ask(text)
    assert await two.all() == ([1, 2], [10, 20])


async def test_nodes_of_two_graphs_are_never_the_same(two: Two) -> None:
    text = "MATCH (a:N {n: 1}) CALL { USE @there MATCH (b:N {n: 10}) RETURN b } RETURN a, b, a = b, b.n, labels(b)"
    [(a, b, same, n, labels)] = await two.ask(text, mode="read")
    assert isinstance(a, Node)
    assert isinstance(b, Node)
    assert (same, n, labels, a == b) == (False, 10, ["N"], False)
    assert b.element_id.startswith(f"{two.there}:")


async def test_a_key_reaches_only_its_graph(two: Two) -> None:
    for text in ("USE @there MATCH (n) RETURN n", "CALL { USE @there CREATE (:N) }", "USE missing MATCH (n) RETURN n"):
        with pytest.raises(NotFound, match="There is no graph"):
            await two.ask(text, asker=key("writer", two.here))
    with pytest.raises(Forbidden):
        await two.ask("USE @there CREATE (:N {n: 5})", asker=key("reader"))
    with pytest.raises(InvalidInput, match="sent in read mode"):
        await two.ask("CALL { USE @there CREATE (:N {n: 5}) }", mode="read", asker=key("writer"))
    assert await two.ask("USE @there MATCH (n:N) RETURN sum(n.n)", asker=key("reader"), mode="read") == [30]
    assert await two.all() == ([1, 2], [10, 20])


async def test_a_scope_holds_in_the_other_graph_too(two: Two) -> None:
    await two.memory.cypher(two.there, "CREATE (:N {n: 99})", mode="write", scope="team/a")
    text = "USE @there MATCH (n:N) RETURN sum(n.n)"
    assert await two.ask(text, mode="read", scope="team/a") == [129]
    assert await two.ask(text, mode="read", scope="team/b") == [30]
    assert await two.ask("CALL { USE @there MATCH (n:N) RETURN sum(n.n) AS s } RETURN s", scope="team/b") == [30]


async def test_names_are_found_whatever_their_case(two: Two) -> None:
    assert await two.ask(f"USE {two.there.lower()} MATCH (n:N) RETURN count(n)", mode="read") == [2]


@pytest.mark.parametrize("text", ["MATCH (n) USE @there RETURN n", "USE 7 MATCH (n) RETURN n", "USE date() RETURN 1"])
async def test_what_names_no_graph_is_refused(two: Two, text: str) -> None:
    with pytest.raises(InvalidInput):
        await two.ask(text)


async def test_explain_and_profile_speak_of_it(two: Two) -> None:
    for word in ("EXPLAIN", "PROFILE"):
        answer = await two.memory.cypher(two.here, two.named(f"{word} USE @there MATCH (n:N) RETURN n"))
        assert answer.plan is not None
    with pytest.raises(NotFound):
        await two.ask("EXPLAIN USE @there MATCH (n:N) RETURN n", asker=key("reader", two.here), mode="read")


async def test_batches_go_into_the_graph_that_is_named(two: Two, caplog: pytest.LogCaptureFixture) -> None:
    batched = "UNWIND [30, 40] AS i CALL (i) { CREATE (:N {n: i}) } IN TRANSACTIONS OF 1 ROW"
    caplog.set_level("INFO", "kgmem.audit")
    await two.ask(f"USE $there {batched}")
    assert await two.all() == ([1, 2], [10, 20, 30, 40])
    assert f"graphs={two.there!r} " in caplog.text
    await two.ask("UNWIND [50] AS i CALL (i) { USE @there CREATE (:N {n: i}) } IN TRANSACTIONS")
    assert await two.all() == ([1, 2], [10, 20, 30, 40, 50])
    with pytest.raises(InvalidInput, match="USE before"):
        await two.ask(f"USE graph.byName($there + '') {batched}")
    with pytest.raises(NotFound):
        await two.ask(f"USE @there {batched}", asker=key("writer", two.here))
    assert await two.all() == ([1, 2], [10, 20, 30, 40, 50])
