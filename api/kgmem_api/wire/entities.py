"""Entities on the wire."""

from typing import Annotated

from pydantic import BaseModel

from kgmem.domain.graph.entity import Entity
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import CURSOR, answer, many, shape, shown, stated, statement_of

EntityFields = statement_of(
    Entity,
    "EntityFields",
    "A statement of the entity that the address names; what is left out stays. A key, if given, is the address's.",
    optional=["key"],
)
EntityStatement = statement_of(
    Entity,
    "EntityStatement",
    "A statement of an entity: merged into what is held under its scope and key; what is left out stays.",
)
# The entity of one address; its key is empty when the body leaves it out.
EntityBody = Annotated[Entity, stated(Entity, EntityFields, key="")]
EntityItem = Annotated[Entity, stated(Entity, EntityStatement)]


class EntityBatch(BaseModel):
    """Entities to write in one transaction."""

    model_config = STRICT

    entities: list[EntityItem]


EntityOut = answer(Entity, "EntityOut", "An entity as it is held; what has no value is left out.")
EntityPage = shape(
    "EntityPage",
    "A page of entities; `cursor` continues it, null at its end.",
    entities=many(EntityOut),
    cursor=CURSOR,
)
entity_out = shown(Entity)
