"""The port: what the execution of queries needs of whatever holds the graph."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from kgmem.query.planning.steps import LinkPart, Pattern
from kgmem.query.values import Node, Relationship

# A way in which a pattern matches: the number of the row, then for each node and link of the pattern an id, or for a
# link that repeats the ids of its relationships in their order.
Found = tuple[Any, ...]
# What leads on: a node, a relationship of it, and the node behind that.
Lead = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class NewNode:
    """A node to be made."""

    labels: tuple[str, ...]
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewRelationship:
    """A relationship to be made between nodes that are there."""

    type: str
    start: int
    end: int
    properties: Mapping[str, Any]


class GraphTransaction(Protocol):
    """One transaction on one graph, as one scope sees it; what it writes belongs to that scope."""

    async def match(
        self, pattern: Pattern, rows: Sequence[Mapping[str, Any]], most: int
    ) -> tuple[tuple[str, ...], Sequence[Found]]:
        """Give the names of a pattern's parts, and each way in which its nodes and links match for each row.

        A row gives an id (or for a link that repeats, a list of ids) for each name that is bound, or None. Predicates,
        paths and searches are left to the caller. At most `most` are given.
        """

    async def expand(self, link: LinkPart, nodes: Collection[int], *, backwards: bool) -> Sequence[Lead]:
        """Give what leads on from nodes along a link, or against it if `backwards`."""

    async def nodes(self, ids: Collection[int]) -> Mapping[int, Node]:
        """Give nodes by id; those that are gone are missing."""

    async def relationships(self, ids: Collection[int]) -> Mapping[int, Relationship]:
        """Give relationships by id; those that are gone are missing."""

    async def known_from(self, identity: int) -> int | None:
        """Give the microseconds since 1970 since when what has an id is known at all; None where it is not there."""

    async def lock(self, names: Iterable[str]) -> None:
        """Keep others from merging what has these names until the transaction ends."""

    async def create_nodes(self, nodes: Sequence[NewNode]) -> Sequence[Node]:
        """Make nodes."""

    async def create_relationships(self, relationships: Sequence[NewRelationship]) -> Sequence[Relationship]:
        """Make relationships."""

    async def update_nodes(self, nodes: Sequence[Node]) -> Mapping[int, Node]:
        """Write the labels and properties of nodes; gives by the former id those that have got another id by it."""

    async def update_relationships(self, relationships: Sequence[Relationship]) -> None:
        """Write the properties of relationships."""

    async def relationships_of(self, nodes: Collection[int]) -> Collection[int]:
        """Give the ids of the relationships that nodes have."""

    async def delete(self, nodes: Collection[int], relationships: Collection[int]) -> None:
        """Delete relationships and then nodes, which may have relationships still until the transaction ends."""


class Graphs(Protocol):
    """Graphs that queries can be run on."""

    async def prepare(self, graph: str, labels: Collection[str], types: Collection[str]) -> None:
        """Make known the labels and types that a query will write, before its transaction."""

    def reading(self, graph: str, scope: str | None) -> AbstractAsyncContextManager[GraphTransaction]:
        """Begin a transaction that reads one snapshot; with a scope it sees what that scope sees, else all."""

    async def writing(self, graph: str, scope: str | None, work: Callable[[GraphTransaction], Any]) -> Any:
        """Run work in a transaction and commit it; run it again from its start when writers met on the same rows."""
