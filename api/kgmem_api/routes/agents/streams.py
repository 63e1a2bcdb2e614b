"""Work streams: producers append messages, and the consumers of a group process each of them, in order by key."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.streams.stream import (
    DEFAULT_AGE,
    DEFAULT_DELIVERIES,
    DEFAULT_LEASE,
    DEFAULT_LENGTH,
    NewMessage,
    Place,
    Release,
    Start,
    Stream,
    StreamAddress,
    StreamClaim,
    StreamRead,
    StreamSettings,
)
from kgmem_api.access import Access, Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.idempotency import IdempotencyKey, key_of, name_of
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT

Receipts = Annotated[list[str], Field(description="As they came with the messages.")]
Lease = Annotated[float, Field(description="Seconds after which a message that is not acknowledged comes again.")]


class StreamSettingsShape(BaseModel):
    """What a stream keeps, and when it gives a message up."""

    model_config = STRICT

    max_length: Annotated[int, Field(description="Acknowledged messages beyond so many are removed.")] = DEFAULT_LENGTH
    max_age_seconds: Annotated[int, Field(description="Older acknowledged messages are removed.")] = DEFAULT_AGE
    max_deliveries: Annotated[int, Field(description="After so many a message becomes a dead letter of the group.")] = (
        DEFAULT_DELIVERIES
    )


class StreamGroupShape(BaseModel):
    """How far a consumer group of a stream is."""

    name: str
    delivered: Annotated[int, Field(description="Messages up to this id were taken for the group.")]
    pending: Annotated[int, Field(description="Of these, how many are not acknowledged.")]
    dead: Annotated[int, Field(description="Dead letters.")]
    lag: Annotated[int, Field(description="Messages behind `delivered`.")]


class StreamShape(BaseModel):
    """A stream with its consumer groups."""

    name: str
    scope: str
    settings: Annotated[StreamSettingsShape, Field(description="What it keeps.")]
    last: Annotated[int, Field(description="The id of the newest message; 0: there was none.")]
    length: Annotated[int, Field(description="From the oldest message that is kept to the newest.")]
    created_at: str
    author: Annotated[str | None, Field(description="The id of the API key that made it.")]
    groups: Annotated[list[StreamGroupShape], Field(description="By name.")]
    created: Annotated[bool, Field(description="Whether this request made it.")]
    store: Annotated[Place, Field(description="Where its messages are, for as long as it exists.")]


class StreamPage(BaseModel):
    """Streams of a scope."""

    streams: Annotated[list[StreamShape], Field(description="By name.")]
    cursor: str | None


class NewMessageShape(BaseModel):
    """A message to append."""

    model_config = STRICT

    body: Annotated[Any, Field(description="Any JSON value, of 256 KiB at most.")]
    key: Annotated[str | None, Field(description="Messages of one key are processed one after the other.")] = None
    idempotency_key: Annotated[str | None, Field(description="The same one again appends nothing.")] = None


class AppendRequest(BaseModel):
    """Messages to append, all or none."""

    model_config = STRICT

    messages: Annotated[list[NewMessageShape], Field(description="1,000 at most.")]


class StreamAppendResult(BaseModel):
    """The ids of the messages, in the order of the request."""

    ids: Annotated[list[int], Field(description="Their places in the stream.")]
    duplicates: Annotated[int, Field(description="How many were there already, by their idempotency keys.")]


class WorkMessageShape(BaseModel):
    """A message of a stream."""

    id: Annotated[int, Field(description="Its number: the order in which messages were appended.")]
    key: str | None
    body: Annotated[Any, Field(description="As it was appended.")]
    at: Annotated[str, Field(description="When it was appended. ISO 8601.")]
    author: Annotated[str | None, Field(description="The id of the API key that appended it.")]
    receipt: Annotated[str | None, Field(description="Acknowledges this delivery; null where nobody took it.")]
    deliveries: Annotated[int, Field(description="How often it was delivered to the group, with this time.")]
    leased_until: Annotated[str | None, Field(description="When the lease ends. ISO 8601.")]


class StreamMessagePage(BaseModel):
    """Messages, oldest first."""

    messages: Annotated[list[WorkMessageShape], Field(description="Oldest first.")]


class ReadRequest(BaseModel):
    """A consumer's request for messages."""

    model_config = STRICT

    consumer: Annotated[str, Field(description="Who reads: claims and the list of pending messages name it.")] = (
        "consumer"
    )
    limit: Annotated[int, Field(description="Most messages, up to 1,000.")] = 10
    lease_seconds: Lease = DEFAULT_LEASE
    wait: Annotated[float, Field(description="Seconds to wait for the first message, 25 at most.")] = 0
    start: Annotated[Start, Field(description="Where the group begins if this request makes it.")] = "beginning"


class ReceiptsRequest(BaseModel):
    """Deliveries that are processed."""

    model_config = STRICT

    receipts: Receipts


class ExtendRequest(BaseModel):
    """Deliveries whose work takes longer."""

    model_config = STRICT

    receipts: Receipts
    lease_seconds: Annotated[float, Field(description="From now.")] = DEFAULT_LEASE


class StreamReleaseRequest(BaseModel):
    """Deliveries that could not be processed."""

    model_config = STRICT

    receipts: Receipts
    delay_seconds: Annotated[float, Field(description="They are not delivered again earlier.")] = 0
    reason: Annotated[str | None, Field(description="Kept with the message, 1,000 characters at most.")] = None
    dead: Annotated[bool, Field(description="Give them up at once: they become dead letters.")] = False


class ClaimRequest(BaseModel):
    """What another consumer has, to be taken over."""

    model_config = STRICT

    consumer: Annotated[str, Field(description="Who takes the messages.")]
    of: Annotated[str, Field(description="Who has them.")]
    min_idle_seconds: Annotated[float, Field(description="Only what was delivered at least so long ago.")] = 0
    limit: Annotated[int, Field(description="Most messages, up to 1,000.")] = 10
    lease_seconds: Lease = DEFAULT_LEASE


class SettleResponse(BaseModel):
    """Which messages are settled, and which deliveries are over."""

    settled: Annotated[list[int], Field(description="Ids of messages.")]
    lost: Annotated[list[str], Field(description="Receipts: delivered again, acknowledged, or given up meanwhile.")]


class PendingShape(BaseModel):
    """A message that a group has taken and not acknowledged."""

    id: int
    key: str | None
    consumer: Annotated[str | None, Field(description="Who has it; null: it waits.")]
    deliveries: Annotated[int, Field(description="How often it was delivered to the group.")]
    delivered_at: Annotated[str | None, Field(description="When it was delivered last. ISO 8601.")]
    until: Annotated[str | None, Field(description="The end of the lease, or of a delay. ISO 8601.")]
    reason: Annotated[str | None, Field(description="Why it was released last.")]


class PendingPage(BaseModel):
    """Pending messages, by id."""

    pending: Annotated[list[PendingShape], Field(description="By id.")]


class DeadLetterShape(BaseModel):
    """A message that a group has given up."""

    id: int
    key: str | None
    body: Annotated[Any, Field(description="As it was appended.")]
    deliveries: Annotated[int, Field(description="How often it was delivered to the group.")]
    reason: str
    at: Annotated[str, Field(description="When it was given up. ISO 8601.")]


class DeadLetterPage(BaseModel):
    """Dead letters, by id."""

    dead_letters: Annotated[list[DeadLetterShape], Field(description="By id.")]


class ReplayRequest(BaseModel):
    """Which dead letters to deliver again."""

    model_config = STRICT

    ids: Annotated[list[int] | None, Field(description="By default all.")] = None


class CountResult(BaseModel):
    """How many it were."""

    count: Annotated[int, Field(description="Of dead letters.")]


class TrimRequest(BaseModel):
    """What to keep; by default as the stream's settings say."""

    model_config = STRICT

    max_length: Annotated[int | None, Field(description="Keep so many of the newest.")] = None
    max_age_seconds: Annotated[int | None, Field(description="Keep what is younger.")] = None


class TrimResult(BaseModel):
    """How many messages were removed."""

    removed: int


router = APIRouter(tags=["streams"])
_ALL = "/v1/graphs/{graph}/streams"
_ONE = _ALL + "/{stream}"
_GROUP = _ONE + "/groups/{group}"
StreamName = Annotated[str, Path(alias="stream", min_length=1, max_length=200, description="The stream's name.")]
GroupPath = Annotated[str, Path(alias="group", min_length=1, max_length=200, description="The consumer group.")]
After = Annotated[int, Query(ge=0, description="Behind the message of this id.")]


@router.get(_ALL, responses=gives(StreamPage))
async def list_streams(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the streams in this scope only, by name."""
    page = await access.memory.streams.list(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"streams": [_shown(each) for each in page.items], "cursor": page.cursor})


@router.put(_ONE, responses={**gives(StreamShape), **gives(StreamShape, 201, "Made.")})
async def put_stream(
    graph: GraphName,
    name: StreamName,
    access: Writes,
    asked: Annotated[StreamSettingsShape, Depends(JSONBody(StreamSettingsShape))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Make a stream, or set what it keeps. The first append makes one, too."""
    settings = StreamSettings(asked.max_length, asked.max_age_seconds, asked.max_deliveries)
    made = await access.memory.streams.put(graph, _address(access, name, scope), settings)
    return reply(_shown(made), 201 if made.created else 200)


@router.get(_ONE, responses=gives(StreamShape))
async def get_stream(graph: GraphName, name: StreamName, access: Reads, *, scope: ScopeQuery = None) -> Response:
    """Return a stream of this scope only, with its consumer groups."""
    return reply(_shown(await access.memory.streams.get(graph, _address(access, name, scope))))


@router.delete(_ONE, status_code=204)
async def delete_stream(graph: GraphName, name: StreamName, access: Writes, *, scope: ScopeQuery = None) -> Response:
    """Delete a stream with its messages, consumer groups and dead letters."""
    await access.memory.streams.delete(graph, _address(access, name, scope))
    return Response(status_code=204)


@router.post(_ONE + "/messages", responses=gives(StreamAppendResult, 201, "Stored."))
async def append_messages(
    graph: GraphName,
    name: StreamName,
    access: Writes,
    asked: Annotated[AppendRequest, Depends(JSONBody(AppendRequest))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Append messages, all or none. They are stored when the answer comes; the first append makes the stream.

    409 where an idempotency key has another message, 413 for a stream that is full. The header is the key of a message
    that is alone; of several without keys of their own, each gets one that follows from the header and its place.
    """
    messages = _messages(asked.messages, header)
    return reply(asdict(await access.memory.streams.append(graph, _address(access, name, scope), messages)), 201)


@router.get(_ONE + "/messages", responses=gives(StreamMessagePage))
async def list_stream_messages(
    graph: GraphName, name: StreamName, access: Reads, *, scope: ScopeQuery = None, after: After = 0, limit: Limit = 100
) -> Response:
    """Return the messages of a stream, oldest first, without taking them for anybody."""
    found = await access.memory.streams.messages(graph, _address(access, name, scope), after=after, limit=limit)
    return reply({"messages": [asdict(each) for each in found]})


@router.post(_ONE + "/trim", responses=gives(TrimResult))
async def trim_stream(
    graph: GraphName,
    name: StreamName,
    access: Writes,
    asked: Annotated[TrimRequest, Depends(JSONBody(TrimRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Remove the oldest messages that all groups have acknowledged."""
    trimmed = await access.memory.streams.trim(
        graph, _address(access, name, scope), max_length=asked.max_length, max_age_seconds=asked.max_age_seconds
    )
    return reply(asdict(trimmed))


@router.post(_GROUP + "/read", responses=gives(StreamMessagePage))
async def read_stream(
    graph: GraphName,
    name: StreamName,
    group: GroupPath,
    access: Writes,
    asked: Annotated[ReadRequest, Depends(JSONBody(ReadRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Lease the next messages of a consumer group to one consumer; of each key it is one at a time."""
    request = StreamRead(group, asked.consumer, asked.limit, asked.lease_seconds, asked.start)
    found = await access.memory.streams.read(graph, _address(access, name, scope), request, wait=asked.wait)
    return reply({"messages": [asdict(each) for each in found]})


@router.post(_GROUP + "/ack", responses=gives(SettleResponse))
async def ack_messages(
    graph: GraphName,
    name: StreamName,
    group: GroupPath,
    access: Writes,
    asked: Annotated[ReceiptsRequest, Depends(JSONBody(ReceiptsRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Note that messages are processed."""
    address = _address(access, name, scope)
    return reply(asdict(await access.memory.streams.acknowledge(graph, address, group, asked.receipts)))


@router.post(_GROUP + "/extend", responses=gives(SettleResponse))
async def extend_leases(
    graph: GraphName,
    name: StreamName,
    group: GroupPath,
    access: Writes,
    asked: Annotated[ExtendRequest, Depends(JSONBody(ExtendRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Extend the leases of messages, for work that takes long."""
    address = _address(access, name, scope)
    done = await access.memory.streams.extend(graph, address, group, asked.receipts, asked.lease_seconds)
    return reply(asdict(done))


@router.post(_GROUP + "/release", responses=gives(SettleResponse))
async def release_messages(
    graph: GraphName,
    name: StreamName,
    group: GroupPath,
    access: Writes,
    asked: Annotated[StreamReleaseRequest, Depends(JSONBody(StreamReleaseRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Return messages that could not be processed: they are delivered again, or become dead letters."""
    how = Release(asked.receipts, asked.delay_seconds, asked.reason, asked.dead)
    return reply(asdict(await access.memory.streams.release(graph, _address(access, name, scope), group, how)))


@router.post(_GROUP + "/claim", responses=gives(StreamMessagePage))
async def claim_messages(
    graph: GraphName,
    name: StreamName,
    group: GroupPath,
    access: Writes,
    asked: Annotated[ClaimRequest, Depends(JSONBody(ClaimRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Take over the messages that another consumer has, such as one that died."""
    request = StreamClaim(group, asked.consumer, asked.of, asked.min_idle_seconds, asked.limit, asked.lease_seconds)
    found = await access.memory.streams.claim(graph, _address(access, name, scope), request)
    return reply({"messages": [asdict(each) for each in found]})


@router.get(_GROUP + "/pending", responses=gives(PendingPage))
async def list_pending(
    graph: GraphName, name: StreamName, group: GroupPath, access: Reads, *, scope: ScopeQuery = None,
    after: After = 0, limit: Limit = 100,
) -> Response:  # fmt: skip
    """Return what a group has taken and not acknowledged, by id."""
    address = _address(access, name, scope)
    found = await access.memory.streams.pending(graph, address, group, after=after, limit=limit)
    return reply({"pending": [asdict(each) for each in found]})


@router.get(_GROUP + "/dead-letters", responses=gives(DeadLetterPage))
async def list_stream_dead_letters(
    graph: GraphName, name: StreamName, group: GroupPath, access: Reads, *, scope: ScopeQuery = None,
    after: After = 0, limit: Limit = 100,
) -> Response:  # fmt: skip
    """Return what a group has given up, by id."""
    address = _address(access, name, scope)
    found = await access.memory.streams.dead_letters(graph, address, group, after=after, limit=limit)
    return reply({"dead_letters": [asdict(each) for each in found]})


@router.post(_GROUP + "/dead-letters/replay", responses=gives(CountResult))
async def replay_stream_dead_letters(
    graph: GraphName,
    name: StreamName,
    group: GroupPath,
    access: Writes,
    asked: Annotated[ReplayRequest, Depends(JSONBody(ReplayRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Deliver dead letters to the group again."""
    address = _address(access, name, scope)
    return reply({"count": await access.memory.streams.replay(graph, address, group, asked.ids)})


@router.delete(_GROUP + "/dead-letters", responses=gives(CountResult))
async def delete_stream_dead_letters(
    graph: GraphName,
    name: StreamName,
    group: GroupPath,
    access: Writes,
    *,
    scope: ScopeQuery = None,
    ids: Annotated[list[int] | None, Query(alias="id", description="By default all.")] = None,
) -> Response:
    """Delete dead letters of a group."""
    address = _address(access, name, scope)
    return reply({"count": await access.memory.streams.discard(graph, address, group, ids)})


@router.delete(_GROUP, status_code=204)
async def delete_stream_group(
    graph: GraphName, name: StreamName, group: GroupPath, access: Writes, *, scope: ScopeQuery = None
) -> Response:
    """Delete a consumer group with its dead letters; what it has not acknowledged may be trimmed then."""
    await access.memory.streams.delete_group(graph, _address(access, name, scope), group)
    return Response(status_code=204)


def _address(access: Access, name: str, scope: str | None) -> StreamAddress:
    return StreamAddress(name, access.scope(scope))


def _messages(sent: Sequence[NewMessageShape], header: str | None) -> list[NewMessage]:
    """Return the messages of a request; those without an idempotency key have that of its header."""
    alone = len(sent) == 1
    return [
        NewMessage(
            each.body, each.key,
            key_of(header, each.idempotency_key) if alone else each.idempotency_key or name_of(header, place),
        )
        for place, each in enumerate(sent)
    ]  # fmt: skip


def _shown(stream: Stream) -> dict[str, Any]:
    shown = asdict(stream)
    del shown["id"]
    return shown
