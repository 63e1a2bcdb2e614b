"""Events of a graph that a scope sees: by pages, or as server-sent events while they happen."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.errors import InvalidInput
from kgmem.domain.subscriptions.event import BEGINNING
from kgmem.domain.subscriptions.subscription import (
    DEFAULT_RELEVANCE,
    LONGEST_WAIT,
    EventFilter,
    SubscriptionRequest,
)
from kgmem_api.access import Reads
from kgmem_api.event_streams import Happened, is_wanted, last_event, stream
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.routes.agents.subscriptions import EventPage

router = APIRouter(tags=["subscriptions"])


class FeedQuery(BaseModel):
    """Which events of a graph to return."""

    model_config = ConfigDict(extra="forbid", strict=False)

    kinds: Annotated[list[str], Field(max_length=100, description="Such as fact.retracted, or fact.*.")] = []
    labels: Annotated[
        list[str], Field(max_length=100, description="Labels of entities, kinds of relationships, predicates.")
    ] = []
    keys: Annotated[list[str], Field(max_length=100, description="Keys of entities that they are about.")] = []
    question: Annotated[str | None, Field(max_length=2000, description="Only items whose text is relevant to it.")] = (
        None
    )
    min_relevance: Annotated[float, Field(description="How relevant, above 0 and at most 1.")] = DEFAULT_RELEVANCE
    below: Annotated[bool, Field(description="Those of the scopes below as well.")] = True
    after: Annotated[
        str, Field(max_length=40, description="Behind this cursor: of an event, 0 (the oldest), or now.")
    ] = str(BEGINNING)
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100
    wait: Annotated[
        float, Field(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the first event of a page.")
    ] = 0
    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None


@router.get("/v1/graphs/{graph}/events", responses=gives(EventPage))
async def list_feed(
    graph: GraphName, request: Request, access: Reads, asked: Annotated[FeedQuery, Query()]
) -> Response:
    """Return what happened in the scopes that the caller sees, oldest first; 410 where it is not kept any more.

    With `Accept: text/event-stream` as server-sent events, while it happens; Last-Event-ID continues.
    """
    scope, feed = access.scope(asked.scope), access.memory.subscriptions.feed
    filter_ = EventFilter(
        tuple(asked.kinds), tuple(asked.labels), tuple(asked.keys), asked.question, asked.min_relevance
    )
    wanted = SubscriptionRequest(filter=filter_, below=asked.below)
    if not is_wanted(request):
        found = await feed(graph, wanted, scope=scope, after=asked.after, limit=asked.limit, wait=asked.wait)
        return reply(asdict(found))
    if asked.wait:
        raise InvalidInput("wait is given for a stream.", hint="Leave it out: a stream waits by itself.", field="wait")

    async def read(cursor: str) -> Happened:
        page = await feed(graph, wanted, scope=scope, after=cursor, limit=asked.limit)
        return Happened([(each.id, each.kind, asdict(each)) for each in page.events], page.cursor)

    return await stream(request, last_event(request) or asked.after, read)
