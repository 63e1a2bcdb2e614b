"""Flows: what named work does, step by step, while it runs and afterwards."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.access import Key
from kgmem.domain.flows.flow import Flow, FlowFilter, FlowKind, FlowState, Visible
from kgmem_api.access import ReadsAnywhere
from kgmem_api.parameters import gives
from kgmem_api.replies import reply
from kgmem_api.wire.shapes import CURSOR, copied, many, shape

router = APIRouter(tags=["flows"])

FlowShape = copied(
    Flow, "Flow", "One run of a named piece of work.", error="The code of its error.",
    duration_ms="How long it ran, or has run so far.", counts="By name.",
    id="Later flows have greater ones.", kind="What is done.", graph="The graph that it works on.",
    scope="The scope that it works in; null: all scopes.", state="What it does, or how it ended.",
    started_at="When it began.", ended_at="When it ended.", about="What it is part of, such as import/3.",
    trace_id="The trace in which OpenTelemetry shows it.", steps="In the order in which they first ran.",
)  # fmt: skip
FlowPage = shape("FlowPage", "Flows, newest first.", flows=many(FlowShape), cursor=CURSOR)


class FlowQuery(BaseModel):
    """Which flows to list."""

    graph: Annotated[str | None, Field(max_length=100, description="Only flows of this graph.")] = None
    kind: Annotated[FlowKind | None, Field(description="Only flows of this kind.")] = None
    state: Annotated[FlowState | None, Field(description="Only flows in this state.")] = None
    scope: Annotated[str | None, Field(max_length=400, description="Only flows in this scope and below it.")] = None
    about: Annotated[str | None, Field(max_length=100, description="Only flows of this, such as import/3.")] = None
    cursor: Annotated[str | None, Field(max_length=1000, description="Where the last page ended.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100


@router.get("/v1/flows", responses=gives(FlowPage))
async def list_flows(access: ReadsAnywhere, asked: Annotated[FlowQuery, Query()]) -> Response:
    """List flows, newest first: those of the graph and the scopes of the key."""
    if asked.scope is not None:
        access.key.demand_scope(asked.scope)
    wanted = FlowFilter(asked.graph, asked.kind, asked.state, asked.scope, asked.about)
    page = await access.memory.flows.list(wanted, cursor=asked.cursor, limit=asked.limit, seen=_seen_by(access.key))
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
