"""Where a graph lies: its AGE schema, its index schema, its labels, scopes and sources by number."""

import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.graph import Graph
from kgmem.domain.schema.schema import GraphSchema, from_mapping
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL, identifier
from kgmem.store.db.statements import ABSENT_ASOF, statement
from kgmem.store.graph import subsystems
from kgmem.store.graph.subsystems import AS_OF, MadeSubsystems, Subsystem

VERTEX, EDGE = 1, 2
LABEL_SHIFT = 48  # AGE's graphid is the label's id in the upper 16 bits and a sequence number in the lower 48.
_PLAIN_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MOST_SCOPES_KEPT = 200_000
MakeSubsystem = Callable[["Layout", Subsystem], Awaitable[None]]
_COLUMNS = ("key", "name", "kind", "trust", "note")


@dataclass(frozen=True, slots=True)
class Label:
    """One label: as callers write it, as AGE holds it, and the sequence that numbers what bears it."""

    id: int
    kind: int
    name: str
    age_name: str
    sequence: int  # Its oid.


IndexProperties = Callable[[asyncpg.Connection, "Layout", Iterable[Label]], Awaitable[None]]


async def _no_indexes(connection: asyncpg.Connection, layout: "Layout", labels: Iterable[Label]) -> None:
    """Make no indexes."""


async def _no_subsystem(layout: "Layout", subsystem: Subsystem) -> None:
    """Make nothing: what knows no database has all tables."""


def _own_schema(graph: Graph) -> GraphSchema:
    return from_mapping(graph.schema)


@dataclass(slots=True)
class Layout:
    """What a process knows of a graph's tables; numbers never change, so they may be kept."""

    graph: Graph
    id: int
    age_name: str
    index_name: str
    vectors: str | None  # Table of the graph's embedding space.
    next_space: str | None
    next_vectors: str | None
    wordless: bool = False  # A large load has set the text index aside.
    latched: bool = False  # The server's pg_textsearch latches a text index until the end of each transaction.
    labels: dict[tuple[int, str], Label] = field(default_factory=dict)
    by_id: dict[int, Label] = field(default_factory=dict)
    scopes: dict[str, int] = field(default_factory=lambda: {"": 0})
    sources: dict[str, int] = field(default_factory=dict)
    noted_keys: set[tuple[int, str]] = field(default_factory=set)  # Sources and API keys; shared by all copies.
    seen: frozenset[int] = frozenset()  # In a copy: the labels that the original knew.
    large: dict[int, float] = field(default_factory=dict)  # Scope -> when a search last found it large.
    joined: set[int] = field(default_factory=set)  # Labels that ends of facts were seen to have.
    kinds_checked: float = 0.0  # When kinds of links that lead to places were last looked for.
    further: bool = False  # A node was seen that has further labels beside its table's.
    schema_of: Callable[[Graph], GraphSchema] = _own_schema
    held_schema: GraphSchema | None = None  # Once it was asked for.
    index_properties: IndexProperties = _no_indexes  # Makes what the schema declares for new labels.
    subsystems: MadeSubsystems = field(default_factory=MadeSubsystems)  # Shared by all copies.
    make_subsystem: MakeSubsystem = _no_subsystem
    names_erased: int = 0  # How often scopes and sources got other names.
    register: int = 0  # The version of the row in the register of graphs that this was read from.

    def schema(self) -> GraphSchema:
        """Return the schema that holds in the graph."""
        if self.held_schema is None:
            self.held_schema = self.schema_of(self.graph)
        return self.held_schema

    def sql(self, file: str, name: str, **names: str) -> SQL:
        """Return a statement with this graph's schemas filled in; tables that it lacks are empty ones of the server."""
        absent = self.subsystems.absent_tables
        return statement(file, name, absent, index=self.index_name, graph=self.age_name, **names)

    async def ensure(self, subsystem: Subsystem) -> None:
        """Make the tables of a subsystem that are not there yet, before a statement writes to them.

        That is a transaction of its own on another connection: a rollback of the caller's leaves the tables, empty.
        """
        if subsystem not in self.subsystems.made:
            if subsystem == "claims":  # Its views are in the schema that the history makes.
                await self.ensure("history")
            if subsystem == "publications":  # Its triggers are on the tables of claims.
                await self.ensure("claims")
            await self.make_subsystem(self, subsystem)

    def apart(self) -> "Layout":
        """Return a copy that learns for itself, for a transaction that may be rolled back with what it made."""
        own: dict[str, Any] = {name: dict(getattr(self, name)) for name in ("labels", "by_id", "scopes", "sources")}
        return replace(self, **own, seen=frozenset(self.by_id))

    def with_scopes(self, scopes: dict[str, int]) -> "Layout":
        """Return a copy that knows these scopes besides."""
        return replace(self, scopes=self.scopes | scopes)

    def adopt(self, copy: "Layout") -> None:
        """Know what a copy has learnt in a transaction that is committed."""
        for id_ in copy.seen - copy.by_id.keys():
            self.forget_label(id_)
        self.labels.update(copy.labels)
        self.by_id.update(copy.by_id)
        self.scopes.update(copy.scopes)
        self.sources.update(copy.sources)

    def forget_label(self, id_: int) -> None:
        """Know no more of a label that was dropped."""
        label = self.by_id.pop(id_, None)
        if label and self.labels.get((label.kind, label.name)) == label:
            del self.labels[label.kind, label.name]

    def vector_tables(self) -> list[str]:
        """Return the tables of the graph's embedding spaces: its own, and one that a re-embedding fills."""
        return [table for table in (self.vectors, self.next_vectors) if table]

    def as_known(self) -> "Layout":
        """Return the layout of the index as it was known at kgmem.known_at, a setting of the transaction that reads.

        Every statement that takes {index} from it reads the items, passages, edges, sources and vectors of then. What
        was learnt of the sizes of scopes is of now, and so is not in it. A graph without a history never had a row.
        """
        if "history" not in self.subsystems.made:
            return replace(self, index_name=ABSENT_ASOF, vectors=None, next_vectors=None, wordless=True, large={})
        return replace(self, index_name=asof_of(self.index_name), large={})

    @property
    def is_past(self) -> bool:
        """Whether the index is seen as it was known at an earlier time."""
        return self.index_name.endswith(AS_OF)

    @property
    def held_name(self) -> str:
        """The schema of the current index."""
        return self.index_name.removesuffix(AS_OF)

    def table(self, label: Label) -> SQL:
        """Return a label's table as SQL."""
        return identifier(self.age_name, label.age_name)


def asof_of(index: str) -> str:
    """Return the schema in which an index is seen as it was known at kgmem.known_at."""
    return index + AS_OF


def label_id(graphid: int) -> int:
    """Return the id of the label that is in a graphid."""
    return graphid >> LABEL_SHIFT


async def learn_labels(connection: asyncpg.Connection, layout: Layout) -> None:
    """Read the graph's register of labels; one that a replica does not have yet is kept."""
    before = set() if getattr(connection, "replica", False) else set(layout.by_id)
    rows = await connection.fetch(layout.sql("layout", "labels"), layout.age_name)
    for id_ in before - {row["id"] for row in rows}:
        layout.forget_label(id_)
    for row in rows:
        label = Label(row["id"], row["kind"], row["name"], row["age_name"], row["sequence"])
        layout.labels[label.kind, label.name] = label
        layout.by_id[label.id] = label


async def register_foreign_labels(connection: asyncpg.Connection, layout: Layout) -> None:
    """Take labels that another client made into the graph's register, under their AGE names, and dropped ones out."""
    await connection.execute(layout.sql("layout", "forget_dropped_labels"), layout.age_name)
    await learn_labels(connection, layout)
    known = {label.age_name for label in layout.by_id.values()}
    foreign = [
        (row["name"], VERTEX if row["kind"] == "v" else EDGE)
        for row in await connection.fetch(layout.sql("layout", "age_labels"), layout.age_name)
        if row["name"] not in known and not row["name"].startswith("_ag_label")
    ]
    for name, kind in foreign:
        await connection.execute(layout.sql("layout", "register_label"), layout.age_name, name, kind, name)
    if foreign:
        await learn_labels(connection, layout)
        await connection.execute(statement("unique_values", "watch"), layout.index_name, layout.age_name)


async def know_labels(connection: asyncpg.Connection, layout: Layout, ids: Iterable[int]) -> None:
    """Learn the labels of these vertices or edges, where another process made some since this one last looked."""
    if not all(label_id(id_) in layout.by_id for id_ in ids):
        await learn_labels(connection, layout)


async def ensure_labels(database: Database, layout: Layout, kind: int, names: Iterable[str]) -> None:
    """Make the labels that the graph does not have yet, before the transaction that uses them.

    AGE makes labels by DDL that races, so it happens under a lock of its own.
    """
    missing = sorted({name for name in names if (kind, name) not in layout.labels})
    if not missing:
        return

    async def make(connection: asyncpg.Connection) -> Layout:
        own = layout.apart()
        await lock_labels(connection, own)
        await register_foreign_labels(connection, own)
        await make_labels(connection, own, kind, [name for name in missing if (kind, name) not in own.labels])
        return own

    layout.adopt(await database.transact(make))


async def make_labels(connection: asyncpg.Connection, layout: Layout, kind: int, names: Sequence[str]) -> None:
    """Make labels, with the indexes that the schema declares for them, in the transaction of the caller.

    The caller holds the lock of `lock_labels`, unless nobody else knows the graph yet.
    """
    for name in names:
        await _make_label(connection, layout, kind, name)
    await learn_labels(connection, layout)
    await layout.index_properties(connection, layout, [layout.labels[kind, name] for name in names])


async def learn_subsystems(connection: asyncpg.Connection, layout: Layout) -> None:
    """Read which subsystems another process has made since this one last looked."""
    await subsystems.learn_subsystems(connection, layout.id, layout.subsystems)


async def lock_labels(connection: asyncpg.Connection, layout: Layout) -> None:
    """Lock the labels of the graph and the indexes on them against changes until this transaction ends."""
    await connection.execute(SQL("SELECT pg_advisory_xact_lock(hashtextextended('kgmem label', $1))"), layout.id)


async def _make_label(connection: asyncpg.Connection, layout: Layout, kind: int, name: str) -> None:
    taken = {row["name"] for row in await connection.fetch(layout.sql("layout", "age_labels"), layout.age_name)}
    plain = _PLAIN_LABEL.fullmatch(name) and name not in taken and not name.startswith("_ag_label")
    age_name = name if plain else f"{re.sub(r'[^A-Za-z0-9_]', '_', name)[:40]}_{zlib.crc32(name.encode()):08x}_{kind}"
    if not re.match(r"[A-Za-z_]", age_name):
        age_name = "L" + age_name
    while age_name in taken:
        age_name += "_"
    make = layout.sql("layout", "make_vertex_label" if kind == VERTEX else "make_edge_label")
    await connection.execute(make, layout.age_name, age_name)
    if kind == EDGE:
        # AGE indexes an edge's ends but not its id, by which kgmem updates and deletes.
        await connection.execute(layout.sql("layout", "index_edge_ids", label=age_name))
    await connection.execute(layout.sql("layout", "register_label"), layout.age_name, age_name, kind, name)


async def scope_ids(
    connection: asyncpg.Connection, layout: Layout, paths: Iterable[str], *, make: bool
) -> dict[str, int]:
    """Return the numbers of scopes by path; those that do not exist are created with `make`, else omitted.

    The layout caches them too, but may drop its cache at any time.
    """
    found = {path: layout.scopes[path] for path in paths if path in layout.scopes}
    wanted = sorted({path for path in paths if path not in found})
    if not wanted:
        return found
    if make:
        await connection.execute(layout.sql("layout", "make_scopes"), wanted)
    learnt = {row["path"]: row["id"] for row in await connection.fetch(layout.sql("layout", "scopes"), wanted)}
    if len(layout.scopes) > _MOST_SCOPES_KEPT:
        layout.scopes = {"": 0}
    layout.scopes.update(learnt)
    return found | learnt


async def make_sources(connection: asyncpg.Connection, layout: Layout, keys: Iterable[str]) -> None:
    """Register the sources that were only named so far; not kept in the layout, since an import may name millions."""
    wanted = sorted(key for key in keys if key not in layout.sources)
    if wanted:
        await layout.ensure("history")
        await connection.execute(layout.sql("layout", "make_sources"), wanted)


async def source_ids(connection: asyncpg.Connection, layout: Layout, keys: Iterable[str | None], *, make: bool) -> None:
    """Learn the numbers of sources; those that were only named so far are registered when asked, with prior trust."""
    wanted = sorted({key for key in keys if key and key not in layout.sources})
    if wanted and make:
        await layout.ensure("history")
        await connection.execute(layout.sql("layout", "make_sources"), wanted)
    if wanted:
        for row in await connection.fetch(layout.sql("layout", "sources"), wanted):
            layout.sources[row["key"]] = row["id"]


async def write_sources(connection: asyncpg.Connection, layout: Layout, sources: Sequence[Source]) -> list[Any]:
    """Write entries, each key once; return a row (id, created) for each that is new or changed."""
    await layout.ensure("history")
    columns = ([getattr(source, name) for source in sources] for name in _COLUMNS)
    rows = list(await connection.fetch(layout.sql("write", "put_sources"), *columns))
    related = [each for each in sources if each.parent is not None or each.domain is not None]
    if related:
        await layout.ensure("claims")
        told = [[each.key for each in related], [each.parent for each in related], [each.domain for each in related]]
        rows += await connection.fetch(layout.sql("write", "put_kinship"), *told)
    return list({row["id"]: row for row in reversed(rows)}.values())
