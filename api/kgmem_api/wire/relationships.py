"""Relationships on the wire: `from` and `to` there, start and end in the domain."""

from typing import Annotated

from pydantic import BaseModel

from kgmem.domain.graph.relationship import Relationship
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import CURSOR, answer, many, shape, shown, stated, statement_of

RelationshipStatement = statement_of(
    Relationship,
    "RelationshipStatement",
    "A statement of a relationship between two entities that exist, or are written before it.",
)
RelationshipItem = Annotated[Relationship, stated(Relationship, RelationshipStatement)]


class RelationshipBatch(BaseModel):
    """Relationships to write in one transaction."""

    model_config = STRICT

    relationships: list[RelationshipItem]


RelationshipOut = answer(
    Relationship, "RelationshipOut", "A relationship as it is held; what has no value is left out."
)
RelationshipPage = shape(
    "RelationshipPage",
    "A page of relationships; `cursor` continues it, null at its end.",
    relationships=many(RelationshipOut),
    cursor=CURSOR,
)
relationship_out = shown(Relationship)
