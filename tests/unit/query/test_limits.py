"""Queries that are deep, long or many-headed: understood or refused, in time that grows with their length."""

import time
from collections.abc import Callable

import pytest

from kgmem.query.analysis.statements import analyse
from kgmem.query.errors import CypherError
from tests.unparse import unparse

# Python's own limit is 1,000 frames; a server's request stands that deep before kgmem is called.
AROUND = 250

NESTED: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "RETURN " + "(" * n + "1" + ")" * n,
    "parentheses without an end": lambda n: "RETURN " + "(" * n,
    "lists": lambda n: "RETURN " + "[" * n + "1" + "]" * n,
    "maps": lambda n: "RETURN " + "{a:" * n + "1" + "}" * n,
    "NOT": lambda n: "RETURN " + "NOT " * n + "true",
    "signs": lambda n: "WITH 1 AS x RETURN " + "- " * n + "x",
    "calls": lambda n: "RETURN " + "abs(" * n + "1" + ")" * n,
    "CASE": lambda n: "RETURN " + "CASE WHEN true THEN " * n + "1" + " END" * n,
    "comprehensions": lambda n: "RETURN " + "[x IN " * n + "[1]" + "| x]" * n,
    "projections": lambda n: "WITH {} AS a RETURN " + "a {x: " * n + "1" + "}" * n,
    "EXISTS": lambda n: "RETURN " + "EXISTS { MATCH (a) WHERE " * n + "true" + "}" * n,
    "CALL": lambda n: "CALL { " * n + "RETURN 1 AS x" + " } RETURN x" * n,
    "FOREACH": lambda n: "".join(f"FOREACH (x{at} IN [1] | " for at in range(n)) + "CREATE ()" + ")" * n,
    "labels": lambda n: "MATCH (a:" + "!(" * n + "A" + ")" * n + ") RETURN a",
    "groups": lambda n: "MATCH " + "(" * n + "(a)-->(b)" + ")" * n + " RETURN a",
    "types": lambda n: "RETURN 1 IS :: " + "LIST<" * n + "INTEGER" + ">" * n,
    "sums": lambda n: "RETURN 1" + "+1" * n,
    "properties": lambda n: "WITH {} AS a RETURN a" + ".b" * n,
    "indexes": lambda n: "WITH [] AS a RETURN a" + "[0]" * n,
    "memberships": lambda n: "WITH [] AS a RETURN 1" + " IN a" * n,
}

LONG: dict[str, Callable[[int], str]] = {
    "AND": lambda n: "RETURN true" + " AND true" * n,
    "OR of comparisons": lambda n: "MATCH (n) WHERE n.x = 1" + " OR n.x = 1" * n + " RETURN n",
    "a list": lambda n: "RETURN 1 IN [1" + ",1" * n + "]",
    "comparisons": lambda n: "RETURN 1" + "<1" * n,
    "a path": lambda n: "MATCH (a)" + "-->()" * n + " RETURN a",
    "UNION": lambda n: "RETURN 1 AS x" + " UNION RETURN 1 AS x" * n,
    "WITH": lambda n: "WITH 1 AS x" + " WITH x" * n + " RETURN x",
    "CREATE": lambda n: " ".join(f"CREATE (a{at}:A)" for at in range(n)),
    "EXISTS in turn": lambda n: "MATCH (a) RETURN [" + ",".join("EXISTS { (a) }" for _ in range(n)) + "]",
    "labels": lambda n: "MATCH (n) RETURN n" + ":A" * n,
    "label bars": lambda n: "MATCH (m) RETURN [x IN [m] WHERE x:A" + "|A" * n + " | x]",
    "comprehensions in turn": lambda n: "RETURN [" + ",".join("[x IN [1] | x]" for _ in range(n)) + "]",
    "columns": lambda n: "RETURN " + ",".join(f"1 AS a{at}" for at in range(n)),
    "grouped ORDER BY": lambda n: "MATCH (n) RETURN n.x, count(*) ORDER BY " + ",".join("n.x" for _ in range(n)),
    "WHEN": lambda n: "RETURN CASE " + "WHEN true THEN 1 " * n + "END",
}


def deep(frames: int, work: Callable[[], None]) -> None:
    """Do something that many frames down the stack."""
    if frames:
        deep(frames - 1, work)
    else:
        work()


@pytest.mark.parametrize("shape", NESTED)
@pytest.mark.parametrize("times", [20, 60, 148, 2_000])
def test_nesting_is_understood_or_refused_and_never_overflows(shape: str, times: int) -> None:
    query = NESTED[shape](times)

    def work() -> None:
        try:
            found = analyse(query)
        except CypherError as error:
            assert times > 20 or "without an end" in shape
            assert error.detail in {"TooDeeplyNested", "UnexpectedSyntax"}
        else:
            assert hash(found.statement) == hash(found.statement)
            assert unparse(found.statement)

    deep(AROUND, work)


@pytest.mark.parametrize("shape", LONG)
def test_time_grows_with_the_length_alone(shape: str) -> None:
    short, long = LONG[shape](250), LONG[shape](2_000)

    def best(query: str) -> float:
        times = []
        for _ in range(3):
            started = time.process_time()
            assert analyse(query)
            times.append(time.process_time() - started)
        return min(times)

    # Eight times the length takes eight times as long, and 64 times where time grew with the square.
    assert best(long) < 24 * best(short)


def test_stars_that_stand_for_very_many_columns_are_refused() -> None:
    variables = ", ".join(f"(a{at})" for at in range(2_000))
    with pytest.raises(CypherError) as caught:
        analyse(f"CREATE {variables} {'WITH * ' * 200} RETURN 1")
    assert caught.value.detail == "TooManyColumns"
