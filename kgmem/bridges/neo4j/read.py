"""Reads a server's database, or what a query returns, as records.

First the ids of all that is to be read are listed, then each is requested, a page at a time. So the reading is one
list, in one order, whatever is written to the source meanwhile; nothing is skipped or read twice; a page that fails is
asked for again; and no page takes longer than another, as with SKIP.
"""

import sqlite3
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import orjson
from neo4j import ManagedTransaction
from neo4j.exceptions import BrokenRecordError, ClientError
from neo4j.graph import Node, Path, Relationship

from kgmem.bridges.neo4j.connection import Connection, run
from kgmem.bridges.neo4j.shapes import DEFAULT_LABEL, Unshaping, natural_key
from kgmem.bridges.neo4j.statements import BY_ELEMENT_ID, BY_NUMBER, Reading
from kgmem.bridges.neo4j.values import as_json
from kgmem.bridges.servers import Server
from kgmem.domain.errors import InvalidInput
from kgmem.formats.property_graph.elements import edge_ids
from kgmem.formats.records import Located, ReadOptions, Record, Rejected, rejected

Kind = Literal["node", "relationship"]
KINDS: Final[tuple[Kind, ...]] = ("node", "relationship")

_LONGEST = 1000  # Characters of an id.
_DIGEST_PAGE = 10_000


class Ids:
    """Ids of nodes and relationships, each once, in a temporary database that goes with the object."""

    def __init__(self) -> None:
        """Make room for them."""
        # An empty name is a private file that SQLite takes away. One thread at a time uses it.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._database.close)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE listed (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID")
        self._database.execute("BEGIN")  # Nothing is ever committed, since nobody else reads it.

    def add(self, kind: Kind, id_: object) -> None:
        """Add an id. Raises InvalidInput."""
        text = str(id_)
        if len(text) > _LONGEST or not text.isprintable():
            raise InvalidInput(f"The server gives an id that is none: {text[:40]!r}.", hint="Is it a graph database?")
        self._database.execute("INSERT OR IGNORE INTO listed VALUES (?, ?)", (kind, text))

    def clear(self, kind: Kind) -> None:
        """Forget all ids of a kind."""
        self._database.execute("DELETE FROM listed WHERE kind = ?", (kind,))

    def count(self) -> int:
        """Return how many ids there are."""
        count: int = self._database.execute("SELECT count(*) FROM listed").fetchone()[0]
        return count

    def pages(self, kind: Kind, size: int) -> Iterator[list[str]]:
        """Return the ids of a kind in order, so many at a time."""
        rows = self._database.execute("SELECT id FROM listed WHERE kind = ? ORDER BY id", (kind,))
        while page := rows.fetchmany(size):
            yield [id_ for (id_,) in page]

    def digest(self) -> str:
        """Return a text that is the same for the same ids alone."""
        told = blake2b(digest_size=16)
        for kind in KINDS:
            told.update(kind.encode())
            for page in self.pages(kind, _DIGEST_PAGE):
                told.update("\n".join(["", *page]).encode())
        return told.hexdigest()


# The nodes and relationships in what a query returned, wherever they stand in it.


def elements(value: Any) -> Iterator[tuple[Kind, str]]:
    """Return kind and id of each node and relationship in a value: itself, on a path, in lists and maps.

    A relationship brings its ends. The same one may come more than once.
    """
    waiting = [value]
    while waiting:
        held = waiting.pop()
        if isinstance(held, Node):
            yield "node", held.element_id
        elif isinstance(held, Relationship):
            yield "relationship", held.element_id
            yield from (("node", node.element_id) for node in held.nodes if node is not None)
        elif isinstance(held, Path):
            waiting += [*held.nodes, *held.relationships]
        elif isinstance(held, Mapping):
            waiting += held.values()
        elif isinstance(held, list | tuple):
            waiting += held


OPTIONS: Mapping[str, str] = {
    "key": "the property that is an entity's key; by default, what kgmem wrote or the server's element id",
    "label": f"the label under which kgmem wrote, which is no label of an entity ({DEFAULT_LABEL})",
    "edge_ids": "a relationship's id counts between its ends (between), is its key (key), or not (ignore)",
}
_PAGE = 1000
_ID_ROWS = 5000  # That the server sends at a time.
_FIRST_WITH_ELEMENT_IDS = (5, 0)  # Version of Bolt.
_GONE = "It was deleted while the database was read, or is no element that the database holds."

_Make: TypeAlias = Callable[[Any], Record]


class _NumbersOnly(Exception):
    """The server has no elementId()."""


class Neo4jOrigin:
    """The records of one database, or of what a query returns. It may be read again, and then reads the same ids."""

    def __init__(self, server: Server, query: str | None = None) -> None:
        """Take what is to be read; nothing is sent to the server yet."""
        self.name = server.name
        self.options = OPTIONS
        self._server = server
        self._query = query
        self._ids: Ids | None = None
        self._statements = BY_ELEMENT_ID
        self._total: int | None = None
        self._done = 0

    def identity(self) -> Mapping[str, Any]:
        """Return address, query, and count and digest of the ids, which are listed now unless they were."""
        ids = self._listed()
        return {"name": self.name, "size": ids.count(), "query": self._query, "ids": ids.digest()}

    def read(self, options: ReadOptions) -> Generator[Located | Rejected, None, None]:
        """Return the nodes, then the relationships; what cannot be read of one is a rejection."""
        unshaping = _unshaping(options)
        ids = self._listed()
        self._done = 0
        with Connection(self._server) as connection:
            for kind in KINDS:
                for page in ids.pages(kind, _PAGE):
                    for found in self._page(connection, kind, page, unshaping):
                        yield found
                        self._done += 1

    def progress(self) -> tuple[int, int | None]:
        """Return how many records were read, and of how many."""
        return self._done, self._total

    def _listed(self) -> Ids:
        """Return the ids of all that is to be read."""
        if self._ids is None:
            ids = Ids()
            with Connection(self._server) as connection:
                self._statements = _statements(connection)
                if self._query is None:
                    # The relationships first: then their ends are among the nodes, unless they were deleted since.
                    _list_all(connection, ids, "relationship", self._statements.relationship_ids)
                    _list_all(connection, ids, "node", self._statements.node_ids)
                else:
                    _list_returned(connection, ids, self._query)
            self._ids, self._total = ids, ids.count()
        return self._ids

    def _page(
        self, connection: Connection, kind: Kind, page: Sequence[str], unshaping: Unshaping
    ) -> Iterator[Located | Rejected]:
        """Return what became of each id of a page, in its order."""
        told = self._statements
        statement, make = (
            (told.nodes, lambda row: _node(row, unshaping))
            if kind == "node"
            else (told.relationships, lambda row: _link(row, unshaping))
        )

        def work(transaction: ManagedTransaction) -> dict[str, _Found]:
            rows = run(transaction, statement, ids=told.parameter(list(page)), key=unshaping.key)
            return {str(row["id"]): _found(row, make) for row in rows}

        found = connection.read(work)
        for number, id_ in enumerate(page, start=self._done + 1):
            result = found.pop(id_, None) or _Found(None, _GONE, orjson.dumps({"id": id_}).decode())
            if result.record is not None:
                yield Located(number, result.record)
            else:
                yield rejected(number, result.reason, result.text)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a row gave: a record, or why it gives none and what it said."""

    record: Record | None
    reason: str = ""
    text: str = ""


def _found(row: Any, make: _Make) -> _Found:
    try:
        return _Found(make(row))
    except InvalidInput as error:
        return _Found(None, str(error), orjson.dumps(dict(row), default=_shown).decode())
    except BrokenRecordError as error:
        reason = f"One of its values is none that the driver knows: {error.__cause__}."
        return _Found(None, reason, orjson.dumps({"id": row["id"]}).decode())


def _shown(value: Any) -> Any:
    try:
        return as_json(value)
    except InvalidInput:
        return f"({type(value).__name__})"


def _node(row: Any, unshaping: Unshaping) -> Record:
    return unshaping.node(str(row["id"]), row["labels"], row["properties"], row["natural"])


def _link(row: Any, unshaping: Unshaping) -> Record:
    start, end = (_key(row, name, unshaping) for name in ("start", "end"))
    return unshaping.link(str(row["id"]), row["kind"], (start, end), row["properties"])


def _key(row: Any, end: str, unshaping: Unshaping) -> str:
    """Return the key of one end, as its node has it."""
    own = row[f"{end}_key"]
    natural = natural_key(row[f"{end}_natural"]) if unshaping.key is not None else None
    return natural or (own if isinstance(own, str) else str(row[f"{end}_id"]))


def _unshaping(options: ReadOptions) -> Unshaping:
    told = options.options
    unknown = sorted(told.keys() - OPTIONS.keys())
    if unknown:
        raise InvalidInput(
            f"Reading from a server has no option {unknown[0]!r}.", hint=f"Options are {', '.join(OPTIONS)}."
        )
    return Unshaping(told.get("label", DEFAULT_LABEL), told.get("key") or None, edge_ids(told))


def _statements(connection: Connection) -> Reading:
    """Return the statements that the server answers: older ones, and some that are not Neo4j, know numbers only."""
    if connection.version < _FIRST_WITH_ELEMENT_IDS:
        return BY_NUMBER

    def ask(transaction: ManagedTransaction) -> None:
        try:
            run(transaction, f"{BY_ELEMENT_ID.node_ids} LIMIT 1").consume()
        except ClientError as error:
            # Whatever else is wrong, the user may not read or the database is away, is no matter of the function.
            if (error.code or "").startswith("Neo.ClientError.Statement."):
                raise _NumbersOnly from error
            raise

    try:
        connection.read(ask)
    except _NumbersOnly:
        return BY_NUMBER
    return BY_ELEMENT_ID


def _list_all(connection: Connection, ids: Ids, kind: Kind, statement: str) -> None:
    def work(transaction: ManagedTransaction) -> None:
        ids.clear(kind)
        for row in run(transaction, statement):
            ids.add(kind, row["id"])

    connection.read(work, rows=_ID_ROWS)


def _list_returned(connection: Connection, ids: Ids, query: str) -> None:
    """List what a query returns, and the ends of its relationships."""

    def work(transaction: ManagedTransaction) -> int:
        for kind in KINDS:
            ids.clear(kind)
        rows = 0
        result = run(transaction, query)
        for row in result:
            rows += 1
            for kind, id_ in elements(list(row)):
                ids.add(kind, id_)
        if result.consume().counters.contains_updates:
            # Neo4j refuses to write where only reading was asked for; other servers may not. This undoes it.
            raise InvalidInput("The query changes the database.", hint="Give a query that only reads.")
        return rows

    if connection.read(work) and not ids.count():
        raise InvalidInput(
            "The query returns no node, relationship or path.",
            hint="Return them whole, and not their properties: MATCH p = (:Person)-[:KNOWS]->() RETURN p",
        )
