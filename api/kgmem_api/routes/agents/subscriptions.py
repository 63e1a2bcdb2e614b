"""Subscriptions: an agent receives changes in order, once for each cursor that its consumer group acknowledges."""

from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question_record import record_of
from kgmem.domain.subscriptions.event import BEGINNING
from kgmem.domain.subscriptions.subscription import (
    DEFAULT_LEASE,
    DEFAULT_RELEVANCE,
    LONGEST_LEASE,
    LONGEST_WAIT,
    SHORTEST_LEASE,
    Acknowledgement,
    EventFilter,
    GroupRead,
    Start,
    Subscription,
    SubscriptionAddress,
    SubscriptionRequest,
    What,
)
from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.recall import RecallRequest


class EventFilterShape(BaseModel):
    """Which events match: of one of the kinds, of one of the labels, and about one of the keys. Empty: all."""

    model_config = STRICT

    kinds: Annotated[list[str], Field(description="Such as fact.verified, or fact.* for all of a noun.")] = []
    labels: Annotated[
        list[str], Field(description="Labels of entities, kinds of relationships, predicates of claims and facts.")
    ] = []
    keys: Annotated[
        list[str], Field(description="Keys of entities, also as ends of relationships and subjects of claims.")
    ] = []
    question: Annotated[str | None, Field(description="Only items whose text, now or before, is relevant to it.")] = (
        None
    )
    min_relevance: Annotated[float, Field(description="How relevant, above 0 and at most 1.")] = DEFAULT_RELEVANCE


class SubscriptionRequestShape(BaseModel):
    """A subscription to make."""

    model_config = STRICT

    name: Annotated[str, Field(description="Without spaces and slashes, 200 characters at most.")]
    what: Annotated[
        What,
        Field(description="What it follows; entity needs keys, label labels, kinds kinds, question question."),
    ] = "scope"
    filter: Annotated[EventFilterShape, Field(description="Narrows it further.")] = EventFilterShape()
    below: Annotated[bool, Field(description="Follow the scopes below its own as well.")] = True
    start: Annotated[Start, Field(description="Where new groups begin.")] = "now"
    answer: Annotated[
        RecallRequest | None,
        Field(description="By answer: a question as recall takes it, with k up to 100; without vector and rerank."),
    ] = None


class GroupShape(BaseModel):
    """How far a consumer group is."""

    name: str
    cursor: Annotated[str, Field(description="What it has acknowledged.")]
    leased_until: Annotated[str | None, Field(description="Until when a consumer has the lease. ISO 8601.")]


class SubscriptionShape(BaseModel):
    """A subscription with its consumer groups."""

    name: str
    scope: str
    what: Annotated[str, Field(description="scope, entity, label, kinds, question or answer.")]
    filter: Annotated[EventFilterShape, Field(description="Which events match.")]
    below: Annotated[bool, Field(description="Whether it follows the scopes below its own.")]
    start: Annotated[str, Field(description="The cursor at which new groups begin.")]
    created_at: str
    author: Annotated[str | None, Field(description="The id of the API key that made it.")]
    groups: Annotated[list[GroupShape], Field(description="By name.")]
    created: Annotated[bool, Field(description="False: it was there, and nothing was written.")]
    answer: Annotated[
        dict[str, object] | None, Field(description="The question whose answer it follows, without defaults.")
    ]


class SubscriptionPage(BaseModel):
    """Subscriptions of a scope."""

    subscriptions: Annotated[list[SubscriptionShape], Field(description="By name.")]
    cursor: str | None


class SubscriptionDeleteResult(BaseModel):
    """How many groups were deleted with it."""

    groups: Annotated[int, Field(description="Consumer groups that were deleted.")]


class EventShape(BaseModel):
    """A change of one item, without its content."""

    id: Annotated[str, Field(description="The same at each delivery; also the cursor behind this event.")]
    at: Annotated[str, Field(description="When it was written. ISO 8601.")]
    kind: Annotated[str, Field(description="Such as entity.created or fact.retracted.")]
    item: Annotated[int, Field(description="The id of the entity, episode, relationship, claim or fact.")]
    scope: str
    key: Annotated[str | None, Field(description="The key of the item, where it has one.")]
    labels: Annotated[list[str], Field(description="Its labels, its kind, or the predicate of a claim or fact.")]
    entities: Annotated[list[str], Field(description="Keys of the entities that it is about.")]
    state: Annotated[str | None, Field(description="Of a fact, since the event.")]
    previous_state: Annotated[str | None, Field(description="Of a fact, before the event.")]
    source: Annotated[str | None, Field(description="The source of the item.")]
    by: Annotated[str | None, Field(description="Who decided the state of the fact.")]
    relevance: Annotated[float | None, Field(description="Of its text to the question; null: it has none.")]
    previous_relevance: Annotated[float | None, Field(description="Of the text that it had last before.")]
    rank: Annotated[
        int | None, Field(description="In a followed answer, from 1: its place when the events up to this are applied.")
    ]
    previous_rank: Annotated[int | None, Field(description="In a followed answer: its place before this event.")]


class EventPage(BaseModel):
    """Events, oldest first."""

    events: Annotated[list[EventShape], Field(description="Oldest first.")]
    cursor: Annotated[str, Field(description="Where reading goes on, and what to acknowledge.")]
    previous: Annotated[str | None, Field(description="The acknowledged cursor of the group.")]
    lease: Annotated[str | None, Field(description="To be sent with ack; null: there is nothing to acknowledge.")]
    leased_until: Annotated[
        str | None, Field(description="Until when the lease lasts; without lease: that of another consumer.")
    ]


class AnswerItemShape(BaseModel):
    """An item of a followed answer, without its content."""

    rank: Annotated[int, Field(description="From 1, the best first.")]
    item: Annotated[int, Field(description="The id of the entity, episode or relationship, as recall's hits have it.")]
    kind: Annotated[str, Field(description="entity, episode or fact.")]
    scope: str
    key: Annotated[str | None, Field(description="Null: it is not there any more.")]
    labels: Annotated[list[str], Field(description="Its labels, or its kind.")]
    relevance: Annotated[float | None, Field(description="To the question's text, as it was evaluated.")]


class FollowedAnswerShape(BaseModel):
    """A followed answer as it is known now."""

    items: Annotated[list[AnswerItemShape], Field(description="The best first.")]
    cursor: Annotated[str, Field(description="Events behind it change these items.")]
    evaluated_at: Annotated[str | None, Field(description="When the question was answered last. ISO 8601.")]
    problem: Annotated[
        str | None,
        Field(description="Why the question has no answer since then; it is evaluated again every 10 seconds."),
    ]


class EventQuery(BaseModel):
    """Which events to return."""

    model_config = ConfigDict(extra="forbid", strict=False)

    group: Annotated[str | None, Field(max_length=200, description="The consumer group that reads.")] = None
    after: Annotated[str | None, Field(max_length=40, description="Without a group: read behind this cursor.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the first event.")] = 0
    lease_seconds: Annotated[
        float, Field(ge=SHORTEST_LEASE, le=LONGEST_LEASE, description="How long the events are this consumer's.")
    ] = DEFAULT_LEASE
    lease: Annotated[str | None, Field(max_length=100, description="The consumer's lease, to go on with it.")] = None
    ack: Annotated[str | None, Field(max_length=40, description="A cursor to acknowledge first.")] = None
    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None


class AckRequest(BaseModel):
    """What a consumer has processed."""

    model_config = STRICT

    group: Annotated[str, Field(description="The consumer group.")]
    cursor: Annotated[str, Field(description="All events up to it are processed.")]
    lease: Annotated[str, Field(description="As it came with the events.")]
    expected: Annotated[str | None, Field(description="412 where the group has acknowledged another cursor.")] = None


class SeekRequest(BaseModel):
    """Where a group shall go on; with neither cursor nor since behind all events."""

    model_config = STRICT

    group: Annotated[str, Field(description="The consumer group.")]
    cursor: Annotated[str | None, Field(description='The cursor of an event; "0": the oldest event comes next.')] = None
    since: Annotated[str | None, Field(description="Events since this time come next. ISO 8601.")] = None
    expected: Annotated[str | None, Field(description="412 where the group has acknowledged another cursor.")] = None


router = APIRouter(tags=["subscriptions"])
_ALL = "/v1/graphs/{graph}/subscriptions"
_ONE = _ALL + "/{subscription}"
SubscriptionName = Annotated[
    str, Path(alias="subscription", min_length=1, max_length=200, description="The subscription's name.")
]
_MADE = {**gives(SubscriptionShape, 201, "Made."), **gives(SubscriptionShape, 200, "It was there.")}


@router.post(_ALL, responses=_MADE)
async def post_subscription(
    graph: GraphName,
    access: Writes,
    asked: Annotated[SubscriptionRequestShape, Depends(JSONBody(SubscriptionRequestShape))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Subscribe to changes in a scope; 409 where another subscription has the name."""
    told = asked.filter
    wanted = EventFilter(tuple(told.kinds), tuple(told.labels), tuple(told.keys), told.question, told.min_relevance)
    address = SubscriptionAddress(asked.name, access.scope(scope))
    answer = None
    if asked.answer is not None:
        answer = asked.answer.question(access.key)
        answer = replace(answer, scope=str(address.scope if asked.answer.scope is None else answer.scope))
    request = SubscriptionRequest(asked.what, wanted, asked.below, asked.start, answer)
    made = await access.memory.subscriptions.put(graph, address, request)
    return reply(_shown(made), 201 if made.created else 200)


@router.get(_ALL, responses=gives(SubscriptionPage))
async def list_subscriptions(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the subscriptions in this scope only, by name."""
    page = await access.memory.subscriptions.list(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"subscriptions": [_shown(each) for each in page.items], "cursor": page.cursor})


@router.get(_ONE, responses=gives(SubscriptionShape))
async def get_subscription(
    graph: GraphName, name: SubscriptionName, access: Reads, *, scope: ScopeQuery = None
) -> Response:
    """Return a subscription of this scope only, with its consumer groups."""
    return reply(_shown(await access.memory.subscriptions.get(graph, SubscriptionAddress(name, access.scope(scope)))))


@router.delete(_ONE, responses=gives(SubscriptionDeleteResult))
async def delete_subscription(
    graph: GraphName, name: SubscriptionName, access: Writes, *, scope: ScopeQuery = None
) -> Response:
    """Delete a subscription with its consumer groups; the events stay."""
    deleted = await access.memory.subscriptions.delete(graph, SubscriptionAddress(name, access.scope(scope)))
    return reply({"groups": deleted})


@router.get(_ONE + "/answer", responses=gives(FollowedAnswerShape))
async def get_followed_answer(
    graph: GraphName, name: SubscriptionName, access: Reads, *, scope: ScopeQuery = None
) -> Response:
    """Return the answer that a subscription follows, and the cursor behind which its events go on.

    404 where the scope has no subscription of this name to an answer.
    """
    address = SubscriptionAddress(name, access.scope(scope))
    return reply(asdict(await access.memory.subscriptions.answer(graph, address)))


@router.get(_ONE + "/events", responses=gives(EventPage))
async def list_events(
    graph: GraphName, name: SubscriptionName, access: Reads, asked: Annotated[EventQuery, Query()]
) -> Response:
    """Return events, oldest first: for a group behind what it has acknowledged, else behind `after`.

    A group's events are leased to one consumer; others get none until it has acknowledged or its lease ends. 410 where
    events behind the cursor are not kept any more.
    """
    address = SubscriptionAddress(name, access.scope(asked.scope))
    subscriptions = access.memory.subscriptions
    if asked.group is not None:
        if asked.after is not None:
            raise InvalidInput(
                "after is given with a group, which goes on behind what it has acknowledged.",
                hint="Send ack to acknowledge, or use seek to set the group to a cursor.",
                field="after",
            )
        request = GroupRead(asked.group, asked.limit, asked.lease_seconds, asked.lease, asked.ack)
        return reply(asdict(await subscriptions.read(graph, address, request, wait=asked.wait)))
    for field in ("lease", "ack"):
        if getattr(asked, field) is not None:
            raise InvalidInput(f"{field} is given without group.", hint="Name the group.", field=field)
    after = str(BEGINNING) if asked.after is None else asked.after
    return reply(asdict(await subscriptions.events(graph, address, after=after, limit=asked.limit, wait=asked.wait)))


@router.post(_ONE + "/ack", responses=gives(GroupShape))
async def ack_events(
    graph: GraphName,
    name: SubscriptionName,
    access: Reads,
    asked: Annotated[AckRequest, Depends(JSONBody(AckRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Acknowledge events up to a cursor; 409 where the lease is lost, 412 where the group is not where expected."""
    told = Acknowledgement(asked.group, asked.cursor, asked.lease, asked.expected)
    address = SubscriptionAddress(name, access.scope(scope))
    return reply(asdict(await access.memory.subscriptions.acknowledge(graph, address, told)))


@router.post(_ONE + "/seek", responses=gives(GroupShape))
async def seek_group(
    graph: GraphName,
    name: SubscriptionName,
    access: Writes,
    asked: Annotated[SeekRequest, Depends(JSONBody(SeekRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Set a group to a cursor or a time, to have events again or to skip some; its lease ends."""
    address = SubscriptionAddress(name, access.scope(scope))
    group = await access.memory.subscriptions.seek(
        graph, address, asked.group, cursor=asked.cursor, since=asked.since, expected=asked.expected
    )
    return reply(asdict(group))


@router.delete(_ONE + "/groups/{group}", status_code=204)
async def delete_group(
    graph: GraphName,
    name: SubscriptionName,
    group: Annotated[str, Path(min_length=1, max_length=200, description="The consumer group.")],
    access: Writes,
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Delete a consumer group with its cursor."""
    await access.memory.subscriptions.delete_group(graph, SubscriptionAddress(name, access.scope(scope)), group)
    return Response(status_code=204)


def _shown(subscription: Subscription) -> dict[str, Any]:
    shown = asdict(subscription)
    del shown["id"]
    shown["answer"] = record_of(subscription.answer) if subscription.answer is not None else None
    return shown
