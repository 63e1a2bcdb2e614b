"""Deliver webhooks: rounds of requests, each noted before the next one, so that a crash repeats one round at most."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import orjson

from kgmem.domain.errors import Forbidden, NotFound, Unauthenticated
from kgmem.domain.slices import slice_over
from kgmem.domain.subscriptions.subscription import TextScorer
from kgmem.domain.subscriptions.webhook import (
    FAILING,
    LONGEST_FAILING,
    DeliveryAttempt,
    Outgoing,
    RoundReport,
    Run,
    SendResult,
    Sent,
    Webhook,
    message_id,
    pause_before,
    payload,
    signature,
)
from kgmem.domain.time.interval import SECOND, iso, now, parse_time
from kgmem.log import EventLog
from kgmem.services.ports import Ports
from kgmem.services.score_texts import scorer_of

log = EventLog(__name__)

_AT_ONCE: Final = 40  # Events of a round.
_PARALLEL: Final = 4  # Requests to one receiver at the same time, each of another item.
_ROUND: Final = 20.0  # Seconds after which a round begins no further request.
_LEASE: Final = 60.0
_LONGEST_STOP: Final = 3_600.0  # Seconds for which a webhook that fails is left alone.
_SLOW: Final = 2_000  # Milliseconds after which a receiver counts as slow, and shares a lane with others of that kind.


def headers_of(secrets: Sequence[str], id_: str, body: bytes) -> Mapping[str, str]:
    """Return the headers that sign a request, as the Standard Webhooks specification names them."""
    timestamp = int(time.time())
    signed = " ".join(signature(secret, id_, timestamp, body) for secret in secrets)
    return {"webhook-id": id_, "webhook-timestamp": str(timestamp), "webhook-signature": signed}


async def queue_due(ports: Ports) -> int:
    """Enqueue a job for each webhook that has something to send; returns for how many."""
    count = 0
    for graph in await ports.webhooks.graphs():
        try:
            found = await ports.webhooks.due(graph)
        except NotFound:  # Dropped meanwhile.
            continue
        for id_, slow in found:
            place = "webhooks/slow" if slow else None
            count += await ports.jobs.defer("deliver_webhook", graph=graph, place=place, webhook=id_) is not None
    return count


async def deliver(ports: Ports, graph: str, webhook: int) -> int:
    """Send what a webhook has to send, round after round; returns how many events its receiver took."""
    run = await ports.webhooks.begin(graph, webhook, _LEASE)
    if run is None:
        return 0
    taken = 0
    try:
        reason = await _author_lost(ports, graph, run.webhook)
        if reason is not None:
            await _disable(ports, graph, run.webhook, reason)
            return 0
        while True:
            some, going_on = await _round(ports, graph, run)
            taken += some
            if going_on is None or await slice_over():
                return taken
            run = replace(run, webhook=going_on)
    finally:
        await ports.webhooks.end(graph, run)


@dataclass(slots=True)
class _Round:
    """What a round has sent so far. `stopped`: it sends nothing more."""

    run: Run
    ports: Ports
    ending: float
    sent: list[Sent] = field(default_factory=list)
    attempts: list[DeliveryAttempt] = field(default_factory=list)
    failures: int = 0  # In a row, with those of earlier rounds.
    pause: float = 0.0  # That the receiver wants.
    gone: bool = False

    @property
    def stopped(self) -> bool:
        """Whether nothing more shall be sent."""
        return self.gone or self.failures >= FAILING or self.pause > 0 or time.monotonic() > self.ending

    async def send(self, events: Sequence[Outgoing]) -> bool:
        """Send events in one request; returns whether they were taken. Nothing is sent once the round is stopped."""
        if self.stopped and self.attempts:
            self.sent += [Sent(each, ok=False, tried=False) for each in events]
            return False
        id_ = message_id(self.run.webhook.id, events)
        body = orjson.dumps(payload([asdict(each.event) for each in events], iso(now())))
        url = self.run.webhook.request.url
        result = await self.ports.sender.send(url, headers_of(self.run.secrets, id_, body), body)
        self._note(result, id_, events)
        return result.ok

    def _note(self, result: SendResult, id_: str, events: Sequence[Outgoing]) -> None:
        attempt = max(each.attempts for each in events) + 1
        self.attempts.append(DeliveryAttempt("", id_, len(events), attempt, result.status, result.error, result.ms))
        if result.ok:
            self.failures = 0
        else:
            self.failures += 1
            self.gone = self.gone or result.gone
            self.pause = max(self.pause, result.retry_after or 0.0)
        for each in events:
            pause = max(pause_before(each.attempts + 1), result.retry_after or 0.0)
            self.sent.append(Sent(each, result.ok, reason=result.error, pause=0.0 if result.ok else pause))


async def _round(ports: Ports, graph: str, run: Run) -> tuple[int, Webhook | None]:
    """Send the next events and note the results; returns how many were taken, and the webhook to go on with."""

    async def scorers(name: str, question: str) -> TextScorer:
        return await scorer_of(ports, name, question)

    hook = run.webhook
    size = hook.request.batch if hook.request.batch > 1 else _AT_ONCE
    outbox = await ports.webhooks.next(graph, run, size, scorers)
    current = _Round(run, ports, time.monotonic() + _ROUND, failures=hook.failures)
    current.sent += [Sent(each, ok=False, tried=False) for each in outbox.events if each.held]
    ready = [each for each in outbox.events if not each.held]
    if hook.request.batch > 1 and ready:
        await current.send(ready)
    elif ready:
        await _send_by_item(current, ready)
    pause = current.pause
    if current.attempts and current.failures >= FAILING:
        pause = max(pause, pause_before(current.failures - FAILING + 1, longest=_LONGEST_STOP))
    slow = any(each.error is not None or each.ms > _SLOW for each in current.attempts)
    if not ready:
        slow = hook.failures > 0
    report = RoundReport(current.sent, outbox.cursor, current.attempts, outbox.lost, pause, slow)
    noted = await ports.webhooks.record(graph, run, report)
    taken = sum(1 for each in current.sent if each.ok)
    if noted is None:
        return taken, None
    await _disable_hopeless(ports, graph, noted, current)
    moved = bool(outbox.events) or str(outbox.cursor) != hook.cursor
    return taken, noted if moved and not pause and not current.gone else None


async def _send_by_item(current: _Round, events: Sequence[Outgoing]) -> None:
    """Send events one a request: those of one item one after the other, until one fails; others beside them."""
    chains: dict[str, list[Outgoing]] = defaultdict(list)
    for each in events:
        chains[each.item].append(each)
    places = asyncio.Semaphore(_PARALLEL)

    async def send(chain: Sequence[Outgoing]) -> None:
        for place, each in enumerate(chain):
            async with places:
                ok = await current.send([each])
            if not ok:
                behind = next((one.pause for one in reversed(current.sent) if one.outgoing is each), 0.0)
                current.sent += [Sent(one, ok=False, tried=False, pause=behind) for one in chain[place + 1 :]]
                return

    async with asyncio.TaskGroup() as group:
        for chain in chains.values():
            group.create_task(send(chain))


async def _author_lost(ports: Ports, graph: str, hook: Webhook) -> str | None:
    """Return why the API key that made a webhook may not read its scope any more; None while it may."""
    if hook.author is None:
        return None
    try:
        await ports.keys.check(hook.author)
        key = next((each for each in await ports.keys.list() if each.id == hook.author), None)
        if key is None:
            return "The API key that made it does not exist any more."
        key = (await ports.keys.current(key)).acting("reader", graph)
        key.demand("reader", graph)
        key.demand_scope(hook.scope)
    except Unauthenticated:
        return "The API key that made it was revoked, or has expired. Update it with another key."
    except (Forbidden, NotFound):
        return "The API key that made it may not read this scope any more. Update it with another key."
    return None


async def _disable_hopeless(ports: Ports, graph: str, hook: Webhook, current: _Round) -> None:
    if current.gone:
        await _disable(ports, graph, hook, "The receiver answered 410: it wants no more requests.")
        return
    if hook.failing_since is None or not current.attempts:
        return
    failing = (now() - (parse_time(hook.failing_since).start or 0)) / SECOND
    if failing >= LONGEST_FAILING:
        last = current.attempts[-1].error or ""
        await _disable(ports, graph, hook, f"It has failed for {LONGEST_FAILING // 86_400} days. {last}")


async def _disable(ports: Ports, graph: str, hook: Webhook, reason: str) -> None:
    await ports.webhooks.disable(graph, hook.id, reason)
    log.warning("webhook_disabled", graph=graph, webhook=hook.id, reason=reason)
