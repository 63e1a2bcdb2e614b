"""Decisions of agents: recorded once, read with what became of their evidence, resolved, reviewed, followed."""

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kgmem.domain.agents.decision import (
    MOST_CAUSED,
    MOST_EVIDENCE,
    MOST_OPTIONS,
    Amount,
    Caused,
    Considered,
    DecisionFilter,
    DecisionStatement,
    Evidence,
    EvidenceState,
    EvidenceType,
    NewOutcome,
)
from kgmem_api.access import Reads, Reviews, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.idempotency import IdempotencyKey, name_of
from kgmem_api.parameters import GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.decisions import (
    FRACTION,
    AmountShape,
    CausedShape,
    ConsideredShape,
    DecisionShape,
    decision_out,
)
from kgmem_api.wire.expiry import TimeToLive
from kgmem_api.wire.fields import STRICT

_ID = Annotated[int, Field(ge=0, le=2**63 - 1)]


class EvidenceRequest(BaseModel):
    """What a decision rests on: a fact or claim by id, anything else by key."""

    model_config = STRICT

    type: Annotated[EvidenceType, Field(description="episode, fact, claim, entity or decision.")]
    key: Annotated[str | None, Field(description="Of an episode, entity or decision.")] = None
    id: Annotated[_ID | None, Field(description="Of a fact or its relationship, or of a claim.")] = None
    note: Annotated[str | None, Field(description="Why it matters.")] = None


class DecisionRequest(BaseModel):
    """A decision as an agent records it; nothing of it changes afterwards but its outcome."""

    model_config = STRICT

    decision: Annotated[str, Field(description="What was decided.")]
    agent: Annotated[str, Field(description="Who decided.")]
    key: Annotated[str | None, Field(description="The same statement again under a key changes nothing.")] = None
    session: Annotated[str | None, Field(description="The session in which it was decided.")] = None
    chosen: Annotated[str | None, Field(description="The name of an option.")] = None
    options: Annotated[list[ConsideredShape], Field(max_length=MOST_OPTIONS, description="What was considered.")] = []
    rationale: Annotated[str | None, Field(description="Why it was decided so.")] = None
    expected: Annotated[str | None, Field(description="The outcome that is expected.")] = None
    probability: Annotated[FRACTION | None, Field(description="That the expected outcome comes about.")] = None
    evidence: Annotated[
        list[EvidenceRequest], Field(max_length=MOST_EVIDENCE, description="What the decision rests on.")
    ] = []
    caused: Annotated[list[CausedShape], Field(max_length=MOST_CAUSED, description="What the decision caused.")] = []
    cost: Annotated[list[AmountShape], Field(max_length=MOST_OPTIONS, description="What it cost.")] = []
    transaction: Annotated[str | None, Field(description="The id of a transaction in a ledger.")] = None
    decided_at: Annotated[str | None, Field(description="By default now. ISO 8601.")] = None
    expires_at: Annotated[
        str | None, Field(max_length=50, description="ISO 8601. It is deleted then; by default never.")
    ] = None
    ttl: TimeToLive = None

    def statement(self, scope: str) -> DecisionStatement:
        """Return the decision that is stated, in a scope."""
        told = self.model_dump(exclude={"options", "evidence", "caused", "cost"})
        return DecisionStatement(
            **told,
            options=[Considered(**each.model_dump()) for each in self.options],
            evidence=[Evidence(**each.model_dump()) for each in self.evidence],
            caused=[Caused(**each.model_dump()) for each in self.caused],
            cost=[Amount(**each.model_dump()) for each in self.cost],
            scope=scope,
        )


class DecisionPage(BaseModel):
    """Decisions by id; `cursor` continues the listing, also of a page that is short."""

    decisions: Annotated[list[DecisionShape], Field(description="With the states of their evidence.")]
    cursor: str | None


class DecisionQuery(BaseModel):
    """Which decisions are listed."""

    model_config = ConfigDict(extra="forbid", strict=False)

    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None
    agent: Annotated[str | None, Field(max_length=200, description="Only those of this agent.")] = None
    session: Annotated[str | None, Field(max_length=500, description="Only those of this session.")] = None
    rests_on: Annotated[
        str | None,
        Field(max_length=500, description="Only those that rest on this key, or this id of a fact or claim."),
    ] = None
    evidence: Annotated[
        list[EvidenceState], Field(max_length=7, description="Only those with evidence in one of these states.")
    ] = []
    waiting: Annotated[bool, Field(description="Only those whose evidence is in doubt, and not yet reviewed.")] = False
    cursor: Annotated[str | None, Field(max_length=1000, description="Where the last page ended.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100


class OutcomeRequest(BaseModel):
    """What came about."""

    model_config = STRICT

    outcome: Annotated[str, Field(description="yes, no (of what was expected), or the name of an option.")]
    at: Annotated[str | None, Field(description="When it was known; by default now. ISO 8601.")] = None
    by: Annotated[str | None, Field(description="Who says so; by default the key's name.")] = None
    note: Annotated[str | None, Field(description="What happened.")] = None


class EvidenceReviewRequest(BaseModel):
    """A reviewer's note on a decision whose evidence changed."""

    model_config = STRICT

    reason: Annotated[str, Field(description="What was found.")]
    by: Annotated[str | None, Field(description="Who looked; by default the key's name.")] = None


class ConsequenceShape(BaseModel):
    """What followed from a decision."""

    key: str
    label: str
    name: str | None
    depth: Annotated[int, Field(description="Steps from the decision.")]
    kind: Annotated[str, Field(description="Of the relationship by which it was reached.")]
    after: Annotated[str, Field(description="The key that it followed from.")]
    outcome: Annotated[str | None, Field(description="Of a decision.")]


class ConsequenceList(BaseModel):
    """What followed from a decision, nearest first."""

    consequences: Annotated[list[ConsequenceShape], Field(description="Each entity once, as it is reached first.")]
    cut: Annotated[bool, Field(description="There is more than was looked at.")]


class ReliabilityBinShape(BaseModel):
    """Forecasts of similar probability; the numbers are null where there are none."""

    low: Annotated[float, Field(description="The least probability.")]
    high: Annotated[float, Field(description="The greatest; it belongs to the next bin, but for the last.")]
    count: Annotated[int, Field(description="How many forecasts.")]
    mean_probability: Annotated[float | None, Field(description="Of the forecasts.")]
    share: Annotated[float | None, Field(description="That came about.")]
    share_low: Annotated[float | None, Field(description="The 95 % interval of the share (Wilson) begins here.")]
    share_high: Annotated[float | None, Field(description="It ends here.")]


class CalibrationShape(BaseModel):
    """How well an agent's probabilities fit what came about."""

    agent: Annotated[str, Field(description="Whose decisions.")]
    decisions: Annotated[int, Field(description="How many there are.")]
    resolved: Annotated[int, Field(description="How many have a probability and an outcome.")]
    brier: Annotated[float | None, Field(description="The mean Brier score: 0 is best, 0.25 that of always one half.")]
    brier_low: Annotated[float | None, Field(description="The 95 % interval of the mean begins here.")]
    brier_high: Annotated[float | None, Field(description="It ends here.")]
    base_rate: Annotated[float | None, Field(description="The share that came about.")]
    calibration_error: Annotated[
        float | None, Field(description="The mean distance of probability and share over the bins, by their counts.")
    ]
    bins: Annotated[list[ReliabilityBinShape], Field(description="The reliability table.")]


router = APIRouter(tags=["agents"])
_ALL = "/v1/graphs/{graph}/decisions"
_ONE = _ALL + "/{decision}"
Key = Annotated[str, Path(alias="decision", min_length=1, max_length=200, description="The decision's key.")]


@router.post(
    _ALL, responses={**gives(DecisionShape, 201, "Recorded."), **gives(DecisionShape, 200, "It was there already.")}
)
async def record_decision(
    graph: GraphName,
    access: Writes,
    asked: Annotated[DecisionRequest, Depends(JSONBody(DecisionRequest))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Record a decision; 409 where its key is that of another one.

    Without a key in the body, the header Idempotency-Key gives it one.
    """
    stated = asked.statement(access.scope(scope))
    named = name_of(header)
    record = await access.memory.decisions.record(graph, replace(stated, key=stated.key or named))
    return reply(decision_out(record), 201 if record.created else 200)


@router.get(_ALL, responses=gives(DecisionPage))
async def list_decisions(graph: GraphName, access: Reads, asked: Annotated[DecisionQuery, Query()]) -> Response:
    """List the decisions that a scope sees, by agent, session, and what became of their evidence.

    One request looks at 2,000 decisions at most: a page may be short, or empty, and yet have a cursor.
    """
    told = asked.model_dump(exclude={"scope"})
    page = await access.memory.decisions.list(graph, DecisionFilter(access.scope(asked.scope), **told))
    return reply({"decisions": [decision_out(each) for each in page.items], "cursor": page.cursor})


@router.get(_ONE, responses=gives(DecisionShape))
async def get_decision(graph: GraphName, key: Key, access: Reads, scope: ScopeQuery = None) -> Response:
    """Return a decision with the state of its evidence."""
    return reply(decision_out(await access.memory.decisions.get(graph, key, scope=access.scope(scope))))


@router.put(_ONE + "/outcome", responses=gives(DecisionShape))
async def put_outcome(
    graph: GraphName,
    key: Key,
    access: Writes,
    asked: Annotated[OutcomeRequest, Depends(JSONBody(OutcomeRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Record what came about; a changed outcome keeps the earlier ones."""
    new = NewOutcome(asked.outcome, asked.by or access.key.name, asked.at, asked.note)
    return reply(decision_out(await access.memory.decisions.resolve(graph, key, new, scope=access.scope(scope))))


@router.post(_ONE + "/review", responses=gives(DecisionShape))
async def review_decision(
    graph: GraphName,
    key: Key,
    access: Reviews,
    asked: Annotated[EvidenceReviewRequest, Depends(JSONBody(EvidenceReviewRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Note that a reviewer looked at a decision: it waits again only when its evidence changes further."""
    record = await access.memory.decisions.review(
        graph, key, by=asked.by or access.key.name, reason=asked.reason, scope=access.scope(scope)
    )
    return reply(decision_out(record))


@router.get(_ONE + "/consequences", responses=gives(ConsequenceList))
async def list_consequences(
    graph: GraphName,
    key: Key,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    depth: Annotated[int, Query(ge=1, le=20, description="Most steps from the decision.")] = 5,
    limit: Limit = 100,
) -> Response:
    """List what followed from a decision: what it caused, decisions that rest on it, and so on, nearest first."""
    found = await access.memory.decisions.consequences(graph, key, scope=access.scope(scope), depth=depth, limit=limit)
    return reply({"consequences": [asdict(each) for each in found.items], "cut": found.cut})


@router.get("/v1/graphs/{graph}/agents/{agent}/calibration", responses=gives(CalibrationShape))
async def get_calibration(
    graph: GraphName,
    agent: Annotated[str, Path(min_length=1, max_length=200, description="The agent.")],
    access: Reads,
    *,
    scope: ScopeQuery = None,
    bins: Annotated[int, Query(ge=1, le=100, description="Bins of the reliability table, of equal width.")] = 10,
) -> Response:
    """Return how well the probabilities of an agent's decisions fit their outcomes."""
    return reply(asdict(await access.memory.decisions.calibration(graph, agent, scope=access.scope(scope), bins=bins)))
