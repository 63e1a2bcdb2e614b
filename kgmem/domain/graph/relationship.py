"""Relationships: typed edges between entities, with properties and valid time, and their wording as sentences."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from kgmem.domain.fields import (
    DERIVED_FROM,
    EXPIRES_AT,
    FRACTION,
    ID,
    KEY,
    LABEL,
    MOMENT,
    PROPERTIES,
    SCOPE,
    SOURCE,
    TEXT,
    TTL,
    VALID_FROM,
    VALID_TO,
    VERSION,
    stored,
)

_END = replace(KEY, role="identity", doc="The key of an entity.")


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship to write, or as it is stored (then with id, version and known_from).

    Its identity is scope and key, or without a key scope, kind, ends and valid_from: the same kind between the same
    entities at another time is another relationship.
    """

    kind: Annotated[str, replace(LABEL, role="identity")]
    start: Annotated[str, replace(_END, wire="from")]  # Of the entity it leaves.
    end: Annotated[str, replace(_END, wire="to")]  # Of the entity it enters.
    key: Annotated[str | None, stored(KEY, role="identity")] = None
    properties: Annotated[Mapping[str, Any], PROPERTIES] = field(default_factory=dict)
    text: Annotated[str | None, stored(TEXT)] = None
    valid_from: Annotated[str | None, stored(VALID_FROM)] = None
    valid_to: Annotated[str | None, stored(VALID_TO)] = None
    strength: Annotated[float | None, stored(FRACTION)] = None
    confidence: Annotated[float | None, stored(FRACTION)] = None
    source: Annotated[str | None, stored(SOURCE)] = None
    scope: Annotated[str, stored(SCOPE)] = ""
    derived_from: Annotated[Sequence[str] | None, replace(DERIVED_FROM, role="claim")] = None
    expires_at: Annotated[str | None, stored(EXPIRES_AT)] = None
    ttl: Annotated[str | float | None, TTL] = None
    version: Annotated[int | None, replace(VERSION, role="known")] = None
    id: Annotated[int | None, ID] = None
    known_from: Annotated[str | None, MOMENT] = None


def missing_end(key: str) -> str:
    """Return why a relationship is not stored of which the entity at one end is nowhere."""
    return f"There is no entity {key!r}. Import it first, or with this."


_BETWEEN_WORDS = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def kind_in_words(kind: str) -> str:
    """Return a kind of relationship as words: LOCATED_IN as "located in", bornIn as "born in"."""
    return _BETWEEN_WORDS.sub(" ", kind).strip().lower() or kind


def worded(start: str, kind: str, end: str) -> str:
    """Return the sentence by which recall finds a relationship without a text, made of the names of its ends."""
    return f"{start} {kind_in_words(kind)} {end}"
