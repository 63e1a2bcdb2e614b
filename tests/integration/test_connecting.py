"""Entities that are alike: joined by a job, kept up, and taken back."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from kgmem.bootstrap import handlers
from kgmem.domain.derived.similarity import SIMILAR_TO, LinkChanges
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Hops, Links, Question, What
from kgmem.domain.text.extraction import Argument, Extraction, FoundEntity, FoundFact, Span, TextToRead
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from kgmem.store.derived import similarity
from kgmem.store.jobs.queue import open_queue
from kgmem.store.jobs.worker import WorkerOptions
from tests.memories import (
    DIMENSION,
    change_feed,
    hashing,
    index_schema,
    new_graph,
    opened_memory,
    query,
    until,
    with_ports,
)

GRAPH = "alike"


class Capitals:
    """An extractor to which every two capitalized words are a concept."""

    name = "capitals"

    async def extract(self, texts: Sequence[TextToRead]) -> Sequence[Extraction]:
        found = []
        for each in texts:
            words = re.finditer(r"[A-Z]\w+ [A-Z]\w+", each.text)
            entities = [FoundEntity(m[0], "Concept", [Span(*m.span())]) for m in words]
            facts = []
            if (at := each.text.find(" met ")) > 0:
                ends = [Argument(one.name, one.spans[0]) for one in entities]
                facts = [FoundFact(ends[0], "waved at", Span(at + 1, at + 4), ends[1], 1.0, self.name)]
            found.append(Extraction(entities, facts, extractor=self.name))
        return found

    async def aclose(self) -> None:
        """Let go of nothing."""


def turned(degrees: float) -> list[float]:
    """A unit vector so far from the first axis."""
    angle = math.radians(degrees)
    return [math.cos(angle), math.sin(angle), *[0.0] * (DIMENSION - 2)]


def at(key: str, degrees: float, scope: str = "", name: str | None = None) -> Entity:
    return Entity(key, "Thing", name or key, embedding=turned(degrees), scope=scope)


async def joined(memory: Memory, graph: str = GRAPH, scope: str = "") -> dict[tuple[str, str], float]:
    page = await memory.relationships.list(graph, scope=scope, kind=SIMILAR_TO, limit=1000)
    return {(each.start, each.end): each.strength or 0.0 for each in page.items}


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return with_ports(memory, extractor=Capitals())


async def test_what_is_alike_is_joined_with_its_similarity_and_nothing_else(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 10), at("c", 80)])

    assert await memory.similarity.link(GRAPH, min_similarity=0.8) == LinkChanges(3, 1)

    assert await joined(memory) == {("b", "a"): pytest.approx(math.cos(math.radians(10)), abs=0.01)}
    assert (await memory.graphs.stats(GRAPH)).facts == 0


async def test_doing_it_again_changes_nothing(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at(str(n), n) for n in range(10)])
    await memory.similarity.link(GRAPH)
    before, feed = await joined(memory), await change_feed(memory, GRAPH)

    assert await memory.similarity.link(GRAPH) == LinkChanges()

    assert await joined(memory) == before
    assert await change_feed(memory, GRAPH) == feed


async def test_one_by_one_joins_what_all_at_once_joins(memory: Memory) -> None:
    for n in range(12):
        await memory.entities.put(GRAPH, [at(f"e{n}", 7.0 * n % 60)])
        await memory.similarity.link(GRAPH, min_similarity=0.95)
    one_by_one = await joined(memory)

    await memory.similarity.unlink(GRAPH)
    assert await joined(memory) == {}
    await memory.similarity.link(GRAPH, min_similarity=0.95)

    assert await joined(memory) == one_by_one != {}


@pytest.mark.parametrize("small", [1000, 0], ids=["read one by one", "by the index"])
async def test_each_is_joined_to_a_few_before_it_at_the_most(
    memory: Memory, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "_SMALL", small)
    await memory.entities.put(GRAPH, [at(f"e{n:02}", n / 10) for n in range(30)])

    await memory.similarity.link(GRAPH)

    pairs = await joined(memory)
    assert sorted(sum(start == f"e{n:02}" for start, _ in pairs) for n in range(30)) == [0, 1, 2, 3, 4, *[5] * 25]


async def test_scopes_are_never_joined_with_each_other(memory: Memory) -> None:
    scopes = ["", "user/1", "user/1/a", "user/2"]
    await memory.entities.put(GRAPH, [at(f"{n}-{scope}", n, scope) for scope in scopes for n in range(3)])

    await memory.similarity.link(GRAPH)

    rows = await query(memory, f'SELECT start_id, end_id FROM {GRAPH}."{SIMILAR_TO}"')
    assert len(rows) == 3 * len(scopes)
    for scope in scopes:
        own = {(each.start, each.end) for each in await of_scope(memory, scope)}
        assert len(own) == 3
        assert all(key.endswith(f"-{scope}") for pair in own for key in pair)


async def of_scope(memory: Memory, scope: str) -> Sequence[Relationship]:
    page = await memory.relationships.list(GRAPH, scope=scope, kind=SIMILAR_TO, limit=1000)
    return [each for each in page.items if each.scope == scope]


async def test_another_vector_parts_and_joins_anew(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 5), at("c", 90)])
    await memory.similarity.link(GRAPH)
    await memory.entities.put(GRAPH, [at("b", 88)])

    assert await memory.tasks.queue_similarity() == 1
    assert await memory.tasks.update_similarity(GRAPH) == LinkChanges(1, 1, 1)

    assert set(await joined(memory)) == {("b", "c")}


async def test_another_name_parts_at_once_and_joins_when_its_vector_is_there(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("a", name="Ann Lee"), Entity("b", name="Ann Lee")])
    await memory.embeddings.run(GRAPH)
    await memory.similarity.link(GRAPH, min_similarity=0.99)
    assert set(await joined(memory)) == {("b", "a")}

    await memory.entities.put(GRAPH, [Entity("a", name="Robert Fitzgerald")])
    await memory.tasks.update_similarity(GRAPH)
    assert await joined(memory) == {}

    await memory.entities.put(GRAPH, [Entity("a", name="Ann Lee")])
    await memory.embeddings.run(GRAPH)
    jobs = memory.ports.jobs.asked  # type: ignore[attr-defined]
    assert ("link_similar", GRAPH) in jobs
    await memory.tasks.update_similarity(GRAPH)
    assert set(await joined(memory)) == {("a", "b")}


async def test_a_merge_leaves_no_similarity_of_what_went_and_can_be_undone(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 5), at("c", 6)])
    await memory.similarity.link(GRAPH)
    merged = await memory.resolution.merge(GRAPH, NewMerge("a", "b", "me", "one"))
    await memory.tasks.update_similarity(GRAPH)
    assert {frozenset(pair) for pair in await joined(memory)} == {frozenset("ac")}

    await memory.resolution.undo_merge(GRAPH, merged.id or 0, by="me", reason="two")
    await memory.tasks.update_similarity(GRAPH)
    assert {frozenset(pair) for pair in await joined(memory)} == {frozenset(p) for p in ("ab", "ac", "bc")}


async def test_what_is_deleted_takes_its_similarities_along(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 5)])
    await memory.similarity.link(GRAPH)

    assert (await memory.entities.delete(GRAPH, ["a"])).relationships == 1
    assert await joined(memory) == {}
    assert (await memory.tasks.update_similarity(GRAPH)).joined == 0
    schema = await index_schema(memory, GRAPH)
    assert not await query(
        memory, f"SELECT FROM {schema}.similarity_done WHERE item NOT IN (SELECT id FROM {schema}.item)"
    )


async def test_similarities_are_no_facts_whatever_the_graph_calls_facts(memory: Memory) -> None:
    await memory.graphs.update(GRAPH, facts="all")
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 5)])
    await memory.relationships.put(GRAPH, [Relationship("KNOWS", "a", "b")])
    await memory.similarity.link(GRAPH)
    await memory.index.rebuild(GRAPH)

    answer = await memory.recall(GRAPH, Question(What(text="a b knows similar", kinds=["fact"])))
    assert [hit.label for hit in answer.hits] == ["KNOWS"]
    assert (await memory.graphs.stats(GRAPH)).facts == 1


async def test_hops_follow_similarities_only_where_they_are_named(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 5)])
    await memory.similarity.link(GRAPH)

    async def reached(*kinds: str) -> set[str]:
        hops = Hops(["a"], most=1, kinds=kinds)
        answer = await memory.recall(GRAPH, Question(What(kinds=["entity"]), graph=Links(hops=hops)))
        return {hit.key for hit in answer.hits}

    assert await reached() == {"a"}
    assert await reached(SIMILAR_TO) == {"a", "b"}
    rows = (await memory.cypher(GRAPH, "MATCH (x)-[r:SIMILAR_TO]->(y) RETURN x.key, y.key, r.strength > 0.9")).rows
    assert [list(row) for row in rows] == [["b", "a", True]]


async def test_the_walk_goes_over_similarities(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0, name="Zanzibar"), at("b", 20, name="Quito")])
    await memory.episodes.put(GRAPH, [Episode("It rains.", "rain", mentions=["b"])])
    question = Question(What(text="Zanzibar", kinds=["episode"]), graph=Links(expand=True), weights={"meaning": 0})
    assert not (await memory.recall(GRAPH, question)).hits

    await memory.similarity.link(GRAPH)

    assert [hit.key for hit in (await memory.recall(GRAPH, question)).hits] == ["rain"]


async def test_disconnecting_parts_all_and_another_threshold_begins_anew(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 20)])
    await memory.relationships.put(GRAPH, [Relationship(SIMILAR_TO, "a", "b", text="somebody says so")])
    await memory.similarity.link(GRAPH, min_similarity=0.9)
    await memory.similarity.link(GRAPH, min_similarity=0.99)
    assert set(await joined(memory)) == {("a", "b")}

    await memory.similarity.link(GRAPH, min_similarity=0.9)
    assert await memory.similarity.unlink(GRAPH) == 1
    assert set(await joined(memory)) == {("a", "b")}
    assert await memory.tasks.update_similarity(GRAPH) == LinkChanges()
    with pytest.raises(InvalidInput, match="min_similarity is"):
        await memory.similarity.link(GRAPH, min_similarity=1.5)


async def test_nothing_is_joined_where_nobody_asked(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [at("a", 0), at("b", 5)])

    assert await memory.tasks.queue_similarity() == 0
    assert await memory.tasks.update_similarity(GRAPH) == LinkChanges()
    assert await joined(memory) == {}


async def test_forgetting_texts_takes_what_is_alike_along_and_tells_it(memory: Memory) -> None:
    texts = [Episode("Ann Lee came.", "one", extract=True), Episode("Ann Leeds came.", "two", extract=True)]
    await memory.episodes.put(GRAPH, texts)
    await memory.extraction.run(GRAPH)
    await memory.embeddings.run(GRAPH)
    await memory.similarity.link(GRAPH, min_similarity=0.1)
    assert len(await joined(memory)) == 1
    await memory.communities.detect(GRAPH)
    assert await memory.tasks.update_summaries(GRAPH) == 1
    named = {each.name: each.key for each in (await memory.entities.list(GRAPH)).items}
    gone, kept = named["Ann Lee"], named["Ann Leeds"]
    await memory.summaries.create(GRAPH, gone)
    await memory.summaries.create(GRAPH, kept)

    report = await memory.episodes.forget(GRAPH, ["one"], erase=True)

    assert (report.entities, report.similarity_links) == (1, 1)
    assert (report.communities, report.summaries) == (1, 2)
    assert await joined(memory) == {}
    schema = await index_schema(memory, GRAPH)
    assert not await query(memory, f"SELECT FROM {schema}.summary WHERE sentences::text ~ 'Lee\\M'")
    assert (await memory.summaries.get(GRAPH, kept)).text == "Ann Leeds (Concept)."
    assert not await query(memory, f"SELECT FROM {schema}.history WHERE record->>'label' = '{SIMILAR_TO}'")
    assert not await query(memory, f"SELECT FROM {schema}.past_edge")


async def test_a_text_that_is_forgotten_is_named_by_no_summary(memory: Memory) -> None:
    texts = [Episode("Ann Lee met Bob Day.", key, extract=True) for key in ("one", "two")]
    await memory.episodes.put(GRAPH, texts)
    await memory.extraction.run(GRAPH)
    named = {each.name: each.key for each in (await memory.entities.list(GRAPH)).items}
    (edge,) = (await memory.relationships.list(GRAPH, kind="STATES")).items
    summary = await memory.summaries.create(GRAPH, named["Ann Lee"])
    assert [list(each.episodes) for each in summary.sentences] == [[], ["one", "two"]]

    report = await memory.episodes.forget(GRAPH, ["one"])

    assert report.summaries == 1
    assert [each.id for each in (await memory.relationships.list(GRAPH, kind="STATES")).items] == [edge.id]
    again = await memory.summaries.create(GRAPH, named["Ann Lee"])
    assert [list(each.episodes) for each in again.sentences] == [[], ["two"]]


@pytest.mark.long
async def test_a_worker_joins_groups_and_sums_up_what_was_asked_for(database_url: str) -> None:
    async with (
        opened_memory(database_url, embedder=hashing(), extractor=Capitals()) as memory,
        open_queue(database_url) as queue,
    ):
        await new_graph(memory, GRAPH)
        await memory.entities.put(GRAPH, [at("a", 0), at("b", 5)])
        working = Memory(replace(memory.ports, jobs=queue))
        await working.similarity.enqueue(GRAPH)
        await working.communities.enqueue(GRAPH)
        async with queue.worker(handlers(working), WorkerOptions(poll=0.1, grace=0.2)):
            await until(lambda: joined(memory))

            async def is_told() -> bool:
                await working.tasks.update_communities(
                    GRAPH
                )  # Which may have been looked for before anything was joined.
                found = (await memory.communities.list(GRAPH)).items
                return bool(found) and await memory.summaries.of_community(GRAPH, found[0].id) is not None

            await until(is_told)
        (community,) = (await memory.communities.list(GRAPH)).items
        summary = await memory.summaries.of_community(GRAPH, community.id)
        assert summary is not None
        assert summary.text == "2 entities around a and b (2 Thing)."
