"""Entities on the wire."""

from collections.abc import Sequence
from typing import Annotated, Any, Required

from pydantic import BaseModel, Field, ValidationInfo
from typing_extensions import TypedDict

from kgmem.domain.graph.entity import Entity
from kgmem_api.wire.fields import (
    STRICT,
    From,
    Key,
    Label,
    Name,
    PlaceField,
    Properties,
    Scope,
    Text,
    Time,
    Vector,
    own_scope,
)


# TypedDicts, because pydantic fills one faster than a model, and the domain's own object follows at once.
class _Fields(TypedDict, total=False):
    __pydantic_config__ = STRICT  # type: ignore[misc]  # pydantic's way to configure a TypedDict

    label: Label | None
    labels: Annotated[list[Label], Field(max_length=100)] | None
    name: Name | None
    properties: Properties
    text: Text | None
    embedding: Vector | None
    place: PlaceField | None
    valid_from: Time | None
    valid_to: Time | None
    source: Key | None
    scope: Scope | None
    version: Annotated[int, Field(ge=1, description="The version that must be held; 412 when it is not.")] | None


class EntityFields(_Fields, total=False):
    """A statement of the entity that the address names; what is left out stays."""

    key: Annotated[Key, Field(description="May be left out; if given, it is the address's.")]


class EntityStatement(_Fields, total=False):
    """A statement of an entity: merged into what is held under its scope and key; what is left out stays."""

    key: Required[Key]


def _entity(stated: dict[str, Any], info: ValidationInfo) -> Entity:
    stated["scope"] = own_scope(stated.get("scope"), info)
    return Entity(**stated)


def _fields(stated: dict[str, Any], info: ValidationInfo) -> Entity:
    return _entity({"key": "", **stated}, info)


# The entity of one address; its key is empty when the body leaves it out.
EntityBody = Annotated[Entity, From(EntityFields, _fields)]
EntityItem = Annotated[Entity, From(EntityStatement, _entity)]


class EntityBatch(BaseModel):
    """Entities to write in one transaction."""

    model_config = STRICT

    entities: list[EntityItem]


def entity_out(entity: Entity) -> dict[str, Any]:
    """Give an entity as answers carry it: what has no value is left out."""
    shape: dict[str, Any] = {
        "key": entity.key,
        "label": entity.label,
        "labels": list(entity.labels) if entity.labels else None,
        "name": entity.name,
        "properties": dict(entity.properties),
        "text": entity.text,
        "embedding": _numbers(entity.embedding),
        "place": dict(entity.place.geometry) if entity.place else None,
        "valid_from": entity.valid_from,
        "valid_to": entity.valid_to,
        "source": entity.source,
        "scope": entity.scope or None,
        "version": entity.version,
        "id": entity.id,
        "known_from": entity.known_from,
    }
    return {name: value for name, value in shape.items() if value is not None}


def _numbers(vector: Sequence[float] | None) -> list[float] | None:
    return None if vector is None else [float(number) for number in vector]
