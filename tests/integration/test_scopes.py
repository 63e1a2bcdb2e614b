"""Scopes are listed, summarised and deleted with everything in them, and with nothing of others."""

from collections.abc import AsyncIterator
from dataclasses import fields, replace
from typing import Any

import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import StateAddress
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import InvalidInput, NotFound, Unavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope_contents import ScopeCounts
from kgmem.domain.ledger.ledger import AccountSpec
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.streams.stream import NewMessage, Release, StreamAddress, StreamRead
from kgmem.domain.subscriptions.subscription import SubscriptionAddress
from kgmem.domain.subscriptions.webhook import WebhookAddress, WebhookRequest
from kgmem.domain.time.interval import iso, now
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from tests.memories import hashing, index_schema, opened_memory, query

GRAPH = "scopes"
MARK = "Zanzibar"  # Is in every text of the scope that is deleted, and in none of others.
OURS, BELOW, NEIGHBOUR = "user/1", "user/1/work", "user/10"


@pytest.fixture
async def memory(shared_database_url: str) -> AsyncIterator[Memory]:
    """A memory that extracts, with a graph of its own."""
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as opened:
        await opened.graphs.create(GRAPH)
        try:
            yield opened
        finally:
            await opened.graphs.delete(GRAPH)


async def fill(memory: Memory, scope: str, mark: str) -> None:
    """Write something of every kind into a scope, all of it with a word; some of it twice, so that it has a history."""
    for state in ("old", "new"):
        people = [Entity(name, "Person", name=f"{name} {mark}", text=f"{state} {mark}") for name in ("ann", "bob")]
        await memory.entities.put(GRAPH, [each.__class__(**{**_told(each), "scope": scope}) for each in people])
        told = Relationship("KNOWS", "ann", "bob", text=f"{state} {mark}", source=f"press {mark}", scope=scope)
        await memory.relationships.put(GRAPH, [told])
        await memory.remember(GRAPH, Episode(f"Carl Weber lives in {mark}. {state}.", "note", scope=scope))
    await memory.relationships.put(GRAPH, [Relationship("LIKES", "hub", "hub", text=mark, scope=scope)])
    claims = [
        ClaimStatement("press", "ann", "height", value=f"{mark} {n}", confidence=0.9, scope=scope) for n in range(2)
    ]
    ids = (await memory.claims.put(GRAPH, claims)).ids
    await memory.claims.withdraw(GRAPH, [ids[0]], scope=scope)
    await memory.claims.put(GRAPH, [ClaimStatement("web", "ann", "likes", value=mark, scope=scope)])
    chat = SessionAddress("chat", scope)
    await memory.sessions.open(GRAPH, chat, SessionDetails(agent="planner", users=("Clara",), metadata={"of": mark}))
    said = [Message("user", f"I moved to {mark}. {n}", f"m{n}") for n in range(3)]
    await memory.sessions.append(GRAPH, chat, said)
    await memory.extraction.run(GRAPH)
    await memory.blocks.put(GRAPH, BlockAddress("human", scope), BlockContent(mark))
    await memory.blocks.append(GRAPH, BlockAddress("human", scope), mark)
    state = StateAddress("planner", "plan", scope)
    await memory.states.put(GRAPH, state, {"of": mark})
    await memory.subscriptions.put(GRAPH, SubscriptionAddress("all", scope))
    await memory.streams.append(GRAPH, StreamAddress("tasks", scope), [NewMessage(mark, mark), NewMessage(mark)])
    taken = await memory.streams.read(GRAPH, StreamAddress("tasks", scope), StreamRead("workers"))
    gone = Release([taken[0].receipt or ""], reason=mark, dead=True)
    await memory.streams.release(GRAPH, StreamAddress("tasks", scope), "workers", gone)
    hook = WebhookRequest(f"https://93.184.215.14/{mark}")
    await memory.webhooks.create(GRAPH, WebhookAddress("hook", scope), hook)
    (hit, *_) = (await memory.recall(GRAPH, Question(What(text=mark), scope=scope))).hits
    await memory.feedback.give(GRAPH, Feedback(hit.id, "useful", f"Where is {mark}?", scope=scope))
    await memory.ledger.put_account(GRAPH, AccountSpec("cash", "asset", "USD"), scope=scope)


def _told(entity: Entity) -> dict[str, Any]:
    return {name: getattr(entity, name) for name in ("key", "label", "name", "text")}


async def everything(memory: Memory, word: str, *, number: int | None = None) -> dict[str, int]:
    """Return the tables of a graph, the vertices and edges too, that still have a word, or a number of a scope."""
    schema = await index_schema(memory, GRAPH)
    tables = await query(
        memory,
        "SELECT c.table_schema AS s, c.table_name AS t, bool_or(c.column_name = 'scope') AS scoped "
        "FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE t.table_type = 'BASE TABLE' AND c.table_schema IN ($1, $2) GROUP BY 1, 2",
        schema,
        await age_schema(memory),
    )
    assert len(tables) > 40
    found = {}
    for row in tables:
        wanted = f"position($1 in t::text) > 0{f' OR t.scope = {number}' if number and row['scoped'] else ''}"
        sql = f'SELECT count(*) AS n FROM "{row["s"]}"."{row["t"]}" t WHERE {wanted}'
        ((count,),) = await query(memory, sql, word)
        if count:
            found[row["t"]] = count
    return found


async def age_schema(memory: Memory) -> str:
    ((name,),) = await query(memory, "SELECT age_name FROM kgmem.graph WHERE name = $1", GRAPH)
    return str(name)


@pytest.mark.long
async def test_a_scope_is_erased_with_everything_in_it_and_those_below_and_nothing_of_others(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("hub", "Place", name="Hub")])
    for scope, mark in ((OURS, MARK), (BELOW, MARK), (NEIGHBOUR, "Helsinki")):
        await fill(memory, scope, mark)
    before = {each.scope: each.counts for each in (await memory.scopes.list(GRAPH)).items}
    assert set(before) == {"", OURS, BELOW, NEIGHBOUR}
    assert all(getattr(before[OURS], each.name) for each in fields(ScopeCounts))
    helsinki = await everything(memory, "Helsinki")

    dry = await memory.scopes.delete(GRAPH, OURS, dry_run=True, erase=True)
    assert {each.scope: each.counts for each in (await memory.scopes.list(GRAPH)).items} == before
    done = await memory.scopes.delete(GRAPH, OURS, erase=True)
    assert done.deleted == dry.deleted
    assert done.deleted.entities == before[OURS].entities + before[BELOW].entities
    assert set(done.scopes) == {OURS, BELOW}
    assert done.erased_from_history > 0
    assert done.kept.ledger_accounts == 2

    left = {each.scope: each.counts for each in (await memory.scopes.list(GRAPH)).items}
    only_ledger = ScopeCounts(ledger_accounts=1)
    assert left == {"": before[""], OURS: only_ledger, BELOW: only_ledger, NEIGHBOUR: before[NEIGHBOUR]}
    # The change feed names what was deleted, and sources are those of the whole graph.
    assert set(await everything(memory, MARK)) <= {"change", "source"}
    assert await everything(memory, "Helsinki") == helsinki
    ((number,),) = await query(
        memory, f"SELECT id FROM {await index_schema(memory, GRAPH)}.scope WHERE path = $1", OURS
    )
    # Names of blocks and states stay, so that numbers of versions are never given again; none has a content.
    names = {"ledger_account", "ledger_record", "memory_block", "agent_state", "erased_scope", "change", "source"}
    assert set(await everything(memory, MARK, number=number)) <= names
    assert (await memory.ledger.verify(GRAPH)).ok
    await fill(memory, OURS, MARK)  # It can be used again.
    filled = (await memory.scopes.get(GRAPH, OURS, below=False)).counts
    assert (filled.episodes, filled.sessions, filled.memory_blocks) == (4, 1, 1)


async def test_without_erasure_the_history_still_shows_what_was_deleted(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("ann", "Person", text="Ann sails.", scope=OURS)])
    then = iso(now())
    done = await memory.scopes.delete(GRAPH, OURS)
    assert (done.deleted.entities, done.kept_in_history, done.erased_from_history) == (1, 1, 0)
    asked = Question(What(text="Who sails?"), scope=OURS)
    assert (await memory.recall(GRAPH, asked)).hits == []
    assert [hit.key for hit in (await memory.recall(GRAPH, replace(asked, when=When(known_at=then)))).hits] == ["ann"]

    again = await memory.scopes.delete(GRAPH, OURS, erase=True)
    assert again.erased_from_history > 0
    assert (await memory.recall(GRAPH, replace(asked, when=When(known_at=then)))).hits == []


async def test_scopes_below_are_spared_on_request_and_relationships_elsewhere_are_told(memory: Memory) -> None:
    for scope in (OURS, BELOW, NEIGHBOUR):
        await memory.entities.put(GRAPH, [Entity("ann", scope=scope)])
    await memory.entities.put(GRAPH, [Entity("dog", scope=BELOW)])
    ours = Relationship("LIKES", "dog", "ann", scope=BELOW)
    await memory.entities.delete(GRAPH, ["ann"], scope=BELOW)
    await memory.relationships.put(GRAPH, [ours])  # Of the scope below, to an entity of ours.
    dry = await memory.scopes.delete(GRAPH, OURS, below=False, dry_run=True)
    done = await memory.scopes.delete(GRAPH, OURS, below=False)
    assert (dry.relationships_elsewhere, done.relationships_elsewhere, done.scopes) == (1, 1, [OURS])
    left = {each.scope: each.counts for each in (await memory.scopes.list(GRAPH, within="user")).items}
    assert left == {BELOW: ScopeCounts(entities=1), NEIGHBOUR: ScopeCounts(entities=1)}


@pytest.mark.long
async def test_a_deletion_that_is_broken_off_is_completed_by_the_next(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("hub", "Place", name="Hub")])
    await fill(memory, OURS, MARK)
    forgotten = memory.ports.store.delete_entities

    async def broken(*_: Any) -> Any:
        raise Unavailable("The server went away.", hint="Try again.")

    memory.ports.store.delete_entities = broken  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await memory.scopes.delete(GRAPH, OURS)
    memory.ports.store.delete_entities = forgotten  # type: ignore[method-assign]
    await memory.scopes.delete(GRAPH, OURS)
    left = await memory.scopes.get(GRAPH, OURS)
    assert left.counts == ScopeCounts(ledger_accounts=1)


async def test_scopes_come_in_pages_and_each_is_summed_up_with_those_below(memory: Memory) -> None:
    for number in range(5):
        await memory.entities.put(GRAPH, [Entity(f"e{number}", scope=f"team/{number}")])
    found: list[str] = []
    cursor = None
    while True:
        page = await memory.scopes.list(GRAPH, within="team", cursor=cursor, limit=2)
        found += [each.scope for each in page.items]
        if (cursor := page.cursor) is None:
            break
    assert found == [f"team/{number}" for number in range(5)]
    await memory.entities.put(GRAPH, [Entity("e", scope="team/1/x")])
    whole = await memory.scopes.get(GRAPH, "team/1")
    assert (whole.scope, whole.counts.entities, sorted(whole.scopes)) == ("team/1", 2, ["team/1", "team/1/x"])
    assert (await memory.scopes.get(GRAPH, "team/1", below=False)).counts.entities == 1
    assert whole.oldest is not None
    assert whole.newest is not None
    assert whole.oldest < whole.newest


async def test_the_shared_scope_and_one_without_anything_are_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="shared"):
        await memory.scopes.delete(GRAPH, "")
    with pytest.raises(InvalidInput, match="not a scope"):
        await memory.scopes.delete(GRAPH, "a b")
    await memory.entities.put(GRAPH, [Entity("e", scope=NEIGHBOUR)])
    for call in (memory.scopes.delete, memory.scopes.get):
        with pytest.raises(NotFound):
            await call(GRAPH, OURS)
