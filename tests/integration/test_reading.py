"""Texts are read into the graph: at once stored, later read, and taken back with all that they brought."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from kgmem.domain.claims.claim import FactFilter, Source
from kgmem.domain.errors import ExtractorUnavailable, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.document import Document, Remembered, Section
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.domain.text.resolution import NewMerge
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from kgmem.store.derived.extraction_queue import PostgresExtractionStore
from tests.memories import change_feed, index_schema, new_graph, query, with_ports

STREAM = [
    Episode("I am Clara and I live in Munich.", "t1", "2024-01-05", speaker="Clara", session="s", extract=True),
    Episode("I work for Siemens with Tom Baker.", "t2", "2024-01-06", speaker="Clara", session="s", extract=True),
    Episode("Heavy rain caused the flood in Passau in June 2013.", "t3", "2024-01-07", source="news", extract=True),
    Episode("Smoking does not cause headaches.", "t4", "2024-01-08", source="news", extract=True),
    Episode("I moved to Hamburg last month.", "t5", "2024-06-10", speaker="Clara", session="s", extract=True),
]


@dataclass
class Faulty:
    """The offline rules with faults: away for some calls, refusing some texts."""

    inner: OfflineExtractor = field(default_factory=OfflineExtractor)
    away: int = 0
    refuses: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    async def extract(self, texts: Sequence[TextToRead]) -> Sequence[Extraction]:
        if self.away:
            self.away -= 1
            raise ExtractorUnavailable("It is away.", hint="Wait.")
        if self.refuses and any(self.refuses in each.text for each in texts):
            raise InvalidInput(f"It cannot read {self.refuses}.", hint="Leave it out.")
        self.asked += [each.text for each in texts]
        return await self.inner.extract(texts)

    async def aclose(self) -> None:
        await self.inner.aclose()


@pytest.fixture
def memory(memory: Memory) -> Memory:
    catalog: Any = memory.ports.graphs
    return with_ports(memory, extractor=Faulty(), extractions=PostgresExtractionStore(catalog))


async def read(memory: Memory, graph: str, episodes: Sequence[Episode] = STREAM) -> None:
    await memory.episodes.put(graph, episodes)
    await memory.extraction.run(graph)


async def held(memory: Memory, graph: str, scope: str = "") -> dict[str, Any]:
    """All that a graph holds, by what is said and not by ids."""
    entities = (await memory.entities.list(graph, scope=scope, limit=1000)).items
    edges = (await memory.relationships.list(graph, scope=scope, limit=1000)).items
    facts = (await memory.facts.list(graph, FactFilter(scope=scope, limit=1000))).items
    return {
        "entities": sorted((each.key, each.label) for each in entities),
        "edges": sorted((each.kind, each.start, each.end, each.strength or 0) for each in edges),
        "facts": sorted((each.subject, each.predicate, str(each.value), each.state) for each in facts),
    }


def edges(state: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(kind, start, end) for kind, start, end, _ in state["edges"]}


async def test_episode_is_found_at_once_and_read_later(memory: Memory) -> None:
    graph = await new_graph(memory, "soon")
    await memory.episodes.put(graph, STREAM)
    hits = (await memory.recall(graph, Question(What(text="flood in Passau")))).hits
    assert hits[0].key == "t3"
    assert not (await memory.entities.list(graph)).items
    assert (await memory.extraction.pending(graph)).waiting == len(STREAM)
    assert ("extract", graph) in memory.ports.jobs.asked  # type: ignore[attr-defined]
    done = await memory.extraction.run(graph)
    assert done.episodes == len(STREAM)
    assert (await memory.extraction.pending(graph)).waiting == 0


async def test_what_a_text_says_stands_in_the_graph(memory: Memory) -> None:
    graph = await new_graph(memory, "says")
    await read(memory, graph)
    state = await held(memory, graph)
    assert ("Clara", "Person") in state["entities"]
    assert ("WORKS_FOR", "Clara", "Siemens") in edges(state)
    assert ("CAUSES", "Heavy rain", "the flood in Passau") in edges(state)
    assert ("DOES_NOT_CAUSE", "Smoking", "headaches") in edges(state)
    assert not any(kind == "CAUSES" and start == "Smoking" for kind, start, _ in edges(state))
    assert any(kind == "CO_MENTIONED" for kind, _, _ in edges(state))
    assert "Clara" in (await memory.episodes.get(graph, "t1")).mentions


async def test_later_home_ends_the_earlier_one(memory: Memory) -> None:
    graph = await new_graph(memory, "moved")
    await read(memory, graph)
    facts = (await memory.facts.list(graph, FactFilter(subject="Clara", predicate="LIVES_IN"))).items
    valid = {str(each.value): (each.valid_from, each.valid_to) for each in facts}
    assert valid["Munich"] == ("2024-01-05T00:00:00Z", "2024-05-01T00:00:00Z")
    assert valid["Hamburg"] == ("2024-05-01T00:00:00Z", None)
    hits = (await memory.recall(graph, Question(What(text="where Clara lives", kinds=["fact"]), k=20))).hits
    told = {(hit.label, hit.text) for hit in hits}
    assert ("LIVES_IN", "Clara lives in Hamburg") in told
    assert ("LIVES_IN", "Clara lives in Munich") not in told


async def test_forgetting_the_later_home_brings_the_earlier_one_back(memory: Memory) -> None:
    graph = await new_graph(memory, "back")
    await read(memory, graph)
    await memory.episodes.forget(graph, ["t5"])
    facts = (await memory.facts.list(graph, FactFilter(subject="Clara", predicate="LIVES_IN"))).items
    assert [(each.value, each.valid_to) for each in facts] == [("Munich", None)]


async def test_same_stream_twice_grows_nothing(memory: Memory) -> None:
    graph = await new_graph(memory, "twice")
    await read(memory, graph)
    before, stats, feed = await held(memory, graph), await memory.graphs.stats(graph), await change_feed(memory, graph)
    await read(memory, graph)
    await memory.extraction.repeat(graph, [each.key or "" for each in STREAM])
    await memory.extraction.run(graph)
    assert await held(memory, graph) == before
    after = await memory.graphs.stats(graph)
    assert (after.entities, after.relationships, after.episodes) == (
        stats.entities,
        stats.relationships,
        stats.episodes,
    )
    assert await change_feed(memory, graph) == feed


@pytest.mark.long
async def test_shuffled_arrival_ends_in_the_same_facts(memory: Memory) -> None:
    states = []
    for number in range(3):
        graph = await new_graph(memory, f"shuffled{number}")
        stream = random.Random(number).sample(STREAM, len(STREAM))
        for episode in stream:
            await read(memory, graph, [episode])
        states.append(await held(memory, graph))
    assert states[0] == states[1] == states[2]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [1, -1])
async def test_one_text_that_tells_what_a_thing_is_suffices_in_any_order(
    memory: Memory, order: int, together: bool
) -> None:
    """Of Borman one of these tells that he is a person; the other only speaks of him."""
    graph = await new_graph(memory, f"typed{order + 1}")
    told = "Laid over a map of the Moon, the tape shows that Anders, and not Borman, took the colour picture Earthrise."
    speaks = "Borman seized the camera and took the picture of the century, over Anders's joke about it."
    texts = [Episode(told, "told", extract=True), Episode(speaks, "speaks", extract=True)][::order]
    for some in [texts] if together else [[text] for text in texts]:
        await read(memory, graph, some)
    assert ("Borman", "Person") in (await held(memory, graph))["entities"]
    assert "Borman" in (await memory.episodes.get(graph, "speaks")).mentions
    report = await memory.episodes.forget(graph, ["told", "speaks"], erase=True)
    assert report.entities > 0
    assert not (await memory.entities.list(graph)).items
    schema = await index_schema(memory, graph)
    left = await query(memory, f"SELECT record FROM {schema}.history WHERE record::text LIKE '%Borman%'")
    assert not left


async def test_a_label_that_somebody_gave_stays_whatever_texts_tell(memory: Memory) -> None:
    graph = await new_graph(memory, "given")
    await memory.entities.put(graph, [Entity("Siemens", "Concept")])
    await read(memory, graph)
    assert ("Siemens", "Concept") in (await held(memory, graph))["entities"]


@pytest.mark.long
async def test_eight_writers_of_one_stream_end_as_one(memory: Memory) -> None:
    alone, many = await new_graph(memory, "alone"), await new_graph(memory, "many")
    await read(memory, alone)
    await asyncio.gather(*(read(memory, many, random.Random(n).sample(STREAM, len(STREAM))) for n in range(8)))
    await memory.extraction.run(many)
    assert await held(memory, many) == await held(memory, alone)


@pytest.mark.long
async def test_reader_that_died_loses_what_it_took(memory: Memory) -> None:
    graph = await new_graph(memory, "died")
    memory.ports.extractions.lease = 60.0  # type: ignore[attr-defined]
    await memory.episodes.put(graph, STREAM)
    taken = await memory.ports.extractions.take(graph, 3)
    assert len(taken) == 3
    assert (await memory.extraction.run(graph)).episodes == len(STREAM) - 3
    memory.ports.extractions.lease = 1.0  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        while (await memory.extraction.pending(graph)).waiting:
            await memory.extraction.run(graph)
            await asyncio.sleep(0.1)
    alone = await new_graph(memory, "notdied")
    await read(memory, alone)
    assert await held(memory, graph) == await held(memory, alone)


async def test_extractor_that_is_away_loses_nothing(memory: Memory) -> None:
    graph = await new_graph(memory, "away")
    memory.ports.extractor.away = 1  # type: ignore[union-attr]
    await memory.episodes.put(graph, STREAM)
    with pytest.raises(ExtractorUnavailable):
        await memory.extraction.run(graph)
    assert (await memory.extraction.pending(graph)).free == len(STREAM)
    assert (await memory.extraction.run(graph)).episodes == len(STREAM)


async def test_text_that_cannot_be_read_stops_no_other(memory: Memory) -> None:
    graph = await new_graph(memory, "refused")
    memory.ports.extractor.refuses = "Passau"  # type: ignore[union-attr]
    await memory.episodes.put(graph, STREAM)
    done = await memory.extraction.run(graph)
    assert (done.episodes, done.refused) == (len(STREAM) - 1, 1)
    assert (await memory.extraction.pending(graph)).refused == 1


async def test_text_that_is_sent_again_otherwise_replaces_what_it_said(memory: Memory) -> None:
    graph = await new_graph(memory, "replaced")
    await read(memory, graph)
    await read(memory, graph, [replace(STREAM[1], text="I work for Bosch.")])
    state = await held(memory, graph)
    assert ("WORKS_FOR", "Clara", "Siemens") not in edges(state)
    assert ("WORKS_FOR", "Clara", "Bosch") in edges(state)
    assert "Tom Baker" not in dict(state["entities"])


async def test_forgetting_all_texts_leaves_nothing_of_theirs(memory: Memory) -> None:
    graph = await new_graph(memory, "forgotten")
    await memory.entities.put(graph, [Entity("Siemens", "Organization", "Siemens", text="A company.")])
    before = await held(memory, graph)
    await read(memory, graph)
    planned = await memory.episodes.forget(graph, [each.key or "" for each in STREAM], dry_run=True)
    report = await memory.episodes.forget(graph, [each.key or "" for each in STREAM], erase=True)
    assert await held(memory, graph) == before
    assert planned.episodes == report.episodes == len(STREAM)
    assert report.claims == planned.claims > 0
    assert report.entities > 0
    assert report.erased_from_history > 0
    schema = await index_schema(memory, graph)
    for table in ("past_passage", "history", "passage"):
        column = "record::text" if table == "history" else "body"
        rows = await query(memory, f"SELECT 1 FROM {schema}.{table} WHERE {column} LIKE '%Passau%'")
        assert not rows, table


async def test_forgetting_one_text_keeps_what_another_says(memory: Memory) -> None:
    graph = await new_graph(memory, "kept")
    again = replace(STREAM[1], key="t9", text="I work for Siemens.", source="other")
    await read(memory, graph, [*STREAM, again])
    report = await memory.episodes.forget(graph, ["t2"])
    state = await held(memory, graph)
    assert ("WORKS_FOR", "Clara", "Siemens") in edges(state)
    assert "Tom Baker" not in dict(state["entities"])
    assert report.kept_entities > 0
    with pytest.raises(NotFound):
        await memory.episodes.get(graph, "t2")


async def test_provenance_tells_the_words_of_what_was_brought(memory: Memory) -> None:
    graph = await new_graph(memory, "whence")
    await read(memory, graph)
    told = await memory.episodes.provenance(graph, ["t3"])
    text = STREAM[2].text
    assert {each.kind for each in told} >= {"entity", "relationship"}
    spans = {each.key: text[slice(*each.span)] for each in told if each.kind == "entity"}
    assert spans["Passau"] == "Passau"


async def test_same_name_of_another_type_stays_apart(memory: Memory) -> None:
    graph = await new_graph(memory, "apart")
    await memory.entities.put(graph, [Entity("Hamburg", "Person", "Hamburg")])
    await read(memory, graph, STREAM[4:])
    state = await held(memory, graph)
    assert ("Hamburg", "Person") in state["entities"]
    assert ("Hamburg (Place)", "Place") in state["entities"]
    assert ("LIVES_IN", "Clara", "Hamburg (Place)") in edges(state)


async def test_low_trust_does_not_replace_high_trust(memory: Memory) -> None:
    graph = await new_graph(memory, "trust")
    await memory.sources.put(graph, [Source("registry", trust=0.95), Source("rumour", trust=0.2)])
    sure = Episode("Ada Lovelace was born in London.", "a", source="registry", title="Ada Lovelace", extract=True)
    rumour = Episode("Ada Lovelace was born in Paris.", "b", source="rumour", title="Ada Lovelace", extract=True)
    await read(memory, graph, [sure])
    await read(memory, graph, [rumour])
    facts = (await memory.facts.list(graph, FactFilter(subject="Ada Lovelace", predicate="BORN_IN"))).items
    assert [each.value for each in facts] == ["London"]


async def test_dry_run_says_what_would_come_and_stores_nothing(memory: Memory) -> None:
    graph = await new_graph(memory, "dry")
    before = await memory.graphs.stats(graph)
    told = await memory.extraction.preview(graph, STREAM)
    assert [each.episode for each in told] == [each.key for each in STREAM]
    assert any(claim["predicate"] == "WORKS_FOR" for each in told for claim in each.claims)
    assert await memory.graphs.stats(graph) == before


@pytest.mark.parametrize(("setting", "expected"), [("requested", 1), ("all", 2), ("off", 0)])
async def test_setting_of_the_graph_says_what_is_read(memory: Memory, setting: Any, expected: int) -> None:
    graph = await new_graph(memory, f"set_{setting}", extraction=setting)
    await memory.episodes.put(graph, [STREAM[0], replace(STREAM[1], extract=False)])
    assert (await memory.extraction.pending(graph)).waiting == expected


async def test_scopes_keep_what_their_texts_say_to_themselves(memory: Memory) -> None:
    graph = await new_graph(memory, "scoped")
    await read(memory, graph, [replace(each, scope="user/1") for each in STREAM])
    await read(memory, graph, [replace(each, scope="user/2") for each in STREAM[:2]])
    assert not (await held(memory, graph))["entities"]
    assert ("LIVES_IN", "Clara", "Hamburg") not in edges(await held(memory, graph, "user/2"))
    await memory.episodes.forget(graph, [each.key or "" for each in STREAM], scope="user/1")
    assert not (await held(memory, graph, "user/1"))["entities"]
    assert (await held(memory, graph, "user/2"))["entities"]


async def test_strict_graph_takes_what_its_schema_allows(memory: Memory) -> None:
    graph = await new_graph(memory, "strict", strict=True)
    await memory.episodes.put(graph, STREAM)
    done = await memory.extraction.run(graph)
    assert done.refused == 0
    assert ("WORKS_FOR", "Clara", "Siemens") in edges(await held(memory, graph))


async def test_document_sent_again_costs_only_what_changed(memory: Memory) -> None:
    graph = await new_graph(memory, "document")
    texts = ["Ada Lovelace was born in London.", "Clara works for Siemens.", "Tom Baker met Anna Smith."]
    document = Document("doc.md", [Section(("Part",), text) for text in texts], title="Notes")
    assert await memory.episodes.put_document(graph, document) == Remembered(created=3)
    await memory.extraction.run(graph)
    assert ("WORKS_FOR", "Clara", "Siemens") in edges(await held(memory, graph))
    assert await memory.episodes.put_document(graph, document) == Remembered(unchanged=3)
    other = replace(document, sections=[Section(("Part",), "New here."), document.sections[0], document.sections[2]])
    done = await memory.episodes.put_document(graph, other)
    assert (done.created, done.forgotten) == (1, 1)
    assert (await memory.extraction.pending(graph)).waiting == 1
    state = await held(memory, graph)
    assert ("WORKS_FOR", "Clara", "Siemens") not in edges(state)
    assert "Siemens" not in dict(state["entities"])


async def test_other_name_of_a_known_entity_means_it(memory: Memory) -> None:
    graph = await new_graph(memory, "spelled")
    await memory.entities.put(graph, [Entity("org/1", "Organization", "Siemens AG", {"aliases": ["Siemens"]})])
    await read(memory, graph, [STREAM[1]])
    state = await held(memory, graph)
    assert ("WORKS_FOR", "Clara", "org/1") in edges(state)
    assert "Siemens" not in dict(state["entities"])


async def test_text_of_a_merged_name_reaches_what_it_was_merged_into(memory: Memory) -> None:
    graph = await new_graph(memory, "merged")
    await read(memory, graph, [STREAM[1]])
    await memory.entities.put(graph, [Entity("Siemens AG", "Organization", "Siemens AG")])
    await memory.resolution.merge(graph, NewMerge("Siemens AG", "Siemens", by="Ann", reason="One company."))
    await read(memory, graph, [replace(STREAM[1], key="t8", text="I work for Siemens.")])
    state = await held(memory, graph)
    assert "Siemens" not in dict(state["entities"])
    assert ("WORKS_FOR", "Clara", "Siemens AG") in edges(state)
