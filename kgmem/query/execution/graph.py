"""The port to a graph that queries run on, and the counts of changes, counted as Neo4j counts them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from kgmem.domain.schema.index import NamedIndex
from kgmem.domain.schema.schema import GraphSchema
from kgmem.query.planning.steps import LinkPart, Order, Pattern
from kgmem.query.values import Node, Relationship

# What leads on: a node, a relationship of it, and the node behind that.
Hop = tuple[int, int, int]
# One step of a search from two ends: whether it goes backwards, from the last node, and what it finds.
Level = tuple[bool, Sequence[Hop]]


@dataclass(frozen=True, slots=True)
class Condition:
    """A property of a node of a pattern, compared (= < <= > >= IN) with a constant, or with what each row has.

    `numbers`: there are numbers among what the rows have.
    """

    name: str
    property: str
    operator: str
    constant: Any = None
    column: str | None = None
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class MatchQuery:
    """A pattern to match for each row; a match has an id (or ids, or None) for each variable that it binds.

    `needs` names the properties that are read of nodes and relationships (see planning/column_pruning.py). `lean`:
    every returned match meets the conditions; otherwise more matches may be returned. With `folded` equal matches may
    be returned as one. A lean query may have an `order`: then only the first `most` by it are returned, and those equal
    to the last.
    """

    pattern: Pattern
    rows: Sequence[Mapping[str, Any]]
    most: int
    needs: Mapping[str, frozenset[str]]
    conditions: Sequence[Condition] = ()
    lean: bool = False
    folded: bool = False
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class MatchRows:
    """Each way in which a pattern matches: the number of the row (from 1), how often, and what its parts are.

    A part is a node, a relationship, or its id; the ids of a link that repeats; or None where it is not needed.
    """

    names: tuple[str, ...]
    ways: Sequence[tuple[Any, ...]]


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


class SecondRequest(Exception):
    """A graph that was opened for one request got a second one, and so needs a transaction."""


class GraphTransaction(Protocol):
    """One transaction on one graph, as a scope sees it; what it writes belongs to that scope."""

    @property
    def used(self) -> str:
        """What was done in it: "written", else "read", else nothing ("")."""

    @property
    def once(self) -> bool:
        """Whether it was opened for one request, and is no transaction."""

    async def graph_named(self, name: str) -> str:
        """Return the name of a graph, ignoring case. Raises NotFound."""

    async def on(self, graph: str) -> "GraphTransaction":
        """Return this transaction on another graph of the database, which ends with it. Raises NotFound."""

    async def match(self, sought: MatchQuery) -> MatchRows | None:
        """Each way in which the nodes and links of a pattern match; None where it cannot be `lean`, or in `order`.

        Predicates but for the conditions, and paths, are left to the caller.
        """

    async def estimate(self, sought: MatchQuery) -> float:
        """Return how many matches are expected, without looking for them."""

    async def expand(self, link: LinkPart, nodes: Collection[int], *, backwards: bool) -> Sequence[Hop]:
        """Return what leads on from nodes along a link, or against it if `backwards`."""

    async def around(self, link: LinkPart, first: int, last: int, *, shortest: bool) -> Sequence[Level]:
        """Return what leads on from a node along a link, and what leads to another, level by level, asked at once.

        That is what `expand` gives for the one, for the other, and for what was found there; nothing where it is too
        much. With `shortest` it is enough for the shortest paths between the two of up to three relationships: where
        there is such a path, relationships that are part of none may be missing.
        """

    async def nodes(self, ids: Collection[int]) -> Mapping[int, Node]:
        """Return nodes by id; those that are gone are missing."""

    async def relationships(self, ids: Collection[int]) -> Mapping[int, Relationship]:
        """Return relationships by id; those that are gone are missing."""

    async def both(
        self, nodes: Collection[int], relationships: Collection[int]
    ) -> tuple[Mapping[int, Node], Mapping[int, Relationship]]:
        """Return nodes and relationships by id, asked at once; those that are gone are missing."""

    async def known_from(self, identity: int) -> int | None:
        """Return the microseconds since 1970 since when what has an id is known at all; None where it is not there."""

    async def nearest(self, index: NamedIndex, vector: Sequence[float], most: int) -> Sequence[tuple[int, float]]:
        """Return the nodes or relationships whose vectors an index finds nearest, each with its similarity (0 to 1)."""

    async def worded(self, index: NamedIndex, query: str, most: int) -> Sequence[tuple[int, float]]:
        """Return the nodes (or relationships) that have the words of a query by an index, the best first."""

    async def has_merges(self) -> bool:
        """Whether nodes of the graph may have been merged into others."""

    async def kept_keys(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return for keys of nodes that were merged away the keys of the kept ones; others are missing."""

    async def merged_keys(self, keys: Collection[str]) -> Collection[str]:
        """Return the keys of nodes that were merged, also through others, into what has one of these keys."""

    async def lock(self, names: Iterable[str]) -> None:
        """Keep others from merging what has these names until the transaction ends."""

    async def create_nodes(self, nodes: Sequence[NewNode]) -> Sequence[Node]:
        """Make nodes."""

    async def create_relationships(self, relationships: Sequence[NewRelationship]) -> Sequence[Relationship]:
        """Make relationships."""

    async def update_nodes(self, nodes: Sequence[Node]) -> None:
        """Write the labels and properties of nodes."""

    async def update_relationships(self, relationships: Sequence[Relationship]) -> None:
        """Write the properties of relationships."""

    async def relationships_of(self, nodes: Collection[int]) -> Collection[int]:
        """Return the ids of the relationships that nodes have."""

    async def delete(self, nodes: Collection[int], relationships: Collection[int]) -> None:
        """Delete relationships and then nodes, which may have relationships still until the transaction ends."""


class Graphs(Protocol):
    """Graphs that queries can be run on."""

    async def prepare(self, graph: str, labels: Collection[str], types: Collection[str]) -> None:
        """Create the labels and types that a query will write, before its transaction."""

    async def named(self, name: str) -> str:
        """Return the name of a graph, ignoring case. Raises NotFound."""

    async def schema(self, graph: str) -> GraphSchema:
        """Return the schema that holds in a graph."""

    async def change_schema(self, graph: str, change: Callable[[GraphSchema], GraphSchema]) -> None:
        """Change a graph's own schema, and make or drop the indexes that it declares, at once and for good."""

    def reading(
        self, graph: str, scope: str | None, *, once: bool = False
    ) -> AbstractAsyncContextManager[GraphTransaction]:
        """Begin a transaction that reads one snapshot; with a scope it sees what that scope sees, else all.

        `once`: one request, which needs no transaction; a second one raises SecondRequest.
        """

    async def writing(
        self, graph: str, scope: str | None, work: Callable[[GraphTransaction], Any], *, follow: bool = True
    ) -> Any:
        """Run work in a transaction and commit it; run it again from its start when writers met on the same rows.

        `follow`: also where the server of the database went away before the commit, on the one that takes its place.
        """


@dataclass(slots=True)
class Counters:
    """Counts of created, set and deleted items; a property that is set to its current value counts too."""

    nodes_created: int = 0
    nodes_deleted: int = 0
    relationships_created: int = 0
    relationships_deleted: int = 0
    properties_set: int = 0
    labels_added: int = 0
    labels_removed: int = 0
    indexes_added: int = 0
    indexes_removed: int = 0
    constraints_added: int = 0
    constraints_removed: int = 0

    @property
    def any(self) -> bool:
        """Whether anything was changed."""
        return any(asdict(self).values())
