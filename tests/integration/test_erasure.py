"""A person who is erased leaves no trace, by whichever way the data came; others stay, and a signed report says so."""

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.publication import PublicationRequest
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import StateAddress, VersionChoice
from kgmem.domain.claims.claim import ClaimStatement, FactFilter, NewAdjudication, Source
from kgmem.domain.erasure.erasure import ErasureRequest, SignedReport
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.ledger.ledger import AccountSpec
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Question, What
from kgmem.domain.subscriptions.subscription import EventFilter, SubscriptionAddress, SubscriptionRequest
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.memories import cypher, new_graph, other_client

Way = Callable[[Memory, str, str], Awaitable[Any]]


async def entity(memory: Memory, graph: str, word: str) -> None:
    await memory.entities.put(graph, [Entity(f"{word}-e", "Person", f"Bob {word}", text=f"Likes {word}.")])
    await memory.entities.put(graph, [Entity(f"{word}-e", "Person", f"Bobby {word}", text=f"Had {word}.")])


async def property_of_another(memory: Memory, graph: str, word: str) -> None:
    founded = {"deep": [{"by": f"Mr {word.upper()} founded it"}]}
    await memory.entities.put(graph, [Entity("acme", "Firm", "Acme", text=f"Run by {word}.", properties=founded)])
    await memory.entities.put(graph, [Entity("acme", "Firm", "Acme", text="Run by Ann.")])


async def relationship(memory: Memory, graph: str, word: str) -> None:
    await memory.entities.put(graph, [Entity("a"), Entity("b")])
    await memory.relationships.put(graph, [Relationship("AT", "a", "b", text=f"{word} says so.", source=word)])


async def claim(memory: Memory, graph: str, word: str) -> None:
    said = ClaimStatement("radio", "a", "mail", value=f"{word}@x.org")
    ids = (await memory.claims.put(graph, [said, ClaimStatement(word, "a", "age", value=7)])).ids
    await memory.claims.withdraw(graph, ids[:1])
    await memory.claims.put(graph, [ClaimStatement("radio", word, "KNOWS", object=f"{word} junior")])


async def adjudication(memory: Memory, graph: str, word: str) -> None:
    await memory.claims.put(graph, [ClaimStatement("radio", "a", "colour", value="red")])
    fact = (await memory.facts.list(graph, FactFilter())).items[0]
    await memory.adjudications.create(graph, NewAdjudication("accept", [fact.id], f"ann {word}", f"Seen by {word}."))


async def text(memory: Memory, graph: str, word: str) -> None:
    await memory.episodes.put(graph, [Episode(f"A text of {word}.", "t"), Episode("By them.", "u", source=word)])
    await memory.episodes.put(graph, [Episode("Another text.", "t")])


async def extraction(memory: Memory, graph: str, word: str) -> None:
    await memory.remember(graph, f"Mr {word.title()} Miller works for Acme. Acme is in Paris.")


async def session(memory: Memory, graph: str, word: str) -> None:
    await memory.sessions.open(graph, SessionAddress(f"s-{word}"), SessionDetails("planner", (word,), {"about": word}))
    shared = SessionAddress("shared")
    await memory.sessions.open(graph, shared, SessionDetails("planner", (word, "ann"), {"about": [word, 1]}))
    messages = [Message("user", f"Number {n}: {word if n % 3 else 'weather'} again.") for n in range(70)]
    await memory.sessions.append(graph, shared, messages)


async def block(memory: Memory, graph: str, word: str) -> None:
    for body in (f"Knows {word}.", "Knows nobody."):
        await memory.blocks.put(graph, BlockAddress("persona"), BlockContent(body, f"About {word}."))
    await memory.blocks.put(graph, BlockAddress(f"b-{word}"), BlockContent("x"))


async def state(memory: Memory, graph: str, word: str) -> None:
    address = StateAddress("planner", "plan")
    for n in range(12):
        await memory.states.put(graph, address, {"step": n, "for": word if n % 2 else "x", "long": "lorem " * 200})
    await memory.states.set_checkpoint(graph, address, f"at-{word}")
    await memory.states.put(graph, StateAddress("planner", f"s-{word}"), {"x": 1})


async def subscription(memory: Memory, graph: str, word: str) -> None:
    wanted = SubscriptionRequest("entity", EventFilter(keys=[word]))
    await memory.subscriptions.put(graph, SubscriptionAddress("sub"), wanted)


async def followed_answer(memory: Memory, graph: str, word: str) -> None:
    await memory.episodes.put(graph, [Episode(f"Where {word} lives.", word)])
    wanted = SubscriptionRequest("answer", answer=Question(What(f"Where does {word} live?"), k=3))
    await memory.subscriptions.put(graph, SubscriptionAddress("answer"), wanted)


async def feedback(memory: Memory, graph: str, word: str) -> None:
    ids = (await memory.entities.put(graph, [Entity("a")])).ids
    await memory.feedback.give(graph, Feedback(ids[0], "wrong", f"Who is {word}?", f"Not {word}."))


async def merge(memory: Memory, graph: str, word: str) -> None:
    await memory.entities.put(graph, [Entity("bob", "Person", "Bob"), Entity("bobby", "Person", f"Bob {word}")])
    await memory.resolution.find_duplicates(graph)
    await memory.resolution.merge(graph, NewMerge("bob", "bobby", "ann", f"One {word}."))


async def publication(memory: Memory, graph: str, word: str) -> None:
    ids = (await memory.claims.put(graph, [ClaimStatement("radio", "a", "mail", value=word, scope="me")])).ids
    assert ids
    fact = next(each for each in (await memory.facts.list(graph, FactFilter(scope="me"))).items if each.scope == "me")
    request = PublicationRequest("team", "bot", f"For {word}.", item=fact.id, scope="me")
    await memory.publications.publish(graph, request)
    await memory.episodes.put(graph, [Episode(f"Text of {word}.", "t", scope="me")])
    await memory.publications.publish(graph, PublicationRequest("team", "bot", "Ok.", key="t", scope="me"))


async def source(memory: Memory, graph: str, word: str) -> None:
    await memory.sources.put(graph, [Source(word, f"Mr {word}", note=f"Is {word}.", parent=f"{word}-p", domain=word)])
    await memory.sources.put(graph, [Source(word, "Someone", trust=0.7)])
    await memory.claims.put(graph, [ClaimStatement(word, "a", "age", value=7, derived_from=[f"source:{word}-n"])])


async def cypher_write(memory: Memory, graph: str, word: str) -> None:
    await memory.cypher(graph, "CREATE (:Person {key: 'x', note: $w})-[:KNOWS {since: $w}]->(:Thing {key: 'y'})",
                        {"w": f"a {word} b"}, mode="write")  # fmt: skip
    await memory.cypher(graph, "MATCH (n:Person) SET n.note = 'gone'", mode="write")


async def rejected_import(memory: Memory, graph: str, word: str) -> None:
    lines = [{"type": "entity", "key": word}, {"type": "entity", "key": "", "name": word},
             {"type": "relationship", "kind": "AT", "start": word, "end": "nobody"}]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"{word}.jsonl", b"".join(orjson.dumps(each) + b"\n" for each in lines))
        await memory.imports.run(graph, [path], ImportOptions(source=word))


WAYS: Mapping[str, Way] = {
    each.__name__: each
    for each in (
        entity, property_of_another, relationship, claim, adjudication, text, extraction, session, block, state,
        subscription, followed_answer, feedback, merge, publication, source, cypher_write, rejected_import,
    )
}  # fmt: skip


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def a_word(first: str = "zq") -> str:
    return f"{first}{secrets.token_hex(6)}"


@pytest.fixture
async def graph(memory: Memory) -> str:
    return await new_graph(memory, f"erasure_{secrets.token_hex(6)}")


async def traces(memory: Memory, graph: str, word: str) -> list[str]:
    return [each.table for each in (await memory.scopes.find_traces(graph, [word])).found]


async def erased(memory: Memory, graph: str, *texts: str, **request: Any) -> SignedReport:
    return await memory.erasures.erase(graph, ErasureRequest(texts=texts, **request))


@pytest.mark.long
async def test_what_came_by_all_ways_at_once_is_erased_and_that_of_others_stays(memory: Memory, graph: str) -> None:
    gone, kept = a_word(), a_word("zk")
    for way in WAYS.values():
        await way(memory, graph, gone)
    await memory.entities.put(graph, [Entity(kept, "Person", kept)])
    await memory.episodes.put(graph, [Episode(f"A text of {kept}.", "kept")])
    before = await traces(memory, graph, kept)
    assert len(await traces(memory, graph, gone)) > 20
    signed = await erased(memory, graph, gone.upper())
    assert await traces(memory, graph, gone) == []
    assert signed.report["complete"]
    assert gone not in str(signed).lower()
    assert set(before) <= set(await traces(memory, graph, kept))
    assert (await memory.entities.get(graph, "acme")).properties == {"deep": [{"by": "Mr [erased] founded it"}]}
    held = await memory.states.get(graph, StateAddress("planner", "plan"), VersionChoice())
    assert orjson.loads(held.content)["for"] == "[erased]"


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
async def test_what_came_by_one_way_is_erased(memory: Memory, graph: str, way: str) -> None:
    word = a_word()
    await WAYS[way](memory, graph, word)
    assert await traces(memory, graph, word)
    signed = await erased(memory, graph, word)
    assert (await traces(memory, graph, word), signed.report["complete"]) == ([], True)


@pytest.mark.long
async def test_what_another_client_wrote_is_erased(memory: Memory, graph: str, shared_database_url: str) -> None:
    word = a_word()
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, f"CREATE (:Foreign {{note: 'about {word}'}})-[:AT {{by: '{word}'}}]->(:Foreign)")
    await erased(memory, graph, word)
    assert await traces(memory, graph, word) == []


@pytest.mark.long
async def test_a_person_is_erased_by_the_key_of_an_entity(memory: Memory, graph: str) -> None:
    word = a_word()
    await memory.entities.put(graph, [Entity("bob", "Person", f"Bob {word}"), Entity("acme"), Entity("ann")])
    links = [Relationship("AT", "bob", "acme"), Relationship("AT", "ann", "acme")]
    await memory.relationships.put(graph, links)
    await memory.claims.put(graph, [ClaimStatement("radio", "bob", "age", value=7)])
    await memory.episodes.put(graph, [Episode(f"Bob {word} came.", "t"), Episode("Ann came.", "u")])
    signed = await erased(memory, graph, entities=["bob"])
    assert await traces(memory, graph, f"Bob {word}") == []
    assert signed.report["removed"]["claims"] == 1
    with pytest.raises(NotFound):
        await memory.entities.get(graph, "bob")
    assert [each.start for each in (await memory.relationships.list(graph)).items] == ["ann"]
    assert [each.key for each in (await memory.episodes.list(graph)).items] == ["u"]
    assert not (await memory.facts.list(graph, FactFilter())).items


@pytest.mark.long
async def test_a_scope_is_erased_with_its_name_and_sources(memory: Memory, graph: str) -> None:
    word, scope = a_word(), f"user/{a_word()}"
    for each in (scope, f"{scope}/below"):
        await memory.entities.put(graph, [Entity(word, scope=each, source=f"by {word}")])
        await memory.episodes.put(graph, [Episode(f"Text of {word}.", word, scope=each)])
    signed = await erased(memory, graph, scope=scope)
    assert await traces(memory, graph, word) == []
    assert await traces(memory, graph, scope) == []
    assert signed.report["complete"]
    await memory.entities.put(graph, [Entity("new", scope=scope)])
    assert (await memory.scopes.get(graph, scope)).counts.entities == 1


async def test_the_other_scope_shows_no_publication_of_an_erased_fact(memory: Memory, graph: str) -> None:
    word = a_word()
    await publication(memory, graph, word)
    await memory.scopes.delete(graph, "me", erase=True)
    assert set(await traces(memory, graph, word)) == set()


@pytest.mark.long
async def test_a_source_that_is_the_person_loses_its_name_and_not_its_weight(memory: Memory, graph: str) -> None:
    word = a_word()
    await memory.claims.put(
        graph, [ClaimStatement(word, "a", "age", value=7), ClaimStatement("bbc", "a", "age", value=7)]
    )
    await erased(memory, graph, word)
    fact = (await memory.facts.list(graph, FactFilter())).items[0]
    assert sorted(str(each).partition("-")[0] for each in fact.options[0].sources) == ["bbc", "erased"]


async def test_a_dry_run_shows_what_would_go_and_changes_nothing(memory: Memory, graph: str) -> None:
    word = a_word()
    await entity(memory, graph, word)
    await text(memory, graph, word)
    before = (await memory.scopes.find_traces(graph, [word])).found
    plan = await memory.erasures.plan(graph, ErasureRequest(texts=[word]))
    assert (plan.counts["entities"], plan.counts["episodes"], plan.counts["sources"]) == (1, 1, 1)
    assert any(word in each for each in plan.samples["entities"])
    assert (await memory.scopes.find_traces(graph, [word])).found == before
    assert not (await memory.erasures.reports(graph)).items


@pytest.mark.long
async def test_whole_words_leave_longer_ones(memory: Memory, graph: str) -> None:
    word = a_word()
    await memory.episodes.put(graph, [Episode(f"A\n{word}, again.", "t"), Episode(f"Not{word}s at all.", "u")])
    await erased(memory, graph, word, whole_words=True)
    assert [each.key for each in (await memory.episodes.list(graph)).items] == ["u"]


@pytest.mark.long
async def test_a_second_erasure_finds_nothing_and_reports_are_listed_and_verified(memory: Memory, graph: str) -> None:
    word = a_word()
    await entity(memory, graph, word)
    first = await erased(memory, graph, word, reason="Article 17", by="ann")
    second = await erased(memory, graph, word)
    assert not any(second.report["removed"].values())
    listed = (await memory.erasures.reports(graph)).items
    assert [each.report["id"] for each in listed] == [second.report["id"], first.report["id"]]
    stored = await memory.erasures.report(graph, first.report["id"])
    assert memory.erasures.verify_report(stored)
    assert stored.public_key == memory.erasures.public_key()
    changed = {**stored.report, "reason": "another"}
    assert not memory.erasures.verify_report(replace(stored, report=changed))
    assert (await memory.erasures.verify(graph, [word], report=first.report["id"])).clean
    with pytest.raises(Conflict):
        await memory.erasures.verify(graph, ["somebody else"], report=first.report["id"])


@pytest.mark.long
async def test_the_ledger_keeps_what_it_has_and_the_report_says_so(memory: Memory, graph: str) -> None:
    word = a_word()
    await memory.ledger.put_account(graph, AccountSpec(f"budget-{word}", "income", "USD"))
    signed = await erased(memory, graph, word)
    assert {each["what"] for each in signed.report["kept"]} >= {"ledger_account", "ledger_record"}
    assert signed.report["complete"]


@pytest.mark.parametrize("request_", [{}, {"texts": ["ab"]}, {"scope": ""}, {"texts": ["--- "]}, {"entities": [""]}])
async def test_a_wrong_request_is_refused(memory: Memory, graph: str, request_: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await memory.erasures.erase(graph, ErasureRequest(**request_))


@pytest.mark.long
async def test_texts_in_other_normal_forms_and_letters_are_erased(memory: Memory, graph: str) -> None:
    composed, apart = "Zo\u00eb Ünal-7", "Zoe\u0308 U\u0308nal-7"
    await memory.entities.put(graph, [Entity("a", name=composed), Entity("b", text=f"Knows {apart.upper()}.")])
    await erased(memory, graph, composed)
    assert await traces(memory, graph, composed) == []


@pytest.mark.long
@pytest.mark.server
async def test_files_of_tables_have_no_trace_after_an_erasure(memory: Memory, graph: str, postgres_url: str) -> None:
    word = a_word()
    for way in (entity, text, claim, session, block):
        await way(memory, graph, word)
    catalog: Any = memory.ports.graphs
    async with catalog.database.connection() as connection:
        await connection.execute("CHECKPOINT")
        folder = Path(await connection.fetchval("SHOW data_directory")) / "base"
        folder /= await connection.fetchval("SELECT oid::text FROM pg_database WHERE datname = current_database()")
    if not await asyncio.to_thread(folder.is_dir):
        pytest.skip("the database is on another machine")
    assert having(folder, word)
    signed = await erased(memory, graph, word)
    assert having(folder, word) == []
    assert len(signed.report["vacuumed"]) > 10


def having(folder: Path, word: str) -> list[str]:
    """Return the files that have a word, plain."""
    wanted, found = word.encode(), []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and wanted in path.read_bytes():
                found.append(path.name)
        except FileNotFoundError:
            continue
    return found
