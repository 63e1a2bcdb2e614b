"""Entities: the things a graph knows, as callers state them and as the store holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

from kgmem.domain.fields import (
    ID,
    KEY,
    LABEL,
    MOMENT,
    NAME,
    PROPERTIES,
    SCOPE,
    SOURCE,
    TEXT,
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
    """One statement of an entity, or an entity as it is stored (then with id, version and known_from).

    As a statement it is merged into what is held under the same scope and key: what is None is left as it was, a
    property of None is removed.
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
    version: Annotated[int | None, VERSION] = None  # In a statement: must be the stored one, else VersionConflict.
    id: Annotated[int | None, ID] = None
    known_from: Annotated[str | None, MOMENT] = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """How many items a batch created, updated and found unchanged; `ids` and `versions` in the order of the batch."""

    created: int
    updated: int
    unchanged: int
    ids: Sequence[int]
    versions: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """An honest count of what a deletion took away, and of what stays in the history."""

    entities: int = 0
    episodes: int = 0
    relationships: int = 0
    passages: int = 0
    vectors: int = 0
    missing: Sequence[str] = ()
    kept_in_history: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing; `cursor` continues it, None at its end."""

    items: Sequence[T]
    cursor: str | None = None
