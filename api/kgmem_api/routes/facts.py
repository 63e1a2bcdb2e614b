"""Facts: what is made of claims, why, and whether something said agrees with it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from kgmem.domain.agents.decision import DecisionFilter, DecisionRecord
from kgmem.domain.claims.claim import ClaimStatement, Correction, FactTarget, StoredFact
from kgmem.domain.graph.entity import Page
from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.claims import (
    FactExplanation,
    FactId,
    FactPage,
    FactQuery,
    Value,
    VerificationRequest,
    VerificationResult,
    fact_out,
    judged_out,
    why_out,
)
from kgmem_api.wire.decisions import DecisionShape, decision_out
from kgmem_api.wire.fields import STRICT, Key, Label, Name, Scope, Time
from kgmem_api.wire.shapes import copied


class ReviewPage(FactPage):
    """What waits for a person: facts by id, and on the first page decisions."""

    decisions: Annotated[
        list[DecisionShape], Field(description="Those whose evidence is contested, superseded, retracted or gone.")
    ]


class FactStatement(BaseModel):
    """The subject, predicate and value of a fact. Without `object` and `value` it is the current value."""

    model_config = STRICT

    subject: Annotated[Key, Field(description="The key of the entity that is spoken of.")]
    predicate: Annotated[Label, Field(description="A kind of relationship, or a property.")]
    object: Annotated[Key | None, Field(description="The key of the entity that a relationship leads to.")] = None
    value: Value = None


class CorrectionRequest(BaseModel):
    """A correction: `correct` puts `object` or `value` in the fact's place, `retract` says that it never was so,
    `expire` that it ended at `valid_to`, or now."""

    model_config = STRICT

    action: Literal["correct", "retract", "expire"]
    fact: Annotated[FactId | None, Field(description="A fact's id, or a relationship's; else give statement.")] = None
    statement: Annotated[FactStatement | None, Field(description="What the fact says; else give fact.")] = None
    object: Annotated[Key | None, Field(description="Of correct: the entity that it is instead.")] = None
    value: Annotated[Value, Field(description="Of correct: the value that it is instead.")] = None
    valid_from: Annotated[Time | None, Field(description="Of correct: since when; default: as the fact.")] = None
    valid_to: Annotated[Time | None, Field(description="Of expire and correct: until when.")] = None
    reason: Annotated[str, Field(min_length=1, max_length=2000, description="Why.")]
    by: Annotated[Name | None, Field(description="Who decides it; default: the name of the key.")] = None
    scope: Scope | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.fact is None) == (self.statement is None):
            raise ValueError("give either fact or statement")
        unused = {
            "retract": ("object", "value", "valid_from", "valid_to"),
            "expire": ("object", "value", "valid_from"),
            "correct": (),
        }[self.action]
        if given := [name for name in unused if getattr(self, name) is not None]:
            raise ValueError(f"{self.action} takes no {', '.join(given)}")
        return self

    def target(self) -> FactTarget:
        """Return which fact is meant."""
        if self.statement is None:
            return FactTarget(self.fact)
        told = self.statement
        return FactTarget(None, told.subject, told.predicate, told.object, told.value)

    def right(self) -> ClaimStatement:
        """Return what takes its place."""
        value: Any = self.value
        return ClaimStatement(
            "", "", "", object=self.object, value=value, valid_from=self.valid_from, valid_to=self.valid_to
        )


CorrectionResult = copied(
    Correction,
    "CorrectionResult",
    "What a correction did: the fact before and after, the entry of the audit trail, and what took its place.",
)


router = APIRouter(tags=["facts"])
KnownAt = Annotated[Time | None, Query(description="As it was known then.")]
Id = Annotated[int, Path(alias="id", ge=0, le=2**63 - 1, description="A fact's id, or a relationship's.")]


@router.get("/v1/graphs/{graph}/facts", responses=gives(FactPage))
async def list_facts(graph: GraphName, access: Reads, asked: Annotated[FactQuery, Query()]) -> Response:
    """List the facts that a scope sees, by subject, predicate and state, a page at a time."""
    return _page(await access.memory.facts.list(graph, asked.asked(access.key)))


@router.get("/v1/graphs/{graph}/facts/{id}", responses=gives(FactExplanation))
async def get_fact(
    graph: GraphName, id_: Id, access: Reads, scope: ScopeQuery = None, known_at: KnownAt = None
) -> Response:
    """A fact, and why: claims for and against it, sources, copies found, method, numbers, decision and reason.

    A key that is restricted to a scope sees neither the API keys of sources nor their earlier trust.
    """
    why = await access.memory.facts.explain(graph, id_, scope=access.scope(scope), known_at=known_at)
    return reply(why_out(why, whole=not access.key.scope))


@router.post("/v1/graphs/{graph}/corrections", responses=gives(CorrectionResult))
async def correct(
    graph: GraphName, access: Writes, asked: Annotated[CorrectionRequest, Depends(JSONBody(CorrectionRequest))]
) -> Response:
    """Correct, retract or end a fact of this scope only: out of the answers at once, kept in the history."""
    told = {"by": asked.by or access.key.name, "reason": asked.reason, "scope": access.scope(asked.scope)}
    facts, target = access.memory.facts, asked.target()
    if asked.action == "correct":
        done = await facts.correct(graph, target, asked.right(), **told)
    elif asked.action == "retract":
        done = await facts.retract(graph, target, **told)
    else:
        done = await facts.expire(graph, target, valid_to=asked.valid_to, **told)
    return reply(asdict(done))


@router.get("/v1/graphs/{graph}/conflicts", responses=gives(FactPage))
async def list_conflicts(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the facts that sources disagree on and nothing decides."""
    return _page(await access.memory.facts.conflicts(graph, scope=access.scope(scope), cursor=cursor, limit=limit))


@router.get("/v1/graphs/{graph}/adjudications/queue", responses=gives(ReviewPage))
async def list_review(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List what waits for a person: contested facts of critical predicates, and decisions whose evidence is in doubt.

    Decisions are on the first page only; listing decisions with waiting=true has pages of them.
    """
    seen = access.scope(scope)
    page = await access.memory.adjudications.queue(graph, scope=seen, cursor=cursor, limit=limit)
    waiting: Sequence[DecisionRecord] = ()
    if cursor is None:
        waiting = (await access.memory.decisions.list(graph, DecisionFilter(seen, waiting=True, limit=limit))).items
    facts = [fact_out(fact) for fact in page.items]
    return reply({"facts": facts, "cursor": page.cursor, "decisions": [decision_out(each) for each in waiting]})


@router.post("/v1/graphs/{graph}/claims/verify", responses=gives(VerificationResult))
async def verify(
    graph: GraphName, access: Reads, asked: Annotated[VerificationRequest, Depends(JSONBody(VerificationRequest))]
) -> Response:
    """Return whether the graph supports a claim or a text, contradicts it, or has no evidence; no model is used."""
    claim = asked.claim.claim() if asked.claim else None
    return reply(
        judged_out(await access.memory.claims.verify(graph, claim, text=asked.text, scope=access.scope(asked.scope)))
    )


def _page(page: Page[StoredFact]) -> Response:
    return reply({"facts": [fact_out(fact) for fact in page.items], "cursor": page.cursor})
