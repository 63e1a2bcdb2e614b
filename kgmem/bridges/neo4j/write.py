"""Writes records to a server: nodes, then relationships, many in a transaction, the same as often as one likes.

A node is found again by its key under one label that all have (see shapes), so an entity that got other labels is
still the same node. Nothing is deleted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final, Generic, TypeVar

from neo4j import ManagedTransaction

from kgmem.bridges.neo4j import statements
from kgmem.bridges.neo4j.connection import Connection, run
from kgmem.bridges.neo4j.shapes import DEFAULT_LABEL, Link, Node, Shaping
from kgmem.bridges.servers import Server
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.records import Record, WriteOptions, Writer

OPTIONS: Mapping[str, str] = {
    "key": "the property that nodes are found by (kgmem_id)",
    "label": f"the label that all nodes get, under which they are found ({DEFAULT_LABEL})",
    "properties": "what else a node or relationship has is taken away (replace) or left (add)",
    "index": "make a constraint or index for the key (create), or go without (skip)",
    "batch": "nodes or relationships in a transaction (2000)",
}
G = TypeVar("G")
T = TypeVar("T")

LOST_ENDS: Final = "relationships whose ends are not in the database"
_CHOICES = {"properties": ("replace", "add"), "index": ("create", "skip")}
_LARGEST_BATCH = 100_000
_WAITING = 4  # Batches that are collected at the most, when records of many labels or kinds come mixed.


@dataclass(frozen=True, slots=True)
class _Options:
    """How is written."""

    key: str
    label: str
    replace: bool
    index: bool
    batch: int


class Neo4jDestination:
    """A database that records are written to."""

    def __init__(self, server: Server) -> None:
        """Take where to write; nothing is sent to the server yet."""
        self._server = server

    @contextmanager
    def writer(self, options: WriteOptions) -> Iterator[Writer]:
        """Return a writer, which connects when it gets its first records. Raises InvalidInput for a wrong option."""
        writer = _Writer(Connection(self._server), _options(options.options))
        try:
            yield writer
        finally:
            writer.disconnect()


class _Waiting(Generic[G, T]):
    """What waits to be written, in groups of what is written the same way."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._groups: dict[G, list[T]] = {}
        self._count = 0

    def add(self, group: G, item: T) -> Sequence[Sequence[T]]:
        """Add an item; gives what is to be written now: its group when that is full, or all when too much waits."""
        held = self._groups.setdefault(group, [])
        held.append(item)
        self._count += 1
        if self._count >= _WAITING * self._batch:
            return self.all()
        if len(held) < self._batch:
            return ()
        self._count -= len(held)
        return [self._groups.pop(group)]

    def all(self) -> Sequence[Sequence[T]]:
        """Return all groups, which then wait no longer."""
        groups, self._groups, self._count = list(self._groups.values()), {}, 0
        return groups


class _Writer:
    """Collects what is written the same way, and writes it in batches."""

    def __init__(self, connection: Connection, options: _Options) -> None:
        self._connection = connection
        self._open = False
        self._told = options
        self._shaping = Shaping(options.label, options.key)
        self._lost: Counter[str] = self._shaping.flattening.lost
        self.lost: Mapping[str, int] = self._lost
        self._nodes: _Waiting[tuple[str, ...], Node] = _Waiting(options.batch)
        self._links: _Waiting[str, Link] = _Waiting(options.batch)

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""
        self._connect()
        for record in records:
            if isinstance(record, Relationship):
                self._write_nodes(self._nodes.all())
                link = self._shaping.link(record)
                self._write_links(self._links.add(link.kind, link))
            else:
                node = self._shaping.node(record)
                self._write_nodes(self._nodes.add(node.labels, node))

    def close(self) -> None:
        """Write what still waits."""
        self._connect()
        self._write_nodes(self._nodes.all())
        self._write_links(self._links.all())

    def disconnect(self) -> None:
        """Close the connection to the server."""
        if self._open:
            self._connection.__exit__(None, None, None)
            self._open = False

    def _connect(self) -> None:
        if not self._open:
            self._connection.__enter__()
            self._open = True
            if self._told.index:
                self._make_index()

    def _make_index(self) -> None:
        """Make sure that the server finds a node by its key without looking at all. Raises InvalidInput."""
        told = statements.constraints(self._told.label, self._told.key)
        refused: InvalidInput | None = None
        for statement in told:
            try:
                self._connection.write(partial(_make, statement=statement))
            except InvalidInput as error:
                refused = refused or error
            else:
                return
        raise InvalidInput(
            f"No index could be made for the key of the nodes. {refused.message if refused else ''}",
            hint=f"Make one: {told[0]}; then give the option index=skip.",
        )

    def _write_nodes(self, groups: Iterable[Sequence[Node]]) -> None:
        for nodes in groups:
            self._connection.write(partial(self._put_nodes, nodes=nodes))

    def _write_links(self, groups: Iterable[Sequence[Link]]) -> None:
        for links in groups:
            written = self._connection.write(partial(self._put_links, links=links))
            self._lost[LOST_ENDS] += len(links) - written

    def _put_nodes(self, transaction: ManagedTransaction, nodes: Sequence[Node]) -> None:
        """Write nodes of the same labels."""
        told, labels = self._told, list(nodes[0].labels)
        self._relabel(transaction, [node.id for node in nodes], labels)
        statement = statements.merge_nodes(labels, told.key, replace=told.replace)
        rows = [{"id": node.id, "properties": node.properties} for node in nodes]
        run(transaction, statement, rows=rows).consume()

    def _relabel(self, transaction: ManagedTransaction, ids: Sequence[str], labels: list[str]) -> None:
        """Bring the labels of the nodes that are there already in line: where they differ, a MERGE would miss them."""
        told = self._told
        asked = statements.held_labels(told.label, told.key)
        others = [(sorted(row["existing"]), row["id"]) for row in run(transaction, asked, ids=ids, labels=labels)]
        for held, group in groupby(sorted(others), key=lambda other: other[0]):
            add = [name for name in labels if name not in held]
            remove = [name for name in held if name not in labels] if told.replace else []
            if add or remove:
                statement = statements.relabel(told.label, told.key, add, remove)
                run(transaction, statement, ids=[id_ for _, id_ in group]).consume()

    def _put_links(self, transaction: ManagedTransaction, links: Sequence[Link]) -> int:
        """Write relationships of one kind; gives how many have both ends."""
        told = self._told
        statement = statements.merge_relationships(links[0].kind, told.label, told.key, replace=told.replace)
        rows = [{"id": at.id, "start": at.start, "end": at.end, "properties": at.properties} for at in links]
        return int(run(transaction, statement, rows=rows).single(strict=True)["written"])


def _make(transaction: ManagedTransaction, statement: str) -> None:
    run(transaction, statement).consume()


def _options(told: Mapping[str, str]) -> _Options:
    unknown = sorted(told.keys() - OPTIONS.keys())
    if unknown:
        raise InvalidInput(
            f"Writing to a server has no option {unknown[0]!r}.", hint=f"Options are {', '.join(OPTIONS)}."
        )
    for name, choices in _CHOICES.items():
        if told.get(name, choices[0]) not in choices:
            raise InvalidInput(f"{name}={told[name]!r} is no choice.", hint=f"Give {' or '.join(choices)}.")
    for name in ("key", "label"):
        if told.get(name) == "":
            raise InvalidInput(f"The option {name} is empty.", hint=f"Give a name, or leave {name} out.")
    batch = told.get("batch", "2000")
    if not batch.isdecimal() or not 1 <= int(batch) <= _LARGEST_BATCH:
        raise InvalidInput(f"batch={batch!r} is no number of records.", hint=f"Give 1 to {_LARGEST_BATCH}.")
    return _Options(
        told.get("key", statements.ID),
        told.get("label", DEFAULT_LABEL),
        told.get("properties", "replace") == "replace",
        told.get("index", "create") == "create",
        int(batch),
    )
