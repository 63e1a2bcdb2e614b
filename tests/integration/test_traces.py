"""What an erasure leaves: a search of every table finds no trace of a scope's contents."""

import secrets

import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import StateAddress
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.streams.stream import NewMessage, StreamAddress, StreamRead
from kgmem.domain.subscriptions.subscription import SubscriptionAddress
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from tests.memories import new_graph

SCOPE = "user/42"


class Graphs:
    """The graph of the running test."""

    name = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.name = await new_graph(memory, f"traces_{secrets.token_hex(6)}")
    return memory


async def fill(memory: Memory, word: str, scope: str = SCOPE) -> None:
    """Write a word wherever a scope can have it, in former versions, too, and something of another scope beside it."""
    graph = Graphs.name
    people = [
        Entity(f"{word}-e", "Person", f"Bob {word}", scope=scope, text=f"He likes {word}.", properties={"n": word})
    ]
    people += [Entity("acme", "Firm", "Acme", scope=scope), Entity(f"{word}-b", "Person", f"Bobby {word}", scope=scope)]
    ids = (await memory.entities.put(graph, people)).ids
    await memory.entities.put(
        graph, [Entity(f"{word}-e", "Person", f"Bob {word}", scope=scope, text=f"He had {word}.")]
    )
    await memory.resolution.find_duplicates(graph, scope=scope)  # Makes the index of names.
    await memory.resolution.merge(graph, NewMerge(f"{word}-e", f"{word}-b", "ann", f"One {word}.", scope=scope))
    links = [Relationship("AT", f"{word}-e", "acme", id=f"{word}-r", scope=scope, text=f"{word} works.")]
    await memory.relationships.put(graph, links)
    said = ClaimStatement("radio", f"{word}-e", "mail", value=f"{word}@x.org", scope=scope)
    claims = (await memory.claims.put(graph, [said])).ids
    await memory.claims.withdraw(graph, claims, scope=scope)
    await memory.claims.put(graph, [ClaimStatement("radio", f"{word}-e", "mail", value=f"{word}@y.org", scope=scope)])
    texts = (await memory.episodes.put(graph, [Episode(f"Text of {word}.", f"{word}-t", scope=scope)])).ids
    await memory.blocks.put(graph, BlockAddress(f"b-{word}", scope), BlockContent(word))
    await memory.states.put(graph, StateAddress("planner", f"s-{word}", scope), {"word": word})
    session = SessionAddress(f"c-{word}", scope)
    await memory.sessions.open(graph, session, SessionDetails("planner", ("Clara",), {"about": word}))
    await memory.sessions.append(graph, session, [Message("user", f"I said {word}.", id=f"m-{word}")])
    await memory.subscriptions.put(graph, SubscriptionAddress(f"sub-{word}", scope))
    stream = StreamAddress(f"stream-{word}", scope)
    await memory.streams.append(graph, stream, [NewMessage({"about": word}, word, word)])
    await memory.streams.read(graph, stream, StreamRead(f"group-{word}"))
    await memory.feedback.give(graph, Feedback(ids[0], "useful", f"Where is {word}?", scope=scope))
    await memory.feedback.give(graph, Feedback(texts[0], "wrong", f"Who is {word}?", f"Not {word}.", scope=scope))
    await memory.communities.detect(graph)


async def test_an_erased_scope_leaves_no_trace_and_others_stay(memory: Memory) -> None:
    gone, kept = f"zq{secrets.token_hex(6)}", f"zk{secrets.token_hex(6)}"
    await fill(memory, gone)
    await fill(memory, kept, "user/43")
    before = await memory.scopes.find_traces(Graphs.name, [gone.upper()])
    assert {each.table.partition(".")[2] for each in before.found} >= {
        "change",
        "claim",
        "entity_name",
        "history",
        "past_item",
    }
    untouched = await memory.scopes.find_traces(Graphs.name, [kept])

    await memory.scopes.delete(Graphs.name, SCOPE, erase=True)

    after = await memory.scopes.find_traces(Graphs.name, [gone])
    assert [each.table for each in after.found] == []
    assert after.tables > 40
    assert (await memory.scopes.find_traces(Graphs.name, [kept])).found == untouched.found


async def test_what_is_deleted_but_not_erased_is_found(memory: Memory) -> None:
    word = f"zq{secrets.token_hex(6)}"
    await fill(memory, word)
    await memory.scopes.delete(Graphs.name, SCOPE)
    tables = {each.table.partition(".")[2] for each in (await memory.scopes.find_traces(Graphs.name, [word])).found}
    assert tables >= {"history", "claim", "change"}


async def test_subscribers_learn_of_an_erased_item_without_its_key(memory: Memory) -> None:
    await memory.entities.put(Graphs.name, [Entity("clara", "Person", scope=SCOPE), Entity("acme", "Firm")])
    everything = SubscriptionAddress("all")
    await memory.subscriptions.put(Graphs.name, everything)
    await memory.scopes.delete(Graphs.name, SCOPE, erase=True)
    found = (await memory.subscriptions.events(Graphs.name, everything, wait=5)).events
    assert [(each.kind, each.key, each.scope) for each in found if each.kind == "entity.deleted"] == [
        ("entity.deleted", None, SCOPE)
    ]
    changes = await memory.graphs.changes(Graphs.name, after=0, limit=100)
    assert "clara" not in str([each.keys for each in changes])


@pytest.mark.parametrize("texts", [[], ["ab"], ["  a "], ["a\0bc"], ["x" * 501], ["abc"] * 21])
async def test_a_wrong_search_is_refused(memory: Memory, texts: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await memory.scopes.find_traces(Graphs.name, texts)
    assert str(refused.value.facts["field"]).startswith("texts")
    with pytest.raises(NotFound):
        await memory.scopes.find_traces("absent", ["abc"])


async def test_what_is_searched_for_is_no_pattern_and_no_sql(memory: Memory) -> None:
    await memory.entities.put(Graphs.name, [Entity("a%b_c", "Thing", "It's; DROP TABLE x --")])
    assert (await memory.scopes.find_traces(Graphs.name, ["a%b_c"])).found
    assert not (await memory.scopes.find_traces(Graphs.name, ["a%c"])).found
    assert (await memory.scopes.find_traces(Graphs.name, ["IT'S; DROP TABLE x --"])).found


@pytest.mark.parametrize(
    "text", ['Clara "Sea" Weber', "C:\\sea\\weber", "sea\nweber", "Wéber Ünal", "O'Sea; Weber", "海のクララ"]
)
@pytest.mark.parametrize("where", ["property", "name", "key", "claim", "message", "label list"])
async def test_a_text_is_found_however_a_table_escapes_it(memory: Memory, text: str, where: str) -> None:
    graph = Graphs.name
    if where == "property":
        await memory.entities.put(graph, [Entity("a", properties={"note": text})])
    elif where == "name":
        await memory.entities.put(graph, [Entity("a", name=text)])
    elif where == "key":
        await memory.entities.put(graph, [Entity(text.replace("\n", " "))])
    elif where == "claim":
        await memory.claims.put(graph, [ClaimStatement("radio", "a", "note", value={"said": [text]})])
    elif where == "message":
        await memory.sessions.open(graph, SessionAddress("s"), SessionDetails("planner", (), {"about": [text]}))
    else:
        await memory.entities.put(graph, [Entity("a", properties={"list": [text, text]})])
    wanted = text.replace("\n", " ") if where == "key" else text
    found = (await memory.scopes.find_traces(graph, [wanted])).found
    assert found
    assert not (await memory.scopes.find_traces(graph, [f"{wanted}x"])).found
