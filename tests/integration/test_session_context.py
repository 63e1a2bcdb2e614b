"""The context of a session on the database: facts, memories, older parts and messages, by scope and as they stand."""

import pytest

from kgmem.domain.agents.digest import PART
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.memories import new_graph

GRAPH = "contexts"
CHAT = SessionAddress("chat-1", "user/42")


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    await memory.sessions.open(GRAPH, CHAT, SessionDetails("planner", ("Clara",)))
    return memory


async def put_people(memory: Memory, scope: str = CHAT.scope) -> None:
    people = [Entity(key, "Person", key.title(), scope=scope) for key in ("clara", "tom", "ada")]
    await memory.entities.put(GRAPH, [*people, Entity("hamburg", "Place", "Hamburg", scope=scope)])
    await memory.relationships.put(
        GRAPH,
        [
            Relationship("LIVES_IN", "clara", "hamburg", scope=scope, valid_from="2020"),
            Relationship("KNOWS", "clara", "tom", scope=scope),
            Relationship("WORKS_WITH", "clara", "ada", scope=scope, valid_from="2001", valid_to="2003"),
        ],
    )


def texts(entries: object) -> list[str]:
    return [entry.text for entry in entries]  # type: ignore[attr-defined]


async def test_a_context_has_messages_facts_and_memories_with_their_sources(memory: Memory) -> None:
    await put_people(memory)
    note = Episode("Clara's passport number ends in 77.", "note-1", scope=CHAT.scope)
    await memory.episodes.put(GRAPH, [note])
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "What do I need for the passport of Clara?", "m1")])
    found = await memory.sessions.context(GRAPH, CHAT)
    assert found.sections["messages"][0].sources == ("message:m1", "episode:chat-1/m1")
    assert any("LIVES_IN" in each or "lives in" in each for each in texts(found.sections["facts"]))
    assert not any("Ada" in each for each in texts(found.sections["facts"]))  # That is over.
    assert ("episode:note-1",) in [entry.sources for entry in found.sections["memories"]]
    assert all(entry.sources[0].startswith("fact:") for entry in found.sections["facts"])
    assert found == await memory.sessions.context(GRAPH, CHAT)
    assert "What do I need" in found.text
    assert found.text.count("What do I need") == 1


async def test_facts_of_what_the_turns_mention_are_there_where_recall_has_no_room_for_them(memory: Memory) -> None:
    await put_people(memory)
    turn = Episode("And she?", "chat-1/m1", mentions=["clara"], scope=CHAT.scope)
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "And she?", "m1")])
    await memory.episodes.put(GRAPH, [turn])
    found = await memory.sessions.context(GRAPH, CHAT)
    told = "\n".join(texts(found.sections["facts"]))
    assert "Hamburg" in told
    assert "Tom" in told
    assert "Ada" not in told


async def test_of_a_hub_the_facts_of_each_kind_are_compared_some_at_a_time(memory: Memory) -> None:
    await put_people(memory)
    many = [Entity(f"thing{n}", "Thing", scope=CHAT.scope) for n in range(150)]
    await memory.entities.put(GRAPH, many)
    links = [Relationship("OWNS", "clara", each.key, scope=CHAT.scope, confidence=0.5) for each in many]
    links += [Relationship("LIKES", each.key, "clara", scope=CHAT.scope, confidence=0.5) for each in many]
    await memory.relationships.put(GRAPH, links)
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "And she?", "m1")])
    await memory.episodes.put(GRAPH, [Episode("And she?", "chat-1/m1", mentions=["clara"], scope=CHAT.scope)])
    facts = await memory.ports.contexts.facts(GRAPH, CHAT, [1], ())
    assert facts == await memory.ports.contexts.facts(GRAPH, CHAT, [1], ())
    assert {"LIVES_IN", "KNOWS"} <= {fact.kind for fact in facts}
    assert len(facts) == 10


async def test_a_retracted_fact_is_not_current(memory: Memory) -> None:
    await put_people(memory)
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "Where does Clara live, in Hamburg?", "m1")])
    before = await memory.sessions.context(GRAPH, CHAT)
    (home,) = [each for each in before.sections["facts"] if each.told["kind"] == "LIVES_IN"]
    await memory.facts.retract(GRAPH, home.told["id"], by="me", reason="wrong", scope=CHAT.scope)
    after = await memory.sessions.context(GRAPH, CHAT)
    assert "LIVES_IN" not in [each.told["kind"] for each in after.sections["facts"]]


async def test_what_the_system_and_tools_say_is_no_fact_and_no_memory(memory: Memory) -> None:
    other = SessionAddress("chat-0", CHAT.scope)
    await memory.sessions.open(GRAPH, other)
    await memory.sessions.append(
        GRAPH,
        other,
        [
            Message("system", "The zeppelin password is swordfish.", "s1"),
            Message("tool", "zeppelin status: landed", "t1"),
            Message("user", "The zeppelin landed in Oslo.", "u1"),
        ],
    )
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "Where is the zeppelin?", "m1")])
    found = await memory.sessions.context(GRAPH, CHAT)
    assert [entry.sources for entry in found.sections["memories"]] == [("episode:chat-0/u1",)]
    assert "swordfish" not in found.text
    assert "status" not in found.text


async def test_another_scope_adds_nothing(memory: Memory) -> None:
    await put_people(memory, "user/43")
    await memory.episodes.put(GRAPH, [Episode("Clara has a secret passport.", "e", scope="user/43")])
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "Where is the passport of Clara?", "m1")])
    found = await memory.sessions.context(GRAPH, CHAT)
    assert not found.sections["facts"]
    assert not found.sections["memories"]
    with pytest.raises(NotFound, match="chat-1"):
        await memory.sessions.context(GRAPH, SessionAddress("chat-1", "user/43"))


async def test_older_parts_are_told_by_their_sentences_and_forgotten_with_their_messages(memory: Memory) -> None:
    said = [Message("user", f"Number {n} of the invoices is about the Lisbon office.", f"m{n}") for n in range(1, 101)]
    for first in range(0, 100, 30):
        await memory.sessions.append(GRAPH, CHAT, said[first : first + 30], extract=False)
    found = await memory.sessions.context(GRAPH, CHAT, budget=700)
    told = found.sections["summaries"]
    shown = found.sections["messages"][0].told["seq"]
    assert told
    assert all(each.told["seq"] < shown for each in told)
    assert {each.told["first"] for each in told} <= {1, 33, 65, 97}
    assert [each.told["seq"] for each in told] == sorted(each.told["seq"] for each in told)
    gone = told[-1]
    await memory.episodes.forget(GRAPH, [f"chat-1/m{gone.told['seq']}"], scope=CHAT.scope)
    after = await memory.sessions.context(GRAPH, CHAT, budget=700)
    assert gone.sources not in [each.sources for each in after.sections["summaries"]]
    assert f"Number {gone.told['seq']} of" not in after.text


async def test_parts_do_not_depend_on_how_their_messages_came(memory: Memory) -> None:
    said = [Message("user", f"Number {n} of {n * 7} invoices is about Lisbon.", f"m{n}") for n in range(3 * PART + 5)]
    other = SessionAddress("chat-2", CHAT.scope)
    await memory.sessions.open(GRAPH, other)
    await memory.sessions.append(GRAPH, CHAT, said, extract=False)
    for first in range(0, len(said), 7):
        await memory.sessions.append(GRAPH, other, said[first : first + 7], extract=False)
    parts = [(1, 2), (1, 1), (1, 0)]
    one = await memory.ports.contexts.digests(GRAPH, CHAT, parts)
    assert one == await memory.ports.contexts.digests(GRAPH, other, parts)
    assert [each.first for each in one] == [65, 33, 1]


async def test_an_empty_session_has_an_empty_context(memory: Memory) -> None:
    found = await memory.sessions.context(GRAPH, CHAT)
    assert (found.text, found.tokens) == ("", 0)
    for budget in (0, -1, 1_000_001):
        with pytest.raises(InvalidInput, match="budget"):
            await memory.sessions.context(GRAPH, CHAT, budget=budget)


@pytest.mark.parametrize("budget", [1, 30, 100, 333, 2000])
async def test_no_budget_is_exceeded(memory: Memory, budget: int) -> None:
    await put_people(memory)
    said = [Message("user" if n % 2 else "assistant", f"Clara said {n} " * (n % 9 + 1), f"m{n}") for n in range(70)]
    await memory.sessions.append(GRAPH, CHAT, said)
    found = await memory.sessions.context(GRAPH, CHAT, budget=budget)
    assert memory.ports.token_counter.count(found.text) == found.tokens <= budget
