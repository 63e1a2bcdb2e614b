"""Publications: facts and texts of one scope that another scope sees too, as long as their origin says so."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.agents.publication import PublicationKind, PublicationRequest, PublicationState
from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT


class PublicationRequestShape(BaseModel):
    """What to publish, and where: a fact by its id, or a text by its key."""

    model_config = STRICT

    to: Annotated[str, Field(max_length=1000, description="The scope that is to see it; the key may write to it.")]
    reason: Annotated[str, Field(max_length=1000, description="Why, for people.")]
    item: Annotated[
        int | None, Field(gt=0, lt=2**63, description="The id of a fact, or of a relationship as recall returns it.")
    ] = None
    key: Annotated[str | None, Field(min_length=1, max_length=1000, description="The key of a text.")] = None
    scope: Annotated[
        str | None, Field(max_length=1000, description="The scope whose own it is; by default that of the API key.")
    ] = None
    by: Annotated[
        str | None,
        Field(min_length=1, max_length=1000, description="The agent that publishes it. By default the API key's name."),
    ] = None


class PublicationShape(BaseModel):
    """A publication."""

    id: Annotated[int, Field(description="Its id.")]
    kind: Annotated[PublicationKind, Field(description="What it follows.")]
    item: Annotated[int, Field(description="The id of what it follows.")]
    key: Annotated[str | None, Field(description="The key, of a text.")]
    subject: Annotated[str | None, Field(description="Of a fact, the key of its subject.")]
    predicate: Annotated[str | None, Field(description="Of a fact, its predicate.")]
    scope: Annotated[str, Field(description="Where its origin is.")]
    to: Annotated[str, Field(description="Where it is published.")]
    by: Annotated[str, Field(description="Who published it.")]
    reason: Annotated[str, Field(description="Why.")]
    at: Annotated[str, Field(description="When. ISO 8601.")]
    state: Annotated[
        PublicationState,
        Field(description="withdrawn: its origin says nothing to publish now. refused: it cannot be stored there."),
    ]
    note: Annotated[str | None, Field(description="Why it is not published now.")]
    ended: Annotated[str | None, Field(description="When it was withdrawn for good. ISO 8601.")]
    copies: Annotated[list[int], Field(description="Ids of its claims, or of its text, where it is published.")]


class PublicationPage(BaseModel):
    """Publications from or to one scope."""

    publications: Annotated[list[PublicationShape], Field(description="The newest first.")]
    cursor: str | None


router = APIRouter(tags=["scopes"])
_ALL = "/v1/graphs/{graph}/publications"
_ONE = f"{_ALL}/{{id}}"
PublicationId = Annotated[int, Path(alias="id", gt=0, lt=2**63, description="The id of the publication.")]


@router.post(
    _ALL,
    responses={**gives(PublicationShape, 201, "A new publication."), **gives(PublicationShape, 200, "It was there.")},
)
async def publish(
    graph: GraphName,
    access: Writes,
    asked: Annotated[PublicationRequestShape, Depends(JSONBody(PublicationRequestShape))],
) -> Response:
    """Publish a fact or a text of a scope to another scope, with its sources.

    What changes in its own scope changes there before anything else reads the graph, and what is withdrawn here is
    withdrawn there.
    """
    scope = access.key.scope if asked.scope is None else access.scope(asked.scope)
    by = asked.by or access.key.name
    request = PublicationRequest(access.scope(asked.to), by, asked.reason, asked.item, asked.key, scope)
    publication, created = await access.memory.publications.publish(graph, request)
    return reply(asdict(publication), status=201 if created else 200)


@router.get(_ALL, responses=gives(PublicationPage))
async def list_publications(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    state: Annotated[PublicationState | None, Query(description="Only those in this state.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the publications from or to this scope only, the newest first."""
    page = await access.memory.publications.list(
        graph, scope=access.scope(scope), state=state, cursor=cursor, limit=limit
    )
    return reply({"publications": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get(_ONE, responses=gives(PublicationShape))
async def get_publication(graph: GraphName, access: Reads, id_: PublicationId, *, scope: ScopeQuery = None) -> Response:
    """Get a publication from or to this scope."""
    return reply(asdict(await access.memory.publications.get(graph, id_, scope=access.scope(scope))))


@router.delete(_ONE, responses=gives(PublicationShape))
async def withdraw_publication(
    graph: GraphName, access: Writes, id_: PublicationId, *, scope: ScopeQuery = None
) -> Response:
    """Withdraw a publication: what it follows stays in its own scope."""
    return reply(asdict(await access.memory.publications.withdraw(graph, id_, scope=access.scope(scope))))
