"""Feedback on hits: useful or wrong, counted by recall until it is withdrawn."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.recall.feedback import Feedback, VerdictOnHit
from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT


class FeedbackRequest(BaseModel):
    """A verdict on a hit."""

    model_config = STRICT

    item: Annotated[int, Field(gt=0, lt=2**63, description="The `id` of the hit.")]
    verdict: Annotated[VerdictOnHit, Field(description="`useful` or `wrong`.")]
    question: Annotated[
        str | None, Field(min_length=1, max_length=2000, description="The text of the question. Without it: any.")
    ] = None
    reason: Annotated[str | None, Field(min_length=1, max_length=1000, description="Why, for people.")] = None


class FeedbackShape(BaseModel):
    """A verdict as it is stored."""

    item: Annotated[int, Field(description="The `id` of a hit.")]
    verdict: VerdictOnHit
    question: Annotated[str | None, Field(description="The text of the question; null: any.")]
    reason: str | None
    scope: str
    by: Annotated[str | None, Field(description="The id of the API key that gave it.")]
    at: Annotated[str, Field(description="When it was given. ISO 8601.")]


class FeedbackPage(BaseModel):
    """Verdicts of one scope."""

    feedback: Annotated[list[FeedbackShape], Field(description="The newest first.")]
    cursor: str | None


class FeedbackDeleteResult(BaseModel):
    """How many verdicts were withdrawn."""

    deleted: int


router = APIRouter(tags=["recall"])
_ALL = "/v1/graphs/{graph}/feedback"
Item = Annotated[int | None, Query(gt=0, lt=2**63, description="Only verdicts on this item.")]


@router.post(
    _ALL, responses={**gives(FeedbackShape, 201, "A new verdict."), **gives(FeedbackShape, 200, "It replaced one.")}
)
async def give_feedback(
    graph: GraphName,
    access: Writes,
    asked: Annotated[FeedbackRequest, Depends(JSONBody(FeedbackRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Note whether a hit was useful or wrong: recall ranks it higher or lower for questions like that one.

    A key has one verdict on an item for a question: the last one.
    """
    verdict = Feedback(asked.item, asked.verdict, asked.question, asked.reason, access.scope(scope))
    given = await access.memory.feedback.give(graph, verdict)
    return reply(asdict(given.feedback), status=201 if given.created else 200)


@router.get(_ALL, responses=gives(FeedbackPage))
async def list_feedback(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    item: Item = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the verdicts given in this scope only, the newest first."""
    page = await access.memory.feedback.list(graph, scope=access.scope(scope), item=item, cursor=cursor, limit=limit)
    return reply({"feedback": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.delete(_ALL, responses=gives(FeedbackDeleteResult))
async def delete_feedback(
    graph: GraphName,
    access: Writes,
    *,
    item: Annotated[int, Query(gt=0, lt=2**63, description="The item.")],
    question: Annotated[str | None, Query(max_length=2000, description="The question of the verdict.")] = None,
    scope: ScopeQuery = None,
) -> Response:
    """Withdraw your own verdict: hits are ranked as if it had not been given."""
    await access.memory.feedback.withdraw(graph, item, question=question, scope=access.scope(scope))
    return reply({"deleted": 1})
