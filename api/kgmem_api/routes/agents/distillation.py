"""Distillation: plan it, run it, look at runs, approve, reject and undo them, and set the allowances of scopes."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.distillation.run import MOST_EPISODES, SHARE, Allowance, DistilRequest, DistilRun
from kgmem.domain.graph.expiry import duration
from kgmem_api.access import Reads, ReadsWhole, Reviews, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT

Trigger = Literal["operator", "allowance", "age", "session", "retention", "emergency", "stale"]
State = Literal["planned", "waiting", "running", "done", "rolled_back", "undone"]
GroupState = Literal[
    "planned", "waiting", "measured", "stored", "moved", "done", "stale", "dropped", "rolled_back", "undone", "kept"
]
Age = Annotated[str | float | None, Field(description="Only texts that are older: seconds, or 30d.")]


class DistillationRequest(BaseModel):
    """What to distil: texts of one scope."""

    model_config = STRICT

    scope: Annotated[str | None, Field(description="The scope; by default that of the key.")] = None
    episodes: Annotated[
        list[str] | None, Field(min_length=1, max_length=MOST_EPISODES, description="Keys. Without them: the oldest.")
    ] = None
    older_than: Age = None
    session: Annotated[str | None, Field(min_length=1, max_length=500, description="Only texts of this session.")] = (
        None
    )
    share: Annotated[
        float, Field(ge=0.05, le=0.8, description="The share of tokens to keep where facts need no more.")
    ] = SHARE
    limit: Annotated[int, Field(ge=1, le=MOST_EPISODES, description="Most texts of the run.")] = MOST_EPISODES
    extract: Annotated[bool, Field(description="Extract first from texts that were never extracted.")] = True
    dry_run: Annotated[bool, Field(description="Return what would become of what; store nothing.")] = False


class DistilledSentence(BaseModel):
    """A sentence that stands for texts."""

    text: str
    episodes: list[str]
    facts: Annotated[int, Field(description="How many facts it carries.")]


class DistillationGroup(BaseModel):
    """Texts that become one."""

    number: int
    state: GroupState
    episodes: Annotated[list[str], Field(description="The keys of the originals; empty: it is gone.")]
    distilled: Annotated[str | None, Field(description="The key of the text that stands for them.")]
    tokens_before: int
    tokens_after: int
    facts: int
    critical: Annotated[bool, Field(description="Whether somebody has to approve it.")]
    had: Annotated[int, Field(description="Answers that recall found before.")]
    kept: Annotated[int, Field(description="Answers of these that it found afterwards.")]
    maker: str
    problem: str | None
    text: Annotated[str | None, Field(description="Of a dry run: what would be stored.")]
    sentences: list[DistilledSentence]
    lost: Annotated[list[dict[str, str]], Field(description="What was not found again.")]
    stale: bool


class DistillationRun(BaseModel):
    """A run of distillation."""

    id: Annotated[int, Field(description="0: nothing was stored.")]
    scope: str
    state: State
    trigger: Trigger
    share: float
    threshold: float
    episodes: Annotated[int, Field(description="Without those that were dropped or kept.")]
    groups: list[DistillationGroup]
    tokens_before: int
    tokens_after: int
    bytes_before: int
    bytes_after: int
    had: int
    kept: int
    score: Annotated[float, Field(description="kept / had.")]
    ratio: Annotated[float, Field(description="tokens_before / tokens_after.")]
    started_at: str | None
    finished_at: str | None
    problem: str | None
    skipped: Annotated[dict[str, int], Field(description="Why texts stay as they are: how many.")]
    by: str | None
    stale: int
    dropped: Annotated[int, Field(description="Texts of groups that kept too little, and stay as they were.")]
    missing: list[str]
    dry_run: bool


class DistillationPage(BaseModel):
    """Runs of one scope, without their groups."""

    runs: Annotated[list[DistillationRun], Field(description="The newest first.")]
    cursor: str | None


class DistillationDecision(BaseModel):
    """Who decides."""

    model_config = STRICT

    by: Annotated[str, Field(min_length=1, max_length=500, description="Who decides it.")]


class AllowanceRequest(BaseModel):
    """What a scope may have of texts that are not distilled."""

    model_config = STRICT

    items: Annotated[int | None, Field(ge=1, description="Texts.")] = None
    tokens: Annotated[int | None, Field(ge=1, description="Tokens of these, about.")] = None
    older_than: Age = None
    closed_sessions: Annotated[bool, Field(description="Distil the texts of sessions that are closed.")] = False


class AllowanceShape(BaseModel):
    """The allowance of a scope, and what the scope uses."""

    scope: str
    items: int | None
    tokens: int | None
    older_than: Annotated[float | None, Field(description="Seconds.")]
    closed_sessions: bool
    used_items: int | None
    used_tokens: int | None


class AllowancePage(BaseModel):
    """Allowances by scope."""

    allowances: list[AllowanceShape]
    cursor: str | None


class AllowanceDeleteResult(BaseModel):
    """How many allowances were deleted."""

    deleted: int


class PressureShape(BaseModel):
    """How full something is."""

    kind: Literal["disk", "database", "memory"]
    used: float
    threshold: float
    high: bool


class PressurePage(BaseModel):
    """What can be measured on this machine."""

    pressures: list[PressureShape]


Id = Annotated[int, Path(alias="id", ge=1, le=2**63 - 1, description="The id of the run.")]
router = APIRouter()
_ALL = "/v1/graphs/{graph}/distillation"
_ONE = _ALL + "/{id}"
_ALLOWANCE = "/v1/graphs/{graph}/allowance"
StateQuery = Annotated[State | None, Query(description="Only runs in this state.")]
Decided = Annotated[DistillationDecision, Depends(JSONBody(DistillationDecision))]


@router.post(
    _ALL,
    responses={
        **gives(DistillationRun, 202, "A job executes it."),
        **gives(DistillationRun, 200, "Nothing was stored."),
    },
)
async def distil(
    graph: GraphName, access: Writes, asked: Annotated[DistillationRequest, Depends(JSONBody(DistillationRequest))]
) -> Response:
    """Plan a run of distillation, and let a job execute it. With `dry_run`: return the plan with all its texts."""
    age = None if asked.older_than is None else duration(asked.older_than) / 1e6
    request = DistilRequest(
        access.scope(asked.scope), asked.episodes, age, asked.session, asked.share, asked.limit, extract=asked.extract
    )
    if asked.dry_run:
        return reply(_shape(await access.memory.distillation.plan(graph, request)))
    return reply(_shape(await access.memory.distillation.enqueue(graph, request)), status=202)


@router.get(_ALL, responses=gives(DistillationPage))
async def list_distillation(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    state: StateQuery = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the runs of this scope only, the newest first; `state=waiting` is the queue of what waits for approval."""
    page = await access.memory.distillation.list(
        graph, scope=access.scope(scope), state=state, cursor=cursor, limit=limit
    )
    return reply({"runs": [_shape(each) for each in page.items], "cursor": page.cursor})


@router.get(_ONE, responses=gives(DistillationRun))
async def get_distillation(graph: GraphName, id_: Id, access: Reads, *, scope: ScopeQuery = None) -> Response:
    """Return a run with its groups: what became of which texts, what that saved, and what was found again."""
    return reply(_shape(await access.memory.distillation.get(graph, id_, scope=access.scope(scope))))


@router.post(_ONE + "/approve", responses=gives(DistillationRun))
async def approve_distillation(
    graph: GraphName, id_: Id, access: Reviews, asked: Decided, *, scope: ScopeQuery = None
) -> Response:
    """Approve the groups of a run that wait since they are critical."""
    run = await access.memory.distillation.approve(graph, id_, scope=access.scope(scope), by=asked.by)
    return reply(_shape(run))


@router.post(_ONE + "/reject", responses=gives(DistillationRun))
async def reject_distillation(
    graph: GraphName, id_: Id, access: Reviews, asked: Decided, *, scope: ScopeQuery = None
) -> Response:
    """Leave the texts of the groups that wait as they are."""
    run = await access.memory.distillation.reject(graph, id_, scope=access.scope(scope), by=asked.by)
    return reply(_shape(run))


@router.post(_ONE + "/undo", responses=gives(DistillationRun))
async def undo_distillation(
    graph: GraphName, id_: Id, access: Writes, asked: Decided, *, scope: ScopeQuery = None
) -> Response:
    """Delete the distilled texts of a run, and bring its originals back."""
    run = await access.memory.distillation.undo(graph, id_, scope=access.scope(scope), by=asked.by)
    return reply(_shape(run))


@router.put(_ALLOWANCE, responses=gives(AllowanceShape))
async def put_allowance(
    graph: GraphName,
    access: Writes,
    asked: Annotated[AllowanceRequest, Depends(JSONBody(AllowanceRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Set what a scope may have before its oldest texts are distilled."""
    age = None if asked.older_than is None else duration(asked.older_than) / 1e6
    allowance = Allowance(access.scope(scope), asked.items, asked.tokens, age, asked.closed_sessions)
    return reply(asdict(await access.memory.distillation.put_allowance(graph, allowance)))


@router.get(_ALLOWANCE, responses=gives(AllowanceShape))
async def get_allowance(graph: GraphName, access: Reads, *, scope: ScopeQuery = None) -> Response:
    """Return the allowance of a scope, and what the scope uses."""
    return reply(asdict(await access.memory.distillation.allowance(graph, access.scope(scope))))


@router.delete(_ALLOWANCE, responses=gives(AllowanceDeleteResult))
async def delete_allowance(graph: GraphName, access: Writes, *, scope: ScopeQuery = None) -> Response:
    """Delete the allowance of a scope: nothing of it is distilled by itself any more."""
    await access.memory.distillation.delete_allowance(graph, access.scope(scope))
    return reply({"deleted": 1})


@router.get("/v1/graphs/{graph}/allowances", responses=gives(AllowancePage))
async def list_allowances(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the allowances of a scope and of those below it, by path."""
    page = await access.memory.distillation.allowances(graph, within=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"allowances": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get("/v1/pressures", responses=gives(PressurePage))
async def get_pressures(access: ReadsWhole) -> Response:
    """Return how full disk, database and memory are, and when the least used scopes are distilled for it."""
    found = await access.memory.distillation.pressures()
    return reply({"pressures": [{**asdict(each), "high": each.is_high} for each in found]})


def _shape(run: DistilRun) -> dict[str, Any]:
    return {**asdict(run), "score": run.score, "ratio": run.ratio}
