"""Retention: rules for how long what is kept, runs that apply them, and what these removed by which rule."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.retention.rule import MOST_OF_RUN, OF_RUN, RetentionRule, RetentionRun
from kgmem.services.retention.rules import seconds_of
from kgmem_api.access import Administers
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT

_Clock = Literal["recorded", "event", "used"]
_Action = Literal["forget", "erase", "distil"]
_ItemAction = Literal["forget", "erase", "distil", "originals"]
_Kind = Literal["episode", "relationship", "claim", "entity"]
_State = Literal["planned", "running", "done", "failed"]
_ItemState = Literal["planned", "taken", "removed", "distilled", "kept"]
_By = Annotated[str | None, Field(default=None, max_length=200, description="Who does it; by default the key's name.")]


class GraphRetentionRuleRequest(BaseModel):
    """How long what is kept, and what becomes of it then."""

    model_config = STRICT

    keep: Annotated[str | float | None, Field(description="Seconds, or 90d. Null: for ever.")]
    scope: Annotated[
        str | None, Field(default=None, max_length=400, description="Only what is in it and below; null: anywhere.")
    ]
    label: Annotated[
        str | None, Field(default=None, max_length=400, description="Only what has this label, or facts of this kind.")
    ]
    source: Annotated[str | None, Field(default=None, max_length=400, description="Only what comes from it.")]
    clock: Annotated[
        _Clock, Field(default="recorded", description="From when on: recorded, happened or ended, last used.")
    ]
    then: Annotated[_Action, Field(default="forget", description="erase: out of the history as well.")]
    originals: Annotated[
        str | float | None, Field(default=None, description="Of distil: how long originals stay after that.")
    ]
    reason: Annotated[str, Field(default="", max_length=1000, description="Why.")]
    by: _By


class GraphRetentionRule(BaseModel):
    """A rule."""

    name: str
    keep: Annotated[float | None, Field(description="Seconds; null: for ever.")]
    scope: Annotated[str | None, Field(description="Null: anywhere; empty: what is shared.")]
    label: Annotated[str | None, Field(description="Only what has this label.")]
    source: Annotated[str | None, Field(description="Only what comes from it.")]
    clock: Annotated[_Clock, Field(description="From when on its time is counted.")]
    then: Annotated[_Action, Field(description="What becomes of it.")]
    originals: Annotated[float | None, Field(description="Seconds for which originals stay.")]
    reason: str
    by: str
    at: Annotated[str | None, Field(description="When it was put.")]


class RetentionRuleList(BaseModel):
    """The rules of a graph."""

    rules: Annotated[list[GraphRetentionRule], Field(description="Of those that cover something the first decides.")]


class RetentionRuleDeleted(BaseModel):
    """How many rules were deleted."""

    deleted: int


class RetentionRunRequest(BaseModel):
    """Apply the rules."""

    model_config = STRICT

    dry_run: Annotated[bool, Field(default=False, description="Return what would go; change nothing.")]
    limit: Annotated[int, Field(default=OF_RUN, ge=1, le=MOST_OF_RUN, description="Most items of the run.")]
    listed: Annotated[int, Field(default=100, ge=0, le=1000, description="Items that a dry run lists.")]
    by: _By


class RetentionCountShape(BaseModel):
    """What a rule does to items of a kind."""

    rule: str
    kind: Annotated[_Kind, Field(description="Of the items.")]
    then: Annotated[_ItemAction, Field(description="What becomes of them.")]
    planned: Annotated[int, Field(description="How many the run takes.")]
    removed: Annotated[int, Field(description="How many are gone.")]
    distilled: Annotated[int, Field(description="How many are distilled.")]
    kept: Annotated[int, Field(description="How many stay after all.")]


class RetentionItemShape(BaseModel):
    """An item that a run takes, and what becomes of it."""

    kind: Annotated[_Kind, Field(description="What it is.")]
    item: Annotated[int, Field(description="Its id.")]
    key: Annotated[str, Field(description="Empty where it has none.")]
    scope: str
    rule: Annotated[str, Field(description="The rule that decided.")]
    then: Annotated[_ItemAction, Field(description="What the rule does.")]
    since: Annotated[str | None, Field(description="From when on its time was counted.")]
    state: Annotated[_ItemState, Field(description="What became of it.")]
    run: Annotated[int, Field(description="The run that took it.")]
    at: Annotated[str | None, Field(description="When.")]
    why: Annotated[str | None, Field(description="Why it was kept.")]
    with_texts: Annotated[bool, Field(description="It goes with the texts from which alone it was extracted.")]


class RetentionRunShape(BaseModel):
    """A run, and its report."""

    id: Annotated[int, Field(description="0: a dry run.")]
    state: Annotated[_State, Field(description="How far it is.")]
    trigger: Annotated[Literal["operator", "schedule"], Field(description="What started it.")]
    by: str
    at: Annotated[str, Field(description="What is due at that time goes.")]
    limit: Annotated[int, Field(description="Most items of the run.")]
    more: Annotated[bool, Field(description="More is due than the limit.")]
    planned: Annotated[int, Field(description="Items that it takes.")]
    done: Annotated[int, Field(description="Items of these that are removed, distilled or kept.")]
    counts: Annotated[list[RetentionCountShape], Field(description="By rule and kind.")]
    on_hold: Annotated[dict[str, int], Field(description="By rule: due, and kept by a legal hold.")]
    effects: Annotated[dict[str, int], Field(description="By kind: what went with texts.")]
    finished_at: str | None
    problem: str | None
    dry_run: bool
    items: Annotated[list[RetentionItemShape], Field(description="Of a dry run.")]


class RetentionRunPage(BaseModel):
    """Runs."""

    runs: Annotated[list[RetentionRunShape], Field(description="The newest first.")]
    cursor: str | None


class RetentionItemPage(BaseModel):
    """What runs took."""

    items: Annotated[list[RetentionItemShape], Field(description="The newest first.")]
    cursor: str | None


router = APIRouter(tags=["graphs"])
_ALL = "/v1/graphs/{graph}/retention"
RuleName = Annotated[str, Path(alias="rule", max_length=100, description="The name of the rule.")]
RunId = Annotated[int, Path(alias="id", gt=0, lt=2**63, description="The id of the run.")]


@router.get(_ALL + "/rules", responses=gives(RetentionRuleList))
async def list_retention_rules(graph: GraphName, access: Administers) -> Response:
    """List the rules in their order: of those that cover something the first one decides."""
    return reply({"rules": [asdict(each) for each in await access.memory.retention.list(graph)]})


@router.put(_ALL + "/rules/{rule}", responses=gives(GraphRetentionRule))
async def put_retention_rule(
    graph: GraphName,
    rule: RuleName,
    access: Administers,
    asked: Annotated[GraphRetentionRuleRequest, Depends(JSONBody(GraphRetentionRuleRequest))],
) -> Response:
    """Store a rule, or replace the one of its name. A job applies it within minutes, and then once an hour."""
    stored = RetentionRule(
        rule, _seconds(asked.keep, "keep"), asked.scope, asked.label, asked.source, asked.clock, asked.then,
        _seconds(asked.originals, "originals"), asked.reason, asked.by or access.key.name,
    )  # fmt: skip
    return reply(asdict(await access.memory.retention.put(graph, stored)))


@router.get(_ALL + "/rules/{rule}", responses=gives(GraphRetentionRule))
async def get_retention_rule(graph: GraphName, rule: RuleName, access: Administers) -> Response:
    """Return a rule."""
    return reply(asdict(await access.memory.retention.get(graph, rule)))


@router.delete(_ALL + "/rules/{rule}", responses=gives(RetentionRuleDeleted))
async def delete_retention_rule(graph: GraphName, rule: RuleName, access: Administers) -> Response:
    """Delete a rule. What it removed stays listed."""
    await access.memory.retention.delete(graph, rule)
    return reply({"deleted": 1})


@router.post(
    _ALL + "/runs",
    responses={
        **gives(RetentionRunShape, 202, "A job executes it."),
        **gives(RetentionRunShape, 200, "Nothing was changed."),
    },
)
async def run_retention(
    graph: GraphName, access: Administers, asked: Annotated[RetentionRunRequest, Depends(JSONBody(RetentionRunRequest))]
) -> Response:
    """Apply the rules by a job. With `dry_run`: return what would go by which rule."""
    by = asked.by or access.key.name
    if asked.dry_run:
        return reply(
            _shape(await access.memory.retention.dry_run(graph, by=by, limit=asked.limit, listed=asked.listed))
        )
    return reply(_shape(await access.memory.retention.enqueue(graph, by=by, limit=asked.limit)), status=202)


@router.get(_ALL + "/runs", responses=gives(RetentionRunPage))
async def list_retention_runs(
    graph: GraphName, access: Administers, *, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List runs with their reports, the newest first."""
    page = await access.memory.retention.runs(graph, cursor=cursor, limit=limit)
    return reply({"runs": [_shape(each) for each in page.items], "cursor": page.cursor})


@router.get(_ALL + "/runs/{id}", responses=gives(RetentionRunShape))
async def get_retention_run(graph: GraphName, id_: RunId, access: Administers) -> Response:
    """Return a run: how far it is, or its report."""
    return reply(_shape(await access.memory.retention.get_run(graph, id_)))


@router.get(_ALL + "/items", responses=gives(RetentionItemPage))
async def list_retention_items(
    graph: GraphName,
    access: Administers,
    *,
    run: Annotated[int | None, Query(gt=0, lt=2**63, description="Only those of a run.")] = None,
    rule: Annotated[str | None, Query(max_length=100, description="Only those of a rule.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List what was removed by which rule, the newest first."""
    page = await access.memory.retention.items(graph, run=run, rule=rule, cursor=cursor, limit=limit)
    return reply({"items": [asdict(each) for each in page.items], "cursor": page.cursor})


def _seconds(time: str | float | None, field: str) -> float | None:
    return None if time is None else seconds_of(time, field)


def _shape(run: RetentionRun) -> dict[str, Any]:
    return {**asdict(run), "planned": run.planned, "done": run.done}
