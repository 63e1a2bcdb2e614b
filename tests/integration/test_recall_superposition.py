"""Facts that sources disagree on, in recall: as distributions, drawn, collapsed by a rule, and ranked by trust."""

from collections import Counter
from dataclasses import replace

import pytest

from kgmem.domain.claims.claim import ClaimStatement, FactFilter, Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, Superposed, What, When
from kgmem.memory import Memory
from tests.memories import new_graph, other_client

KIND = {"functional": True, "description": "Where somebody was born."}
ASKED = Question(What(text="Where was Ada born", kinds=("fact",)), k=10)


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """Three sources for Bern as Ada's place of birth, two for Basel; nobody disagrees on Cy's."""
    name = f"superposed_{abs(hash(request.node.name)):x}"[:40]
    await new_graph(memory, name, schema={"kinds": {"BORN_IN": KIND}}, facts="all")
    said = [("a", "bern"), ("b", "bern"), ("c", "bern"), ("d", "basel"), ("e", "basel")]
    await memory.claims.put(name, [ClaimStatement(source, "ada", "BORN_IN", place) for source, place in said])
    await memory.claims.put(name, [ClaimStatement("a", "cy", "BORN_IN", "chur")])
    await memory.embeddings.run(name)
    return name


async def born(memory: Memory, graph: str, superposed: Superposed | None, **more: object) -> Answer:
    """Ask where Ada was born, whatever is held of it."""
    states = ("verified", "contested", "unverified", "invalidated")
    question = replace(ASKED, superposition=superposed, states=states, when=When(any_time=False), **more)  # type: ignore[arg-type]
    return await memory.recall(graph, question)


def places(answer: Answer) -> list[str]:
    return sorted(hit.end.key for hit in answer.hits if hit.end and hit.start and hit.start.key == "ada")


async def test_a_distribution_stands_with_each_hit_of_the_fact(memory: Memory, graph: str) -> None:
    answer = await born(memory, graph, Superposed())
    assert places(answer) == ["basel", "bern"]
    for hit in answer.hits:
        told = {option.value: option.probability for option in hit.alternatives}
        if hit.start and hit.start.key == "cy":
            assert not told
        else:
            assert set(told) == {"basel", "bern"}
            assert told["bern"] > told["basel"]
            assert sum(told.values()) <= 1
    assert all(not hit.alternatives for hit in (await born(memory, graph, None)).hits)


@pytest.mark.long
async def test_a_draw_is_repeatable_and_as_frequent_as_it_is_probable(memory: Memory, graph: str) -> None:
    fact = next(hit.alternatives for hit in (await born(memory, graph, Superposed())).hits if hit.alternatives)
    sure = {option.value: option.probability for option in fact}
    before = (await memory.facts.list(graph, FactFilter())).items

    drawn = [places(await born(memory, graph, Superposed("sample", seed=seed))) for seed in range(60)]

    assert drawn == [places(await born(memory, graph, Superposed("sample", seed=seed))) for seed in range(60)]
    count = Counter(place for each in drawn for place in each)
    assert all(len(each) <= 1 for each in drawn)
    for place, probability in sure.items():
        assert abs(count[place] / 60 - probability) < 0.2
    assert (await memory.facts.list(graph, FactFilter())).items == before


async def test_a_rule_decides_for_this_answer_only(memory: Memory, graph: str) -> None:
    answer = await born(memory, graph, Superposed("most_probable"))
    assert (places(answer), answer.suppressed["not_chosen"]) == (["bern"], 1)
    assert places(await born(memory, graph, Superposed("threshold", level=0.99))) == ["basel", "bern"]
    assert places(await born(memory, graph, Superposed("margin", level=0.05))) == ["bern"]
    assert places(await born(memory, graph, None)) == ["basel", "bern"]
    assert not await memory.adjudications.list(graph)
    with pytest.raises(InvalidInput, match=r"superposition\.level"):
        await born(memory, graph, Superposed("margin", level=2))


async def test_a_weight_for_trust_ranks_what_is_believed_first(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"x{n}") for n in range(6)])
    await memory.sources.put(graph, [Source("good", trust=0.95), Source("bad", trust=0.1)])
    stated = [Relationship("SAW", "ada", f"x{n}", text="Ada saw it", source=("bad", "good")[n % 2]) for n in range(6)]
    await memory.relationships.put(graph, stated)
    await memory.embeddings.run(graph)
    asked = Question(What(text="Ada saw it", kinds=("fact",)), k=6)

    ranked = (await memory.recall(graph, replace(asked, recipe="trusted"))).hits

    assert [hit.provenance[0]["source"] for hit in ranked] == ["good"] * 3 + ["bad"] * 3
    assert all(hit.retrievers["trust"].value == pytest.approx(hit.provenance[0]["trust"]) for hit in ranked)
    assert "trust" not in (await memory.recall(graph, asked)).hits[0].retrievers


async def test_what_another_client_states_beyond_0_to_1_counts_as_the_nearest(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    await memory.entities.put(graph, [Entity("comet")])
    await memory.relationships.put(graph, [Relationship("SAW", "ada", "comet", text="Ada saw a comet", confidence=0.5)])
    page = await memory.relationships.list(graph, scope="", kind="SAW")
    async with other_client(shared_database_url) as client:
        await client.execute(
            f"SELECT * FROM ag_catalog.cypher('{graph}', $$ MATCH ()-[r:SAW]->() SET r.confidence = 7.5, r.strength = -3 $$) AS (r agtype)"  # noqa: E501
        )
    await memory.index.sync(graph)
    hits = (await memory.recall(graph, Question(What(text="comet", kinds=("fact",))))).hits
    (hit,) = [hit for hit in hits if hit.id == page.items[0].id]
    assert (hit.properties, hit.strength) == ({}, 0)
    assert 0 <= (hit.confidence or 0) <= 1
    assert 0 <= hit.score <= 1
