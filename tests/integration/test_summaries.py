"""Summaries of entities and communities: made of facts, kept up, and never ahead of what was known."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kgmem.domain.derived.summaries import Material, Sentence, SummaryEntity, SummaryFact, WordedSummary, sentences_of
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, query

pytestmark = pytest.mark.server

GRAPH = "short"


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def crew(memory: Memory, scope: str = "") -> None:
    await memory.entities.put(
        GRAPH,
        [
            Entity("ann", "Person", "Ann Lee", {"aliases": ["Annie"]}, scope=scope),
            Entity("bob", "Person", "Bob Day", scope=scope),
            Entity("ship", "Object", "The ship", scope=scope),
        ],
    )
    await memory.relationships.put(
        GRAPH,
        [
            Relationship("LEADS", "ann", "ship", text="Ann Lee leads the ship", confidence=0.9, scope=scope),
            Relationship("KNOWS", "ann", "bob", confidence=0.5, scope=scope),
            Relationship("BUILT", "bob", "ship", valid_to="1990", text="Bob Day was building the ship", scope=scope),
        ],
    )


async def test_an_entity_is_summed_up_by_its_current_facts_the_surest_first(memory: Memory) -> None:
    await crew(memory)

    summary = await memory.summaries.create(GRAPH, "ann")

    assert summary.text == "Ann Lee (Person), also called Annie. Ann Lee leads the ship. Ann Lee knows Bob Day."
    assert (summary.subject, summary.maker, summary.stale) == ("ann", "rules", False)
    edges = {each.kind: each.id for each in (await memory.relationships.list(GRAPH)).items}
    assert [list(each.says) for each in summary.sentences[1:]] == [[edges["LEADS"]], [edges["KNOWS"]]]
    assert (await memory.summaries.create(GRAPH, "bob")).text == "Bob Day (Person). Ann Lee knows Bob Day."


async def test_what_changed_is_said_no_more_until_the_job_says_it_anew(memory: Memory) -> None:
    await crew(memory)
    first = await memory.summaries.create(GRAPH, "ann")
    await memory.relationships.put(
        GRAPH, [Relationship("LEADS", "ann", "ship", text="Ann Lee led the ship", valid_to="2020")]
    )
    await memory.relationships.put(GRAPH, [Relationship("OWNS", "ann", "ship", text="Ann Lee owns the ship")])

    stale = await memory.summaries.get(GRAPH, "ann")
    assert stale.stale
    assert "leads" not in stale.text

    assert await memory.tasks.queue_summaries() == 1
    assert await memory.tasks.update_summaries(GRAPH) == 1
    assert await memory.tasks.queue_summaries() == 0
    fresh = await memory.summaries.get(GRAPH, "ann")
    assert not fresh.stale
    assert fresh.text.startswith("Ann Lee (Person), also called Annie. Ann Lee ")
    assert "owns the ship" in fresh.text
    assert await memory.tasks.update_summaries(GRAPH) == 0
    assert (await memory.summaries.get(GRAPH, "ann", known_at=first.known_from)).text == first.text
    with pytest.raises(NotFound, match="known then"):
        await memory.summaries.get(GRAPH, "ann", known_at="2001-01-01")


async def test_making_it_twice_keeps_one_version(memory: Memory) -> None:
    await crew(memory)
    assert await memory.summaries.create(GRAPH, "ann") == await memory.summaries.create(GRAPH, "ann")

    schema = await index_schema(memory, GRAPH)
    assert len(await query(memory, f"SELECT FROM {schema}.summary")) == 1


async def test_a_community_is_summed_up_by_the_job(memory: Memory) -> None:
    await crew(memory)
    await memory.communities.detect(GRAPH)
    (community,) = (await memory.communities.list(GRAPH)).items
    assert await memory.summaries.of_community(GRAPH, community.id) is None

    assert await memory.tasks.update_summaries(GRAPH) == 1

    summary = await memory.summaries.of_community(GRAPH, community.id)
    assert summary is not None
    assert summary.text.startswith("3 entities around ")
    assert "(2 Person, 1 Object)" in summary.text
    assert summary.text.endswith("Ann Lee leads the ship. Ann Lee knows Bob Day.")
    assert await memory.tasks.update_summaries(GRAPH) == 0


async def test_nothing_of_another_scope_is_said(memory: Memory) -> None:
    await crew(memory)
    await crew(memory, "user/1")
    await memory.relationships.put(
        GRAPH, [Relationship("LIKES", "ann", "ship", text="Ann Lee likes secrets", scope="user/1")]
    )
    await memory.entities.put(GRAPH, [Entity("own", "Person", "Own One", scope="user/2")])
    await memory.relationships.put(GRAPH, [Relationship("KNOWS", "own", "ann", scope="user/2")])

    assert "secrets" not in (await memory.summaries.create(GRAPH, "ann")).text
    assert "secrets" in (await memory.summaries.create(GRAPH, "ann", scope="user/1")).text
    assert (await memory.summaries.create(GRAPH, "own", scope="user/2")).text == "Own One (Person)."
    with pytest.raises(NotFound):
        await memory.summaries.create(GRAPH, "ann", scope="user/2")


async def test_what_is_deleted_takes_every_summary_along_that_told_of_it(memory: Memory) -> None:
    await crew(memory)
    await memory.communities.detect(GRAPH)
    await memory.tasks.update_summaries(GRAPH)
    for key in ("ann", "bob", "ship"):
        await memory.summaries.create(GRAPH, key)
    (fact,) = (await memory.relationships.list(GRAPH, kind="KNOWS")).items
    await memory.relationships.delete(GRAPH, [fact.id or 0])

    schema = await index_schema(memory, GRAPH)
    assert len(await query(memory, f"SELECT FROM {schema}.summary")) == 1  # The ship's says nothing of it.
    with pytest.raises(NotFound, match="no summary"):
        await memory.summaries.get(GRAPH, "ann")

    await memory.entities.delete(GRAPH, ["ann"])
    assert not await query(memory, f"SELECT FROM {schema}.summary")
    assert not await query(memory, f"SELECT FROM {schema}.summary_of")


class Loud:
    """A model that shouts, and counts how often it is asked."""

    name = "test:loud"

    def __init__(self) -> None:
        self.asked = 0

    async def word(self, sentences: Sequence[Sentence], *, every: bool = False) -> WordedSummary:
        self.asked += 1
        return WordedSummary([replace(each, text=each.text.upper()) for each in sentences], self.name)


async def test_a_model_words_what_is_new_once(memory: Memory) -> None:
    loud = Loud()
    worded = Memory(replace(memory.ports, wording=loud))
    await crew(memory)
    plain = await memory.summaries.create(GRAPH, "ann")

    summary = await worded.summaries.create(GRAPH, "ann")
    await worded.summaries.create(GRAPH, "ann")
    await worded.tasks.update_summaries(GRAPH)

    assert (summary.text, summary.maker, loud.asked) == (plain.text.upper(), "test:loud", 1)
    assert (await memory.summaries.get(GRAPH, "ann", known_at=plain.known_from)).maker == "rules"


async def test_what_cypher_deletes_or_gets_another_type_leaves_no_summary_behind(memory: Memory) -> None:
    await crew(memory)
    await memory.communities.detect(GRAPH)
    await memory.tasks.update_summaries(GRAPH)
    for key in ("ann", "ship"):
        await memory.summaries.create(GRAPH, key)
    await memory.entities.put(GRAPH, [Entity("ship", "Place")])
    await memory.cypher(GRAPH, "MATCH (n {key: 'ann'}) DETACH DELETE n", mode="write")

    schema = await index_schema(memory, GRAPH)
    assert not await query(memory, f"SELECT FROM {schema}.summary")
    assert not await query(memory, f"SELECT FROM {schema}.summary_of")
    left = f"SELECT FROM {schema}.community_member m WHERE m.item NOT IN (SELECT id FROM {schema}.item)"
    assert not await query(memory, left)


def test_sentences_are_told_once_and_no_more_than_are_read() -> None:
    thing = SummaryEntity(1, 1, "a", "Person", "Ann", text="A pilot\nof note")
    facts = [SummaryFact(n, 1, f"Ann does  thing {n // 2}", n / 100, ["t2", "t1"]) for n in range(100)]

    told = sentences_of(Material("entity", 1, "", [thing], facts))

    assert [told[0].text, told[1].text] == ["Ann (Person). A pilot.", "Ann does thing 49."]
    assert len(told) == len({each.text for each in told}) == 11
    assert list(told[1].episodes) == ["t1", "t2"]
    assert sentences_of(Material("community", 1, "", [], facts)) == []


def test_a_large_community_is_told_by_its_size_alone() -> None:
    things = [SummaryEntity(n, 1, str(n), "Person", f"P{n}") for n in range(4)]

    assert sentences_of(Material("community", 1, "", things, [], 4))[0].text == (
        "4 entities around P0, P1 and P2 (4 Person)."
    )
    assert sentences_of(Material("community", 1, "", things, [], 9))[0].text == "9 entities around P0, P1 and P2."
