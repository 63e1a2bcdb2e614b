"""Rows are joined with the graph, as data is loaded: computed values, any labels, every clause that looks for nodes."""

import time

import pytest

from kgmem.memory import Memory
from tests.cypher import asked, rows

LOADED = 2_000
GIVEN = [{"a": str(n * 3), "b": n * 3 + 1, "n": f"q{n * 3}", "day": f"2020-01-{n % 28 + 1:02}"} for n in range(600)]
# What one step may take beside what it gives: a product of the rows and the nodes would be 1,200,000.
SECONDS = 8.0


@pytest.fixture(params=["one label", "several labels"])
async def loaded(request: pytest.FixtureRequest, memory: Memory, graph: str) -> str:
    """A graph of 2,000 nodes :Q, each with a number, a name, and a day; also where nodes have several labels."""
    more = ":More" if request.param == "several labels" else ""
    text = f"UNWIND range(0, {LOADED - 1}) AS i CREATE (:Q{more} {{id: i, name: 'Q' + i, day: date('2020-01-01') + "
    await asked(memory, text + "duration({days: i}), next: i + 1})", graph=graph)
    if more:
        await asked(memory, "UNWIND range(0, 9) AS i CREATE (:Other:Q {id: -1 - i, name: 'other'})", graph=graph)
    return graph


JOINS = [
    ("MATCH (a:Q {id: toInteger(r.a)})", 600),
    ("MATCH (a:Q {id: r.b})", 600),
    ("MATCH (a:Q {id: toFloat(r.a)})", 600),
    ("MATCH (a {id: toInteger(r.a)})", 600),
    ("MATCH (a:Q|Other {id: toInteger(r.a)})", 600),
    ("MATCH (a:!Other {id: toInteger(r.a) + 0})", 600),
    ("MATCH (a:Q) WHERE a.name = toUpper(r.n)", 600),
    ("MATCH (a:Q) WHERE toLower(a.name) = r.n", 600),
    ("MATCH (a:Q) WHERE a.id + 1 = r.b", 600),
    ("MATCH (a:Q) WHERE a.id IN [toInteger(r.a), r.b]", 1200),
    ("MATCH (a:Q) WHERE toInteger(r.a) = a.id AND a.name STARTS WITH 'Q'", 600),
    ("MATCH (a:Q {day: date(r.day)})", 600),
    ("MATCH (a:Q), (b:Q {id: a.next}) WHERE a.id = toInteger(r.a)", 600),
    ("MATCH (a:Q {id: head([x IN [r.b] WHERE x > 0 | x])})", 600),
    ("OPTIONAL MATCH (a:Q {id: -100 - r.b})", 600),
    ("OPTIONAL MATCH (a:Q {id: toInteger(r.a)})", 600),
    ("MATCH (a:Q {id: toInteger(r.a)}) MATCH (b:Q {id: a.next})", 600),
    ("CALL (r) { MATCH (a:Q {id: toInteger(r.a)}) RETURN a }", 600),
]


async def test_what_depends_on_the_rows_is_joined(memory: Memory, loaded: str) -> None:
    slow = []
    for clause, expected in JOINS:
        began = time.monotonic()
        found = await rows(memory, f"UNWIND $rows AS r {clause} RETURN count(*)", {"rows": GIVEN}, graph=loaded)
        assert found == [expected], clause
        if time.monotonic() - began > SECONDS:
            slow.append(clause)
    assert not slow
