"""Sessions in the database: order under concurrent writers, repeated messages, pages, and what is extracted."""

import asyncio
from typing import Any

import pytest

from kgmem.domain.agents.message import Message, StoredMessage
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, query

GRAPH = "sessions"
CHAT = SessionAddress("chat-1", "user/42")


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    await memory.sessions.open(GRAPH, CHAT, SessionDetails("planner", ("Clara",), {"channel": "web"}))
    return memory


def said(*texts: str) -> list[Message]:
    return [Message("user", text) for text in texts]


async def everything(memory: Memory, *, newest_first: bool = False, limit: int = 7) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    cursor: str | None = None
    while True:
        page = await memory.sessions.messages(GRAPH, CHAT, newest_first=newest_first, cursor=cursor, limit=limit)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


async def test_a_session_has_its_details_and_counts(memory: Memory) -> None:
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "one"), Message("assistant", "two", tokens=7)])
    session = await memory.sessions.get(GRAPH, CHAT)
    assert (session.agent, session.users, session.metadata) == ("planner", ("Clara",), {"channel": "web"})
    assert (session.messages, session.tokens, session.closed_at) == (2, 8, None)
    again = await memory.sessions.open(GRAPH, CHAT, SessionDetails("other"))
    assert (again.created, again.agent, again.users, again.messages) == (False, "other", (), 2)
    assert again.opened_at == session.opened_at


async def test_messages_come_back_as_they_were_given(memory: Memory) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"to": "LIS"}'}}
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "Look at "},
        {"type": "image_url", "image_url": {"url": "u"}},
    ]
    given = [
        Message("system", "You help."),
        Message("user", parts, name="Clara", metadata={"n": [1, None, "ü"]}),
        Message("assistant", None, tool_calls=(call,)),
        Message("tool", '{"price": 120}', tool_call_id="c1", name="find"),
        Message("assistant", [{"type": "tool_use", "id": "t1", "name": "book", "input": {"n": 1}}]),
        Message("user", [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "done"}]}]),
        Message("assistant", None, refusal="No."),
    ]
    appended = await memory.sessions.append(GRAPH, CHAT, given)
    stored = await everything(memory)
    assert list(appended.messages) == stored
    assert [each.seq for each in stored] == list(range(1, 8))
    for before, after in zip(given, stored, strict=True):
        assert (after.role, after.content, after.name) == (before.role, before.content, before.name)
        assert (list(after.tool_calls), after.tool_call_id) == (list(before.tool_calls), before.tool_call_id)
        assert (after.refusal, after.metadata) == (before.refusal, before.metadata)
        assert await memory.sessions.message(GRAPH, CHAT, after.id) == after
    texts = [(await memory.episodes.get(GRAPH, each.episode, scope=CHAT.scope)).text for each in stored]
    assert texts[2:6] == ['find({"to": "LIS"})', '{"price": 120}', 'book({"n": 1})', "done"]
    assert texts[6] == "No."


@pytest.mark.long
async def test_twenty_writers_leave_one_order_without_gaps(memory: Memory) -> None:
    writers, each = 20, 8
    seen: list[list[int]] = []
    done = asyncio.Event()

    async def write(writer: int) -> list[int]:
        places = []
        for number in range(each):
            batch = [Message("user", f"writer {writer} says {number}.{part}") for part in range(1 + writer % 3)]
            appended = await memory.sessions.append(GRAPH, CHAT, batch, extract=False)
            numbers = [message.seq for message in appended.messages]
            assert numbers == list(range(numbers[0], numbers[0] + len(batch)))  # A batch stays together.
            places += numbers
        return places

    async def read() -> None:
        while not done.is_set():
            seen.append([message.seq for message in await everything(memory, limit=1000)])

    reader = asyncio.create_task(read())
    written = await asyncio.gather(*map(write, range(writers)))
    done.set()
    await reader
    total = sum(each * (1 + writer % 3) for writer in range(writers))
    assert sorted(place for places in written for place in places) == list(range(1, total + 1))
    assert all(places == sorted(places) for places in written)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)  # No reader ever sees a gap.
    assert (await memory.sessions.get(GRAPH, CHAT)).messages == total
    items = await query(memory, f'SELECT item FROM "{await index_schema(memory, GRAPH)}".session_message ORDER BY seq')
    assert [row["item"] for row in items] == sorted(row["item"] for row in items)  # As recall's neighbours take it.


async def test_the_same_message_again_is_stored_once(memory: Memory) -> None:
    first = await memory.sessions.append(GRAPH, CHAT, [Message("user", "hello", "m1")])
    again = await memory.sessions.append(
        GRAPH, CHAT, [Message("user", "hello", "m1"), Message("user", "more", "m2"), Message("user", "more", "m2")]
    )
    assert (first.created, again.created) == (1, 1)
    assert [(each.seq, each.created) for each in again.messages] == [(1, False), (2, True), (2, True)]
    with pytest.raises(Conflict, match="'m1' with another content") as refused:
        await memory.sessions.append(GRAPH, CHAT, [Message("user", "new"), Message("user", "bye", "m1")])
    assert refused.value.facts["field"] == "messages[1].id"
    with pytest.raises(Conflict, match="'m9'"):
        await memory.sessions.append(GRAPH, CHAT, [Message("user", "a", "m9"), Message("user", "b", "m9")])
    assert [each.content for each in await everything(memory)] == ["hello", "more"]


async def test_a_message_that_many_send_at_once_is_stored_once(memory: Memory) -> None:
    results = await asyncio.gather(
        *(memory.sessions.append(GRAPH, CHAT, [Message("user", "hello", "m1")]) for _ in range(12))
    )
    assert sum(each.created for each in results) == 1
    assert {each.messages[0].seq for each in results} == {1}


async def test_pages_lead_through_a_session_in_both_directions(memory: Memory) -> None:
    await memory.sessions.append(GRAPH, CHAT, said(*(f"text {n}" for n in range(20))), extract=False)
    forward = await everything(memory)
    assert [each.seq for each in forward] == list(range(1, 21))
    assert await everything(memory, newest_first=True) == forward[::-1]
    with pytest.raises(InvalidInput, match="not a cursor"):
        await memory.sessions.messages(GRAPH, CHAT, cursor="x")


async def test_pages_read_only_their_own_rows(memory: Memory) -> None:
    index = await index_schema(memory, GRAPH)
    await memory.sessions.append(GRAPH, CHAT, said("first"), extract=False)
    await query(
        memory,
        f"""INSERT INTO "{index}".session_message (session, seq, name, item, role, tokens, digest, body)
            SELECT m.session, n, 'm' || n, m.item, m.role, 1, m.digest, m.body
            FROM "{index}".session_message m, generate_series(2, 20000) n""",
    )
    await query(memory, f'ANALYZE "{index}".session_message')
    for way, order in ((">", ""), ("<", "DESC")):
        rows = await query(
            memory,
            f"""EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF)
                SELECT seq, body FROM "{index}".session_message WHERE session = (SELECT min(id) FROM "{index}".session)
                AND seq {way} 10000 ORDER BY seq {order} LIMIT 101""",
        )
        assert "Index Scan" in str(rows[0][0])
        assert "session_message_pkey" in str(rows[0][0])
        assert "Sort" not in str(rows[0][0])


async def test_a_closed_session_takes_nothing_new(memory: Memory) -> None:
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "hello", "m1")])
    closed = await memory.sessions.close(GRAPH, CHAT)
    assert closed.closed_at is not None
    assert (await memory.sessions.close(GRAPH, CHAT)).closed_at == closed.closed_at
    with pytest.raises(Conflict, match="is closed"):
        await memory.sessions.append(GRAPH, CHAT, said("more"))
    assert (await memory.sessions.append(GRAPH, CHAT, [Message("user", "hello", "m1")])).created == 0
    assert (await memory.sessions.reopen(GRAPH, CHAT)).closed_at is None
    assert (await memory.sessions.append(GRAPH, CHAT, said("more"))).created == 1


async def test_a_session_is_found_in_its_own_scope_only(memory: Memory) -> None:
    for other in (SessionAddress("chat-1"), SessionAddress("chat-1", "user/43"), SessionAddress("chat-1", "user/42/a")):
        with pytest.raises(NotFound, match="no session 'chat-1'"):
            await memory.sessions.get(GRAPH, other)
        with pytest.raises(NotFound):
            await memory.sessions.append(GRAPH, other, said("x"))
        assert (await memory.sessions.list(GRAPH, scope=other.scope)).items == []
    with pytest.raises(NotFound):
        await memory.sessions.messages(GRAPH, SessionAddress("unknown", CHAT.scope))


async def test_sessions_are_listed_by_agent_user_and_whether_they_are_open(memory: Memory) -> None:
    for number in range(5):
        where = SessionAddress(f"s{number}", CHAT.scope)
        await memory.sessions.open(GRAPH, where, SessionDetails(f"agent{number % 2}", (f"u{number % 3}",)))
    await memory.sessions.close(GRAPH, SessionAddress("s4", CHAT.scope))

    async def ids(**which: Any) -> list[str]:
        return [each.id for each in (await memory.sessions.list(GRAPH, scope=CHAT.scope, **which)).items]

    assert await ids() == ["s4", "s3", "s2", "s1", "s0", "chat-1"]
    assert await ids(agent="agent1") == ["s3", "s1"]
    assert await ids(user="u0") == ["s3", "s0"]
    assert await ids(is_open=False) == ["s4"]
    page = await memory.sessions.list(GRAPH, scope=CHAT.scope, limit=4)
    rest = await memory.sessions.list(GRAPH, scope=CHAT.scope, limit=4, cursor=page.cursor)
    assert [each.id for each in (*page.items, *rest.items)] == await ids()
    assert rest.cursor is None


async def test_a_forgotten_message_is_gone_from_its_session(memory: Memory) -> None:
    appended = await memory.sessions.append(GRAPH, CHAT, said("one", "two", "three"))
    await memory.episodes.forget(GRAPH, [appended.messages[1].episode], scope=CHAT.scope)
    assert [(each.seq, each.content) for each in await everything(memory)] == [(1, "one"), (3, "three")]
    session = await memory.sessions.get(GRAPH, CHAT)
    assert (session.messages, session.tokens) == (2, 3)
    assert (await memory.sessions.append(GRAPH, CHAT, said("four"))).messages[0].seq == 4


BAD: list[tuple[Message, str]] = [
    (Message("robot", "x"), "messages[0].role"),  # type: ignore[arg-type]
    (Message("user", ""), "messages[0].content"),
    (Message("user", "  \n"), "messages[0].content"),
    (Message("user", None), "messages[0].content"),
    (Message("user", [{"text": "no type"}]), "messages[0].content[0].type"),
    (Message("user", [{"type": "text", "text": "a"}, {"type": "text", "text": 5}]), "messages[0].content[1].text"),
    (Message("assistant", [{"type": "tool_use", "id": "1"}]), "messages[0].content[0].name"),
    (Message("user", "x", "a b"), "messages[0].id"),
    (Message("user", "x", tokens=-1), "messages[0].tokens"),
    (Message("user", "x", tool_calls=({"function": {"name": "f"}},)), "messages[0].tool_calls"),
    (Message("assistant", "x", tool_calls=({"function": {}},)), "messages[0].tool_calls[0]"),
    (Message("user", "x", tool_call_id="c"), "messages[0].tool_call_id"),
    (Message("user", "x" * 1_000_001), "messages[0].content"),
    (Message("user", "x", metadata={"a": "y" * 70_000}), "messages[0].metadata"),
    (Message("user", "x", occurred_at="yesterday"), ""),
]


@pytest.mark.parametrize(("message", "field"), BAD)
async def test_a_bad_message_is_refused_by_its_field_and_changes_nothing(
    memory: Memory, message: Message, field: str
) -> None:
    with pytest.raises((InvalidInput, TooLarge)) as refused:
        await memory.sessions.append(GRAPH, CHAT, [message, Message("user", "good")])
    assert refused.value.hint
    assert refused.value.facts.get("field", "") == field
    assert (await memory.sessions.get(GRAPH, CHAT)).messages == 0
    assert (await memory.episodes.list(GRAPH, scope=CHAT.scope)).items == []


async def test_only_words_of_users_and_assistants_wait_for_extraction(memory: Memory) -> None:
    given = [
        Message("system", "Ada lives in Rome."),
        Message("user", "I live in Hamburg."),
        Message("assistant", "Clara lives in Hamburg.", tool_calls=({"function": {"name": "f"}},)),
        Message("assistant", None, tool_calls=({"function": {"name": "f"}},)),
        Message("tool", "Bob lives in Paris."),
        Message("user", [{"type": "tool_result", "tool_use_id": "t", "content": "Eve lives in Oslo."}]),
    ]
    appended = await memory.sessions.append(GRAPH, CHAT, given)
    index = await index_schema(memory, GRAPH)
    waiting = {row["episode"] for row in await query(memory, f'SELECT episode FROM "{index}".extraction_queue')}
    rows = await query(memory, f'SELECT seq, item FROM "{index}".session_message')
    assert {row["seq"] for row in rows if row["item"] in waiting} == {2, 3}
    spoke = [
        (each.speaker, each.properties.get("listener"))
        for each in [
            await memory.episodes.get(GRAPH, message.episode, scope=CHAT.scope) for message in appended.messages
        ]
    ]
    assert spoke[1] == ("Clara", "planner")
    assert spoke[2] == ("planner", "Clara")
    assert spoke[0] == (None, None)


async def test_a_graph_that_extracts_all_spares_tools_and_the_system(memory: Memory) -> None:
    await memory.graphs.update(GRAPH, extraction="all")
    try:
        await memory.sessions.append(
            GRAPH, CHAT, [Message("tool", "Bob lives in Paris."), *said("I live in Rome.")], extract=False
        )
        index = await index_schema(memory, GRAPH)
        assert len(await query(memory, f'SELECT episode FROM "{index}".extraction_queue')) == 1
    finally:
        await memory.graphs.update(GRAPH, extraction="requested")


async def test_recall_finds_a_message_by_its_words_and_in_its_scope_only(memory: Memory) -> None:
    await memory.sessions.append(GRAPH, CHAT, said("The zeppelin lands at noon.", "And then?"))
    found = await memory.recall(GRAPH, Question(What("zeppelin"), scope=CHAT.scope))
    assert found.hits[0].text == "The zeppelin lands at noon."
    assert found.hits[0].properties["role"] == "user"
    assert not (await memory.recall(GRAPH, Question(What("zeppelin"), scope="user/43"))).hits


async def test_a_session_is_deleted_with_everything_in_it(memory: Memory) -> None:
    await memory.sessions.append(GRAPH, CHAT, said("The zeppelin lands at noon.", "And then?"))
    other = Episode("The zeppelin is late.", "note", scope=CHAT.scope)
    await memory.episodes.put(GRAPH, [other])
    counted = await memory.sessions.delete(GRAPH, CHAT, dry_run=True)
    assert (counted.episodes, counted.dry_run) == (2, True)
    assert (await memory.sessions.get(GRAPH, CHAT)).messages == 2
    gone = await memory.sessions.delete(GRAPH, CHAT, erase=True)
    assert (gone.episodes, gone.kept_in_history) == (2, 0)
    with pytest.raises(NotFound):
        await memory.sessions.get(GRAPH, CHAT)
    with pytest.raises(NotFound):
        await memory.sessions.delete(GRAPH, CHAT)
    assert [each.key for each in (await memory.episodes.list(GRAPH, scope=CHAT.scope)).items] == ["note"]
    made = await memory.sessions.open(GRAPH, CHAT)
    assert (made.created, made.messages) == (True, 0)
    assert (await memory.sessions.append(GRAPH, CHAT, said("new"))).messages[0].seq == 1
