"""Relationships: typed edges between entities, with properties and time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Relationship:
    """One statement of a relationship, or a relationship as it is held (then with id, version and known_from).

    It is the same relationship when it has the same scope and key, or, without a key, the same scope, kind, ends and
    valid_from: the same kind between the same two at another time is another relationship.
    """

    kind: str
    start: str  # The key of the entity it leaves; "from" on the wire.
    end: str  # The key of the entity it enters; "to" on the wire.
    key: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    strength: float | None = None
    confidence: float | None = None
    source: str | None = None
    scope: str = ""
    version: int | None = None
    id: int | None = None
    known_from: str | None = None


def missing_end(key: str) -> str:
    """Give why a relationship is not stored of which the entity at one end is nowhere."""
    return f"There is no entity {key!r}. Import it first, or with this."
