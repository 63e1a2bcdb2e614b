"""Entities, relationships and episodes on the wire: made of the tables of their fields."""

from typing import Annotated

from pydantic import BaseModel

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import CURSOR, answer, many, shape, shown, stated, statement_of

# Relationships on the wire: `from` and `to` there, start and end in the domain.

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


RelationshipShape = answer(
    Relationship, "Relationship", "A relationship as stored; fields without a value are omitted."
)
RelationshipPage = shape(
    "RelationshipPage",
    "A page of relationships; `cursor` continues it, null at its end.",
    relationships=many(RelationshipShape),
    cursor=CURSOR,
)
relationship_out = shown(Relationship)


# Episodes on the wire.

EpisodeStatement = statement_of(Episode, "EpisodeStatement", "A text as it arrived, with when, where from and by whom.")
EpisodeItem = Annotated[Episode, stated(Episode, EpisodeStatement)]


class EpisodeBatch(BaseModel):
    """Episodes to store in one transaction."""

    model_config = STRICT

    episodes: list[EpisodeItem]


EpisodeShape = answer(Episode, "Episode", "An episode as stored; fields without a value are omitted.")
EpisodePage = shape(
    "EpisodePage",
    "A page of episodes; `cursor` continues it, null at its end.",
    episodes=many(EpisodeShape),
    cursor=CURSOR,
)
episode_out = shown(Episode)


EntityFields = statement_of(
    Entity,
    "EntityFields",
    "A statement of the entity in the URL; omitted fields keep their values. A key must equal that of the URL.",
    optional=["key"],
)
EntityStatement = statement_of(
    Entity,
    "EntityStatement",
    "A statement of an entity: merged into the stored entity of its scope and key; omitted fields keep their values.",
)
# The entity of one address; its key is empty when the body leaves it out.
EntityBody = Annotated[Entity, stated(Entity, EntityFields, key="")]
EntityItem = Annotated[Entity, stated(Entity, EntityStatement)]


class EntityBatch(BaseModel):
    """Entities to write in one transaction."""

    model_config = STRICT

    entities: list[EntityItem]


EntityShape = answer(Entity, "Entity", "An entity as stored; fields without a value are omitted.")
EntityPage = shape(
    "EntityPage",
    "A page of entities; `cursor` continues it, null at its end.",
    entities=many(EntityShape),
    cursor=CURSOR,
)
entity_out = shown(Entity)
