"""What only repeats others, or what kgmem answered, adds no support: nothing grows probable by being said again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kgmem.domain.claims.claim import ClaimFilter, FactFilter
from kgmem.extraction.offline import OfflineExtractor
from kgmem.services.imports.export_records import ExportOptions
from kgmem.settings import Settings
from kgmem_api.app import create_app
from tests.memories import hashing, new_graph, opened_memory
from tests.rest import Door, done

pytestmark = pytest.mark.server
TEXT = "Ada Lovelace lives in Berlin and works for Acme."
COPIED = "Ada Lovelace, who designs engines for a living, lives in the old town of Berlin."


@pytest.fixture
async def reader(shared_database_url: str, graph: str) -> AsyncIterator[Door]:
    """The REST interface of a memory that extracts from texts."""
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        app = create_app(memory, settings=Settings())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://localhost/v1/graphs/{graph}/") as client:
            yield Door(client, memory, app)


async def use_key(door: Door, name: str) -> None:
    _, secret = await door.memory.keys.create(name, "admin")
    door.client.headers["Authorization"] = f"Bearer {secret}"


async def remember(door: Door, graph: str, text: str, **more: Any) -> None:
    body = {"episodes": [{"text": text, "extract": True, **more}]}
    done(await door.client.post("episodes", json=body))
    await door.memory.extraction.run(graph)


async def fact(door: Door, predicate: str = "LIVES_IN") -> dict[str, Any]:
    facts = done(await door.client.get("facts", params={"predicate": predicate}))["facts"]
    assert len(facts) == 1, facts
    return facts[0]


async def probability(door: Door, predicate: str = "LIVES_IN") -> float:
    return float((await fact(door, predicate))["probability"])


async def answer(door: Door) -> str:
    """Ask where Ada lives; gives the text of the fact."""
    hits = done(
        await door.client.post("recall", json={"what": {"text": "Where does Ada live?", "kinds": ["fact"]}, "k": 20})
    )["hits"]
    return next(str(hit["text"]) for hit in hits if hit["kind"] == "fact" and hit["label"] == "LIVES_IN")


@pytest.mark.long
async def test_an_answer_that_is_remembered_again_adds_nothing_whoever_says_it(reader: Door, graph: str) -> None:
    await use_key(reader, "first")
    await remember(reader, graph, TEXT, source="alice")
    await reader.memory.claims.compute_consensus(graph)
    before = await probability(reader)
    for n in range(12):
        if n % 4 == 3:
            await use_key(reader, f"key {n}")
        said = await answer(reader)
        more = {} if n % 3 == 0 else {"source": "alice" if n % 3 == 1 else f"bot {n}"}
        await remember(reader, graph, f"{said}." if n % 2 else said, session=f"s{n}", **more)
    assert await probability(reader) == before
    claims = done(await reader.client.get("claims", params={"predicate": "LIVES_IN"}))["claims"]
    derived = [claim for claim in claims if claim["derived_from"]]
    assert len(derived) >= 8
    assert all(origin.startswith("episode:") for claim in derived for origin in claim["derived_from"])
    await reader.memory.claims.compute_consensus(graph)
    assert await probability(reader) == before

    await remember(reader, graph, "According to the register of 2026, Ada Lovelace lives in Berlin.", source="registry")
    assert await probability(reader) > before


async def test_what_an_unnamed_writer_was_answered_is_no_support_in_other_words(reader: Door, graph: str) -> None:
    await use_key(reader, "agent")
    await remember(reader, graph, TEXT, source="alice")
    before = await probability(reader)
    await answer(reader)
    await remember(reader, graph, "As far as I remember, Ada Lovelace lives in Berlin these days.", session="talk")
    assert await probability(reader) == before
    await use_key(reader, "somebody else")
    await remember(reader, graph, "I can tell you that Ada Lovelace lives in Berlin.", session="another talk")
    assert await probability(reader) > before


async def test_a_copied_sentence_counts_as_its_origin_and_own_words_count(reader: Door, graph: str) -> None:
    await use_key(reader, "mail")
    await remember(reader, graph, f"Hello.\n\n{COPIED}", source="alice", key="first")
    before = await probability(reader)
    for n in range(3):
        mail = f"See below.\n\nFrom: Alice\nSubject: Ada\n\n> {COPIED}\n\nRegards"
        await remember(reader, graph, mail, source=f"colleague {n}")
    assert await probability(reader) == before
    claims = done(await reader.client.get("claims", params={"source": "colleague 1", "predicate": "LIVES_IN"}))[
        "claims"
    ]
    assert {tuple(claim["derived_from"]) for claim in claims} == {("episode:first",)}
    await remember(
        reader, graph, "I visited Ada Lovelace, she lives in Berlin. Ada Lovelace lives in Berlin.", source="bob"
    )
    assert await probability(reader) > before


async def test_who_says_what_a_claim_is_derived_from_adds_nothing(reader: Door, graph: str) -> None:
    await use_key(reader, "first")
    said = {"subject": "ada", "predicate": "LIVES_IN", "object": "berlin"}
    made = done(await reader.client.post("claims", json={"claims": [{"source": "alice", **said}]}))
    before = await probability(reader)
    for origin in ("source:alice", f"claim:{made['ids'][0]}"):
        claims = [{"source": f"bot {n} {origin}", "derived_from": [origin], **said} for n in range(25)]
        done(await reader.client.post("claims", json={"claims": claims}))
    assert await probability(reader) == before
    assert (await fact(reader))["supporting"] == 1
    done(await reader.client.post("claims", json={"claims": [{"source": "registry", **said}]}))
    assert await probability(reader) > before

    refused = await reader.client.post("claims", json={"claims": [{"source": "x", "derived_from": ["gossip"], **said}]})
    assert refused.status_code == 422
    assert "episode:KEY" in refused.text
    missing = await reader.client.post(
        "claims", json={"claims": [{"source": "x", "derived_from": ["claim:999"], **said}]}
    )
    assert missing.status_code == 422
    assert "claim:999" in missing.text


async def test_what_nobody_says_by_himself_counts_once_and_goes_with_its_origin(reader: Door, graph: str) -> None:
    await use_key(reader, "first")
    said = {"subject": "ada", "predicate": "LIVES_IN", "object": "berlin"}
    done(await reader.client.post("episodes", json={"episodes": [{"key": "note", "text": "A home in Berlin: Ada's."}]}))
    for n in range(5):
        claim = {"source": f"bot {n}", "derived_from": ["episode:note"], **said}
        done(await reader.client.post("claims", json={"claims": [claim]}))
        assert (await fact(reader))["supporting"] == 1
    own = done(await reader.client.post("claims", json={"claims": [{"source": "alice", **said}]}))
    assert (await fact(reader))["supporting"] == 1
    done(await reader.client.delete("claims", params={"id": own["ids"][0]}))
    assert (await fact(reader))["supporting"] == 1


async def test_an_episode_may_say_that_it_summarises(reader: Door, graph: str) -> None:
    await use_key(reader, "first")
    await remember(reader, graph, TEXT, source="alice", key="first")
    before = await probability(reader)
    await remember(
        reader, graph, "In short: Ada Lovelace lives in Berlin.", source="summary", derived_from=["episode:first"]
    )
    assert await probability(reader) == before
    shown = done(await reader.client.get("claims", params={"source": "summary"}))["claims"]
    assert [claim["derived_from"] for claim in shown] == [["episode:first"]]


async def test_what_a_claim_is_derived_from_survives_export_and_import(
    reader: Door, graph: str, tmp_path: Path
) -> None:
    await use_key(reader, "first")
    said = {"subject": "ada", "predicate": "LIVES_IN", "object": "berlin"}
    claims = [{"source": "alice", **said}, {"source": "bot", "derived_from": ["source:alice"], **said}]
    done(await reader.client.post("claims", json={"claims": claims}))
    before = await probability(reader)
    file = tmp_path / "all.jsonl"
    await reader.memory.exports.write(graph, file, ExportOptions())
    copy = await new_graph(reader.memory, f"{graph}_copy")
    await reader.memory.imports.run(copy, [file])
    await reader.memory.claims.compute_consensus(copy)
    held = (await reader.memory.claims.list(copy, ClaimFilter())).items
    assert {each.source: tuple(each.derived_from) for each in held} == {"alice": (), "bot": ("source:alice",)}
    (fact_there,) = (await reader.memory.facts.list(copy, FactFilter(predicate="LIVES_IN"))).items
    assert fact_there.supporting == 1
    assert fact_there.probability == pytest.approx(before, abs=0.05)


async def test_the_detail_of_a_fact_lists_its_echoes_with_their_origin(reader: Door, graph: str) -> None:
    await use_key(reader, "first")
    said = {"subject": "ada", "predicate": "LIVES_IN", "object": "berlin"}
    other = {**said, "predicate": "KNOWS", "object": "bob"}
    claims = [{"source": "alice", **said}, {"source": "alice", **other}, {"source": "alice", **other, "object": "eve"}]
    done(await reader.client.post("claims", json={"claims": claims}))
    for n in range(2):
        echo = {"source": f"bot {n}", "derived_from": ["source:alice"]}
        done(await reader.client.post("claims", json={"claims": [{**echo, **said}, {**echo, **other}]}))
    for predicate, value in (("LIVES_IN", "berlin"), ("KNOWS", "bob"), ("KNOWS", "eve")):
        facts = done(await reader.client.get("facts", params={"predicate": predicate}))["facts"]
        (id_,) = [each["id"] for each in facts if each["value"] == value]
        detail = done(await reader.client.get(f"facts/{id_}"))
        echoes = {(each["source"], *each["derived_from"]) for each in detail["echoes"]}
        assert echoes == (set() if value == "eve" else {("bot 0", "source:alice"), ("bot 1", "source:alice")})
        assert [each["source"] for each in detail["claims"]["for"]] == ["alice"]
        assert detail["supporting"] <= 1
    derived = done(await reader.client.get("claims", params={"derived": "true", "predicate": "LIVES_IN"}))["claims"]
    assert [each["source"] for each in derived] == ["bot 0", "bot 1"]
