"""Communities: found in a scope, kept with their ids, and gone with what they were found in."""

from collections.abc import Sequence

import pytest

from kgmem.domain.derived.communities import Community, CommunityChanges, matched
from kgmem.domain.errors import InvalidInput, NotFound, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.services.upkeep import communities as grouping
from kgmem.services.upkeep.community_levels import communities_of
from tests.memories import new_graph

GRAPH = "grouped"
TWO_RINGS = [(one, other) for ring in ("abcd", "wxyz") for one in ring for other in ring if one < other]


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def put(memory: Memory, pairs: Sequence[tuple[str, str]], scope: str = "", strength: float = 1.0) -> None:
    keys = sorted({key for pair in pairs for key in pair})
    await memory.entities.put(GRAPH, [Entity(key, "Thing", f"The {key}", scope=scope) for key in keys])
    await memory.relationships.put(
        GRAPH, [Relationship("KNOWS", one, other, strength=strength, scope=scope) for one, other in pairs]
    )


async def found(memory: Memory, scope: str = "", level: int | None = 0) -> list[Community]:
    return list((await memory.communities.list(GRAPH, scope=scope, level=level)).items)


def members(communities: Sequence[Community]) -> list[str]:
    return sorted("".join(sorted(member.key for member in each.members)) for each in communities)


async def test_what_hangs_together_is_a_community_with_its_members_by_centrality(memory: Memory) -> None:
    await put(memory, [*TWO_RINGS, ("d", "w"), ("a", "e")])

    assert (await memory.communities.detect(GRAPH)).made > 0

    assert members(await found(memory)) == ["abcde", "wxyz"]
    largest = (await found(memory))[0]
    whole = await memory.communities.get(GRAPH, largest.id)
    assert (whole.size, whole.members[0].key, whole.members[-1].key) == (5, "a", "e")
    assert whole.members[0].name == "The a"
    assert sum(member.centrality for member in whole.members) == pytest.approx(1, abs=0.01)


async def test_doing_it_again_changes_nothing(memory: Memory) -> None:
    await put(memory, [*TWO_RINGS, ("d", "w")])
    first = await memory.communities.detect(GRAPH)
    before = await found(memory, level=None)

    assert await memory.communities.detect(GRAPH) == CommunityChanges(first.communities)

    assert await found(memory, level=None) == before


async def test_a_community_that_changes_a_little_keeps_its_id_and_others_all(memory: Memory) -> None:
    await put(memory, TWO_RINGS)
    await memory.communities.detect(GRAPH)
    before = {frozenset(m.key for m in each.members): each for each in await found(memory)}
    await put(memory, [("w", "v"), ("x", "v")])

    assert await memory.tasks.update_communities(GRAPH) != CommunityChanges()

    after = {frozenset(m.key for m in each.members): each for each in await found(memory)}
    assert after[frozenset("abcd")] == before[frozenset("abcd")]
    assert after[frozenset("vwxyz")].id == before[frozenset("wxyz")].id


async def test_nothing_of_another_scope_is_in_a_community(memory: Memory) -> None:
    await put(memory, TWO_RINGS)
    await put(memory, [("p", "q")], scope="user/1")
    await memory.relationships.put(GRAPH, [Relationship("KNOWS", "p", "a", scope="user/1")])
    await put(memory, [("s", "t")], scope="user/2")
    for scope in ("", "user/1", "user/2"):
        await memory.communities.detect(GRAPH, scope=scope)

    assert members(await found(memory)) == ["abcd", "wxyz"]
    assert members(await found(memory, "user/1")) == ["pq"]
    (other,) = await found(memory, "user/2")
    with pytest.raises(NotFound):
        await memory.communities.get(GRAPH, other.id, scope="user/1")


async def test_what_is_deleted_is_in_no_community_at_once(memory: Memory) -> None:
    await put(memory, TWO_RINGS)
    await memory.communities.detect(GRAPH)
    await memory.entities.delete(GRAPH, ["a"])

    assert members(await found(memory)) == ["bcd", "wxyz"]
    assert sorted(each.size for each in await found(memory)) == [3, 4]
    await memory.entities.delete(GRAPH, ["b", "c"])
    await memory.tasks.update_communities(GRAPH)
    assert members(await found(memory)) == ["wxyz"]


async def test_a_job_keeps_communities_up_where_somebody_asked(memory: Memory) -> None:
    await put(memory, TWO_RINGS)
    assert await memory.tasks.queue_communities() == 0
    await memory.communities.enqueue(GRAPH)
    assert await memory.tasks.queue_communities() == 1
    assert (await memory.tasks.update_communities(GRAPH)).communities == 2

    assert await memory.tasks.queue_communities() == 0
    assert await memory.tasks.update_communities(GRAPH) == CommunityChanges()
    assert await memory.communities.delete(GRAPH) == 2
    assert await found(memory) == []


async def test_pages_go_on_where_the_last_ended(memory: Memory) -> None:
    await put(memory, TWO_RINGS)
    await memory.communities.detect(GRAPH)
    first = await memory.communities.list(GRAPH, limit=1)
    second = await memory.communities.list(GRAPH, limit=1, cursor=first.cursor)

    assert members([*first.items, *second.items]) == ["abcd", "wxyz"]
    assert second.cursor is None
    with pytest.raises(InvalidInput, match="cursor"):
        await memory.communities.list(GRAPH, cursor="x")


async def test_a_scope_with_too_many_links_is_refused(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(memory, TWO_RINGS)
    monkeypatch.setattr(grouping, "MOST_LINKS", 5)

    with pytest.raises(TooLarge, match="more than 5 links"):
        await memory.communities.detect(GRAPH)


def test_the_same_links_in_any_order_give_the_same_communities() -> None:
    links = [(n, m, 1.0) for ring in range(0, 60, 6) for n in range(ring, ring + 6) for m in range(n + 1, ring + 6)]
    links += [(n, n + 1, 0.2) for n in range(5, 59, 6)]

    levels = communities_of(links)

    assert levels == communities_of(links[::-1])
    assert sorted(item for item, _ in levels[0][0]) == [0, 1, 2, 3, 4, 5]
    assert communities_of([]) == []


def test_a_community_goes_on_from_the_one_that_it_has_the_most_in_common_with() -> None:
    held = {1: frozenset({1, 2, 3}), 2: frozenset({4, 5, 6, 7})}

    assert matched(held, [frozenset({4, 5, 6}), frozenset({1, 2, 3})]) == [2, 1]
    assert matched(held, [frozenset({4, 5}), frozenset({6, 7}), frozenset({1, 9, 8})]) == [2, None, None]
    assert matched({}, [frozenset({1})]) == [None]
