"""Webhooks from the change feed to a receiver: what is sent, in which order, and what becomes of what fails."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.subscriptions.event import Position
from kgmem.domain.subscriptions.subscription import EventFilter, SubscriptionRequest
from kgmem.domain.subscriptions.webhook import RoundReport, Webhook, WebhookAddress, WebhookRequest, WebhookUpdate
from kgmem.memory import Memory
from kgmem.tasks import act_for, for_nobody
from tests.memories import events_settled, index_schema, new_graph, query, until, with_ports
from tests.receivers import Receiver, loopback_sender, receiver

GRAPH = "hooked"
HOOK = WebhookAddress("hook")


@pytest.fixture
async def memory(memory: Memory) -> AsyncIterator[Memory]:
    sender = loopback_sender()
    memory = with_ports(memory, sender=sender)
    await new_graph(memory, GRAPH)
    yield memory
    await sender.aclose()


@pytest.fixture
async def got() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once what has failed."""
    monkeypatch.setattr("kgmem.domain.subscriptions.webhook.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("kgmem.domain.subscriptions.webhook.LONGEST_PAUSE", 0.002)
    monkeypatch.setattr("kgmem.services.deliver_webhooks._LONGEST_STOP", 0.002)


async def hooked(memory: Memory, got: Receiver, address: WebhookAddress = HOOK, **more: Any) -> str:
    made = await memory.webhooks.create(GRAPH, address, WebhookRequest(got.url, **more))
    return made.secret


async def put(memory: Memory, *keys: str, scope: str = "") -> None:
    for key in keys:
        await memory.entities.put(GRAPH, [Entity(key, "Person", scope=scope)])
    await events_settled(memory, GRAPH)


async def deliver(memory: Memory, address: WebhookAddress = HOOK) -> Webhook:
    """Do what a worker would, until nothing is due."""
    hook = await memory.webhooks.get(GRAPH, address)
    for _ in range(60):
        await memory.tasks.deliver_webhook(GRAPH, hook.id)
        await asyncio.sleep(0.005)
        if all(id_ != hook.id for id_, _ in await memory.ports.webhooks.due(GRAPH)):
            break
    return await memory.webhooks.get(GRAPH, address)


def keys(got: Receiver) -> list[Any]:
    return [event["key"] for event in got.events()]


async def test_events_are_sent_signed_and_once(memory: Memory, got: Receiver) -> None:
    await put(memory, "before")
    secret = await hooked(memory, got)
    await put(memory, "ann", "bob")
    hook = await deliver(memory)
    assert sorted(keys(got)) == ["ann", "bob"]
    first = next(body for body in got.taken if body["data"]["key"] == "ann")
    assert (first["type"], first["data"]["kind"]) == ("entity.created", "entity.created")
    assert first["timestamp"] == first["data"]["at"]
    assert got.verified(secret)
    assert len({headers["webhook-id"] for headers, _ in got.requests}) == 2
    assert (hook.waiting, hook.dead, hook.failures, hook.state) == (0, 0, 0, "active")
    assert hook.succeeded_at is not None
    await deliver(memory)
    assert len(got.requests) == 2
    (newest, _) = await memory.webhooks.attempts(GRAPH, HOOK)
    assert (newest.status, newest.error, newest.events, newest.attempt) == (204, None, 1, 1)


async def test_a_batch_holds_several_events(memory: Memory, got: Receiver) -> None:
    await hooked(memory, got, batch=3)
    await put(memory, *"abcde")
    await deliver(memory)
    assert [len(body["data"].get("events", [0])) for body in got.taken] == [3, 2]
    assert got.taken[0]["type"] == "events.batch"
    assert keys(got) == list("abcde")


async def test_a_filter_and_the_scope_decide_what_is_sent(memory: Memory, got: Receiver) -> None:
    address = WebhookAddress("hook", "team/7")
    events = SubscriptionRequest("label", EventFilter(labels=("Person",), kinds=("entity.created",)))
    await hooked(memory, got, address, events=events)
    for scope in ("", "team/7", "team/7/ann", "team/8"):
        await put(memory, f"in-{scope.replace('/', '-')}", scope=scope)
    await memory.entities.put(GRAPH, [Entity("thing", "Thing", scope="team/7")])
    await events_settled(memory, GRAPH)
    await deliver(memory, address)
    assert sorted(keys(got)) == ["in-", "in-team-7", "in-team-7-ann"]
    with pytest.raises(NotFound):
        await memory.webhooks.get(GRAPH, WebhookAddress("hook", "team/8"))


@pytest.mark.usefixtures("_at_once")
async def test_what_fails_is_tried_again_and_later_events_of_its_item_wait(memory: Memory, got: Receiver) -> None:
    failed: dict[str, int] = defaultdict(int)

    def answer(body: dict[str, Any]) -> int:
        failed[body["data"]["id"]] += 1
        return 500 if body["data"]["key"] == "ann" and failed[body["data"]["id"]] < 3 else 200

    got.answer = answer
    await hooked(memory, got)
    for name in ("Ann", "Anna", "Anne"):
        await memory.entities.put(GRAPH, [Entity("ann", "Person", name)])
        await put(memory, f"other-{name}")
    hook = await deliver(memory)
    anns = [event["kind"] for event in got.events() if event["key"] == "ann"]
    assert anns == ["entity.created", "entity.updated", "entity.updated"]
    ids = [event["id"] for event in got.events() if event["key"] == "ann"]
    assert ids == sorted(ids, key=lambda each: [int(part) for part in each.split(".")])
    assert {key for key in keys(got) if key != "ann"} == {"other-Ann", "other-Anna", "other-Anne"}
    assert (hook.waiting, hook.failures) == (0, 0)
    attempts = await memory.webhooks.attempts(GRAPH, HOOK)
    assert {each.status for each in attempts} == {200, 500}
    assert all(each.error is None or "500" in each.error for each in attempts)
    tried = [headers["webhook-id"] for headers, _ in got.requests]
    assert len(tried) > len(set(tried))  # The same id at each attempt.


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("batch", [1, 10])
async def test_what_is_never_taken_becomes_a_dead_letter_that_can_be_replayed(
    memory: Memory, got: Receiver, batch: int
) -> None:
    got.answer = lambda body: 422
    await hooked(memory, got, max_attempts=2, batch=batch)
    await put(memory, "ann", "bob")
    hook = await deliver(memory)
    assert (hook.dead, hook.waiting) == (2, 0)
    dead = await memory.webhooks.dead_letters(GRAPH, HOOK)
    assert [each.attempts for each in dead] == [2, 2]
    assert "422" in dead[0].reason
    got.answer = lambda body: 200
    assert await memory.webhooks.replay(GRAPH, HOOK, [dead[1].id]) == 1
    await deliver(memory)
    assert keys(got) == ["bob"]
    assert await memory.webhooks.discard(GRAPH, HOOK) == 1
    assert (await memory.webhooks.get(GRAPH, HOOK)).dead == 0


async def test_a_receiver_that_is_away_keeps_new_events_at_the_cursor(memory: Memory) -> None:
    async with receiver() as gone:
        await hooked(memory, gone)
    await put(memory, *"abcdefgh")
    hook = await deliver(memory)
    assert hook.failures >= 3
    assert hook.failing_since is not None
    before = hook.cursor
    await put(memory, *"ijkl")
    hook = await deliver(memory)
    assert hook.cursor == before
    assert all("connection" in (each.error or "") for each in await memory.webhooks.attempts(GRAPH, HOOK))
    schema = await index_schema(memory, GRAPH)
    async with receiver() as back:  # It comes back, and the pauses are over.
        await memory.webhooks.update(GRAPH, HOOK, WebhookUpdate(url=back.url))
        await query(memory, f"UPDATE {schema}.webhook SET paused = NULL")
        await query(memory, f"UPDATE {schema}.webhook_waiting SET due = now()")
        hook = await deliver(memory)
        assert sorted(keys(back)) == list("abcdefghijkl")
        assert (hook.waiting, hook.failures) == (0, 0)


async def test_a_receiver_that_wants_a_pause_gets_one(memory: Memory, got: Receiver) -> None:
    got.answer = lambda body: (429, "retry-after: 600\r\n")
    await hooked(memory, got)
    await put(memory, "ann", "bob")
    await deliver(memory)
    assert 1 <= len(got.requests) <= 2  # What was on its way.
    got.answer = lambda body: 200
    await deliver(memory)
    assert got.taken == []
    schema = await index_schema(memory, GRAPH)
    ((seconds,),) = await query(memory, f"SELECT extract(epoch FROM paused - now())::int FROM {schema}.webhook")
    assert 550 < seconds <= 600


async def test_a_receiver_that_is_gone_or_fails_for_days_disables_its_webhook(memory: Memory, got: Receiver) -> None:
    got.answer = lambda body: 410
    await hooked(memory, got)
    await put(memory, "ann")
    hook = await deliver(memory)
    assert (hook.state, "410" in (hook.reason or "")) == ("disabled", True)
    await put(memory, "bob")
    assert await memory.ports.webhooks.due(GRAPH) == []
    got.answer = lambda body: 200
    enabled = await memory.webhooks.update(GRAPH, HOOK, WebhookUpdate(active=True))
    assert (enabled.state, enabled.reason) == ("active", None)
    schema = await index_schema(memory, GRAPH)
    await query(memory, f"UPDATE {schema}.webhook_waiting SET due = now()")
    await deliver(memory)
    assert sorted(keys(got)) == ["ann", "bob"]

    got.answer = lambda body: 503
    await put(memory, "cleo")
    await query(memory, f"UPDATE {schema}.webhook SET failing = now() - interval '6 days'")
    hook = await deliver(memory)
    assert hook.state == "disabled"
    assert "5 days" in (hook.reason or "")


async def test_a_secret_is_rotated_with_an_overlap(memory: Memory, got: Receiver) -> None:
    first = await hooked(memory, got)
    rotated = await memory.webhooks.rotate_secret(GRAPH, HOOK, overlap_seconds=60)
    assert rotated.webhook.previous_secret_until is not None
    await put(memory, "ann")
    await deliver(memory)
    assert got.verified(first)
    assert got.verified(rotated.secret)
    last = await memory.webhooks.rotate_secret(GRAPH, HOOK, overlap_seconds=0)
    got.requests.clear()
    assert (await memory.webhooks.test(GRAPH, HOOK)).ok
    assert got.verified(last.secret)
    assert not got.verified(rotated.secret)
    assert got.taken[-1]["type"] == "kgmem.test"


async def test_a_secret_is_in_no_answer_and_no_text_of_a_webhook(memory: Memory, got: Receiver) -> None:
    made = await memory.webhooks.create(GRAPH, HOOK, WebhookRequest(got.url))
    assert made.secret.startswith("whsec_")
    run = await memory.ports.webhooks.begin(GRAPH, made.webhook.id, 1.0)
    page = await memory.webhooks.list(GRAPH)
    for shown in (made, made.webhook, page, run):
        assert made.secret not in repr(shown)
    exported = [item async for item in memory.exports.items(GRAPH)]
    assert "webhook" not in repr(exported)
    with pytest.raises(Conflict):
        await memory.webhooks.create(GRAPH, HOOK, WebhookRequest(got.url))


async def test_addresses_inside_are_refused_when_a_webhook_is_made_changed_and_sent_to(
    memory: Memory, got: Receiver
) -> None:
    for url in ("http://10.0.0.1/", "http://[::1]:80/", "http://169.254.169.254/latest", "ftp://example.org"):
        with pytest.raises(InvalidInput, match="url"):
            await memory.webhooks.create(GRAPH, HOOK, WebhookRequest(url))
    await hooked(memory, got)
    with pytest.raises(InvalidInput, match="url"):
        await memory.webhooks.update(GRAPH, HOOK, WebhookUpdate(url="http://192.168.0.1/"))
    schema = await index_schema(memory, GRAPH)
    await query(memory, f"UPDATE {schema}.webhook SET url = 'http://192.168.0.1/'")
    await put(memory, "ann")
    hook = await deliver(memory)
    (attempt, *_) = await memory.webhooks.attempts(GRAPH, HOOK)
    assert (hook.failures, attempt.status, "must not reach" in (attempt.error or "")) == (1, None, True)


async def test_a_webhook_ends_with_the_key_that_made_it(memory: Memory, got: Receiver) -> None:
    key, _ = await memory.keys.create("maker", "writer", graph=GRAPH)

    async def make() -> None:
        act_for(key.id, GRAPH)
        await hooked(memory, got)

    await asyncio.create_task(make(), context=for_nobody())
    await put(memory, "ann")
    await deliver(memory)
    assert keys(got) == ["ann"]
    await memory.keys.revoke(key.id)
    await put(memory, "bob")

    async def disabled() -> bool:
        return (await deliver(memory)).state == "disabled"

    await until(disabled)
    assert "key" in ((await memory.webhooks.get(GRAPH, HOOK)).reason or "")
    got.taken.clear()
    await memory.webhooks.update(GRAPH, HOOK, WebhookUpdate(active=True))
    await deliver(memory)
    assert keys(got) == ["bob"]


async def test_a_run_that_died_is_taken_over_and_events_come_again(memory: Memory, got: Receiver) -> None:
    await hooked(memory, got)
    await put(memory, "ann")
    hook = await memory.webhooks.get(GRAPH, HOOK)
    dead = await memory.ports.webhooks.begin(GRAPH, hook.id, 0.2)
    assert dead is not None
    assert await memory.tasks.deliver_webhook(GRAPH, hook.id) == 0
    await asyncio.sleep(0.25)
    await deliver(memory)
    assert keys(got) == ["ann"]
    assert await memory.ports.webhooks.record(GRAPH, dead, RoundReport([], Position(0), [])) is None
    assert (await memory.webhooks.get(GRAPH, HOOK)).cursor != "0"


async def test_a_deleted_webhook_leaves_nothing(memory: Memory, got: Receiver) -> None:
    got.answer = lambda body: 500
    await hooked(memory, got)
    await put(memory, "ann")
    await deliver(memory)
    await memory.webhooks.delete(GRAPH, HOOK)
    schema = await index_schema(memory, GRAPH)
    for table in ("webhook", "webhook_secret", "webhook_waiting", "webhook_attempt"):
        assert await query(memory, f"SELECT 1 FROM {schema}.{table}") == []
    with pytest.raises(NotFound):
        await memory.webhooks.get(GRAPH, HOOK)
