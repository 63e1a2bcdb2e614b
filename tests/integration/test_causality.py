"""Causal checks: d-separation, minimal sets, ancestry and circles, against networkx over the whole graph."""

import random
from collections.abc import Iterable

import networkx as nx
import pytest

from kgmem.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall import causality
from kgmem.domain.recall.causality import Ancestry, Separation
from kgmem.domain.recall.question import When
from kgmem.memory import Memory
from kgmem.store.search import causal
from tests.causes import NETWORKS, Link, network, put


def connected(whole: nx.DiGraph, one: set[str], other: set[str], given: set[str]) -> bool:
    """Whether a path leads from one to the other in the moral graph of the ancestors, around the given."""
    asked = one | other | given
    part = whole.subgraph(asked.union(*(nx.ancestors(whole, node) for node in asked)))
    moral = nx.Graph(part)
    for node in part:
        parents = sorted(part.predecessors(node))
        moral.add_edges_from((first, second) for first in parents for second in parents if first < second)
    moral.remove_nodes_from(given)
    return any(nx.has_path(moral, first, second) for first in one for second in other)


@pytest.mark.parametrize("name", NETWORKS)
async def test_separation_in_a_network_is_that_of_networkx_and_of_the_moral_graph(
    memory: Memory, graph: str, name: str
) -> None:
    nodes, links = network(name)
    await put(memory, graph, nodes, links)
    whole, dice = nx.DiGraph((link.start, link.end) for link in links), random.Random(5)
    whole.add_nodes_from(nodes)
    for _ in range(40):
        picked = dice.sample(nodes, min(len(nodes), dice.randint(2, 8)))
        first, second = 1, 2 if len(picked) < 4 else dice.randint(2, len(picked) - 1)
        one, other, given = set(picked[:first]), set(picked[first:second]), set(picked[second:])
        among = dice.choice([None, sorted(dice.sample(nodes, len(nodes) // 2))])
        found = await memory.causality.separation(graph, Separation(sorted(one), sorted(other), sorted(given), among))
        assert found.separated == nx.is_d_separator(whole, one, other, given)
        assert found.separated != connected(whole, one, other, given)
        assert found.given_is_minimal == (found.separated and nx.is_minimal_d_separator(whole, one, other, given))
        allowed = set(nodes if among is None else among) - one - other
        if found.minimal is None:
            assert nx.find_minimal_d_separator(whole, one, other, restricted=allowed) is None
        else:
            assert set(found.minimal) <= allowed
            assert nx.is_minimal_d_separator(whole, one, other, set(found.minimal))


@pytest.mark.parametrize("name", NETWORKS)
async def test_ancestry_in_a_network_is_that_of_networkx(memory: Memory, graph: str, name: str) -> None:
    nodes, links = network(name)
    await put(memory, graph, nodes, links)
    whole = nx.DiGraph((link.start, link.end) for link in links)
    whole.add_nodes_from(nodes)

    def united(sets: Iterable[set[str]]) -> list[str]:
        return sorted(set().union(*sets))

    for asked in ([nodes[0]], [nodes[-1]], nodes[1:3]):
        found = await memory.causality.ancestry(graph, Ancestry(asked))
        assert found.ancestors == united(nx.ancestors(whole, node) for node in asked)
        assert found.descendants == united(nx.descendants(whole, node) for node in asked)
        assert (found.acyclic, found.cycles) == (True, [])


async def test_circles_are_named(memory: Memory, graph: str) -> None:
    links = [Link("a", "b"), Link("b", "c"), Link("c", "a"), Link("c", "d"), Link("e", "e"), Link("d", "e")]
    await put(memory, graph, "abcde", links)
    found = await memory.causality.ancestry(graph, Ancestry(["d"]))
    assert not found.acyclic
    assert sorted(map(list, found.cycles)) == [["a", "b", "c", "a"], ["e", "e"]]
    with pytest.raises(Conflict, match="a -> b -> c -> a") as raised:
        await memory.causality.separation(graph, Separation(["a"], ["d"]))
    assert raised.value.hint


async def test_only_what_a_scope_sees_and_what_holds_then_counts(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key) for key in "abc"])
    await memory.entities.put(graph, [Entity("own", scope="u/1"), Entity("own", scope="u/2")])
    await memory.relationships.put(
        graph,
        [
            Relationship("CAUSES", "a", "b", valid_from="1960", valid_to="1970"),
            Relationship("CAUSES", "own", "b", scope="u/1"),
            Relationship("CAUSES", "b", "c"),
            Relationship("KNOWS", "c", "a"),
        ],
    )
    for scope, when, expected in (
        ("", When(), ["b"]),
        ("u/1", When(), ["b", "own"]),
        ("u/2", When(), ["b"]),
        ("", When(valid_at="1965"), ["a", "b"]),
        ("u/1", When(any_time=True), ["a", "b", "own"]),
    ):
        assert (await memory.causality.ancestry(graph, Ancestry(["c"], scope, when))).ancestors == expected
    assert (await memory.causality.separation(graph, Separation(["own"], ["c"], scope="u/2"))).separated
    assert not (await memory.causality.separation(graph, Separation(["own"], ["c"], scope="u/1"))).separated
    for asked in (Ancestry(["own"]), Ancestry(["nobody"], "u/1")):
        with pytest.raises(NotFound):
            await memory.causality.ancestry(graph, asked)


async def test_questions_that_make_no_sense_are_refused(memory: Memory, graph: str) -> None:
    await put(memory, graph, "abc", [Link("a", "b")])
    for asked in (
        Separation([], ["a"]),
        Separation(["a"], []),
        Separation(["a"], ["a"]),
        Separation(["a"], ["b"], ["a"]),
        Separation(["a"], ["b"], ["b", "c"]),
        Separation(["a"], [f"k{n}" for n in range(1000)]),
    ):
        with pytest.raises(InvalidInput):
            await memory.causality.separation(graph, asked)
    with pytest.raises(InvalidInput):
        await memory.causality.ancestry(graph, Ancestry([]))


async def test_a_part_over_the_limits_is_refused(memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(memory, graph, "abcdef", [Link(one, "f") for one in "abcde"] + [Link("a", "b"), Link("b", "c")])
    assert len((await memory.causality.ancestry(graph, Ancestry(["f"]))).ancestors) == 5
    for name, most in (("MOST_ENTITIES", 5), ("MOST_LINKS", 6)):
        with monkeypatch.context() as patch:
            patch.setattr(causal, name, most)
            with pytest.raises(TooLarge) as raised:
                await memory.causality.ancestry(graph, Ancestry(["f"]))
            assert raised.value.hint
    assert causality.MOST_ENTITIES > 6
