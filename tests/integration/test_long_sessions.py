"""Long sessions are deleted some messages at a time, with the same report as at once."""

import pytest

from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from kgmem.store.derived.extraction_queue import PostgresExtractionStore
from kgmem.store.graph.catalog import PostgresCatalog
from tests.memories import new_graph, with_ports

CHAT = SessionAddress("long")
SAID = [f"Ada visited {city}." for city in ("Oslo", "Lyon", "Oslo", "Cork", "Delft")]


@pytest.fixture
async def reading(memory: Memory) -> Memory:
    catalog = memory.ports.store.catalog
    assert isinstance(catalog, PostgresCatalog)
    return with_ports(memory, extractor=OfflineExtractor(), extractions=PostgresExtractionStore(catalog))


@pytest.mark.long
async def test_a_long_session_is_deleted_with_the_same_report(reading: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, reports = [], []
    for most in (1000, 2):
        graph = await new_graph(reading, f"long_session_{most}")
        monkeypatch.setattr("kgmem.services.agents.sessions._DELETED_AT_ONCE", most)
        await reading.sessions.open(graph, CHAT)
        await reading.sessions.append(graph, CHAT, [Message("user", text, name="Ada") for text in SAID])
        await reading.episodes.put(graph, [Episode("Zoe visited Lyon.", "zoe", source="zoe", extract=True)])
        await reading.extraction.run(graph)
        counted.append(await reading.sessions.delete(graph, CHAT, dry_run=True))
        reports.append(await reading.sessions.delete(graph, CHAT))
        with pytest.raises(NotFound):
            await reading.sessions.get(graph, CHAT)
        assert {each.name for each in (await reading.entities.list(graph)).items} == {"Zoe", "Lyon"}
        assert [each.key for each in (await reading.episodes.list(graph)).items] == ["zoe"]
    whole, parts = reports
    assert whole.episodes == 5
    assert (whole.entities, whole.kept_entities) == (4, 1)  # Ada, Oslo, Cork and Delft go, Lyon stays.
    for dry in counted:
        assert (dry.entities, dry.kept_entities) == (whole.entities, whole.kept_entities)
        assert sorted(dry.removed["entity"]) == ["Ada", "Cork", "Delft", "Oslo"]
    for name in ("episodes", "passages", "entities", "relationships", "claims", "kept_entities", "kept_relationships"):
        assert getattr(parts, name) == getattr(whole, name), name
    assert sorted(parts.removed["entity"]) == sorted(whole.removed["entity"])


async def test_a_dry_run_of_a_deletion_counts_what_the_deletion_counts(reading: Memory) -> None:
    graph = await new_graph(reading, "dry_runs")
    await reading.sessions.open(graph, CHAT)
    await reading.sessions.append(graph, CHAT, [Message("user", text, name="Ada") for text in SAID])
    await reading.extraction.run(graph)
    # Joined by somebody else, described by somebody else: neither goes with the messages.
    await reading.entities.put(graph, [Entity("ship", "Ship"), Entity("Cork", properties={"people": 220_000})])
    await reading.relationships.put(graph, [Relationship("MOORED_IN", "ship", "Oslo")])
    dry = await reading.sessions.delete(graph, CHAT, dry_run=True)
    done = await reading.sessions.delete(graph, CHAT)
    left = {each.key for each in (await reading.entities.list(graph)).items}
    assert left == {"ship", "Oslo", "Cork"}
    assert sorted(done.removed["entity"]) == ["Ada", "Delft", "Lyon"]
    for name in ("episodes", "passages", "vectors", "entities", "relationships", "claims", "kept_entities"):
        assert getattr(dry, name) == getattr(done, name), name
    assert dry.removed == done.removed
