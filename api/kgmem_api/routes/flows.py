"""Flows: what named work does, step by step, while it runs and afterwards."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from kgmem.domain.access import Key
from kgmem.domain.flows.flow import Flow, FlowFilter, FlowKind, FlowState, FlowStep, Visible
from kgmem_api.access import ReadsAnywhere
from kgmem_api.parameters import Cursor, Limit, gives
from kgmem_api.replies import reply
from kgmem_api.wire.shapes import CURSOR, copied, many, shape

router = APIRouter(tags=["flows"])

FlowStepShape = copied(FlowStep, "FlowStep", "A step of a flow, with all its runs.")
FlowShape = copied(Flow, "Flow", "One run of a named piece of work.", steps="In the order in which they first ran.")
FlowPage = shape("FlowPage", "Flows, newest first.", flows=many(FlowShape), cursor=CURSOR)


@router.get("/v1/flows", responses=gives(FlowPage))
async def list_flows(
    access: ReadsAnywhere,
    graph: Annotated[str | None, Query(max_length=100, description="Only flows of this graph.")] = None,
    kind: Annotated[FlowKind | None, Query(description="Only flows of this kind.")] = None,
    state: Annotated[FlowState | None, Query(description="Only flows in this state.")] = None,
    scope: Annotated[str | None, Query(max_length=400, description="Only flows in this scope and below it.")] = None,
    about: Annotated[str | None, Query(max_length=100, description="Only flows of this, such as import/3.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List flows, newest first: those of the graph and the scopes of the key."""
    wanted = FlowFilter(graph, kind, state, scope, about)
    page = await access.memory.flows.list(wanted, cursor=cursor, limit=limit, seen=_seen_by(access.key))
    return reply({"flows": page.items, "cursor": page.cursor})


@router.get("/v1/flows/{id}", responses=gives(FlowShape))
async def get_flow(id_: Annotated[str, Path(alias="id", max_length=100)], access: ReadsAnywhere) -> Response:
    """Return a flow; while it runs, its steps as they are now."""
    return reply(await access.memory.flows.get(id_, seen=_seen_by(access.key)))


def _seen_by(key: Key) -> Sequence[Visible] | None:
    """Return which flows a key sees: those in its own scopes, and in those that it is granted."""
    if key.graph is None and not key.scope:
        return None
    return [Visible(key.graph, key.scope), *(Visible(each.graph or key.graph, each.scope) for each in key.grants)]
