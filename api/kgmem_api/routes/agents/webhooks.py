"""Webhooks: events of a graph are sent to a URL, signed, in order for each item, at least once."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.subscriptions.event import BEGINNING
from kgmem.domain.subscriptions.subscription import EventFilter, Start, SubscriptionRequest, What
from kgmem.domain.subscriptions.webhook import (
    DEFAULT_ATTEMPTS,
    DEFAULT_OVERLAP,
    MOST_LOGGED,
    Webhook,
    WebhookAddress,
    WebhookRequest,
    WebhookUpdate,
)
from kgmem_api.access import Access, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.routes.agents.subscriptions import EventFilterShape
from kgmem_api.wire.fields import STRICT

_URL = "http:// or https://, to a public address or one that the operator allows."
_WHAT = "What is sent; entity needs keys, label labels, kinds kinds, question question."


class WebhookRequestShape(BaseModel):
    """A webhook to make."""

    model_config = STRICT

    name: Annotated[str, Field(description="Without spaces and slashes, 200 characters at most.")]
    url: Annotated[str, Field(description=_URL)]
    what: Annotated[What, Field(description=_WHAT)] = "scope"
    filter: Annotated[EventFilterShape, Field(description="Narrows it further.")] = EventFilterShape()
    below: Annotated[bool, Field(description="Send events of the scopes below its own as well.")] = True
    start: Annotated[Start, Field(description="Where it begins: behind what has happened, or with the oldest.")] = "now"
    batch: Annotated[int, Field(description="Most events of one request, up to 500.")] = 1
    max_attempts: Annotated[int, Field(description="After so many an event becomes a dead letter.")] = DEFAULT_ATTEMPTS


class WebhookUpdateShape(BaseModel):
    """What shall change; what is omitted stays."""

    model_config = STRICT

    url: Annotated[str | None, Field(description=_URL)] = None
    what: Annotated[What | None, Field(description=_WHAT)] = None
    filter: Annotated[EventFilterShape | None, Field(description="Replaces the whole filter.")] = None
    below: Annotated[bool | None, Field(description="Send events of the scopes below its own as well.")] = None
    batch: Annotated[int | None, Field(description="Most events of one request, up to 500.")] = None
    max_attempts: Annotated[int | None, Field(description="After so many an event becomes a dead letter.")] = None
    active: Annotated[bool | None, Field(description="Disable it, or enable it: it goes on where it was.")] = None


class WebhookShape(BaseModel):
    """A webhook with its state, without its secret."""

    name: str
    scope: str
    url: Annotated[str, Field(description="Where events are sent.")]
    what: Annotated[str, Field(description="scope, entity, label, kinds or question.")]
    filter: Annotated[EventFilterShape, Field(description="Which events are sent.")]
    below: Annotated[bool, Field(description="Whether events of the scopes below are sent.")]
    batch: Annotated[int, Field(description="Most events of one request.")]
    max_attempts: Annotated[int, Field(description="After so many an event becomes a dead letter.")]
    state: Annotated[str, Field(description="active or disabled.")]
    reason: Annotated[str | None, Field(description="Why it is disabled, or what was lost.")]
    cursor: Annotated[str, Field(description="Events up to here were sent, or wait for another attempt.")]
    waiting: Annotated[int, Field(description="Events that wait for another attempt.")]
    dead: Annotated[int, Field(description="Dead letters.")]
    failures: Annotated[int, Field(description="Failed requests in a row.")]
    failing_since: Annotated[str | None, Field(description="ISO 8601.")]
    succeeded_at: Annotated[str | None, Field(description="When the receiver last took something. ISO 8601.")]
    attempted_at: Annotated[str | None, Field(description="When something was last sent. ISO 8601.")]
    previous_secret_until: Annotated[str | None, Field(description="Until then the secret before signs, too.")]
    created_at: str
    author: Annotated[str | None, Field(description="The id of the API key that made it, or changed it last.")]


class WebhookSecretShape(WebhookShape):
    """A webhook, and its secret: shown only here."""

    secret: Annotated[str, Field(description="Signs requests; whsec_ and 32 bytes in base 64.")]


class WebhookPage(BaseModel):
    """Webhooks of a scope."""

    webhooks: Annotated[list[WebhookShape], Field(description="By name.")]
    cursor: str | None


class RotateRequest(BaseModel):
    """How to rotate a secret."""

    model_config = STRICT

    overlap_seconds: Annotated[int, Field(description="For so long the secret before signs, too; up to 7 days.")] = (
        DEFAULT_OVERLAP
    )


class WebhookTestResult(BaseModel):
    """The result of a test request."""

    status: Annotated[int | None, Field(description="Of the answer; null: none came.")]
    error: Annotated[str | None, Field(description="Why it counts as failed.")]
    ms: Annotated[int, Field(description="How long it took.")]


class AttemptShape(BaseModel):
    """One request to the receiver."""

    at: Annotated[str, Field(description="ISO 8601.")]
    message: Annotated[str, Field(description="Its webhook-id.")]
    events: Annotated[int, Field(description="Number of events in it.")]
    attempt: Annotated[int, Field(description="1: the first one.")]
    status: Annotated[int | None, Field(description="Of the answer; null: none came.")]
    error: Annotated[str | None, Field(description="Why it counts as failed.")]
    ms: Annotated[int, Field(description="How long it took.")]


class AttemptPage(BaseModel):
    """Requests to the receiver."""

    attempts: Annotated[list[AttemptShape], Field(description="Newest first; the last 200 are kept.")]


class UndeliveredShape(BaseModel):
    """An event that was given up."""

    id: Annotated[str, Field(description="Of the event; its cursor.")]
    item: Annotated[str, Field(description="What it is about, such as item:17.")]
    attempts: Annotated[int, Field(description="How often it was sent.")]
    reason: str
    at: Annotated[str, Field(description="When it was given up. ISO 8601.")]


class UndeliveredPage(BaseModel):
    """Dead letters."""

    dead_letters: Annotated[list[UndeliveredShape], Field(description="Oldest first.")]


class WebhookReplayRequest(BaseModel):
    """Which dead letters to send again."""

    model_config = STRICT

    ids: Annotated[list[str] | None, Field(description="By default all.")] = None


class DeadLetterCount(BaseModel):
    """How many it were."""

    count: Annotated[int, Field(description="Of dead letters.")]


router = APIRouter(tags=["webhooks"])
_ALL = "/v1/graphs/{graph}/webhooks"
_ONE = _ALL + "/{webhook}"
WebhookName = Annotated[str, Path(alias="webhook", min_length=1, max_length=200, description="The webhook's name.")]


@router.post(_ALL, responses=gives(WebhookSecretShape, 201, "Made."))
async def post_webhook(
    graph: GraphName,
    access: Writes,
    asked: Annotated[WebhookRequestShape, Depends(JSONBody(WebhookRequestShape))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Make a webhook. The answer has its secret, which is never shown again; 409 where the name is taken."""
    events = SubscriptionRequest(asked.what, _filter(asked.filter), asked.below, asked.start)
    request = WebhookRequest(asked.url, events, asked.batch, asked.max_attempts)
    made = await access.memory.webhooks.create(graph, _address(access, asked.name, scope), request)
    return reply({**_shown(made.webhook), "secret": made.secret}, 201)


@router.get(_ALL, responses=gives(WebhookPage))
async def list_webhooks(
    graph: GraphName, access: Writes, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the webhooks in this scope only, by name. They need the role writer, since a URL may hold a secret."""
    page = await access.memory.webhooks.list(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"webhooks": [_shown(each) for each in page.items], "cursor": page.cursor})


@router.get(_ONE, responses=gives(WebhookShape))
async def get_webhook(graph: GraphName, name: WebhookName, access: Writes, *, scope: ScopeQuery = None) -> Response:
    """Return a webhook of this scope only, with its state."""
    return reply(_shown(await access.memory.webhooks.get(graph, _address(access, name, scope))))


@router.patch(_ONE, responses=gives(WebhookShape))
async def patch_webhook(
    graph: GraphName,
    name: WebhookName,
    access: Writes,
    asked: Annotated[WebhookUpdateShape, Depends(JSONBody(WebhookUpdateShape))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Change a webhook, disable or enable it. It goes on where it was, and belongs to the key of this request."""
    address, webhooks = _address(access, name, scope), access.memory.webhooks
    events = None
    if asked.what is not None or asked.filter is not None or asked.below is not None:
        before = (await webhooks.get(graph, address)).request.events
        filter_ = before.filter if asked.filter is None else _filter(asked.filter)
        below = before.below if asked.below is None else asked.below
        events = SubscriptionRequest(asked.what or before.what, filter_, below)
    changes = WebhookUpdate(asked.url, events, asked.batch, asked.max_attempts, asked.active)
    return reply(_shown(await webhooks.update(graph, address, changes)))


@router.delete(_ONE, status_code=204)
async def delete_webhook(graph: GraphName, name: WebhookName, access: Writes, *, scope: ScopeQuery = None) -> Response:
    """Delete a webhook with its secret, its dead letters and its log."""
    await access.memory.webhooks.delete(graph, _address(access, name, scope))
    return Response(status_code=204)


@router.post(_ONE + "/test", responses=gives(WebhookTestResult))
async def send_test(graph: GraphName, name: WebhookName, access: Writes, *, scope: ScopeQuery = None) -> Response:
    """Send a request of the type kgmem.test now, signed as others."""
    result = await access.memory.webhooks.test(graph, _address(access, name, scope))
    return reply({"status": result.status, "error": result.error, "ms": result.ms})


@router.post(_ONE + "/rotate-secret", responses=gives(WebhookSecretShape))
async def rotate_webhook_secret(
    graph: GraphName,
    name: WebhookName,
    access: Writes,
    asked: Annotated[RotateRequest, Depends(JSONBody(RotateRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Make a new secret, shown only here; the one before signs beside it for a while."""
    address = _address(access, name, scope)
    made = await access.memory.webhooks.rotate_secret(graph, address, overlap_seconds=asked.overlap_seconds)
    return reply({**_shown(made.webhook), "secret": made.secret})


@router.get(_ONE + "/attempts", responses=gives(AttemptPage))
async def list_webhook_attempts(
    graph: GraphName, name: WebhookName, access: Writes, *, scope: ScopeQuery = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LOGGED, description="Most items of a page.")] = 100,
) -> Response:  # fmt: skip
    """Return what was sent last, with the status codes of the answers, newest first."""
    found = await access.memory.webhooks.attempts(graph, _address(access, name, scope), limit=limit)
    return reply({"attempts": [asdict(each) for each in found]})


@router.get(_ONE + "/dead-letters", responses=gives(UndeliveredPage))
async def list_webhook_dead_letters(
    graph: GraphName, name: WebhookName, access: Writes, *, scope: ScopeQuery = None,
    after: Annotated[str, Query(max_length=40, description="Behind the event of this id.")] = str(BEGINNING),
    limit: Limit = 100,
) -> Response:  # fmt: skip
    """Return events that were given up, oldest first."""
    address = _address(access, name, scope)
    found = await access.memory.webhooks.dead_letters(graph, address, after=after, limit=limit)
    return reply({"dead_letters": [asdict(each) for each in found]})


@router.post(_ONE + "/dead-letters/replay", responses=gives(DeadLetterCount))
async def replay_webhook_dead_letters(
    graph: GraphName,
    name: WebhookName,
    access: Writes,
    asked: Annotated[WebhookReplayRequest, Depends(JSONBody(WebhookReplayRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Send dead letters again."""
    return reply({"count": await access.memory.webhooks.replay(graph, _address(access, name, scope), asked.ids)})


@router.delete(_ONE + "/dead-letters", responses=gives(DeadLetterCount))
async def delete_webhook_dead_letters(
    graph: GraphName,
    name: WebhookName,
    access: Writes,
    *,
    scope: ScopeQuery = None,
    ids: Annotated[list[str] | None, Query(alias="id", description="By default all.")] = None,
) -> Response:
    """Delete dead letters."""
    return reply({"count": await access.memory.webhooks.discard(graph, _address(access, name, scope), ids)})


def _address(access: Access, name: str, scope: str | None) -> WebhookAddress:
    return WebhookAddress(name, access.scope(scope))


def _filter(asked: EventFilterShape) -> EventFilter:
    return EventFilter(
        tuple(asked.kinds), tuple(asked.labels), tuple(asked.keys), asked.question, asked.min_relevance
    )  # fmt: skip


def _shown(webhook: Webhook) -> dict[str, Any]:
    shown = asdict(webhook)
    request = shown.pop("request")
    events = request["events"]
    del shown["id"]
    return {
        **shown, "url": request["url"], "what": events["what"], "filter": events["filter"], "below": events["below"],
        "batch": request["batch"], "max_attempts": request["max_attempts"],
    }  # fmt: skip
