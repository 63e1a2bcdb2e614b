"""Groups of patterns that repeat, held to what a brute force over the same graph in networkx finds."""

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import networkx as nx
import pytest

from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from kgmem.query.execution.limits import Limits
from kgmem.query.values import Path
from tests.cypher import GRAPH, asked, rows
from tests.memories import new_graph

# A step from a node: what it found (nodes and relationships by their numbers), where it ends, relationships it took.
Step = tuple[dict[str, int], int, tuple[int, ...]]
Steps = Callable[[int], Iterator[Step]]


def _graph() -> "nx.MultiDiGraph[int]":
    random = Random(7)
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    for n in range(8):
        graph.add_node(n, x=random.randrange(5))
    for e in range(18):
        graph.add_edge(random.randrange(8), random.randrange(8), e, kind=random.choice("RRS"), w=random.randrange(4))
    return graph


WORLD = _graph()


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    nodes = [{"n": n, "x": told["x"]} for n, told in WORLD.nodes(data=True)]
    await asked(memory, "UNWIND $nodes AS each CREATE (:N {n: each.n, x: each.x})", {"nodes": nodes})
    for kind in "RS":
        edges = [
            {"a": a, "b": b, "e": e, "w": told["w"]}
            for a, b, e, told in WORLD.edges(keys=True, data=True)
            if told["kind"] == kind
        ]
        made = f"MATCH (a:N {{n: each.a}}), (b:N {{n: each.b}}) CREATE (a)-[:{kind} {{e: each.e, w: each.w}}]->(b)"
        await asked(memory, f"UNWIND $edges AS each {made}", {"edges": edges})
    return memory


def _edges(kind: str = "", *, both: bool = False) -> Callable[[int], Iterator[tuple[int, int, dict[str, Any]]]]:
    def leading(here: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
        for a, b, e, told in WORLD.edges(keys=True, data=True):
            if told["kind"] not in (kind or "RS"):
                continue
            if a == here:
                yield e, b, told
            elif both and b == here:
                yield e, a, told

    return leading


def _hop(kind: str = "", *, both: bool = False, allowed: Callable[[int, int, int], bool] | None = None) -> Steps:
    def steps(here: int) -> Iterator[Step]:
        for e, there, told in _edges(kind, both=both)(here):
            if allowed is None or allowed(WORLD.nodes[here]["x"], told["w"], WORLD.nodes[there]["x"]):
                yield {"a": here, "r": e, "b": there}, there, (e,)

    return steps


def _trails(steps: Steps, start: int, least: int, most: int, used: frozenset[int] = frozenset()) -> Iterator[Any]:
    """Return each way through a group: what each repetition found, where it ends, and what it went along."""
    if least <= 0:
        yield [], start, used
    if most == 0:
        return
    for found, there, gone in steps(start):
        if used.isdisjoint(gone) and len(set(gone)) == len(gone):
            for rest, end, taken in _trails(steps, there, least - 1, most - 1, used.union(gone)):
                yield [found, *rest], end, taken


def _told(found: list[dict[str, int]], *names: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(each[name] for each in found) for name in names)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


async def _asked(memory: Memory, query: str) -> Counter[Any]:
    return Counter(map(_frozen, await rows(memory, query, writes=False)))


_LISTS = "[v IN a | v.n], [v IN r | v.e], [v IN b | v.n]"


async def test_a_group_goes_along_each_trail(memory: Memory) -> None:
    groups = {
        "(a)-[r:R]->(b) WHERE a.x < b.x": _hop("R", allowed=lambda a, _, b: a < b),
        "(a)-[r:R]->(b) WHERE r.w > 0 AND a.x <> b.x": _hop("R", allowed=lambda a, w, b: w > 0 and a != b),
        "(a)-[r]-(b)": _hop(both=True),
        "(a:N)-[r:S|R {w: 1}]->(b:N)": _hop(allowed=lambda _a, w, _b: w == 1),
    }
    for group, steps in groups.items():
        for quantifier, least, most in (("{1,3}", 1, 3), ("{,2}", 0, 2), ("{2}", 2, 2)):
            found = await _asked(memory, f"MATCH (s:N) ({group}){quantifier} (t) RETURN s.n, {_LISTS}, t.n")
            ways = ((s, way) for s in WORLD for way in _trails(steps, s, least, most))
            expected = Counter((s, *_told(trail, "a", "r", "b"), end) for s, (trail, end, _) in ways)
            assert expected, "the brute force finds some"
            assert found == expected, (group, quantifier)


async def test_a_group_without_an_end_stops_where_all_was_gone_along(memory: Memory) -> None:
    steps = _hop("R", allowed=lambda a, _, b: a < b)
    expected = Counter((*_told(t, "a", "r", "b"), end) for t, end, _ in _trails(steps, 3, 1, 99))
    query = f"MATCH (s:N {{n: 3}}) ((a)-[r:R]->(b) WHERE a.x < b.x)+ (t) RETURN {_LISTS}, t.n"
    assert await _asked(memory, query) == expected


async def test_what_is_found_from_the_right_end_is_told_from_left_to_right(memory: Memory) -> None:
    steps = _hop(both=True, allowed=lambda a, w, _: a > 0 or w > 1)
    ways = [(s, *way) for s in WORLD for way in _trails(steps, s, 1, 3)]
    group = "(part = (a)-[r]-(b) WHERE a.x > 0 OR r.w > 1)"
    for end in ("(t:N {n: 3})", "(t) WHERE t.n = 3"):
        found = await _asked(
            memory,
            f"MATCH p = (s) {group}{{1,3}} {end} RETURN s.n, {_LISTS}, t.n, [v IN nodes(p) | v.n], "
            "[q IN part | [v IN nodes(q) | v.n]]",
        )
        expected = Counter(
            (s, *(told := _told(t, "a", "r", "b")), e, (s, *told[2]), tuple(zip(told[0], told[2], strict=True)))
            for s, t, e, _ in ways
            if e == 3
        )
        assert expected.total() > 5
        assert found == expected
    # The first repetition says where the path begins, and the last where it ends.
    trails = [_told(t, "a", "r", "b") for s in WORLD for t, _, _ in _trails(_hop(both=True), s, 1, 2)]
    for condition, place, n in (("a.n = 2", 0, 2), ("b.n = 3", 2, 3)):
        found = await _asked(memory, f"MATCH ((a)-[r]-(b) WHERE {condition}){{1,2}} RETURN {_LISTS}")
        assert found == Counter(told for told in trails if set(told[place]) == {n})


async def test_a_group_of_one_relationship_is_a_link_that_repeats(memory: Memory) -> None:
    for link, group in (("-[r:R]->{1,3}", "(()-[r:R]->()){1,3}"), ("-[r]-{0,2}", "(()-[r]-()){0,2}")):
        text = "MATCH p = (s:N)%s(t:N) RETURN s.n, [q IN r | q.e], t.n, length(p)"
        assert await _asked(memory, text % link) == (found := await _asked(memory, text % group))
        bare = await _asked(memory, f"MATCH {group} RETURN [q IN r | q.e]")
        assert bare == Counter(x[1] for x in found.elements())
    text = "MATCH p = SHORTEST 2 (s:N {n: 1}) %s (t:N {n: 3}) RETURN length(p)"
    assert await _asked(memory, text % "(()-[]-()){1,2}") == await _asked(memory, text % "((a)-[]-(b)){1,2}")


async def test_a_repetition_may_have_several_relationships(memory: Memory) -> None:
    def steps(here: int) -> Iterator[Step]:
        for e, m, _ in _edges("R")(here):
            for a, b, f, told in WORLD.edges(keys=True, data=True):
                if b == m and told["kind"] == "R" and e != f:
                    yield {"a": here, "r": e, "m": m, "q": f, "b": a}, a, (e, f)

    lists = "[v IN a | v.n], [v IN r | v.e], [v IN m | v.n], [v IN q | v.e], [v IN b | v.n]"
    found = await _asked(memory, f"MATCH ((a)-[r:R]->(m)<-[q:R]-(b)){{1,2}} RETURN {lists}")
    names = ("a", "r", "m", "q", "b")
    assert found == Counter(_told(t, *names) for s in WORLD for t, _, _ in _trails(steps, s, 1, 2))


async def test_groups_follow_each_other_and_share_no_relationship(memory: Memory) -> None:
    found = await _asked(
        memory,
        "MATCH p = (s:N)-[f]->(u) ((a)-[r]->(b)){1,2} ((c)-[q:R]->(d)){0,1} (t) WHERE t.x > size(r) "
        "RETURN f.e, [v IN r | v.e], [v IN q | v.e], t.n, [v IN nodes(p) | v.n], [v IN relationships(p) | v.e]",
    )
    expected: Counter[Any] = Counter()
    for s in WORLD:
        for f, u, _ in _edges()(s):
            for first, m, used in _trails(_hop(), u, 1, 2, frozenset({f})):
                for second, t, _ in _trails(_hop("R"), m, 0, 1, used):
                    if WORLD.nodes[t]["x"] > len(first):
                        (r,), (q,) = _told(first, "r"), _told(second, "r")
                        nodes = (s, u, *(each["b"] for each in (*first, *second)))
                        expected[f, r, q, t, nodes, (f, *r, *q)] += 1
    assert expected.total() > 5
    assert found == expected


async def test_ends_that_are_known_before_are_kept(memory: Memory) -> None:
    expected = Counter(
        (s, end, len(t)) for s in (1, 2) for t, end, _ in _trails(_hop(both=True), s, 1, 3) if end in (2, 5)
    )
    asking = "MATCH (s:N), (t:N) WHERE s.n IN [1, 2] AND t.n IN [2, 5] "
    found = await _asked(memory, asking + "MATCH (s) ((a)-[r]-(b)){1,3} (t) RETURN s.n, t.n, size(r)")
    assert found == expected
    exists = await _asked(memory, asking + "RETURN s.n, t.n, EXISTS { (s) ((a)-[r]-(b)){1,3} (t) }")
    assert exists == Counter((s, t, any(x[:2] == (s, t) for x in expected)) for s in (1, 2) for t in (2, 5))
    counted = await _asked(memory, asking + "RETURN s.n, t.n, COUNT { MATCH (s) ((a)-[r]-(b)){1,3} (t) RETURN r }")
    sums = {(s, t): sum(n for x, n in expected.items() if x[:2] == (s, t)) for s in (1, 2) for t in (2, 5)}
    assert counted == Counter((*ends, n) for ends, n in sums.items())


async def test_what_is_optional_gives_nulls_where_no_way_leads(memory: Memory) -> None:
    found = await _asked(
        memory,
        "MATCH (s:N) OPTIONAL MATCH p = (s) ((a)-[r:R]->(b) WHERE a.x < b.x){3} (t) "
        "RETURN s.n, size(r), t.n, a IS NULL",
    )
    expected: Counter[Any] = Counter()
    for s in WORLD:
        ways = list(_trails(_hop("R", allowed=lambda a, _, b: a < b), s, 3, 3))
        expected.update([(s, 3, end, False) for _, end, _ in ways] or [(s, None, None, True)])
    assert found == expected


async def test_paths_of_groups_have_names(memory: Memory) -> None:
    [(each, whole)] = await rows(
        memory,
        "MATCH whole = (s:N {n: $n}) (part = (a)-[r]->(b)){2} (t) RETURN part, whole ORDER BY r[0].e, r[1].e LIMIT 1",
        {"n": next(s for s in WORLD if any(_trails(_hop(), s, 2, 2)))},
    )
    assert [type(part) for part in each] == [Path, Path]
    assert [r.id for part in each for r in part.relationships] == [r.id for r in whole.relationships]
    assert each[0].nodes[-1].id == each[1].nodes[0].id == whole.nodes[1].id
    found = await _asked(memory, "MATCH (part = (a:N)-[r:R]->(b) WHERE a.x < b.x) RETURN length(part), r.e")
    assert found == Counter((1, e) for s in WORLD for _, _, (e,) in _ones(s))
    once = await _asked(
        memory, "MATCH (s:N {n: 1})-[f]-(u) (part = (a)-[r]-(b)) (t) RETURN f.e, r.e, u = a, b = t, length(part)"
    )
    expected = [(f, e) for f, u, _ in _edges(both=True)(1) for e, _, _ in _edges(both=True)(u) if e != f]
    assert once == Counter((f, e, True, True, 1) for f, e in expected)


async def test_a_path_through_groups_may_be_asked_for_in_where(memory: Memory) -> None:
    path = "MATCH p = (a:N)((x)-->(y)){1,2}(b), q = (a {x: 1}), ((v)-[:S]->(w)){1}"
    every = await rows(memory, f"{path} RETURN length(p), b.n, length(q)")
    some = await rows(memory, f"{path} WHERE length(p) + length(q) = 2 AND b.n > 1 RETURN length(p), b.n, length(q)")
    assert Counter(map(_frozen, some)) == Counter(_frozen(row) for row in every if row[0] == 2 and row[1] > 1)
    assert some
    with pytest.raises(CypherError, match="can use only its own variables"):
        await rows(memory, "MATCH p = (a:N)((x)-->(y)){1,2}(b), ((v)-->(w) WHERE length(p) = 1){1} RETURN p")


def _ones(start: int) -> Iterator[Step]:
    yield from _hop("R", allowed=lambda a, _, b: a < b)(start)


async def test_groups_are_held_to_the_limits(memory: Memory) -> None:
    with pytest.raises(CypherError, match="more than 50 rows"):
        await asked(memory, "MATCH ((a)-[r]-(b))+ RETURN count(*)", writes=False, limits=Limits(rows=50))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("MATCH ((a)){1,2} RETURN a", "needs a relationship"),
        ("MATCH (((a)-->(b)){2}){1,2} RETURN a", "Nested"),
        ("MATCH ((a)-->(b) WHERE b.x < t.x)+ (t) RETURN a", "use only its own variables"),
    ],
)
async def test_what_groups_cannot_do_is_told(memory: Memory, query: str, told: str) -> None:
    with pytest.raises(CypherError, match=told):
        await asked(memory, query, writes=False)
