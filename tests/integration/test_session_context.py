"""The context of a session on the database: facts, memories, older parts and messages, by scope and as they stand."""

import asyncio
from typing import Any

import pytest

from kgmem.domain.agents.digest import PART
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import WidenedScope
from kgmem.domain.time.interval import iso, now
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


async def test_a_question_that_was_asked_before_does_not_fill_the_memory_with_itself(memory: Memory) -> None:
    for n in range(12):
        chat = SessionAddress(f"earlier-{n}", CHAT.scope)
        await memory.sessions.open(GRAPH, chat)
        asked = Message("user", "Where did the zeppelin  LAND?" if n % 2 else "Where did the zeppelin land?", "q")
        await memory.sessions.append(GRAPH, chat, [asked, Message("assistant", "You have not told me.", "a")])
    told = SessionAddress("told", CHAT.scope)
    await memory.sessions.open(GRAPH, told)
    await memory.sessions.append(GRAPH, told, [Message("user", "The zeppelin came down in Oslo.", "u1")])
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "Where did the zeppelin land?", "m1")])

    found = await memory.sessions.context(GRAPH, CHAT)

    assert ("episode:told/u1",) in [entry.sources for entry in found.sections["memories"]]
    assert found.text.casefold().count("where did the zeppelin land?") == 1
    assert found.text.count("You have not told me.") == 1


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


def claimed(value: object, **more: Any) -> ClaimStatement:
    return ClaimStatement("payroll", "ann", "salary", value=value, **{"scope": CHAT.scope, **more})


async def asked_for_ann(memory: Memory, scope: str = CHAT.scope) -> None:
    await memory.entities.put(GRAPH, [Entity("ann", "Person", "Ann", scope=scope)])
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "What is the salary of ann?", "m1")])


async def values(memory: Memory) -> list[Any]:
    found = await memory.sessions.context(GRAPH, CHAT)
    return [each.told["value"] for each in found.sections["facts"] if each.told["kind"] == "salary"]


async def test_values_of_what_is_mentioned_are_facts(memory: Memory) -> None:
    await asked_for_ann(memory)
    await memory.claims.put(GRAPH, [claimed(90_000, valid_from="2020-01-01")])
    (fact,) = (await memory.facts.list(GRAPH, FactFilter(scope=CHAT.scope, subject="ann"))).items
    found = await memory.sessions.context(GRAPH, CHAT)
    (entry,) = found.sections["facts"]
    assert entry.text == f"- [fact:{fact.id}] Ann salary: 90000 (since 2020-01-01 00:00)"
    assert entry.sources == (f"fact:{fact.id}",)
    assert entry.told == {
        "id": fact.id, "kind": "salary", "start": "ann", "end": None, "text": "Ann salary: 90000",
        "valid_from": fact.valid_from, "valid_to": None, "value": 90_000, "state": fact.state, "alternatives": [],
    }  # fmt: skip
    assert entry.text in found.text
    assert found == await memory.sessions.context(GRAPH, CHAT)


async def test_values_that_do_not_hold_are_no_facts(memory: Memory) -> None:
    await asked_for_ann(memory)
    await memory.claims.put(GRAPH, [claimed(1, valid_from="2001", valid_to="2003"), claimed(2, valid_from="2010")])
    assert await values(memory) == [2]
    await memory.claims.put(GRAPH, [claimed(3, valid_from="2020")])
    assert await values(memory) == [3]
    facts = (await memory.facts.list(GRAPH, FactFilter(scope=CHAT.scope))).items
    (current,) = [each for each in facts if each.value == 3]
    await memory.facts.retract(GRAPH, current.id, by="me", reason="wrong", scope=CHAT.scope)
    assert await values(memory) == [2]  # It is not replaced any more.
    (current,) = [each for each in facts if each.value == 2]
    await memory.facts.retract(GRAPH, current.id, by="me", reason="wrong", scope=CHAT.scope)
    assert not await values(memory)


async def test_what_ends_later_is_a_fact_until_then(memory: Memory) -> None:
    await asked_for_ann(memory)
    await put_people(memory)
    await memory.claims.put(GRAPH, [claimed(1, valid_from="2001"), claimed(2, valid_from="2090")])
    says = ClaimStatement("hr", "tom", "WORKS_AT", object="hamburg", scope=CHAT.scope)
    await memory.claims.put(GRAPH, [says])
    (job,) = (await memory.facts.list(GRAPH, FactFilter(scope=CHAT.scope, subject="tom"))).items
    await memory.facts.expire(GRAPH, job.id, by="me", reason="She leaves.", valid_to="2090", scope=CHAT.scope)
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "And where does Tom work?", "m2")])
    found = texts((await memory.sessions.context(GRAPH, CHAT)).sections["facts"])
    assert any("Ann salary: 1 (since 2001-01-01 00:00, until 2090-01-01 00:00)" in each for each in found)
    assert any("Tom works at Hamburg" in each or "tom works at hamburg" in each for each in found), found


async def test_a_value_that_begins_later_is_no_fact_yet(memory: Memory) -> None:
    await asked_for_ann(memory)
    await memory.claims.put(GRAPH, [claimed(2, valid_from="2090")])
    assert not await values(memory)


async def test_a_value_goes_with_the_text_that_states_it(memory: Memory) -> None:
    await asked_for_ann(memory)
    await memory.episodes.put(GRAPH, [Episode("Ann earns 90000.", "pay", scope=CHAT.scope)])
    await memory.claims.put(GRAPH, [claimed(90_000, episode="pay")])
    assert await values(memory) == [90_000]
    await memory.episodes.forget(GRAPH, ["pay"], scope=CHAT.scope)
    assert not await values(memory)


async def ends(memory: Memory, value: object, end: str) -> bool:
    """Return whether a context shows a value until a moment, and no longer."""
    while end > iso(now()):
        if await values(memory) != [value] and end > iso(now()):
            return False
        await asyncio.sleep(0.2)
    return not await values(memory)


@pytest.mark.long
async def test_a_value_ends_with_its_claim(memory: Memory) -> None:
    await asked_for_ann(memory)
    end = iso(now() + 1_500_000)
    await memory.claims.put(GRAPH, [claimed(90_000, expires_at=end)])
    assert await ends(memory, 90_000, end)


@pytest.mark.long
async def test_a_value_ends_when_it_says_so(memory: Memory) -> None:
    await asked_for_ann(memory)
    end = iso(now() + 1_500_000)
    await memory.claims.put(GRAPH, [claimed(90_000, valid_to=end)])
    assert await ends(memory, 90_000, end)


async def test_an_expired_a_corrected_and_a_withdrawn_value_show_what_is_so_now(memory: Memory) -> None:
    await asked_for_ann(memory)
    await memory.claims.put(GRAPH, [claimed(1)])
    (fact,) = (await memory.facts.list(GRAPH, FactFilter(scope=CHAT.scope, subject="ann"))).items
    await memory.facts.correct(GRAPH, fact.id, claimed(2), by="me", reason="a typo", scope=CHAT.scope)
    assert await values(memory) == [2]
    facts = (await memory.facts.list(GRAPH, FactFilter(scope=CHAT.scope, subject="ann"))).items
    (current,) = [each for each in facts if each.value == 2]
    await memory.facts.expire(GRAPH, current.id, by="me", reason="She left.", scope=CHAT.scope)
    assert not await values(memory)


async def test_what_sources_disagree_on_says_so(memory: Memory) -> None:
    await asked_for_ann(memory)
    said = [("a", 1), ("b", 2)]
    await memory.claims.put(GRAPH, [ClaimStatement(s, "ann", "salary", value=v, scope=CHAT.scope) for s, v in said])
    (fact,) = (await memory.facts.list(GRAPH, FactFilter(scope=CHAT.scope, subject="ann"))).items
    assert fact.state == "contested"
    (entry,) = (await memory.sessions.context(GRAPH, CHAT)).sections["facts"]
    (other,) = {1, 2} - {fact.value}
    assert entry.text == f"- [fact:{fact.id}] Ann salary: {fact.value} (contested: others say {other})"
    assert (entry.told["state"], entry.told["alternatives"]) == ("contested", [other])


async def test_relationships_that_sources_disagree_on_say_so(memory: Memory) -> None:
    await put_people(memory)
    await memory.entities.put(GRAPH, [Entity(place, "Place", place.title(), scope=CHAT.scope) for place in ("a", "b")])
    said = [("s1", "a"), ("s2", "b")]
    await memory.claims.put(
        GRAPH, [ClaimStatement(s, "tom", "BORN_IN", object=where, scope=CHAT.scope) for s, where in said]
    )
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "Where was Tom born?", "m1")])
    facts = (await memory.sessions.context(GRAPH, CHAT)).sections["facts"]
    born = [each for each in facts if each.told["kind"] == "BORN_IN"]
    assert born
    assert all("contested" in each.text for each in born if each.told["state"] == "contested")
    assert any(each.told["state"] == "contested" for each in born)


async def test_values_of_another_scope_or_of_another_of_that_name_are_not_told(memory: Memory) -> None:
    await asked_for_ann(memory, "")
    await memory.entities.put(GRAPH, [Entity("ann", scope="user/43")])
    await memory.claims.put(GRAPH, [claimed(1, scope="user/43"), claimed(3, scope="")])
    assert await values(memory) == [3]


async def test_values_of_a_scope_that_is_granted_are_told_while_it_is(memory: Memory) -> None:
    await asked_for_ann(memory, "")
    await memory.claims.put(GRAPH, [claimed(7, scope="team/pay")])
    assert not await values(memory)
    granted = SessionAddress(CHAT.id, WidenedScope(CHAT.scope, ["team/pay"]))
    found = await memory.sessions.context(GRAPH, granted)
    assert [each.told["value"] for each in found.sections["facts"]] == [7]
    assert not await values(memory)


async def test_of_a_value_of_many_claims_ten_are_told_at_most(memory: Memory) -> None:
    await put_people(memory)
    said = [ClaimStatement("s", "clara", f"trait{n}", value=n, scope=CHAT.scope) for n in range(30)]
    await memory.claims.put(GRAPH, said)
    await memory.sessions.append(GRAPH, CHAT, [Message("user", "And she?", "m1")])
    await memory.episodes.put(GRAPH, [Episode("And she?", "chat-1/m1", mentions=["clara"], scope=CHAT.scope)])
    facts = await memory.ports.contexts.facts(GRAPH, CHAT, [1], ())
    assert facts == await memory.ports.contexts.facts(GRAPH, CHAT, [1], ())
    assert len([each for each in facts if each.end is None]) == 10
    assert {"LIVES_IN", "KNOWS"} <= {each.kind for each in facts}
