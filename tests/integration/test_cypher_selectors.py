"""Selectors of paths (SHORTEST k, GROUPS, ANY, shortestPath, ...), held to a brute force that enumerates all trails."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from kgmem.query.execution.limits import Limits
from kgmem.query.values import Path
from tests.cypher import GRAPH, asked, rows
from tests.memories import new_graph, opened_memory

_PATIENT = Limits(seconds=300)
Edge = tuple[int, int, int, str, int]  # Its number, the nodes that it leads from and to, its type and a property.
Trail = tuple[int, ...]  # The numbers of its edges.


@dataclass(frozen=True)
class World:
    """A small graph among others: the values of its nodes, and its edges."""

    number: int
    values: tuple[int, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Hop:
    """A part of a path: edges of a type (empty: any), one way (1, -1) or both (0), `least` to `most` of them."""

    kind: str = ""
    way: int = 1
    least: int = 1
    most: int | None = 1
    weight: int | None = None
    rising: bool = False  # Each edge leads from a node to one whose value is not less.

    def along(self, world: World, here: int) -> Iterator[tuple[int, int]]:
        for number, start, end, kind, weight in world.edges:
            if (self.kind and kind != self.kind) or (self.weight is not None and weight != self.weight):
                continue
            ends = [(start, end)] * (self.way >= 0) + [(end, start)] * (self.way <= 0 and start != end)
            if self.way < 0 and start == end:
                ends = [(start, end)]
            for one, other in ends:
                if one == here and (not self.rising or world.values[one] <= world.values[other]):
                    yield number, other


def _world(random: Random, number: int) -> World:
    nodes = random.randint(2, 5)
    values = tuple(random.randrange(3) for _ in range(nodes))
    edges = tuple(
        (e, random.randrange(nodes), random.randrange(nodes), random.choice("RRS"), random.randrange(2))
        for e in range(random.randint(1, 8))
    )
    return World(number, values, edges)


def _trails(
    world: World, hops: Sequence[Hop], here: int, gone: Trail = (), taken: int = 0
) -> Iterator[tuple[Trail, int]]:
    """Return each trail from a node, with the node at its end."""
    if not hops:
        yield gone, here
        return
    hop = hops[0]
    if taken >= hop.least:
        yield from _trails(world, hops[1:], here, gone)
    if hop.most is None or taken < hop.most:
        for number, there in hop.along(world, here):
            if number not in gone:
                yield from _trails(world, hops, there, (*gone, number), taken + 1)


# What may stand between two nodes, and what it means.
_ONE_LINK: list[tuple[str, Hop]] = [
    ("-[r]->+", Hop(most=None)),
    ("-[r:R]->*", Hop("R", least=0, most=None)),
    ("-[r]-+", Hop(way=0, most=None)),
    ("-[r]-{0,3}", Hop(way=0, least=0, most=3)),
    ("<-[r:R]-{2,4}", Hop("R", way=-1, least=2, most=4)),
    ("-[r]->{3,}", Hop(least=3, most=None)),
    ("-[r*..3]-", Hop(way=0, most=3)),
    ("-[r*0..]->", Hop(least=0, most=None)),
    ("-[r* {w: 1}]-", Hop(way=0, most=None, weight=1)),
    ("-[r:S WHERE r.w = 0]-+", Hop("S", way=0, most=None, weight=0)),
    ("-[r:R|S*2..]->", Hop(least=2, most=None)),
]
_OTHERS: list[tuple[str, list[Hop]]] = [
    ("-[{w: 1}]->", [Hop(weight=1)]),
    ("-[:R]->()-[]-+", [Hop("R"), Hop(way=0, most=None)]),
    ("-[:R]-()<-[:S]-", [Hop("R", way=0), Hop("S", way=-1)]),
    (" ((x)-[]->(y) WHERE x.v <= y.v)+ ", [Hop(most=None, rising=True)]),
    (" ((x)-[:R]-(y)){0,3} ", [Hop("R", way=0, least=0, most=3)]),
]
# How each selector is written, how many paths it gives and of how many lengths.
_SELECTORS: list[tuple[str, int | None, int | None]] = [
    ("SHORTEST 1", 1, None),
    ("SHORTEST 3 PATHS", 3, None),
    ("SHORTEST 50", 50, None),
    ("ANY SHORTEST", 1, None),
    ("ALL SHORTEST", None, 1),
    ("SHORTEST GROUP", None, 1),
    ("SHORTEST 2 GROUPS", None, 2),
    ("SHORTEST 4 PATH GROUPS", None, 4),
    ("ANY", 1, None),
    ("ANY 2", 2, None),
    ("ANY 5 PATHS", 5, None),
    ("ALL", None, None),
    ("ALL PATHS", None, None),
]


@pytest.fixture
async def memory(database_url: str) -> AsyncIterator[Memory]:
    async with opened_memory(database_url) as opened:
        await new_graph(opened, GRAPH)
        yield opened


async def _store(memory: Memory, worlds: Sequence[World]) -> None:
    for name in ("at", "w"):
        await asked(memory, f"CREATE INDEX FOR (n:N) ON (n.{name})")
    nodes = [{"w": world.number, "n": n, "v": v} for world in worlds for n, v in enumerate(world.values)]
    keyed = "CREATE (:N {at: each.w * 10 + each.n, w: each.w, n: each.n, v: each.v})"
    await asked(memory, f"UNWIND $nodes AS each {keyed}", {"nodes": nodes})
    for kind in "RS":
        edges = [
            {"a": world.number * 10 + start, "b": world.number * 10 + end, "e": e, "w": weight}
            for world in worlds
            for e, start, end, held, weight in world.edges
            if held == kind
        ]
        made = f"MATCH (a:N {{at: each.a}}), (b:N {{at: each.b}}) CREATE (a)-[:{kind} {{e: each.e, w: each.w}}]->(b)"
        await asked(memory, f"UNWIND $edges AS each {made}", {"edges": edges})


def _expected(found: Sequence[Trail], paths: int | None, lengths: int | None) -> list[int]:
    """Return the lengths of the trails that a selector chooses."""
    ordered = sorted(map(len, found))
    if lengths is not None:
        kept = sorted(set(ordered))[:lengths]
        ordered = [length for length in ordered if length in kept]
    return ordered[:paths]


async def _compare(
    memory: Memory, worlds: Sequence[World], written: str, hops: Sequence[Hop], selector: tuple[Any, ...]
) -> None:
    """Hold the paths from the first node of each world to each other node to what a brute force finds."""
    word, paths, lengths = selector
    query = (
        f"UNWIND $worlds AS each MATCH (a:N {{at: each.at}}) MATCH p = {word} (a){written}(b:N {{w: each.w}})"
        " RETURN each.w, b.n, [r IN relationships(p) | r.e], [n IN nodes(p) | n.n]"
    )
    asked_of = {"worlds": [{"at": world.number * 10, "w": world.number} for world in worlds]}
    got: dict[tuple[int, int], list[Trail]] = defaultdict(list)
    for number, end, edges, nodes in await rows(memory, query, asked_of, writes=False, limits=_PATIENT):
        got[number, end].append(tuple(edges))
        assert (nodes[0], nodes[-1]) == (0, end)
    for world in worlds:
        every: dict[int, list[Trail]] = defaultdict(list)
        for trail, end in _trails(world, hops, 0):
            every[end].append(trail)
        for end in range(len(world.values)):
            found = got[world.number, end]
            shown = (query, world, end, found, every[end])
            assert sorted(map(len, found)) == _expected(every[end], paths, lengths), shown
            assert not Counter(found) - Counter(every[end]), shown  # Each is a trail, and none is there twice.


async def _compare_worlds(memory: Memory, count: int, seed: int) -> None:
    random = Random(seed)
    worlds = [_world(random, number) for number in range(count)]
    await _store(memory, worlds)
    patterns = [*((written, [hop]) for written, hop in _ONE_LINK), *_OTHERS]
    for number, (written, hops) in enumerate(patterns):
        for selector in _SELECTORS:
            mine = worlds[number :: len(patterns)]
            await _compare(memory, mine, written, hops, selector)


@pytest.mark.long
async def test_each_selector_gives_what_a_brute_force_finds(memory: Memory) -> None:
    await _compare_worlds(memory, 16, seed=5)


@pytest.mark.slow
async def test_each_selector_gives_what_a_brute_force_finds_in_1000_graphs(memory: Memory) -> None:
    await _compare_worlds(memory, 1000, seed=11)


@pytest.mark.long
async def test_the_functions_give_what_a_brute_force_finds(memory: Memory) -> None:
    random = Random(3)
    worlds = [_world(random, number) for number in range(8)]
    await _store(memory, worlds)
    for world in worlds:
        for written, hop in (("-[*]-", Hop(way=0, most=None)), ("-[:R*..3]->", Hop("R", most=3))):
            every: dict[int, list[Trail]] = defaultdict(list)
            for trail, end in _trails(world, [hop], 0):
                every[end].append(trail)
            for word, paths, lengths in (("shortestPath", 1, None), ("allShortestPaths", None, 1)):
                path = f"{word}((a){written}(b))"
                ends = "MATCH (a:N {at: $at}), (b:N {w: $w}) WHERE a <> b "
                for query in (
                    f"MATCH p = {word}((a:N {{at: $at}}){written}(b:N {{w: $w}})) WHERE a <> b",
                    f"{ends} MATCH p = {path}",
                    f"{ends} UNWIND {path} AS p WITH a, b, p WHERE p IS NOT NULL",
                ):
                    told = f"{query} RETURN b.n, length(p)"
                    got: dict[int, list[int]] = defaultdict(list)
                    for end, length in await rows(memory, told, {"at": world.number * 10, "w": world.number}):
                        got[end].append(length)
                    for end in range(1, len(world.values)):
                        assert got[end] == _expected(every[end], paths, lengths), (told, world)


def _nodes_along(world: World, trail: Trail) -> list[int]:
    """Return the values of the nodes along a trail from the first node."""
    here, found = 0, [world.values[0]]
    for number in trail:
        _, start, end, _, _ = world.edges[number]
        here = end if start == here else start
        found.append(world.values[here])
    return found


# What WHERE asks of the path of a function, and of its edges and the values of its nodes.
_ASKED: list[tuple[str, Callable[[Sequence[Edge], Sequence[int]], bool]]] = [
    ("none(r IN relationships(p) WHERE type(r) = 'S')", lambda edges, _: all(e[3] != "S" for e in edges)),
    ("all(x IN relationships(p) WHERE x.w = 1)", lambda edges, _: all(e[4] == 1 for e in edges)),
    ("NOT any(x IN r WHERE x.w = 1)", lambda edges, _: all(e[4] != 1 for e in edges)),
    ("all(n IN nodes(p) WHERE n.v > 0)", lambda _, nodes: min(nodes) > 0),
    ("none(n IN nodes(p)[1..-1] WHERE n.v = 1)", lambda _, nodes: 1 not in nodes[1:-1]),
    ("single(x IN relationships(p) WHERE x.w = 1)", lambda edges, _: [e[4] for e in edges].count(1) == 1),
    ("length(p) > 2", lambda edges, _: len(edges) > 2),
    ("size(r) % 2 = 0 AND all(n IN nodes(p) WHERE n.v < 2)", lambda e, nodes: len(e) % 2 == 0 and max(nodes) < 2),
    ("any(x IN r WHERE type(x) = 'S') OR b.v = 0", lambda e, nodes: nodes[-1] == 0 or any(x[3] == "S" for x in e)),
    ("none(x IN r WHERE x.w = a.v) AND none(x IN nodes(p) WHERE x.v > b.v + 1)", None),
]


async def _compare_asked(memory: Memory, worlds: Sequence[World]) -> None:
    for world in worlds:
        every: dict[int, list[Trail]] = defaultdict(list)
        for trail, end in _trails(world, [Hop(way=0, most=None)], 0):
            every[end].append(trail)
        for where, meets in _ASKED:
            for word, paths, lengths in (("shortestPath", 1, None), ("allShortestPaths", None, 1)):
                query = (
                    f"MATCH (a:N {{at: $at}}), (b:N {{w: $w}}) WHERE a <> b MATCH p = {word}((a)-[r*]-(b))"
                    f" WHERE {where} RETURN b.n, [x IN relationships(p) | x.e]"
                )
                got: dict[int, list[Trail]] = defaultdict(list)
                for end, edges in await rows(memory, query, {"at": world.number * 10, "w": world.number}):
                    got[end].append(tuple(edges))
                for end in range(1, len(world.values)):
                    kept = [trail for trail in every[end] if _meets(world, trail, meets)]
                    shown = (query, world, end, got[end], kept)
                    assert sorted(map(len, got[end])) == _expected(kept, paths, lengths), shown
                    assert not Counter(got[end]) - Counter(kept), shown


def _meets(world: World, trail: Trail, meets: Callable[[Sequence[Edge], Sequence[int]], bool] | None) -> bool:
    edges, nodes = [world.edges[number] for number in trail], _nodes_along(world, trail)
    if meets is None:
        return all(e[4] != nodes[0] for e in edges) and max(nodes) <= nodes[-1] + 1
    return meets(edges, nodes)


@pytest.mark.long
async def test_where_restricts_which_path_of_the_functions_is_shortest(memory: Memory) -> None:
    random = Random(17)
    worlds = [_world(random, number) for number in range(6)]
    await _store(memory, worlds)
    await _compare_asked(memory, worlds)


@pytest.mark.slow
async def test_where_restricts_which_path_of_the_functions_is_shortest_in_many_graphs(memory: Memory) -> None:
    random = Random(23)
    worlds = [_world(random, number) for number in range(100)]
    await _store(memory, worlds)
    await _compare_asked(memory, worlds)


async def test_a_longer_path_is_found_where_the_shortest_is_excluded(memory: Memory) -> None:
    await asked(memory, "CREATE (a:A)-[:X]->(b:B), (a)-[:Y]->(:C {open: false})-[:Y]->(b), (a)-[:Y]->(d:D)-[:Y]->(e:E)")
    await asked(memory, "MATCH (e:E), (b:B) CREATE (e)-[:Y]->(b)")
    for where, lengths in (
        ("none(r IN relationships(p) WHERE type(r) = 'X')", [2]),
        ("none(r IN relationships(p) WHERE type(r) = 'X') AND all(n IN nodes(p) WHERE coalesce(n.open, true))", [3]),
        ("all(r IN relationships(p) WHERE type(r) = 'Z')", []),
        ("all(n IN nodes(p) WHERE NOT n:A)", []),
        ("length(p) = 3", [3]),
    ):
        for ends in ("(:A)-[*]-(:B)", "(:A)-[*]->(:B)"):
            query = f"MATCH p = shortestPath({ends}) WHERE {where} RETURN length(p)"
            assert await rows(memory, query, writes=False) == lengths, query
    single = "MATCH shortestPath((:A)-[r]-(:B)) WHERE type(r) = 'X' RETURN type(r)"
    assert await rows(memory, single, writes=False) == ["X"]


async def test_lengths_1_1_2_are_three_shortest_paths(memory: Memory) -> None:
    made = "CREATE (a:A)-[:R]->(b:B), (a)-[:R]->(b), (a)-[:R]->(:C)-[:R]->(b)"
    await asked(memory, made)
    assert await rows(memory, "MATCH p = SHORTEST 3 (a:A)-[]->+(b:B) RETURN length(p) AS n ORDER BY n") == [1, 1, 2]
    assert await rows(memory, "MATCH p = ANY 3 (:A)-->+(:B) RETURN length(p) AS n ORDER BY n") == [1, 1, 2]
    groups = "MATCH p = SHORTEST 2 GROUPS (:A)-[]->+(:B) RETURN length(p) AS n ORDER BY n"
    assert await rows(memory, groups) == [1, 1, 2]
    assert await rows(memory, "MATCH p = SHORTEST $k (:A)-->+(:B) RETURN length(p)", {"k": 1}) == [1]


async def test_where_is_asked_of_the_paths_that_were_chosen(memory: Memory) -> None:
    await asked(memory, "CREATE (a:A)-[:R {w: 1}]->(b:B), (a)-[:R {w: 2}]->(c:C {x: 1})-[:R {w: 2}]->(b)")
    longer = "RETURN length(p)"
    assert await rows(memory, f"MATCH p = SHORTEST 1 (:A)-->+(:B) WHERE length(p) > 1 {longer}") == []
    assert await rows(memory, f"MATCH p = SHORTEST 1 (:A)-[{{w: 2}}]->+(:B) {longer}") == [2]
    assert await rows(memory, f"MATCH p = SHORTEST 1 (:A)-[r WHERE r.w = 2]->+(:B) {longer}") == [2]
    inside = "MATCH p = SHORTEST 1 (:A) ((x)-[r]->(y) WHERE r.w = 2)+ (:B)"
    assert await rows(memory, f"{inside} {longer}") == [2]
    behind = "MATCH p = SHORTEST 1 (a:A)-->(c)-->(b:B) WHERE c.x = 2"
    assert await rows(memory, f"{behind} {longer}") == []


@pytest.mark.long
async def test_a_long_chain_is_searched_without_end_of_the_stack(memory: Memory) -> None:
    await asked(memory, "UNWIND range(0, 2100) AS i CREATE (:L {i: i})")
    pairs = {"pairs": [{"a": i, "b": i + 1} for i in range(2100)]}
    made = "MATCH (a:L {i: each.a}), (b:L {i: each.b}) CREATE (a)-[:NEXT]->(b)"
    await asked(memory, f"UNWIND $pairs AS each {made}", pairs)
    ends = "MATCH (a:L {i: 0}), (b:L {i: 2100}) "
    assert await rows(memory, f"{ends} MATCH p = shortestPath((a)-[*]-(b)) RETURN length(p)", writes=False) == [2100]
    assert await rows(memory, f"{ends} MATCH p = SHORTEST 2 (a)-->+(b) RETURN length(p)", writes=False) == [2100]


async def test_a_number_of_paths_that_is_none_is_refused(memory: Memory) -> None:
    for count in (0, -1, "2", 1.5, None):
        with pytest.raises(CypherError, match=r"of paths|1 path"):
            await rows(memory, "MATCH p = SHORTEST $k (:A)-->+(:B) RETURN p", {"k": count})


async def test_paths_are_given_whole(memory: Memory) -> None:
    await asked(memory, "CREATE (:A {n: 1})-[:R {e: 1}]->(:C {n: 2})<-[:R {e: 2}]-(:B {n: 3})")
    found = await rows(memory, "MATCH p = SHORTEST 2 (:A)-[r]-+(:B) RETURN p, r")
    assert len(found) == 1
    path, relationships = found[0]
    assert isinstance(path, Path)
    assert [node.properties["n"] for node in path.nodes] == [1, 2, 3]
    assert [each.properties["e"] for each in relationships] == [1, 2]
