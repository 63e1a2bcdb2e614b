"""Graphs: named property graphs with their settings, their counts, and their change feed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.recall.question import Fusion

# Which relationships recall finds as facts: those with a text; every one, worded where it has none; none of them.
Facts = Literal["text", "all", "none"]
# Which episodes are read for entities and facts: those that ask for it, every one, none.
Extraction = Literal["requested", "all", "off"]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph: its name, whether it is strict, its schema beside the core schema, and its embedding space."""

    name: str
    strict: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    space: EmbeddingSpace | None = None
    fusion: Fusion = "convex"
    facts: Facts = "text"
    extraction: Extraction = "requested"
    recipe: str | None = None  # What questions that name none are asked by.
    created_at: str | None = None
    id: int | None = None


class Asking(TypedDict, total=False):
    """Defaults of questions on a graph; None leaves a setting as it is."""

    fusion: Fusion | None
    recipe: str | None


@dataclass(frozen=True, slots=True)
class GraphStats:
    """Counts of what a graph contains."""

    entities: int
    episodes: int
    relationships: int
    facts: int  # Of the relationships: those that recall finds by what they say.
    passages: int
    vectors: int
    waiting_for_vectors: int
    refused_by_embedder: int  # Passages that wait no longer: the embedder gives no vector for them.
    scopes: int
    sources: int
    labels: Mapping[str, int]
    kinds: Mapping[str, int]
    bytes: int
    last_change: int


@dataclass(frozen=True, slots=True)
class Dangling:
    """Relationships of one kind without one of their ends, which another client has deleted."""

    kind: str
    count: int
    example: int  # The id of one.


def is_graph_name(name: str) -> bool:
    """Return whether a text is a valid name of a graph."""
    return _NAME.fullmatch(name) is not None


def check_graph_name(name: str) -> str:
    """Return a valid name of a graph unchanged. Raises InvalidInput."""
    if not is_graph_name(name):
        raise InvalidInput(
            f"{name[:80]!r} is not a valid name for a graph.",
            hint="Start with a letter; letters, digits, '_', '.' and '-' follow; 100 characters at most.",
        )
    return name


def no_such_graph(name: str) -> NotFound:
    """Return the error for a graph that does not exist, or that a key may not see: the same text for both."""
    return NotFound(f"There is no graph {name!r}.", hint="Create it first, or correct the name.")


Operation = Literal["created", "updated", "deleted"]


@dataclass(frozen=True, slots=True)
class Change:
    """One operation of one batch on one kind of item.

    `keys` contains the keys of deleted items, and of facts the state of each.
    """

    id: int
    operation: Operation
    kind: Literal["entity", "episode", "relationship", "schema", "claim", "fact"]
    ids: Sequence[int]
    keys: Sequence[str]
    at: str
