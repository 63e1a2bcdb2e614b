"""Subscriptions in the database: what is delivered to whom, leases, acknowledgements, replay and scopes."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime

import pytest

from kgmem.domain.agents.decision import DecisionStatement
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.errors import Conflict, CursorExpired, InvalidInput, NotFound, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.subscriptions.event import Event
from kgmem.domain.subscriptions.subscription import (
    Acknowledgement,
    Delivery,
    EventFilter,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from tests.memories import events_settled, index_schema, new_graph, query

GRAPH = "subscribed"
ALL = SubscriptionAddress("all")


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def subscribed(memory: Memory, name: str = "all", scope: str = "", **request: object) -> SubscriptionAddress:
    address = SubscriptionAddress(name, scope)
    made = await memory.subscriptions.put(GRAPH, address, SubscriptionRequest(**request))  # type: ignore[arg-type]
    assert made.created
    return address


async def seen(memory: Memory, address: SubscriptionAddress = ALL) -> Sequence[Event]:
    await events_settled(memory, GRAPH)
    return (await memory.subscriptions.events(GRAPH, address, limit=1000)).events


def told(events: Sequence[Event]) -> list[tuple[str, str | None]]:
    return [(event.kind, event.key) for event in events]


async def put(memory: Memory, *keys: str, scope: str = "") -> None:
    for key in keys:
        await memory.entities.put(GRAPH, [Entity(key, "Person", scope=scope)])
    await events_settled(memory, GRAPH)


async def read(memory: Memory, group: str = "g", **more: object) -> Delivery:
    return await memory.subscriptions.read(GRAPH, ALL, GroupRead(group, **more))  # type: ignore[arg-type]


async def ack(memory: Memory, found: Delivery, group: str = "g", cursor: str | None = None) -> str:
    assert found.lease is not None
    acknowledgement = Acknowledgement(group, cursor or found.cursor, found.lease, found.previous)
    return (await memory.subscriptions.acknowledge(GRAPH, ALL, acknowledgement)).cursor


async def test_every_kind_of_change_is_an_event(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, "ann", "bob")
    await memory.entities.put(GRAPH, [Entity("ann", name="Ann", source="nasa")])
    (knows,) = (await memory.relationships.put(GRAPH, [Relationship("KNOWS", "ann", "bob")])).ids
    await memory.episodes.put(GRAPH, [Episode("A note.", "note")])
    await memory.sessions.open(GRAPH, SessionAddress("chat"))
    await memory.sessions.append(GRAPH, SessionAddress("chat"), [Message("user", "hello", id="m1")])
    await memory.decisions.record(GRAPH, DecisionStatement("go", "planner", key="d1"))
    await memory.relationships.delete(GRAPH, [knows])
    await memory.episodes.delete(GRAPH, ["note"])
    await memory.entities.delete(GRAPH, ["bob"])

    events = await seen(memory)
    assert told(events) == [
        ("entity.created", "ann"),
        ("entity.created", "bob"),
        ("entity.updated", "ann"),
        ("relationship.created", None),
        ("episode.created", "note"),
        ("message.created", "chat/m1"),
        ("decision.created", "d1"),
        ("relationship.deleted", None),
        ("episode.deleted", "note"),
        ("entity.deleted", "bob"),
    ]
    assert events[0].labels == ("Person",)
    assert events[2].source == "nasa"
    for event in (events[3], events[7]):
        assert (event.item, event.labels, event.entities) == (knows, ("KNOWS",), ("ann", "bob"))
    assert len({event.id for event in events}) == len(events)
    times = [datetime.fromisoformat(event.at) for event in events]
    assert times == sorted(times)


async def test_a_fact_reports_its_states_and_who_decided(memory: Memory) -> None:
    address = await subscribed(memory, what="kinds", filter=EventFilter(kinds=("fact.*", "claim.withdrawn")))
    for source in ("a", "b", "c"):
        await memory.claims.put(GRAPH, [ClaimStatement(source, "acme", "ceo", value="Alice")])
    (fact,) = (await memory.facts.list(GRAPH, FactFilter())).items
    before = await seen(memory, address)
    assert {(event.kind.split(".")[1], event.labels, event.entities) for event in before} == {
        (event.state, ("ceo",), ("acme",)) for event in before
    }
    assert (before[0].previous_state, before[-1].state) == (None, fact.state)

    await memory.facts.retract(GRAPH, fact.id, reason="It was Bob.", by="eva")

    last = next(event for event in reversed(await seen(memory, address)) if event.kind.startswith("fact."))
    assert (last.kind, last.previous_state, last.by) == ("fact.retracted", fact.state, "eva")
    assert last.item == fact.id


async def test_a_subscription_by_entity_label_or_kind_gets_what_it_names(memory: Memory) -> None:
    ann = await subscribed(memory, "ann", what="entity", filter=EventFilter(keys=("ann",)))
    towns = await subscribed(memory, "towns", what="label", filter=EventFilter(labels=("Town", "LIVES_IN")))
    gone = await subscribed(memory, "gone", what="kinds", filter=EventFilter(kinds=("entity.deleted",)))
    new_towns = await subscribed(
        memory, "new", what="label", filter=EventFilter(labels=("Town",), kinds=("entity.created",))
    )
    await put(memory, "ann", "bob")
    await memory.entities.put(GRAPH, [Entity("oslo", "Town")])
    await memory.relationships.put(GRAPH, [Relationship("LIVES_IN", "ann", "oslo")])
    await memory.entities.delete(GRAPH, ["oslo"])

    assert told(await seen(memory, ann)) == [
        ("entity.created", "ann"), ("relationship.created", None), ("relationship.deleted", None),
    ]  # fmt: skip
    assert [kind for kind, _ in told(await seen(memory, towns))] == [
        "entity.created", "relationship.created", "relationship.deleted", "entity.deleted",
    ]  # fmt: skip
    assert told(await seen(memory, gone)) == [("entity.deleted", "oslo")]
    assert told(await seen(memory, new_towns)) == [("entity.created", "oslo")]


async def test_a_subscription_sees_its_scope_those_above_and_below_it_and_no_other(memory: Memory) -> None:
    team = await subscribed(memory, "team", "team/7")
    only = await subscribed(memory, "only", "team/7", below=False)
    shared = await subscribed(memory, "shared", below=False)
    for scope in ("", "team", "team/7", "team/7/ann", "team/77", "team/8", "user/1"):
        await put(memory, f"in:{scope}", scope=scope)
        await memory.claims.put(GRAPH, [ClaimStatement("s", f"in:{scope}", "likes", value="tea", scope=scope)])
        await memory.entities.delete(GRAPH, [f"in:{scope}"], scope=scope)

    async def scopes(address: SubscriptionAddress) -> set[str]:
        events = await seen(memory, address)
        assert {event.entities for event in events} == {(f"in:{event.scope}",) for event in events}
        assert {event.kind for event in events} >= {"entity.created", "entity.deleted", "claim.created"}
        return {event.scope for event in events}

    assert await scopes(team) == {"", "team", "team/7", "team/7/ann"}
    assert await scopes(only) == {"", "team", "team/7"}
    assert await scopes(shared) == {""}
    for other in (SubscriptionAddress("team"), SubscriptionAddress("team", "team/8")):
        with pytest.raises(NotFound):
            await memory.subscriptions.events(GRAPH, other)


async def test_what_is_erased_is_told_to_those_who_could_see_it_and_without_content(memory: Memory) -> None:
    mine, other = await subscribed(memory, "mine", "user/1"), await subscribed(memory, "other", "user/2")
    await memory.episodes.put(GRAPH, [Episode("The secret is tea.", "note", scope="user/1")])
    await memory.episodes.forget(GRAPH, ["note"], scope="user/1", erase=True)

    events = await seen(memory, mine)
    assert [event.kind for event in events] == ["episode.created", "episode.deleted"]
    assert "secret" not in str(events)
    assert await seen(memory, other) == []


async def test_what_is_not_acknowledged_comes_again_with_the_same_ids(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, "a", "b", "c")
    first = await read(memory, limit=2)
    assert [event.key for event in first.events] == ["a", "b"]
    assert first.leased_until is not None

    again = await read(memory, limit=2, lease=first.lease)  # The consumer goes on under its lease.
    assert again.events == first.events
    await ack(memory, again, cursor=again.events[0].id)
    after = await read(memory, lease=again.lease)
    assert [event.key for event in after.events] == ["b", "c"]

    following = await read(memory, lease=after.lease, ack=after.cursor)
    assert following.events == []
    assert following.lease is None
    assert (await memory.subscriptions.get(GRAPH, ALL)).groups[0].cursor == after.cursor


async def test_two_consumers_of_a_group_never_have_an_event_at_once(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, *(f"k{number}" for number in range(30)))
    held: set[str] = set()
    processed: list[str] = []

    async def consumer() -> None:
        for _ in range(200):
            found = await read(memory, limit=3)
            if found.lease is None:
                if len(processed) == 30:
                    return
                await asyncio.sleep(0.002)
                continue
            ids = {event.id for event in found.events}
            assert held.isdisjoint(ids)
            held.update(ids)
            await asyncio.sleep(0)
            processed.extend(event.key or "" for event in found.events)
            held.difference_update(ids)
            await ack(memory, found)

    await asyncio.gather(*(consumer() for _ in range(4)))
    assert processed == [f"k{number}" for number in range(30)]


@pytest.mark.long
async def test_the_events_of_a_dead_consumer_go_to_the_next_when_its_lease_ends(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, "a")
    dead = await read(memory, seconds=1.0)
    busy = await read(memory)
    assert (busy.events, busy.lease, busy.leased_until) == ([], None, dead.leased_until)

    found = await memory.subscriptions.read(GRAPH, ALL, GroupRead("g"), wait=10.0)
    assert found.events == dead.events
    with pytest.raises(Conflict, match="lease"):
        await ack(memory, dead)
    await ack(memory, found)
    assert await ack(memory, found) == found.cursor  # A repeated acknowledgement changes nothing.


@pytest.mark.long
async def test_the_events_of_a_killed_process_come_again(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, "a", "b")
    url = memory.ports.store.database.url  # type: ignore[attr-defined]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.consumer_worker", url, GRAPH, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    ids = (await process.stdout.readline()).decode().split()
    assert (await read(memory)).events == []
    process.kill()
    await process.wait()

    found = await memory.subscriptions.read(GRAPH, ALL, GroupRead("g"), wait=20.0)
    assert [event.id for event in found.events] == ids
    assert [event.key for event in found.events] == ["a", "b"]


async def test_an_acknowledgement_names_what_was_delivered_and_what_is_expected(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, "a", "b")
    found = await read(memory, limit=1)
    lease = found.lease or ""
    with pytest.raises(InvalidInput, match="not delivered"):
        await ack(memory, found, cursor="999999")
    with pytest.raises(VersionConflict):
        await memory.subscriptions.acknowledge(GRAPH, ALL, Acknowledgement("g", found.cursor, lease, expected="77"))
    with pytest.raises(Conflict):
        await memory.subscriptions.acknowledge(GRAPH, ALL, Acknowledgement("g", found.cursor, "another"))
    with pytest.raises(NotFound, match="none"):
        await memory.subscriptions.acknowledge(GRAPH, ALL, Acknowledgement("none", found.cursor, lease))
    assert (await read(memory, limit=1, lease=lease)).events == found.events


async def test_a_group_is_set_back_to_a_cursor_or_a_time(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, "a", "b")
    await asyncio.sleep(0.01)
    middle = iso(now())
    await put(memory, "c")
    found = await read(memory)
    await ack(memory, found)
    assert (await read(memory)).events == []

    async def keys(**to: str) -> list[str | None]:
        await memory.subscriptions.seek(GRAPH, ALL, "g", **to)  # type: ignore[arg-type]
        return [event.key for event in (await read(memory)).events]

    assert await keys(cursor=found.events[0].id) == ["b", "c"]
    assert await keys(cursor="0") == ["a", "b", "c"]
    assert await keys(since=middle) == ["c"]
    assert await keys() == []
    with pytest.raises(VersionConflict):
        await memory.subscriptions.seek(GRAPH, ALL, "g", cursor="0", expected="1")
    other = await read(memory, "new")
    assert [event.key for event in other.events] == ["a", "b", "c"]  # Groups go on by themselves.


async def test_a_cursor_whose_events_are_not_kept_is_refused(memory: Memory) -> None:
    await subscribed(memory)
    await put(memory, "a", "b", "c", "d")
    found = await read(memory, limit=1)
    await ack(memory, found)
    schema = await index_schema(memory, GRAPH)
    last = int((await seen(memory))[-1].id.partition(".")[0])
    await query(memory, f"DELETE FROM {schema}.change WHERE id < $1", last)
    with pytest.raises(CursorExpired):
        await read(memory)
    with pytest.raises(CursorExpired):
        await memory.subscriptions.events(GRAPH, ALL, after=found.cursor)
    await memory.subscriptions.seek(GRAPH, ALL, "g", cursor="0")
    assert [event.key for event in (await read(memory)).events] == ["d"]
    with pytest.raises(CursorExpired):
        await memory.subscriptions.events(GRAPH, ALL, after="999999999")


@pytest.mark.parametrize("cursor", ["", "-1", "x", "1.2.3", "1.", "9" * 30, "1;DROP", "١", "1.9999999999"])
async def test_a_hostile_cursor_is_refused(memory: Memory, cursor: str) -> None:
    await subscribed(memory)
    with pytest.raises(InvalidInput, match="cursor"):
        await memory.subscriptions.events(GRAPH, ALL, after=cursor)
    with pytest.raises(InvalidInput, match="cursor"):
        await memory.subscriptions.seek(GRAPH, ALL, "g", cursor=cursor)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\0", "x" * 201, "a\n"])
async def test_a_hostile_name_is_refused(memory: Memory, name: str) -> None:
    with pytest.raises(InvalidInput):
        await memory.subscriptions.put(GRAPH, SubscriptionAddress(name))
    await subscribed(memory)
    with pytest.raises(InvalidInput):
        await memory.subscriptions.read(GRAPH, ALL, GroupRead(name))


async def test_names_are_only_names(memory: Memory) -> None:
    name = "a';DROP--\"{index}%s"
    address = await subscribed(memory, name, what="entity", filter=EventFilter(keys=("'; x", name)))
    await put(memory, name)
    found = await memory.subscriptions.read(GRAPH, address, GroupRead(name))
    assert [event.key for event in found.events] == [name]
    assert await memory.subscriptions.delete(GRAPH, address) == 1


async def test_a_filter_that_fits_nothing_is_refused(memory: Memory) -> None:
    for request, words in (
        (SubscriptionRequest("entity"), "filter.keys"),
        (SubscriptionRequest("label"), "filter.labels"),
        (SubscriptionRequest("kinds", EventFilter(kinds=("fact.vanished",))), r"filter.kinds\[0\]"),
        (SubscriptionRequest("entity", EventFilter(keys=("",))), r"filter.keys\[0\]"),
        (SubscriptionRequest("entity", EventFilter(keys=("k",) * 101)), "filter.keys"),
    ):
        with pytest.raises(InvalidInput, match=words):
            await memory.subscriptions.put(GRAPH, ALL, request)
    assert (await memory.subscriptions.list(GRAPH)).items == []


async def test_the_same_subscription_again_changes_nothing_and_another_is_refused(memory: Memory) -> None:
    await subscribed(memory)
    assert not (await memory.subscriptions.put(GRAPH, ALL)).created
    with pytest.raises(Conflict, match="another"):
        await memory.subscriptions.put(GRAPH, ALL, SubscriptionRequest(below=False))
    await subscribed(memory, "more")
    page = await memory.subscriptions.list(GRAPH, limit=1)
    assert ([each.name for each in page.items], page.cursor) == (["all"], "all")
    assert [each.name for each in (await memory.subscriptions.list(GRAPH, cursor=page.cursor)).items] == ["more"]
    await read(memory, "one")
    assert await memory.subscriptions.delete(GRAPH, ALL) == 1
    with pytest.raises(NotFound):
        await read(memory)


async def test_a_long_poll_returns_with_the_first_event_or_when_its_time_is_over(memory: Memory) -> None:
    await subscribed(memory)

    async def later() -> None:
        await asyncio.sleep(0.3)
        await put(memory, "a")

    _, found = await asyncio.gather(later(), memory.subscriptions.read(GRAPH, ALL, GroupRead("g"), wait=10.0))
    assert [event.key for event in found.events] == ["a"]
    await ack(memory, found)
    assert (await memory.subscriptions.read(GRAPH, ALL, GroupRead("g"), wait=0.1)).events == []
    with pytest.raises(InvalidInput, match="wait"):
        await memory.subscriptions.events(GRAPH, ALL, wait=60)


async def test_a_large_batch_is_read_in_parts(memory: Memory) -> None:
    await subscribed(memory, below=False)
    last = await subscribed(memory, "last", what="entity", filter=EventFilter(keys=("k4999",)))
    await memory.entities.put(GRAPH, [Entity(f"k{number}") for number in range(5000)])
    await events_settled(memory, GRAPH)
    keys: list[str | None] = []
    cursor = "0"
    while page := (await memory.subscriptions.events(GRAPH, ALL, after=cursor, limit=999)).events:
        keys += [event.key for event in page]
        cursor = page[-1].id
    assert sorted(str(key) for key in keys) == sorted(f"k{number}" for number in range(5000))
    assert told(await seen(memory, last)) == [("entity.created", "k4999")]
