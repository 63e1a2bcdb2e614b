"""Relationships on the wire: `from` and `to` there, start and end in the domain."""

from typing import Annotated, Any, Required

from pydantic import BaseModel, Field, ValidationInfo
from typing_extensions import TypedDict

from kgmem.domain.graph.relationship import Relationship
from kgmem_api.wire.fields import STRICT, Fraction, From, Key, Label, Properties, Scope, Text, Time, own_scope


# A TypedDict, because pydantic fills one faster than a model, and the domain's own object follows at once.
class RelationshipStatement(TypedDict, total=False):
    """A statement of a relationship between two entities that exist, or are written before it."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # pydantic's way to configure a TypedDict

    kind: Required[Label]
    start: Required[Annotated[Key, Field(alias="from")]]
    end: Required[Annotated[Key, Field(alias="to")]]
    key: Key | None
    properties: Properties
    text: Text | None
    valid_from: Time | None
    valid_to: Time | None
    strength: Fraction | None
    confidence: Fraction | None
    source: Key | None
    scope: Scope | None


def _relationship(stated: dict[str, Any], info: ValidationInfo) -> Relationship:
    stated["scope"] = own_scope(stated.get("scope"), info)
    return Relationship(**stated)


RelationshipItem = Annotated[Relationship, From(RelationshipStatement, _relationship)]


class RelationshipBatch(BaseModel):
    """Relationships to write in one transaction."""

    model_config = STRICT

    relationships: list[RelationshipItem]


def relationship_out(relationship: Relationship) -> dict[str, Any]:
    """Give a relationship as answers carry it: what has no value is left out."""
    shape: dict[str, Any] = {
        "id": relationship.id,
        "kind": relationship.kind,
        "from": relationship.start,
        "to": relationship.end,
        "key": relationship.key,
        "properties": dict(relationship.properties),
        "text": relationship.text,
        "valid_from": relationship.valid_from,
        "valid_to": relationship.valid_to,
        "strength": relationship.strength,
        "confidence": relationship.confidence,
        "source": relationship.source,
        "scope": relationship.scope or None,
        "version": relationship.version,
        "known_from": relationship.known_from,
    }
    return {name: value for name, value in shape.items() if value is not None}
