"""Views: the part of a graph that a viewer shows, as JSON or as a file for graph viewers; causal structure."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.causality import MOST_ASKED, Ancestry, Lineage, Separated, Separation
from kgmem.domain.recall.question import When
from kgmem.domain.recall.view import MOST_ENTITIES, MOST_HOPS, MOST_START, Neighbourhood, Subgraph
from kgmem.query.values.wire import from_json
from kgmem.services.recall.view import drawn
from kgmem_api.access import Reads
from kgmem_api.bodies import JSONBody
from kgmem_api.media_types import media_type
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.cypher import LONGEST_QUERY, Values
from kgmem_api.wire.fields import STRICT, Key, Label, Scope, Time
from kgmem_api.wire.recall import Interval, RecallRequest
from kgmem_api.wire.records import RelationshipShape, entity_out, relationship_out
from kgmem_api.wire.shapes import answer, copied, many, shape

Keys = Annotated[Key | Annotated[list[Key], Field(max_length=MOST_ASKED)], Field(union_mode="left_to_right")]


class TemporalFilter(BaseModel):
    """Which relationships count: those valid at a time, as they were known at a time; both default to now."""

    model_config = STRICT

    valid_at: Time | None = None
    between: Interval | None = None
    any_time: bool = False
    known_at: Time | None = None

    def when(self) -> When:
        """Return it as the domain knows it."""
        between = (self.between[0], self.between[1]) if self.between else None
        return When(self.valid_at, between, self.any_time, known_at=self.known_at)


class SeparationRequest(BaseModel):
    """A test whether entities are independent of others by the causal structure, given some."""

    model_config = STRICT

    one: Annotated[Keys, Field(description="Keys of entities.")]
    other: Annotated[Keys, Field(description="Keys of entities that may depend on those.")]
    given: Annotated[Keys, Field(description="Keys of what is known or fixed.")] = []
    among: Annotated[Keys, Field(description="All that a minimal set may consist of; default: anything.")] | None = None
    when: TemporalFilter = TemporalFilter()
    scope: Scope | None = None

    def separation(self, key: AccessKey) -> Separation:
        """Return it as the domain knows it, in the scope that the key may ask in. Raises Forbidden."""
        return Separation(
            _keys(self.one),
            _keys(self.other),
            _keys(self.given),
            None if self.among is None else _keys(self.among),
            key.demand_scope(self.scope),
            self.when.when(),
        )


SeparationResult = copied(
    Separated,
    "SeparationResult",
    "Whether what is given separates the two, and a minimal set that does; null where nothing allowed does.",
)


class AncestryRequest(BaseModel):
    """A request for all causes and all effects of entities."""

    model_config = STRICT

    of: Annotated[Keys, Field(description="Keys of entities.")]
    when: TemporalFilter = TemporalFilter()
    scope: Scope | None = None

    def ancestry(self, key: AccessKey) -> Ancestry:
        """Return it as the domain knows it, in the scope that the key may ask in. Raises Forbidden."""
        return Ancestry(_keys(self.of), key.demand_scope(self.scope), self.when.when())


AncestryResult = copied(
    Lineage,
    "AncestryResult",
    "All causes and effects by key; circles among them, each beginning and ending with the same key.",
)


def _keys(value: str | list[str]) -> tuple[str, ...]:
    """Return one key or several as several."""
    return (value,) if isinstance(value, str) else tuple(value)


# Views on the wire: what is looked at, and the part of the graph that is seen.

Direction = Literal["out", "in", "both"]
Format = Annotated[
    Literal["json", "cytoscape", "node-link", "graphml", "gexf", "gephi", "dot", "mermaid"],
    Field(description="json tells entities and relationships; the others are files of graph viewers."),
]
Hops = Annotated[int, Field(ge=0, le=MOST_HOPS, description="0: the entities themselves, and what is between them.")]
Limit = Annotated[int, Field(ge=1, le=MOST_ENTITIES, description="Most entities, the nearest first.")]


class NeighbourhoodRequest(BaseModel):
    """What lies around entities, asked by query parameters."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[list[Key], Field(min_length=1, max_length=MOST_START, description="A key; may be given repeatedly.")]
    hops: Hops = 1
    kind: Annotated[
        list[Label], Field(max_length=100, description="A kind of relationships to follow; default: any.")
    ] = []
    direction: Direction = "both"
    limit: Limit = 200
    valid_at: Annotated[Time | None, Field(description="What is valid then; default: now.")] = None
    any_time: Annotated[bool, Field(description="What holds at any time.")] = False
    known_at: Annotated[Time | None, Field(description="As it was known then; default: now.")] = None
    scope: Annotated[str | None, Field(max_length=400, description="The scope to look from; default: the key's.")] = (
        None
    )
    format: Format = "json"

    def neighbourhood(self, key: AccessKey) -> Neighbourhood:
        """Return it as the domain knows it, in the scope that the key may look from. Raises Forbidden."""
        when = When(self.valid_at, any_time=self.any_time, known_at=self.known_at)
        scope = key.demand_scope(self.scope)
        return Neighbourhood(self.key, self.hops, self.kind, self.direction, when, self.limit, scope)


class CypherViewRequest(BaseModel):
    """A query that reads, with its parameters."""

    model_config = STRICT

    query: Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY)]
    parameters: Annotated[Values, Field(description="Values as JSON; dates and the like as maps with $type.")] = {}

    def asked(self, key: AccessKey, scope: str) -> CypherQuery:
        """Return it as the domain knows it, in a scope that the key may look from. Raises ValueProblem."""
        held = {name: from_json(value) for name, value in self.parameters.items()}
        return CypherQuery(self.query, held, scope=scope, asker=key)


class ViewRequest(BaseModel):
    """What to look at: entities, or what a question finds; and how far around."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(max_length=MOST_START)] = []
    recall: Annotated[RecallRequest | None, Field(description="A question; what it finds is looked at.")] = None
    cypher: Annotated[
        CypherViewRequest | None, Field(description="A query; nodes, relationships and paths it gives.")
    ] = None
    hops: Annotated[Hops | None, Field(description="How far around; default: 1, and of a query 0.")] = None
    kinds: Annotated[list[Label], Field(max_length=100)] = []
    direction: Direction = "both"
    limit: Limit = 200
    when: Annotated[
        TemporalFilter, Field(description="What holds then. Of a question, its own times count where it has some.")
    ] = TemporalFilter()
    scope: Scope | None = None
    format: Format = "json"

    def neighbourhood(self, key: AccessKey) -> Neighbourhood:
        """Return it as the domain knows it, in the scope that the key may look from. Raises Forbidden."""
        scope = key.demand_scope(self.scope)
        # What a query gives is looked at whenever it held, unless a time is told.
        when = When(any_time=True) if self.cypher and self.when == TemporalFilter() else self.when.when()
        hops = (0 if self.cypher else 1) if self.hops is None else self.hops
        return Neighbourhood(self.keys, hops, self.kinds, self.direction, when, self.limit, scope)


ViewNode = answer(
    Entity, "ViewNode", "An entity, and how many relationships away from the start it is.", hops=(int, ...)
)
View = shape(
    "View",
    "What is seen; `more`: there are entities or relationships that had no room.",
    entities=many(ViewNode),
    relationships=many(RelationshipShape),
    more=(bool, ...),
)


def view_out(seen: Subgraph) -> dict[str, Any]:
    """Return the shape of a view."""
    return {
        "entities": [{**entity_out(each), "hops": seen.hops.get(each.id or 0, 0)} for each in seen.entities],
        "relationships": [relationship_out(each) for each in seen.relationships],
        "more": seen.more,
    }


router = APIRouter()


@router.get("/v1/graphs/{graph}/neighbourhood", tags=["views"], responses=gives(View))
async def neighbourhood(graph: GraphName, access: Reads, asked: Annotated[NeighbourhoodRequest, Query()]) -> Response:
    """What lies around entities: other entities, the nearest first, and the relationships between all of them."""
    return await _given(await access.memory.views.neighbourhood(graph, asked.neighbourhood(access.key)), asked.format)


@router.post("/v1/graphs/{graph}/view", tags=["views"], responses=gives(View))
async def view(
    graph: GraphName, access: Reads, asked: Annotated[ViewRequest, Depends(JSONBody(ViewRequest))]
) -> Response:
    """Return what lies around entities, or around what a question finds or a query gives."""
    around = asked.neighbourhood(access.key)
    if sum(each is not None for each in (asked.keys or None, asked.recall, asked.cypher)) != 1:
        problem = "A view is of entities, or of what a question finds, or of what a query gives."
        raise InvalidInput(problem, hint="Give either keys or recall or cypher.")
    if asked.cypher is not None:
        query = asked.cypher.asked(access.key, around.scope)
        return await _given(await access.memory.views.of_cypher(graph, query, around), asked.format)
    if asked.recall is None:
        return await _given(await access.memory.views.neighbourhood(graph, around), asked.format)
    question = asked.recall.question(access.key)
    return await _given(await access.memory.views.of_recall(graph, question, around), asked.format)


async def _given(seen: Subgraph, form: str) -> Response:
    if form == "json":
        return reply(view_out(seen))
    return Response(await drawn(seen, form), media_type=media_type(form, several=False, compression=None))


@router.post("/v1/graphs/{graph}/causality/separation", tags=["causality"], responses=gives(SeparationResult))
async def separation(
    graph: GraphName, access: Reads, asked: Annotated[SeparationRequest, Depends(JSONBody(SeparationRequest))]
) -> Response:
    """Return whether the given entities d-separate entities from others, and the smallest set that does.

    Causes that go in a circle are a conflict (409) that names the circle.
    """
    return reply(await access.memory.causality.separation(graph, asked.separation(access.key)))


@router.post("/v1/graphs/{graph}/causality/ancestry", tags=["causality"], responses=gives(AncestryResult))
async def ancestry(
    graph: GraphName, access: Reads, asked: Annotated[AncestryRequest, Depends(JSONBody(AncestryRequest))]
) -> Response:
    """Return all causes and all effects of entities, through others too, and the circles among them."""
    return reply(await access.memory.causality.ancestry(graph, asked.ancestry(access.key)))
