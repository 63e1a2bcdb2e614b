"""Entities: as callers send them, and as they are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Generic, TypeVar

from kgmem.domain.fields import (
    DERIVED_FROM,
    EXPIRES_AT,
    ID,
    KEY,
    LABEL,
    MOMENT,
    NAME,
    PROPERTIES,
    SCOPE,
    SOURCE,
    TEXT,
    TTL,
    VALID_FROM,
    VALID_TO,
    VERSION,
    Field,
    stored,
)
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.space.place import Place

T = TypeVar("T")

# Kinds of item, as the retrieval index and the change feed number them; in the index a relationship is a fact.
ENTITY, EPISODE, RELATIONSHIP = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity to write, or as it is stored (then with id, version and known_from).

    A write merges it into the stored entity of the same scope and key: a field that is None stays as it is, a property
    that is None is removed.
    """

    key: Annotated[str, stored(KEY, role="identity")]
    label: Annotated[str | None, LABEL] = None
    name: Annotated[str | None, stored(NAME)] = None
    properties: Annotated[Mapping[str, Any], PROPERTIES] = field(default_factory=dict)
    labels: Annotated[Sequence[str] | None, stored(Field("texts", most=100, item=LABEL, doc="Further labels."))] = None
    text: Annotated[str | None, stored(TEXT)] = None
    embedding: Annotated[Vector | None, Field("vector")] = None
    place: Annotated[Place | None, stored(Field("place"))] = None
    valid_from: Annotated[str | None, stored(VALID_FROM)] = None
    valid_to: Annotated[str | None, stored(VALID_TO)] = None
    source: Annotated[str | None, stored(SOURCE)] = None
    scope: Annotated[str, stored(SCOPE)] = ""
    derived_from: Annotated[Sequence[str] | None, replace(DERIVED_FROM, role="claim")] = None
    expires_at: Annotated[str | None, stored(EXPIRES_AT)] = None
    ttl: Annotated[str | float | None, TTL] = None
    version: Annotated[int | None, VERSION] = None  # In a statement: must be the stored one, else VersionConflict.
    id: Annotated[int | None, ID] = None
    known_from: Annotated[str | None, MOMENT] = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The items of a batch that were created, updated or unchanged; `ids` and `versions` in the order given."""

    created: int
    updated: int
    unchanged: int
    ids: Sequence[int]
    versions: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """The counts of a deletion, and of what stays in the history."""

    entities: int = 0
    episodes: int = 0
    relationships: int = 0
    passages: int = 0
    vectors: int = 0
    missing: Sequence[str] = ()
    kept_in_history: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `cursor` leads to the next, None on the last."""

    items: Sequence[T]
    cursor: str | None = None
