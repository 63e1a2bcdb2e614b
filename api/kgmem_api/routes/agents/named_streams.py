"""Work streams by their names alone: those of the graph that the key is restricted to, or of `main`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kgmem.memory import DEFAULT_GRAPH
from kgmem_api.access import Access, ReadsOwn, WritesOwn
from kgmem_api.bodies import JSONBody
from kgmem_api.idempotency import IdempotencyKey
from kgmem_api.parameters import Limit, ScopeQuery, gives
from kgmem_api.routes.agents.streams import (
    After,
    AppendRequest,
    ClaimRequest,
    GroupPath,
    ReadRequest,
    ReceiptsRequest,
    SettleResponse,
    StreamAppendResult,
    StreamMessagePage,
    StreamName,
    TrimRequest,
    TrimResult,
    ack_messages,
    append_messages,
    claim_messages,
    list_stream_messages,
    read_stream,
    trim_stream,
)

router = APIRouter(tags=["streams"])
_ONE = "/v1/streams/{stream}"
_GROUP = _ONE + "/groups/{group}"
GraphQuery = Annotated[
    str | None,
    Query(alias="graph", max_length=200, description="The graph; default: the key's, or `main` for a key of all."),
]


@router.post(_ONE, responses=gives(StreamAppendResult, 201, "Stored."))
async def append_by_name(
    name: StreamName,
    access: WritesOwn,
    asked: Annotated[AppendRequest, Depends(JSONBody(AppendRequest))],
    *,
    graph: GraphQuery = None,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Append messages to a stream of the key's graph, all or none; the first append makes the stream."""
    return await append_messages(_graph(access, graph), name, access, asked, scope=scope, header=header)


@router.get(_ONE, responses=gives(StreamMessagePage))
async def list_messages_by_name(
    name: StreamName,
    access: ReadsOwn,
    *,
    graph: GraphQuery = None,
    scope: ScopeQuery = None,
    after: After = 0,
    limit: Limit = 100,
) -> Response:
    """Return the messages of a stream of the key's graph, oldest first, without taking them for anybody."""
    return await list_stream_messages(_graph(access, graph), name, access, scope=scope, after=after, limit=limit)


@router.post(_ONE + "/trim", responses=gives(TrimResult))
async def trim_by_name(
    name: StreamName,
    access: WritesOwn,
    asked: Annotated[TrimRequest, Depends(JSONBody(TrimRequest))],
    *,
    graph: GraphQuery = None,
    scope: ScopeQuery = None,
) -> Response:
    """Remove the oldest messages that all groups have acknowledged."""
    return await trim_stream(_graph(access, graph), name, access, asked, scope=scope)


@router.post(_GROUP + "/read", responses=gives(StreamMessagePage))
async def read_by_name(
    name: StreamName,
    group: GroupPath,
    access: WritesOwn,
    asked: Annotated[ReadRequest, Depends(JSONBody(ReadRequest))],
    *,
    graph: GraphQuery = None,
    scope: ScopeQuery = None,
) -> Response:
    """Lease the next messages of a consumer group to one consumer; of each key it is one at a time."""
    return await read_stream(_graph(access, graph), name, group, access, asked, scope=scope)


@router.post(_GROUP + "/ack", responses=gives(SettleResponse))
async def ack_by_name(
    name: StreamName,
    group: GroupPath,
    access: WritesOwn,
    asked: Annotated[ReceiptsRequest, Depends(JSONBody(ReceiptsRequest))],
    *,
    graph: GraphQuery = None,
    scope: ScopeQuery = None,
) -> Response:
    """Note that messages are processed."""
    return await ack_messages(_graph(access, graph), name, group, access, asked, scope=scope)


@router.post(_GROUP + "/claim", responses=gives(StreamMessagePage))
async def claim_by_name(
    name: StreamName,
    group: GroupPath,
    access: WritesOwn,
    asked: Annotated[ClaimRequest, Depends(JSONBody(ClaimRequest))],
    *,
    graph: GraphQuery = None,
    scope: ScopeQuery = None,
) -> Response:
    """Take over the messages that another consumer has, such as one that died."""
    return await claim_messages(_graph(access, graph), name, group, access, asked, scope=scope)


def _graph(access: Access, asked: str | None) -> str:
    """Return the graph on which the key's role was checked."""
    return access.graph or asked or DEFAULT_GRAPH
