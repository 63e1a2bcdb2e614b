"""Rows are joined with the graph, as data is loaded: computed values, any labels, every clause that looks for nodes."""

import pytest

from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from kgmem.query.execution.limits import Limits
from tests.cypher import asked, rows

LOADED = 1_000
GIVEN = [{"a": str(n * 3), "b": n * 3 + 1, "n": f"q{n * 3}", "day": f"2020-01-{n % 28 + 1:02}"} for n in range(300)]
# What a step may have: a product of the rows and the nodes would be 300,000.
LIMITS = Limits(rows=5_000, seconds=120)


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
    ("MATCH (a:Q {id: toInteger(r.a)})", 300),
    ("MATCH (a:Q {id: r.b})", 300),
    ("MATCH (a:Q {id: toFloat(r.a)})", 300),
    ("MATCH (a {id: toInteger(r.a)})", 300),
    ("MATCH (a:Q|Other {id: toInteger(r.a)})", 300),
    ("MATCH (a:!Other {id: toInteger(r.a) + 0})", 300),
    ("MATCH (a:Q) WHERE a.name = toUpper(r.n)", 300),
    ("MATCH (a:Q) WHERE toLower(a.name) = r.n", 300),
    ("MATCH (a:Q) WHERE a.id + 1 = r.b", 300),
    ("MATCH (a:Q) WHERE a.id IN [toInteger(r.a), r.b]", 600),
    ("MATCH (a:Q) WHERE toInteger(r.a) = a.id AND a.name STARTS WITH 'Q'", 300),
    ("MATCH (a:Q {day: date(r.day)})", 300),
    ("MATCH (a:Q), (b:Q {id: a.next}) WHERE a.id = toInteger(r.a)", 300),
    ("MATCH (a:Q {id: head([x IN [r.b] WHERE x > 0 | x])})", 300),
    ("OPTIONAL MATCH (a:Q {id: -100 - r.b})", 300),
    ("OPTIONAL MATCH (a:Q {id: toInteger(r.a)})", 300),
    ("MATCH (a:Q {id: toInteger(r.a)}) MATCH (b:Q {id: a.next})", 300),
    ("WITH r LIMIT 20 CALL (r) { MATCH (a:Q {id: toInteger(r.a)}) RETURN a }", 20),
]


async def test_what_depends_on_the_rows_is_joined(memory: Memory, loaded: str) -> None:
    given = {"rows": GIVEN}
    for clause, expected in JOINS:
        text = f"UNWIND $rows AS r {clause} RETURN count(*)"
        assert await rows(memory, text, given, graph=loaded, limits=LIMITS) == [expected], clause


async def test_numbers_are_joined_whatever_their_form(memory: Memory, graph: str) -> None:
    await asked(
        memory, "UNWIND range(0, 99) AS i CREATE (:A {v: i}), (:A {v: toFloat(i)}), (:A {v: i + 0.5})", graph=graph
    )
    given = {"rows": [*range(50), *map(float, range(50, 100)), *(n + 0.5 for n in range(50)), "1", True, None]}
    for clause in ("{v: v}", "WHERE a.v = v", "WHERE a.v IN [v, 'x']", "{v: coalesce(v, v)}"):
        text = (
            f"UNWIND $rows AS v MATCH (a:A {'' if clause[0] == 'W' else clause}) {clause if clause[0] == 'W' else ''} "
        )
        assert await rows(memory, f"{text} RETURN count(*)", given, graph=graph) == [250], clause
    text = "MATCH (a:A) WHERE a.v IN $list RETURN count(a)"
    assert await rows(memory, text, {"list": [*range(20), 20.0]}, graph=graph) == [42]


async def test_merge_finds_what_is_there_by_what_each_row_has(memory: Memory, loaded: str) -> None:
    text = (
        "UNWIND $rows AS r MERGE (a:Q {id: toInteger(r.a)}) ON CREATE SET a.made = true ON MATCH SET a.met = true "
        "MERGE (b:Q {id: -500 - toInteger(r.a)}) ON CREATE SET b.made = true "
        "MERGE (a)-[:TO {day: date(r.day)}]->(b) RETURN count(*)"
    )
    for expected in ((300, 300), (0, 0)):
        result = await asked(memory, text, {"rows": GIVEN}, graph=loaded, limits=LIMITS)
        counters = result.counters
        assert (counters.nodes_created, counters.relationships_created) == expected
        assert result.rows == [(300,)]
    assert await rows(memory, "MATCH (a:Q {met: true}) RETURN count(a)", graph=loaded) == [300]


async def test_a_value_that_cannot_be_computed_is_an_error_only_where_it_is_asked(memory: Memory, graph: str) -> None:
    await asked(memory, "CREATE (:A {v: 1}), (:A {v: 2})", graph=graph)
    text = "UNWIND [1, 0] AS i MATCH (a:%s {v: 2 / i}) RETURN count(*)"
    assert await rows(memory, text % "Missing", graph=graph) == [0]
    with pytest.raises(CypherError, match="zero"):
        await rows(memory, text % "A", graph=graph)


async def test_maps_are_set_on_what_merge_makes_as_if_row_by_row(memory: Memory, graph: str) -> None:
    given = {"rows": [{"id": n % 200, "n": n} for n in range(300)]}
    text = "UNWIND $rows AS r MERGE (a:A {id: r.id}) ON CREATE SET a += r ON MATCH SET a += {last: r.n} RETURN count(*)"
    result = await asked(memory, text, given, graph=graph)
    assert (result.rows, result.counters.nodes_created) == ([(300,)], 200)
    text = "MATCH (a:A) RETURN sum(a.n), sum(a.last), count(a.last)"
    assert await rows(memory, text, graph=graph) == [(sum(range(200)), sum(range(200, 300)), 100)]
    # What changes what is asked for is found so by the next row.
    text = "UNWIND [{id: 1, k: 2}, {id: 2, k: 3}] AS r MERGE (b:B {id: r.id}) ON CREATE SET b %s {id: r.k} RETURN b.id"
    for sign in ("+=", "="):
        await asked(memory, "MATCH (b:B) DETACH DELETE b", graph=graph)
        result = await asked(memory, text % sign, graph=graph)
        assert (result.counters.nodes_created, result.rows) == (1, [(2,), (2,)])


BY_ID = [
    ("WHERE elementId(a) = $element", ["b"]),
    ("WHERE $element = elementId(a) AND a.n = 'b'", ["b"]),
    ("WHERE id(a) = $number", ["b"]),
    ("WHERE id(a) = toFloat($number)", ["b"]),
    ("WHERE elementId(a) IN $elements", ["a", "b"]),
    ("WHERE id(a) IN [null, $number, $number, 'x', -1, true]", ["b"]),
    ("WHERE elementId(a) IN ['', '007', '99999999999999999999', 'x:1', null]", []),
    ("WHERE id(a) IN [9223372036854775807, -9223372036854775808, 1e300]", []),
    ("WHERE elementId(a) = null", []),
    ("WHERE elementId(a) = $number OR a.n = 'c'", ["c"]),
    (", (b {n: a.n}) WHERE elementId(b) = $element", ["b"]),
]


@pytest.mark.parametrize("several", [False, True])
async def test_nodes_are_looked_up_by_their_ids(memory: Memory, graph: str, several: bool) -> None:
    await asked(memory, "CREATE (:A {n: 'a'})-[:R]->(:A {n: 'b'})-[:R]->(:B {n: 'c'})", graph=graph)
    if several:
        await asked(memory, "MATCH (a:A {n: 'b'}) SET a:B:C", graph=graph)
    found = await rows(memory, "MATCH (a) RETURN a.n, elementId(a), id(a) ORDER BY a.n", graph=graph)
    given = {"element": found[1][1], "number": found[1][2], "elements": [found[0][1], found[1][1], found[1][1]]}
    for clause, expected in BY_ID:
        for label in ("", ":A|B", ":!X"):
            text = f"MATCH (a{label}) {clause} RETURN a.n ORDER BY a.n"
            assert await rows(memory, text, given, graph=graph) == expected, text
            assert await rows(memory, f"UNWIND [1, 2] AS i {text}", given, graph=graph) == sorted(expected * 2), text
    text = "UNWIND $rows AS r MATCH (a) WHERE elementId(a) = r.a MATCH (b:A) WHERE id(b) IN [r.b, r.c] "
    joined = {"rows": [{"a": found[0][1], "b": found[1][2], "c": found[0][2]}, {"a": found[2][1], "b": None}]}
    limits = Limits(rows=4)
    pairs = [("a", "a"), ("a", "b")]
    await asked(memory, "UNWIND range(1, 30) AS i CREATE (:A)", graph=graph)
    assert sorted(await rows(memory, f"{text} RETURN a.n, b.n", joined, graph=graph, limits=limits)) == pairs
    text = "MATCH (a)-[:R]->(b) WHERE elementId(a) = $element AND elementId(b) = $other RETURN b.n"
    given["other"] = found[2][1]
    assert await rows(memory, text, given, graph=graph) == ["c"]
    text = "UNWIND [$element, $other] AS e MATCH (a:A)-[:R]->(b) WHERE elementId(a) = e RETURN b.n"
    assert await rows(memory, text, given, graph=graph) == ["c"]
    text = "MATCH (a) WHERE elementId(a) = $element RETURN a.n"
    assert await rows(memory, text, given, graph=graph, scope="team/x", writes=False) == ["b"]


THROUGH = [
    ("MATCH ALL (a:Q {id: toInteger(r.a)})-[:NEXT]->(b)", 300),
    ("MATCH p = ALL (a {id: toInteger(r.a)})-[:NEXT]->{1,2}(b)", 600),
    ("MATCH ALL (a) ((x)-[:NEXT]->(y)){1,2} (b:Q {id: r.b + 1})", 600),
    ("MATCH (a:Q {id: toInteger(r.a)}) ((x)-[:NEXT]->(y)){1,2} (b:Q {id: toInteger(r.a) + 1})", 300),
    ("MATCH (a) ((x)-[:NEXT]->(y)){1,2} (b:Q {id: toInteger(r.a) + 2})", 600),
    ("MATCH (a) ((x)-[:NEXT]->(y)){1,2} (b:Q) WHERE toUpper(b.name) = 'Q' + (r.b + 1)", 600),
    ("MATCH ((x:Q {id: toInteger(r.a)})-[:NEXT]->(y)){1,2} (b)", 300),
    ("MATCH ((x)-[:NEXT]->(y) WHERE x.id = toInteger(r.a)) (b)", 300),
    ("MATCH ((x)-[:NEXT]->(y) WHERE y.name = toUpper(r.n)){1} (b)", 299),
    ("MATCH (m:Q)-[:NEXT]->(c) (()-[:NEXT]->()){2} (b {id: r.b + 2})", 300),
    ("MATCH p = SHORTEST 1 (a:Q)-[:NEXT]->+(b:Q) WHERE toLower(a.name) = r.n AND b.id = r.b", 300),
    ("MATCH ANY SHORTEST (a:Q {id: toInteger(r.a)}) (()-[:NEXT]->())+ (b:Q {id: r.b})", 300),
    ("MATCH p = ANY (a) ((x)-[:NEXT]->(y)){1,2} (b:Q {id: r.b + 1})", 600),
    ("OPTIONAL MATCH (a) ((x)-[:NEXT]->(y)){1,2} (b:Q {id: -100 - r.b})", 300),
    ("WITH r LIMIT 20 CALL (r) { MATCH (a) ((x)-[:NEXT]->(y)){1,2} (b {id: r.b + 1}) RETURN a }", 40),
    ("WITH r WHERE EXISTS { (a:Q {id: toInteger(r.a)}) ((x)-[:NEXT]->(y)){1,2} (b:Q {id: r.b}) }", 300),
]


@pytest.mark.long
async def test_paths_begin_at_what_the_rows_say(memory: Memory, loaded: str) -> None:
    await asked(memory, "MATCH (a:Q), (b:Q {id: a.next}) CREATE (a)-[:NEXT]->(b)", graph=loaded)
    for clause, expected in THROUGH:
        text = f"UNWIND $rows AS r {clause} RETURN count(*)"
        assert await rows(memory, text, {"rows": GIVEN}, graph=loaded, limits=LIMITS) == [expected], clause
