"""Neighbourhoods: compared with a search by hand, at several times, as known then, in scopes."""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.recall.view import Neighbourhood, Subgraph
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from tests.memories import let_go, new_graph
from tests.sizes import examples, sized

ANY = When(any_time=True)


def keys(seen: Subgraph) -> list[str]:
    return [entity.key for entity in seen.entities]


def links(seen: Subgraph) -> set[tuple[str, str, str]]:
    return {(each.start, each.kind, each.end) for each in seen.relationships}


def hops(seen: Subgraph) -> dict[str, int]:
    return {entity.key: seen.hops[entity.id or 0] for entity in seen.entities}


def around(edges: Sequence[tuple[str, str]], start: str, most: int, ways: str) -> Mapping[str, int]:
    found, waiting = {start: 0}, deque([start])
    while waiting:
        at = waiting.popleft()
        far = [b for a, b in edges if a == at and ways != "in"] + [a for a, b in edges if b == at and ways != "out"]
        for each in far:
            if each not in found and found[at] < most:
                found[each] = found[at] + 1
                waiting.append(each)
    return found


NODES = "abcdefgh"


@sized
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edges=st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=14),
    most=st.integers(0, 4),
    ways=st.sampled_from(["out", "in", "both"]),
)
async def test_a_neighbourhood_is_that_of_a_breadth_first_search(
    memory: Memory, edges: list[tuple[str, str]], most: int, ways: str
) -> None:
    graph = await new_graph(memory, f"search_{secrets.token_hex(6)}")
    await memory.entities.put(graph, [Entity(key=key) for key in NODES])
    await memory.relationships.put(graph, [Relationship("R", a, b) for a, b in edges])
    seen = await memory.views.neighbourhood(graph, Neighbourhood(["a"], most, direction=ways))  # type: ignore[arg-type]
    found = around(edges, "a", most, ways)
    assert hops(seen) == found
    assert links(seen) == {(a, "R", b) for a, b in edges if a in found and b in found}
    assert not seen.more
    await let_go(memory, graph)


@pytest.fixture
async def people(memory: Memory, graph: str) -> str:
    names = ("Ann", "Bob", "Cem", "Dan")
    await memory.entities.put(graph, [Entity(key=name.lower(), label="Person", name=name) for name in names])
    await memory.relationships.put(
        graph,
        [
            Relationship("KNOWS", "ann", "bob"),
            Relationship("MARRIED", "ann", "cem", valid_from="1990", valid_to="1999"),
            Relationship("KNOWS", "cem", "dan", properties={"since": 1980}),
        ],
    )
    return graph


async def test_what_holds_at_a_time_is_shown(memory: Memory, people: str) -> None:
    def asked(**when: object) -> Neighbourhood:
        return Neighbourhood(["ann"], 1, when=When(**when))  # type: ignore[arg-type]

    assert sorted(keys(await memory.views.neighbourhood(people, asked()))) == ["ann", "bob"]
    assert sorted(keys(await memory.views.neighbourhood(people, asked(valid_at="1995")))) == ["ann", "bob", "cem"]
    assert sorted(keys(await memory.views.neighbourhood(people, asked(any_time=True)))) == ["ann", "bob", "cem"]


async def test_only_the_kinds_that_are_asked_for_lead_on(memory: Memory, people: str) -> None:
    seen = await memory.views.neighbourhood(people, Neighbourhood(["ann"], 2, ["MARRIED"], when=ANY))
    assert hops(seen) == {"ann": 0, "cem": 1}
    assert links(seen) == {("ann", "MARRIED", "cem")}
    assert keys(await memory.views.neighbourhood(people, Neighbourhood(["ann"], 2, ["NO_SUCH"]))) == ["ann"]


async def test_it_is_shown_as_it_was_known(memory: Memory, people: str) -> None:
    then = iso(now())
    await memory.entities.put(people, [Entity(key="ann", name="Anna"), Entity(key="eva")])
    await memory.relationships.put(people, [Relationship("KNOWS", "ann", "eva")])
    await memory.entities.delete(people, ["bob"])
    present = await memory.views.neighbourhood(people, Neighbourhood(["ann"], 1))
    before = await memory.views.neighbourhood(people, Neighbourhood(["ann"], 1, when=When(known_at=then)))
    assert {entity.key: entity.name for entity in present.entities} == {"ann": "Anna", "eva": None}
    assert {entity.key: entity.name for entity in before.entities} == {"ann": "Ann", "bob": "Bob"}
    assert links(before) == {("ann", "KNOWS", "bob")}
    with pytest.raises(NotFound, match="eva"):
        await memory.views.neighbourhood(people, Neighbourhood(["eva"], 1, when=When(known_at=then)))


async def test_the_nearest_come_first_and_what_has_no_room_is_told(memory: Memory, people: str) -> None:
    seen = await memory.views.neighbourhood(people, Neighbourhood(["ann"], 2, when=ANY, most=3))
    assert keys(seen)[0] == "ann"
    assert set(keys(seen)) == {"ann", "bob", "cem"}
    assert seen.more


async def test_nothing_is_seen_of_other_scopes(memory: Memory, people: str) -> None:
    await memory.entities.put(people, [Entity(key="secret", scope="team"), Entity(key="own", scope="me")])
    await memory.relationships.put(
        people, [Relationship("KNOWS", "ann", "secret", scope="team"), Relationship("KNOWS", "ann", "own", scope="me")]
    )
    assert "secret" not in keys(await memory.views.neighbourhood(people, Neighbourhood(["ann"], 2, scope="me")))
    assert "own" in keys(await memory.views.neighbourhood(people, Neighbourhood(["ann"], 2, scope="me")))
    assert set(keys(await memory.views.neighbourhood(people, Neighbourhood(["ann"])))) == {"ann", "bob"}
    with pytest.raises(NotFound, match="secret"):
        await memory.views.neighbourhood(people, Neighbourhood(["secret"], scope="me"))


async def test_a_view_of_a_question_is_around_what_it_finds(memory: Memory, people: str) -> None:
    seen = await memory.views.of_recall(people, Question(What(text="Dan"), k=1), Neighbourhood([], 1))
    assert hops(seen) == {"dan": 0, "cem": 1}
    assert seen.relationships[0].properties == {"since": 1980}
    nothing = await memory.views.of_recall(people, Question(What(text="Zoe", labels=["Nobody"])), Neighbourhood([]))
    assert (list(nothing.entities), nothing.more) == ([], False)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (Neighbourhood([]), "at least one entity"),
        (Neighbourhood(["ann"], 5), "hops is 5"),
        (Neighbourhood(["ann"], most=0), "limit is 0"),
        (Neighbourhood(["a"] * 1001), "keys is 1001"),
    ],
)
async def test_what_asks_for_nothing_or_too_much_is_refused(
    memory: Memory, people: str, asked: Neighbourhood, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        await memory.views.neighbourhood(people, asked)
