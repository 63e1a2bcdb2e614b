"""What a graph is made of, as values: nodes, relationships, paths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LABEL_SHIFT = 48  # Of AGE's ids: the label's number, and behind it that of the row.
_LABEL_BITS = 16
_LITTLE = 2000  # Values, or KiB of texts.


def small_id(id_: int) -> int:
    """Return the number by which clients know a node or relationship, the row's before the label's.

    It stays below 2^53 for the first 137 thousand million rows of a label, so that JavaScript can hold it.
    """
    return (id_ & (1 << _LABEL_SHIFT) - 1) << _LABEL_BITS | id_ >> _LABEL_SHIFT


def graph_id(small: int) -> int:
    """Return the id in the graph of what clients know by a number."""
    return (small & (1 << _LABEL_BITS) - 1) << _LABEL_SHIFT | small >> _LABEL_BITS


def drawn_id(number: int) -> int:
    """Return the id of what is only drawn and is not in the graph; clients know it by minus its number."""
    return -number << _LABEL_SHIFT


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node; two are equal when they are the same node, whatever is known of them."""

    id: int
    labels: tuple[str, ...]
    properties: Mapping[str, Any]
    element_id: str

    def __eq__(self, other: object) -> bool:
        """Whether the other is the same node."""
        return isinstance(other, Node) and self.id == other.id

    def __hash__(self) -> int:
        """Return the hash of its id."""
        return hash(self.id)


@dataclass(frozen=True, slots=True, eq=False)
class Relationship:
    """A relationship and the ids of its ends; two are equal when they are the same relationship."""

    id: int
    type: str
    start: int
    end: int
    properties: Mapping[str, Any]
    element_id: str

    def __eq__(self, other: object) -> bool:
        """Whether the other is the same relationship."""
        return isinstance(other, Relationship) and self.id == other.id

    def __hash__(self) -> int:
        """Return the hash of its id."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Path:
    """A path: its nodes, and between two of them the relationship that was followed, in either direction."""

    nodes: tuple[Node, ...]
    relationships: tuple[Relationship, ...]

    @property
    def elements(self) -> tuple[Node | Relationship, ...]:
        """Nodes and relationships in turn, from the first node to the last."""
        found: list[Node | Relationship] = [self.nodes[0]]
        for relationship, node in zip(self.relationships, self.nodes[1:], strict=True):
            found += [relationship, node]
        return tuple(found)


def is_much(values: Sequence[Any]) -> bool:
    """Return whether values are so large or nested that writing them takes more than a millisecond."""
    left = _LITTLE
    waiting: list[Any] = [values]
    while waiting:
        held = waiting.pop()
        if isinstance(held, Node | Relationship):
            held = held.properties
        elif isinstance(held, Path):
            held = held.elements
        if isinstance(held, str | bytes):
            left -= len(held) >> 10
        elif isinstance(held, Mapping):
            left -= len(held)
            waiting += held.values() if left > 0 else ()
        elif isinstance(held, list | tuple):
            left -= len(held)
            waiting += held if left > 0 else ()
        if left <= 0:
            return True
    return False
