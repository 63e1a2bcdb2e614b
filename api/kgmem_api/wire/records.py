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


# Episodes on the wire.

EpisodeStatement = statement_of(Episode, "EpisodeStatement", "A text as it arrived, with when, where from and by whom.")
EpisodeItem = Annotated[Episode, stated(Episode, EpisodeStatement)]


class EpisodeBatch(BaseModel):
    """Episodes to store in one transaction."""

    model_config = STRICT

    episodes: list[EpisodeItem]


EpisodeOut = answer(Episode, "EpisodeOut", "An episode as it is held; what has no value is left out.")
EpisodePage = shape(
    "EpisodePage",
    "A page of episodes; `cursor` continues it, null at its end.",
    episodes=many(EpisodeOut),
    cursor=CURSOR,
)
episode_out = shown(Episode)


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
