"""The graph around what is found: neighbourhoods that limit, and walks that rank."""

import itertools
from dataclasses import replace
from typing import Any

import networkx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Hops, Links, Question, What, When
from kgmem.memory import Memory
from tests.memories import let_go, new_graph
from tests.sizes import examples, sized

NAMES = itertools.count()
edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["KNOWS", "LIKES"])), max_size=25)


async def graph_of(memory: Memory, links: list[tuple[int, int, str]]) -> str:
    graph = await new_graph(memory, f"links_{next(NAMES)}")
    await memory.entities.put(graph, [Entity(f"n{n}", "Node") for n in range(10)])
    stated = {(one, other, kind): Relationship(kind, f"n{one}", f"n{other}") for one, other, kind in links}
    if stated:
        await memory.relationships.put(graph, list(stated.values()))
    return graph


def keys(answer: Answer) -> list[str]:
    return [hit.key for hit in answer.hits]


@sized
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=edges,
    most=st.integers(1, 4),
    kinds=st.sampled_from([(), ("KNOWS",), ("LIKES", "KNOWS"), ("UNKNOWN",)]),
    way=st.sampled_from(["out", "in", "both"]),
)
async def test_hops_are_those_of_a_breadth_first_search(
    memory: Memory, links: list[tuple[int, int, str]], most: int, kinds: tuple[str, ...], way: Any
) -> None:
    graph = await graph_of(memory, links)
    reference = networkx.MultiDiGraph()
    reference.add_nodes_from(range(10))
    reference.add_edges_from((one, other) for one, other, kind in links if not kinds or kind in kinds)
    seen = {"out": reference, "in": reference.reverse(), "both": reference.to_undirected()}[way]
    away = networkx.single_source_shortest_path_length(seen, 0, most)
    answer = await memory.recall(graph, Question(graph=Links(hops=Hops(("n0",), most, kinds, way)), k=100))
    assert set(keys(answer)) == {f"n{n}" for n in away}
    values = {hit.key: hit.retrievers["hops"].value for hit in answer.hits}
    assert values == {f"n{n}": pytest.approx(1 / (1 + hops)) for n, hops in away.items()}
    assert keys(answer)[0] == "n0"
    await let_go(memory, graph)


async def test_hops_filter_what_words_find(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Airport", text="an airport") for key in "abcd"])
    await memory.relationships.put(graph, [Relationship("ROUTE", "a", "b"), Relationship("ROUTE", "b", "c")])
    near = Question(What(text="airport"), graph=Links(hops=Hops(("a",), 1)))
    assert set(keys(await memory.recall(graph, near))) == {"a", "b"}
    ranked = Question(What(text="airport"), graph=Links(hops=Hops(("a",), 1)), modes={"graph": "should"})
    found = keys(await memory.recall(graph, ranked))
    assert set(found) == {"a", "b", "c", "d"}
    assert set(found[:2]) == {"a", "b"}


async def test_hops_go_over_what_is_valid_and_seen(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Node") for key in "abc"])
    await memory.entities.put(graph, [Entity("a", "Node", scope="u/1"), Entity("mine", "Node", scope="u/1")])
    await memory.relationships.put(
        graph,
        [
            Relationship("LINK", "a", "b", valid_to="1970"),
            Relationship("LINK", "a", "c"),
            Relationship("LINK", "a", "mine", scope="u/1"),
        ],
    )

    async def around(scope: str = "", **when: Any) -> set[str]:
        question = Question(when=When(**when), graph=Links(hops=Hops(("a",), 1)), scope=scope, k=50)
        return set(keys(await memory.recall(graph, question)))

    assert await around() == {"a", "c"}
    assert await around(any_time=True) == {"a", "b", "c"}
    assert await around("u/1") == {"a", "mine"}


async def test_unknown_starts_are_named(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", "Node")])
    await memory.entities.put(graph, [Entity("b", "Node", scope="u/1")])
    for links in (Links(hops=Hops(("a", "b"), 1)), Links(hops=Hops(("nobody",), 1))):
        with pytest.raises(NotFound, match=r"graph\.hops\.from"):
            await memory.recall(graph, Question(graph=links))
    with pytest.raises(NotFound, match=r"what\.start"):
        await memory.recall(graph, Question(What(start=["b"]), graph=Links(expand=True)))
    with pytest.raises(InvalidInput, match="expan"):
        await memory.recall(graph, Question(What(text="x", start=["a"])))


async def test_a_walk_finds_what_no_word_of_the_question_is_in(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph, [Entity(key, "Person", name=name) for key, name in [("ann", "Ann Ryder"), ("bo", "Bo Lindqvist")]]
    )
    await memory.episodes.put(
        graph,
        [
            Episode("Ann Ryder married Bo Lindqvist.", "e1", mentions=["ann", "bo"]),
            Episode("The carpenter was born in Uppsala.", "e2", mentions=["bo"]),
            *(Episode(f"The husband of somebody else was born in village {n}.", f"x{n}") for n in range(30)),
        ],
    )
    await memory.embeddings.run(graph)
    asked = What(text="Where was the husband of Ann Ryder born?", kinds=["episode"])
    plain = await memory.recall(graph, Question(asked, k=40, weights={"meaning": 0}))
    walked = await memory.recall(graph, Question(asked, k=40, weights={"meaning": 0}, graph=Links(expand=True)))
    assert keys(walked).index("e2") < keys(plain).index("e2")
    assert keys(walked)[0] == "e1"
    assert "expansion" in walked.hits[0].retrievers


async def test_a_walk_from_named_entities_needs_no_text(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Node") for key in "abcde"])
    await memory.relationships.put(
        graph, [Relationship("LINK", "a", "b"), Relationship("LINK", "b", "c"), Relationship("LINK", "d", "e")]
    )
    question = Question(What(start=["a"]), graph=Links(expand=True))
    answer = await memory.recall(graph, question)
    assert set(keys(answer)) == {"a", "b", "c"}
    assert keys(answer)[-1] == "c"
    assert (await memory.recall(graph, question)).hits == answer.hits


async def test_a_walk_keeps_to_filters_scopes_and_times(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Node") for key in "abc"])
    await memory.entities.put(graph, [Entity("over", "Node", valid_to="1950"), Entity("other", "Other")])
    await memory.entities.put(graph, [Entity("mine", "Node", scope="u/1")])
    await memory.relationships.put(
        graph,
        [
            Relationship("LINK", "a", "b"),
            Relationship("LINK", "a", "over"),
            Relationship("LINK", "a", "other"),
            Relationship("LINK", "a", "c", valid_to="1960"),
            Relationship("LINK", "a", "mine", scope="u/1"),
        ],
    )
    start = Question(What(start=["a"], labels=["Node"]), graph=Links(expand=True))
    assert set(keys(await memory.recall(graph, start))) == {"a", "b", "over"}
    current = replace(start, states=["current"])
    assert set(keys(await memory.recall(graph, current))) == {"a", "b"}


@pytest.mark.long
async def test_a_hub_holds_no_walk_up(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("hub", "Hub"), *(Entity(f"n{n:04}", "Node") for n in range(3000))])
    await memory.relationships.put(graph, [Relationship("LINK", f"n{n:04}", "hub") for n in range(3000)])
    question = Question(What(start=["n0005"]), graph=Links(expand=True), k=50)
    first = await memory.recall(graph, question)
    assert set(keys(first)[:2]) == {"n0005", "hub"}
    assert (await memory.recall(graph, question)).hits == first.hits
