"""Publications: what is published keeps its sources, follows its origin, and goes with it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from kgmem.domain.agents.publication import PublicationRequest
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, StoredFact
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from tests.memories import hashing, opened_memory, until

GRAPH = "published"
ADA, BEN, TEAM, ORG = "team/agent/ada", "team/agent/ben", "team", "org"


@pytest.fixture
async def memory(shared_database_url: str) -> AsyncIterator[Memory]:
    async with opened_memory(shared_database_url, embedder=hashing()) as memory:
        await memory.graphs.ensure(GRAPH)
        yield memory
        await memory.graphs.delete(GRAPH)


async def claimed(memory: Memory, source: str, value: object, scope: str = ADA, **more: object) -> StoredFact:
    """State the port of the ferry in a scope, and return the fact."""
    said = ClaimStatement(source, "ferry", "port", value=value, scope=scope)
    await memory.claims.put(GRAPH, [replace(said, **more)])  # type: ignore[arg-type]
    (fact,) = await facts(memory, scope)
    return fact


async def facts(memory: Memory, scope: str, predicate: str = "port") -> list[StoredFact]:
    """The facts of a scope itself."""
    page = await memory.facts.list(GRAPH, FactFilter(scope, predicate=predicate))
    return [fact for fact in page.items if fact.scope == scope]


async def sources(memory: Memory, scope: str) -> list[str]:
    """Who states the claims of a scope itself."""
    return [each.source for each in (await memory.claims.list(GRAPH, ClaimFilter(scope))).items if each.scope == scope]


def request(item: int, to: str = TEAM, scope: str = ADA) -> PublicationRequest:
    return PublicationRequest(to, "ada", "The team asked.", item=item, scope=scope)


def text(key: str, to: str = TEAM, scope: str = ADA) -> PublicationRequest:
    return PublicationRequest(to, "ada", "The team asked.", key=key, scope=scope)


async def found(memory: Memory, words: str, scope: str) -> list[str]:
    answer = await memory.recall(GRAPH, Question(What(text=words), scope=scope))
    return [f"{hit.scope}:{hit.key}" for hit in answer.hits]


async def test_a_published_fact_is_in_the_other_scope_with_its_sources(memory: Memory) -> None:
    await claimed(memory, "radio", "Kiel", valid_from="2024", confidence=0.9)
    fact = await claimed(memory, "web", "Kiel")
    assert await facts(memory, TEAM) == []

    publication, created = await memory.publications.publish(GRAPH, request(fact.id))

    assert created
    assert publication.state == "published"
    assert (publication.kind, publication.item, publication.to) == ("fact", fact.id, TEAM)
    (there,) = await facts(memory, TEAM)
    assert there.value == "Kiel"
    assert sorted(there.options[0].sources) == ["radio", "web"]
    told = await memory.facts.explain(GRAPH, there.id, scope=TEAM)
    assert [each.id for each in told.published] == [publication.id]
    assert {(each.source, each.valid_from, round(each.confidence, 2)) for each in told.supporting} == {
        ("radio", "2024", 0.9),
        ("web", None, 1.0),
    }
    assert (await memory.entities.get(GRAPH, "ferry", scope=TEAM)).scope == TEAM
    assert not await facts(memory, BEN)
    assert (await memory.facts.get(GRAPH, there.id, scope=BEN)).value == "Kiel"


async def test_the_same_again_is_no_second_publication(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    first, _ = await memory.publications.publish(GRAPH, request(fact.id))

    again, created = await memory.publications.publish(GRAPH, request(fact.id))

    assert not created
    assert again == first
    assert len((await memory.publications.list(GRAPH, scope=ADA)).items) == 1
    assert (await memory.publications.list(GRAPH, scope=TEAM)).items == [first]
    assert (await memory.publications.list(GRAPH, scope=BEN)).items == []


async def test_what_is_withdrawn_at_its_origin_is_withdrawn_where_it_was_published(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    publication, _ = await memory.publications.publish(GRAPH, request(fact.id))

    await memory.claims.withdraw(GRAPH, list(fact.options[0].claims), scope=ADA)

    assert await facts(memory, TEAM) == []
    assert not (await memory.claims.list(GRAPH, ClaimFilter(TEAM))).items
    then = await memory.publications.get(GRAPH, publication.id, scope=TEAM)
    assert (then.state, then.ended, then.copies) == ("withdrawn", None, ())
    assert then.note


async def test_a_corrected_fact_is_corrected_where_it_was_published(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    await memory.publications.publish(GRAPH, request(fact.id))

    right = ClaimStatement("ada", "ferry", "port", value="Oslo", scope=ADA)
    await memory.facts.correct(GRAPH, fact.id, right, by="ada", reason="It moved.", scope=ADA)

    (there,) = await facts(memory, TEAM)
    assert there.value == "Oslo"
    assert [option.value for option in there.options] == ["Oslo"]


@pytest.mark.long
async def test_a_retracted_fact_goes_and_comes_again_when_that_is_undone(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    await memory.publications.publish(GRAPH, request(fact.id))

    done = await memory.facts.retract(GRAPH, fact.id, by="ada", reason="Never so.", scope=ADA)
    assert await facts(memory, TEAM) == []
    assert done.adjudication is not None
    await memory.adjudications.undo(GRAPH, done.adjudication, by="ada", reason="It was.", scope=ADA)

    assert [each.value for each in await facts(memory, TEAM)] == ["Kiel"]


async def test_a_fact_that_ended_has_that_end_where_it_was_published(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel", valid_from="2020")
    await memory.publications.publish(GRAPH, request(fact.id))

    await memory.facts.expire(GRAPH, fact.id, by="ada", reason="Closed.", valid_to="2024-05-01", scope=ADA)

    (there,) = await facts(memory, TEAM)
    assert there.valid_to is not None
    assert there.valid_to.startswith("2024-05-01")


async def test_a_new_source_at_the_origin_counts_where_it_was_published(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    await memory.publications.publish(GRAPH, request(fact.id))
    (before,) = await facts(memory, TEAM)

    await claimed(memory, "web", "Kiel")

    (there,) = await facts(memory, TEAM)
    assert sorted(there.options[0].sources) == ["radio", "web"]
    assert there.probability >= before.probability


async def test_agents_that_disagree_are_weighed_beside_each_other(memory: Memory) -> None:
    for agent, port in (("ada", "Kiel"), ("ben", "Oslo"), ("cleo", "Oslo")):
        fact = await claimed(memory, agent, port, scope=f"team/agent/{agent}")
        await memory.publications.publish(GRAPH, request(fact.id, scope=f"team/agent/{agent}"))

    (there,) = await facts(memory, TEAM)
    assert there.value == "Oslo"
    assert {option.value: sorted(option.sources) for option in there.options} == {
        "Kiel": ["ada"],
        "Oslo": ["ben", "cleo"],
    }


async def test_one_source_read_by_two_agents_counts_once(memory: Memory) -> None:
    for agent in ("ada", "ben"):
        fact = await claimed(memory, "radio", "Kiel", scope=f"team/agent/{agent}")
        await memory.publications.publish(GRAPH, request(fact.id, scope=f"team/agent/{agent}"))
    (there,) = await facts(memory, TEAM)
    alone = await claimed(memory, "radio", "Kiel", scope="other")

    assert there.probability == pytest.approx(alone.probability)
    assert there.options[0].independent == pytest.approx(alone.options[0].independent)

    await memory.claims.withdraw(GRAPH, [(await facts(memory, ADA))[0].options[0].claims[0]], scope=ADA)
    assert [each.value for each in await facts(memory, TEAM)] == ["Kiel"]  # Ben's stands.


async def test_what_the_team_states_itself_stays_when_a_publication_goes(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    own = ClaimStatement("radio", "ferry", "port", value="Kiel", scope=TEAM)
    await memory.claims.put(GRAPH, [own])
    publication, _ = await memory.publications.publish(GRAPH, request(fact.id))
    await memory.claims.put(GRAPH, [own])

    await memory.publications.withdraw(GRAPH, publication.id, scope=ADA)

    assert [each.value for each in await facts(memory, TEAM)] == ["Kiel"]
    assert len((await memory.claims.list(GRAPH, ClaimFilter(TEAM))).items) == 1


async def test_a_relationship_is_published_with_its_ends(memory: Memory) -> None:
    await memory.entities.put(
        GRAPH, [Entity("f", "Ferry", "Aurora", scope=ADA), Entity("k", "Port", "Kiel", scope=ADA)]
    )
    (id_,) = (await memory.relationships.put(GRAPH, [Relationship("CALLS_AT", "f", "k", scope=ADA)])).ids

    publication, _ = await memory.publications.publish(GRAPH, request(id_))

    ship = await memory.entities.get(GRAPH, "f", scope=TEAM)
    assert (ship.label, ship.name, ship.scope) == ("Ferry", "Aurora", TEAM)
    page = await memory.relationships.list(GRAPH, scope=TEAM)
    assert [(each.start, each.kind, each.end) for each in page.items] == [("f", "CALLS_AT", "k")]
    assert await sources(memory, TEAM) == ["ada"]
    await memory.relationships.delete(GRAPH, [id_], scope=ADA)
    assert not (await memory.relationships.list(GRAPH, scope=TEAM)).items
    assert (await memory.publications.get(GRAPH, publication.id, scope=ADA)).state == "withdrawn"


async def test_a_relationship_with_a_source_keeps_it_and_follows(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity(key, "Port", key, scope=ADA) for key in "fk"])
    (id_,) = (
        await memory.relationships.put(GRAPH, [Relationship("CALLS_AT", "f", "k", source="radio", scope=ADA)])
    ).ids
    await memory.publications.publish(GRAPH, request(id_))
    assert await sources(memory, TEAM) == ["radio"]

    await memory.relationships.delete(GRAPH, [id_], scope=ADA)

    assert not (await memory.relationships.list(GRAPH, scope=TEAM)).items


async def test_a_published_text_is_found_by_the_team_and_follows(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("f", "Ferry", "Aurora", scope=ADA)])
    note = Episode("The gangway of the ferry is broken.", "n1", source="radio", mentions=["f"], scope=ADA)
    await memory.episodes.put(GRAPH, [note])

    publication, created = await memory.publications.publish(GRAPH, text("n1"))

    assert created
    assert publication.kind == "text"
    assert publication.key == "n1"
    there = await memory.episodes.get(GRAPH, "n1", scope=TEAM)
    assert (there.scope, there.source, list(there.mentions)) == (TEAM, "radio", ["f"])
    assert f"{TEAM}:n1" in await found(memory, "gangway broken", BEN)
    await memory.episodes.put(GRAPH, [replace(note, text="The gangway is mended.")])
    assert (await memory.episodes.get(GRAPH, "n1", scope=TEAM)).text == "The gangway is mended."
    await memory.episodes.forget(GRAPH, ["n1"], scope=ADA)
    assert not [each for each in await found(memory, "gangway", BEN) if each.endswith("n1")]
    with pytest.raises(NotFound):
        await memory.episodes.get(GRAPH, "n1", scope=TEAM)


async def test_an_erased_text_is_erased_where_it_was_published(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("The code is 4711.", "n1", scope=ADA)])
    await memory.publications.publish(GRAPH, text("n1"))

    await memory.episodes.forget(GRAPH, ["n1"], scope=ADA, erase=True)

    layout = await memory.ports.graphs.layout(GRAPH)  # type: ignore[attr-defined]
    async with memory.ports.graphs.database.connection() as connection:  # type: ignore[attr-defined]
        told = await connection.fetchval(
            f"SELECT count(*) FROM {layout.index_name}.history WHERE record::text LIKE '%4711%'"
        )
    assert told == 0


async def test_a_text_does_not_replace_another(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("Ada's.", "n1", scope=ADA), Episode("The team's.", "n1", scope=TEAM)])

    with pytest.raises(Conflict, match="n1"):
        await memory.publications.publish(GRAPH, text("n1"))

    assert (await memory.episodes.get(GRAPH, "n1", scope=TEAM)).text == "The team's."
    assert not (await memory.publications.list(GRAPH, scope=ADA)).items


async def test_a_withdrawn_publication_leaves_its_origin_and_can_be_made_again(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    await memory.episodes.put(GRAPH, [Episode("A note.", "n1", scope=ADA)])
    one, _ = await memory.publications.publish(GRAPH, request(fact.id))
    other, _ = await memory.publications.publish(GRAPH, text("n1"))

    for each, scope in ((one, ADA), (other, TEAM)):
        ended = await memory.publications.withdraw(GRAPH, each.id, scope=scope)
        assert ended.ended
        assert ended.state == "withdrawn"
        with pytest.raises(NotFound):
            await memory.publications.withdraw(GRAPH, each.id, scope=scope)

    assert await facts(memory, TEAM) == []
    assert len(await facts(memory, ADA)) == 1
    with pytest.raises(NotFound):
        await memory.episodes.get(GRAPH, "n1", scope=TEAM)
    again, created = await memory.publications.publish(GRAPH, request(fact.id))
    assert created
    assert again.id != one.id
    assert [each.value for each in await facts(memory, TEAM)] == ["Kiel"]


async def test_publications_lead_on_through_scopes_but_in_no_circle(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    await memory.publications.publish(GRAPH, request(fact.id))
    (there,) = await facts(memory, TEAM)
    await memory.publications.publish(GRAPH, request(there.id, ORG, TEAM))
    (beyond,) = await facts(memory, ORG)
    assert beyond.options[0].sources == ("radio",) or list(beyond.options[0].sources) == ["radio"]

    with pytest.raises(Conflict, match="follows"):
        await memory.publications.publish(GRAPH, request(beyond.id, ADA, ORG))
    await memory.claims.withdraw(GRAPH, list(fact.options[0].claims), scope=ADA)

    assert await facts(memory, ORG) == [] == await facts(memory, TEAM)


async def test_a_deleted_scope_takes_what_it_published_with_it(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    await memory.episodes.put(GRAPH, [Episode("The code is 4711.", "n1", scope=ADA)])
    await memory.publications.publish(GRAPH, request(fact.id))
    await memory.publications.publish(GRAPH, text("n1"))

    await memory.scopes.delete(GRAPH, ADA, erase=True)

    assert await facts(memory, TEAM) == []
    assert not (await memory.publications.list(GRAPH, scope=TEAM)).items
    with pytest.raises(NotFound):
        await memory.episodes.get(GRAPH, "n1", scope=TEAM)


async def test_entities_that_are_merged_keep_what_is_published(memory: Memory) -> None:
    await memory.entities.put(
        GRAPH, [Entity("ferry", "Ferry", "Aurora", scope=ADA), Entity("f2", "Ferry", "A.", scope=ADA)]
    )
    fact = await claimed(memory, "radio", "Kiel")
    await memory.publications.publish(GRAPH, request(fact.id))

    await memory.resolution.merge(GRAPH, NewMerge("f2", "ferry", "ada", "One ship.", ADA))
    page = await memory.facts.list(GRAPH, FactFilter(ADA, predicate="port"))

    there = await facts(memory, TEAM)
    assert [(each.subject, each.value) for each in there] == [
        (each.subject, each.value) for each in page.items if each.scope == ADA
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"to": ADA}, "to"),
        ({"to": f"{ADA}/sub"}, "to"),
        ({"item": None}, "item"),
        ({"key": "n1"}, "item"),
        ({"item": 0}, "item"),
        ({"reason": " "}, "reason"),
    ],
)
async def test_a_wrong_request_names_its_field_and_changes_nothing(
    memory: Memory, wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await memory.publications.publish(GRAPH, replace(request(1), **wrong))  # type: ignore[arg-type]

    assert refused.value.facts["field"] == field
    assert refused.value.hint
    assert not (await memory.publications.list(GRAPH, scope=ADA)).items


async def test_what_is_not_there_is_not_published(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel", scope=TEAM)
    for asked in (request(999), text("none"), request(fact.id, ORG, ADA)):
        with pytest.raises(NotFound):
            await memory.publications.publish(GRAPH, asked)
    done = await memory.facts.retract(GRAPH, fact.id, by="ada", reason="Never so.", scope=TEAM)
    with pytest.raises(NotFound, match="invalidated"):
        await memory.publications.publish(GRAPH, request(done.fact, ORG, TEAM))


async def test_another_process_sees_a_withdrawal_at_once(memory: Memory, shared_database_url: str) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        fact = await claimed(memory, "radio", "Kiel")
        await memory.publications.publish(GRAPH, request(fact.id))
        assert len(await facts(other, TEAM)) == 1
        for turn in range(5):
            await memory.claims.withdraw(GRAPH, list((await facts(memory, ADA))[0].options[0].claims), scope=ADA)
            assert await facts(other, TEAM) == []
            fact = await claimed(memory, "radio", f"Kiel {turn}")
            await memory.publications.publish(GRAPH, request(fact.id))
            assert [each.value for each in await facts(other, TEAM)] == [f"Kiel {turn}"]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
async def test_steps_at_once_leave_what_the_origins_say(memory: Memory, shared_database_url: str, seed: int) -> None:
    dice = random.Random(seed)
    agents = [f"team/agent/{name}" for name in ("ada", "ben", "cleo")]

    async with opened_memory(shared_database_url, embedder=hashing()) as other:

        async def act(which: Memory, agent: str) -> None:
            for _ in range(12):
                held = await facts(which, agent)
                if held and dice.random() < 0.3:
                    claims = [claim for option in held[0].options for claim in option.claims]
                    await which.claims.withdraw(GRAPH, claims, scope=agent)
                elif dice.random() < 0.6:
                    said = ClaimStatement(agent[-3:], "ferry", "port", value=dice.choice(["Kiel", "Oslo"]), scope=agent)
                    await which.claims.put(GRAPH, [said])
                elif held:
                    with suppress(NotFound):  # It was withdrawn before that.
                        await which.publications.publish(GRAPH, request(held[0].id, scope=agent))

        await asyncio.gather(*(act(which, agent) for agent in agents for which in (memory, other)))

        expected = set()
        for agent in agents:
            held = await facts(memory, agent)
            page = await memory.publications.list(GRAPH, scope=agent)
            followed = {each.item for each in page.items if each.ended is None}
            for fact in held:
                if fact.id in followed:
                    told = {claim for option in fact.options if option.chosen for claim in option.claims}
                    claims = (await memory.claims.list(GRAPH, ClaimFilter(agent))).items
                    expected |= {(each.source, each.value) for each in claims if each.id in told}
        there = (await other.claims.list(GRAPH, ClaimFilter(TEAM))).items
        assert {(each.source, each.value) for each in there if each.scope == TEAM} == expected


async def test_cypher_sees_at_once_what_was_withdrawn(memory: Memory) -> None:
    said = ClaimStatement("radio", "ferry", "CALLS_AT", "kiel", scope=ADA)
    (fact,) = (await memory.claims.put(GRAPH, [said])).facts
    await memory.publications.publish(GRAPH, request(fact))
    query = "MATCH ({key: 'ferry'})-[:CALLS_AT]->(b) RETURN b.key AS port"
    assert (await memory.cypher(GRAPH, query, scope=TEAM)).rows == [("kiel",)]

    own = [each.id for each in (await memory.claims.list(GRAPH, ClaimFilter(ADA))).items if each.scope == ADA]
    await memory.claims.withdraw(GRAPH, [id_ for id_ in own if id_ is not None], scope=ADA)

    assert (await memory.cypher(GRAPH, query, scope=TEAM)).rows == []


async def test_a_strict_graph_gets_the_entities_that_a_fact_is_about(memory: Memory) -> None:
    await memory.graphs.update(GRAPH, strict=True)
    await memory.entities.put(GRAPH, [Entity(key, "Place", key, scope=ADA) for key in ("kiel", "oslo", "ferry")])
    said = ClaimStatement("radio", "ferry", "PART_OF", "kiel", scope=ADA)
    (fact,) = (await memory.claims.put(GRAPH, [said])).facts
    await memory.publications.publish(GRAPH, request(fact))

    await memory.facts.correct(GRAPH, fact, replace(said, object="oslo"), by="ada", reason="It moved.", scope=ADA)

    page = await memory.relationships.list(GRAPH, scope=TEAM)
    assert [each.end for each in page.items] == ["oslo"]
    assert (await memory.entities.get(GRAPH, "oslo", scope=TEAM)).scope == TEAM


@pytest.mark.long
async def test_many_publications_follow_at_once(memory: Memory) -> None:
    claims = [ClaimStatement("radio", f"ship/{n}", "port", value="Kiel", scope=ADA) for n in range(250)]
    for fact in (await memory.claims.put(GRAPH, claims)).facts:
        await memory.publications.publish(GRAPH, request(fact))

    ids = [
        each.id for each in (await memory.claims.list(GRAPH, ClaimFilter(ADA, limit=1000))).items if each.scope == ADA
    ]
    await memory.claims.withdraw(GRAPH, [id_ for id_ in ids if id_ is not None], scope=ADA)

    async def is_withdrawn() -> bool:  # A request waits for some seconds, and no longer, for publications to follow.
        return await sources(memory, TEAM) == []

    await until(is_withdrawn, 60.0)
    page = await memory.publications.list(GRAPH, scope=ADA, limit=1000)
    assert {each.state for each in page.items} == {"withdrawn"}


async def test_a_relationship_that_is_corrected_is_corrected_where_it_was_published(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity(key, "Place", key, scope=ADA) for key in ("kiel", "oslo", "ferry")])
    link = Relationship("CALLS_AT", "ferry", "kiel", scope=ADA)
    (id_,) = (await memory.relationships.put(GRAPH, [link])).ids
    await memory.publications.publish(GRAPH, request(id_))

    right = ClaimStatement("ada", "ferry", "CALLS_AT", "oslo", scope=ADA)
    await memory.facts.correct(GRAPH, id_, right, by="ada", reason="It moved.", scope=ADA)

    assert [each.end for each in (await memory.relationships.list(GRAPH, scope=TEAM)).items] == ["oslo"]


async def test_recall_finds_what_an_agent_published_once(memory: Memory) -> None:
    said = ClaimStatement("radio", "ferry", "CALLS_AT", "kiel", scope=ADA)
    (fact,) = (await memory.claims.put(GRAPH, [said])).facts
    await memory.episodes.put(GRAPH, [Episode("The ferry calls at Kiel.", "n1", scope=ADA)])
    await memory.publications.publish(GRAPH, request(fact))
    await memory.publications.publish(GRAPH, text("n1"))
    question = Question(What(text="ferry calls at Kiel", kinds=("fact", "episode")))

    own = await memory.recall(GRAPH, replace(question, scope=ADA))
    theirs = await memory.recall(GRAPH, replace(question, scope=BEN))

    assert sorted((hit.kind, hit.scope) for hit in own.hits) == [("episode", ADA), ("fact", ADA)]
    assert own.suppressed["published_copies"] == 2
    assert sorted((hit.kind, hit.scope) for hit in theirs.hits) == [("episode", TEAM), ("fact", TEAM)]
    await memory.claims.put(GRAPH, [replace(said, source="web", scope=TEAM)])
    again = await memory.recall(GRAPH, replace(question, scope=ADA))
    assert sorted((hit.kind, hit.scope) for hit in again.hits) == [("episode", ADA), ("fact", TEAM), ("fact", ADA)]


@pytest.mark.parametrize(
    "value", [0, False, "", [1, [2]], {"a": None}, 0.1, 2**63 - 1, 1e300, "x" * 20_000, "\u2028😀'\"{}%$1"]
)
async def test_any_value_is_published_as_it_is(memory: Memory, value: object) -> None:
    fact = await claimed(memory, "radio", value)
    await memory.publications.publish(GRAPH, request(fact.id))

    (there,) = await facts(memory, TEAM)

    assert there.value == fact.value
    assert [each.value for each in (await memory.claims.list(GRAPH, ClaimFilter(TEAM))).items] == [
        each.value for each in (await memory.claims.list(GRAPH, ClaimFilter(ADA))).items if each.scope == ADA
    ]


async def test_several_values_at_once_and_derived_claims_are_published(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("Kiel and Oslo.", "n1", scope=ADA)])
    said = ClaimStatement("radio", "ferry", "CALLS_AT", "kiel", scope=ADA)
    copied = replace(said, source="web", derived_from=("source:radio",))
    results = [await memory.claims.put(GRAPH, [each]) for each in (said, copied, replace(said, object="oslo"))]
    for fact in {fact for result in results for fact in result.facts}:
        await memory.publications.publish(GRAPH, request(fact))

    there = {fact.value: fact for fact in await facts(memory, TEAM, "CALLS_AT")}
    own = {fact.value: fact for fact in await facts(memory, ADA, "CALLS_AT")}

    assert there.keys() == own.keys() == {"kiel", "oslo"}
    for value, fact in own.items():
        assert there[value].probability == pytest.approx(fact.probability)
        assert there[value].supporting == pytest.approx(fact.supporting)
    (report,) = await memory.index.check_integrity(GRAPH)
    assert report.sound, report


async def test_what_was_published_earlier_is_known_then(memory: Memory) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    publication, _ = await memory.publications.publish(GRAPH, request(fact.id))
    (there,) = await facts(memory, TEAM)
    await memory.publications.withdraw(GRAPH, publication.id, scope=ADA)

    page = await memory.facts.list(GRAPH, FactFilter(TEAM, predicate="port", known_at=there.known_from))

    assert [each.value for each in page.items] == ["Kiel"]
    assert await facts(memory, TEAM) == []


async def test_two_processes_that_publish_the_same_at_once_publish_it_once(
    memory: Memory, shared_database_url: str
) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        fact = await claimed(memory, "radio", "Kiel")
        told = await asyncio.gather(
            *(each.publications.publish(GRAPH, request(fact.id)) for each in (memory, other) * 3)
        )

    assert len({publication.id for publication, _ in told}) == 1
    assert sum(created for _, created in told) == 1
    assert await sources(memory, TEAM) == ["radio"]


async def test_what_is_refused_stops_nobody_and_is_tried_again(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = await claimed(memory, "radio", "Kiel")
    publication, _ = await memory.publications.publish(GRAPH, request(fact.id))

    async def refuse(*_: object) -> None:
        raise InvalidInput("The other scope cannot take it.")

    with monkeypatch.context() as patched:
        patched.setattr(type(memory.ports.publications), "follow", refuse)
        await claimed(memory, "web", "Kiel")
        assert await facts(memory, TEAM) == []
        refused = await memory.publications.get(GRAPH, publication.id, scope=ADA)
        assert (refused.state, refused.note, refused.copies) == ("refused", "The other scope cannot take it.", ())
        assert [each.value for each in await facts(memory, ADA)] == ["Kiel"]
    assert await facts(memory, TEAM) == []

    await claimed(memory, "press", "Kiel")

    assert await sources(memory, TEAM) == ["radio", "web", "press"]
    assert (await memory.publications.get(GRAPH, publication.id, scope=ADA)).state == "published"


async def test_a_text_of_the_team_itself_is_neither_replaced_nor_deleted(memory: Memory) -> None:
    note = Episode("Ada's note.", "n1", scope=ADA)
    await memory.episodes.put(GRAPH, [note])
    publication, _ = await memory.publications.publish(GRAPH, text("n1"))
    await memory.episodes.delete(GRAPH, ["n1"], scope=TEAM)
    await memory.episodes.put(GRAPH, [Episode("The team's own.", "n1", scope=TEAM)])

    await memory.episodes.put(GRAPH, [replace(note, text="Ada's second note.")])
    assert (await memory.episodes.get(GRAPH, "n1", scope=TEAM)).text == "The team's own."
    held = await memory.publications.get(GRAPH, publication.id, scope=ADA)
    assert held.state == "refused"
    assert "another text" in (held.note or "")
    await memory.publications.withdraw(GRAPH, publication.id, scope=ADA)
    await memory.episodes.forget(GRAPH, ["n1"], scope=ADA, erase=True)

    assert (await memory.episodes.get(GRAPH, "n1", scope=TEAM)).text == "The team's own."


async def test_a_text_that_is_refused_leaves_no_stale_copy(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    note = Episode("The first note.", "n1", scope=ADA)
    await memory.episodes.put(GRAPH, [note])
    publication, _ = await memory.publications.publish(GRAPH, text("n1"))

    async def refuse(*_: object) -> None:
        raise InvalidInput("It cannot be taken.")

    with monkeypatch.context() as patched:
        patched.setattr(type(memory.ports.publications), "origin_text", refuse)
        await memory.episodes.put(GRAPH, [replace(note, text="The second note.")])
        with pytest.raises(NotFound):
            await memory.episodes.get(GRAPH, "n1", scope=TEAM)
    assert (await memory.publications.get(GRAPH, publication.id, scope=ADA)).state == "refused"

    await memory.episodes.put(GRAPH, [replace(note, text="The third note.")])

    assert (await memory.episodes.get(GRAPH, "n1", scope=TEAM)).text == "The third note."
