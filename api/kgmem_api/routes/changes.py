"""Changes: the feed of what happened to a graph, by pages or as server-sent events."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.errors import InvalidInput
from kgmem_api.access import ReadsWhole
from kgmem_api.event_streams import Happened, is_wanted, last_event, stream
from kgmem_api.parameters import GraphName, Limit, gives
from kgmem_api.replies import reply
from kgmem_api.wire.answers import ChangePage

router = APIRouter(tags=["changes"])

_MOST = 2**63 - 1
_AT_ONCE = 1000


@router.get("/v1/graphs/{graph}/changes", responses=gives(ChangePage))
async def list_changes(
    graph: GraphName,
    request: Request,
    access: ReadsWhole,
    after: Annotated[int, Query(ge=0, le=_MOST, description="The id of the last change that is known.")] = 0,
    limit: Limit = 1000,
) -> Response:
    """Return the changes after a cursor, in the order in which they may be relied upon.

    With `Accept: text/event-stream` they come as server-sent events, as they happen; Last-Event-ID continues.
    """
    graphs = access.memory.graphs
    if not is_wanted(request):
        changes = await graphs.changes(graph, after=after, limit=limit)
        return reply({"changes": changes, "cursor": changes[-1].id if changes else after})

    async def read(cursor: str) -> Happened:
        found = await graphs.changes(graph, after=int(cursor), limit=_AT_ONCE)
        return Happened([(str(each.id), "change", each) for each in found], str(found[-1].id) if found else cursor)

    return await stream(request, _checked(last_event(request)) or str(after), read)


def _checked(id_: str | None) -> str | None:
    if id_ is not None and not (id_.isdecimal() and id_.isascii() and int(id_) <= _MOST):
        raise InvalidInput(f"Last-Event-ID {id_[:40]!r} is no change's id.", hint="Send the id of the last event.")
    return id_
