"""EXPLAIN and PROFILE: plans with the rows that are expected and that there were, through every door."""

import pytest

from kgmem.bolt.graphs import Rows
from kgmem.cli.cypher_shell import show
from kgmem.domain.errors import InvalidInput
from kgmem.memory import Memory

TEXT = "MATCH (a:Person {uid: 3})-[r:KNOWS]->(b) WITH b, count(r) AS n RETURN b.uid AS uid, n ORDER BY uid LIMIT 5"


@pytest.fixture
async def people(memory: Memory, graph: str) -> str:
    """Ten people, each of whom knows the two that follow."""
    text = """
    UNWIND range(0, 9) AS i CREATE (:Person {uid: i})
    WITH count(*) AS n MATCH (a:Person), (b:Person) WHERE b.uid IN [(a.uid + 1) % 10, (a.uid + 2) % 10]
    CREATE (a)-[:KNOWS]->(b)
    """
    await memory.cypher(graph, text, mode="write")
    return graph


async def test_explained_query_is_not_run(memory: Memory, people: str) -> None:
    answer = await memory.cypher(people, "EXPLAIN MATCH (n:Person) DETACH DELETE n")
    assert answer.plan is not None
    assert (answer.plan["mode"], answer.plan["operator"]) == ("explain", "Delete")
    assert answer.plan["children"][0]["operator"] == "Match"
    assert "rows" not in answer.plan
    assert not answer.writes
    assert (await memory.cypher(people, "MATCH (n:Person) RETURN count(n)")).rows == [(10,)]


async def test_plan_names_the_clauses_in_the_words_of_the_query(memory: Memory, people: str) -> None:
    answer = await memory.cypher(people, f"EXPLAIN {TEXT}")
    assert answer.rows == []
    assert answer.plan is not None
    steps = [answer.plan]
    while steps[-1]["children"]:
        steps.append(steps[-1]["children"][0])
    assert [each["operator"] for each in steps] == ["SortedProjection", "Aggregation", "Match"]
    assert steps[-1]["details"] == "MATCH (a:Person {uid: 3})-[r:KNOWS]->(b)"
    assert steps[-1]["identifiers"] == ["a", "b", "r"]
    assert all(each["estimated_rows"] > 0 for each in steps)
    assert steps[0]["estimated_rows"] <= 5


async def test_profile_counts_the_rows_of_each_step(memory: Memory, people: str) -> None:
    answer = await memory.cypher(people, f"PROFILE {TEXT}")
    assert answer.rows == [(4, 1), (5, 1)]
    assert answer.plan is not None
    match = answer.plan["children"][0]["children"][0]
    assert (answer.plan["rows"], match["rows"], match["read"]) == (2, 2, 2)
    assert match["milliseconds"] > 0


async def test_profile_of_subqueries_and_unions_counts_what_runs_inside(memory: Memory, people: str) -> None:
    text = "MATCH (a:Person) WHERE a.uid < 3 CALL (a) { MATCH (a)-->(b) RETURN count(b) AS n } RETURN a.uid, n"
    plan = (await memory.cypher(people, f"PROFILE {text}")).plan
    assert plan is not None
    subquery = plan["children"][0]
    before, inside = subquery["children"]
    assert (subquery["operator"], subquery["rows"], before["rows"]) == ("Subquery", 3, 3)
    assert (inside["operator"], inside["rows"], inside["children"][0]["rows"]) == ("Aggregation", 3, 6)
    both = (await memory.cypher(people, "PROFILE RETURN 1 AS x UNION ALL UNWIND [2, 3] AS x RETURN x")).plan
    assert both is not None
    assert (both["operator"], [each["rows"] for each in both["children"]]) == ("UnionAll", [1, 2])


async def test_profile_of_a_write_needs_the_mode_that_writes(memory: Memory, people: str) -> None:
    with pytest.raises(InvalidInput, match="read mode"):
        await memory.cypher(people, "PROFILE CREATE (:Person)")
    answer = await memory.cypher(people, "PROFILE MERGE (:Person {uid: 99})", mode="write")
    assert answer.plan is not None
    assert (answer.plan["operator"], answer.plan["rows"], answer.counters["nodes_created"]) == ("Merge", 1, 1)


async def test_drivers_are_told_plans_in_their_shape(memory: Memory, people: str) -> None:
    explained = await Rows(await memory.cypher(people, f"EXPLAIN {TEXT}")).summary()
    profiled = await Rows(await memory.cypher(people, f"PROFILE {TEXT}")).summary()
    assert explained.plan is not None
    assert explained.profile is None
    assert explained.plan["operatorType"] == "SortedProjection@kgmem"
    assert explained.plan["children"][0]["args"]["EstimatedRows"] > 0
    assert profiled.profile is not None
    assert profiled.plan is None
    assert (profiled.profile["rows"], profiled.profile["args"]["Rows"]) == (2, 2)


async def test_shell_prints_a_plan_as_a_table(memory: Memory, people: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(await memory.cypher(people, f"PROFILE {TEXT}"), 0.1, as_json=False)
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("SortedProjection", "Aggregation", "Match", "expected rows"))
