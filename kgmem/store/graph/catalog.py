"""The graphs of a database: their register, their making and dropping, their layouts."""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import asyncpg
import orjson

from kgmem.domain.errors import Conflict, DatabaseOutdated
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.graph import Graph, GraphStats, no_such_graph
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.schema.schema import GraphSchema, from_mapping
from kgmem.domain.time.interval import iso
from kgmem.store.db.database import Database, work_on
from kgmem.store.db.sql import SQL, compose, fill, identifier, literal, number
from kgmem.store.db.statements import forget_statements, statement
from kgmem.store.graph import property_indexes
from kgmem.store.graph.expiry_gate import ExpiryGate
from kgmem.store.graph.layout import (
    VERTEX,
    Label,
    Layout,
    asof_of,
    learn_labels,
    learn_subsystems,
    lock_labels,
    make_labels,
)
from kgmem.store.graph.subsystems import (
    SUBSYSTEMS,
    IndexPlace,
    MadeSubsystems,
    Subsystem,
    ensure_subsystem,
    make_subsystem,
)
from kgmem.store.graph.usage import UseCounter

_AGE_NAME = re.compile(r"(?!pg_|kgm|kgraph_)[A-Za-z][A-Za-z0-9_]{2,61}")
_RESERVED = {"public", "ag_catalog", "information_schema"}
_MOST_LAYOUTS = 500  # Graphs that a process remembers; those that were read longest ago go first.
SETTINGS_KEPT = 1.0  # Seconds for which a process trusts what it read of a graph's settings.


class PostgresCatalog:
    """The register of graphs, with each graph's layout kept in memory for a second at a time."""

    def __init__(
        self,
        database: Database,
        *,
        words: bool,
        latched: bool = False,
        schema_of: Callable[[Graph], GraphSchema] | None = None,
    ) -> None:
        """Take the database, whether it has pg_textsearch (else Postgres full text indexes the words), and more.

        `latched`: that is a version before 1.5, of which one session at a time writes to a text index.
        `schema_of` gives the schema that holds in a graph; by default only what the graph adds by itself.
        """
        self.on_news: Callable[[], None] | None = None  # Called when a graph's row in the register was read and is new.
        self.database = database
        self.expiry = ExpiryGate(database)
        self.usage = UseCounter()
        self.words = words
        self._latched = latched
        self._schema_of = schema_of or (lambda graph: from_mapping(graph.schema))
        self._layouts: dict[str, tuple[float, Layout]] = {}
        self._forgotten = 0  # How often something was forgotten.

    async def create(self, graph: Graph) -> Graph:
        """Create a graph with its index. Raises Conflict when the name is taken."""

        async def make(connection: asyncpg.Connection) -> Layout:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            await self._create(connection, graph)
            layout = self._layout_of(await connection.fetchrow(statement("catalog", "get"), graph.name))
            await make_labels(connection, layout, VERTEX, [EPISODE_LABEL])
            return layout

        forgotten = self._forgotten
        try:
            layout = await self.database.transact(make)
        except asyncpg.UniqueViolationError as error:
            raise Conflict(
                f"There is a graph {graph.name!r} already.", hint="Use it, or choose another name."
            ) from error
        if forgotten == self._forgotten:  # Else somebody may have dropped it by now.
            self._remember(layout)
        return layout.graph

    async def _create(self, connection: asyncpg.Connection, graph: Graph) -> None:
        row = await connection.fetchrow(
            statement("catalog", "register"),
            graph.name,
            graph.strict,
            _json(graph.schema),
            graph.fusion,
            graph.facts,
            graph.extraction,
            graph.recipe,
        )
        graph_id = row["id"]
        work_on(graph_id)
        names = {"index": f"kgm_{graph_id}", "graph": await self._free_name(connection, graph.name, graph_id)}
        await connection.execute(SQL("SELECT ag_catalog.create_graph($1::name)"), names["graph"])
        vectors = await make_tables(connection, names["index"], graph_id, graph.space)
        await connection.execute(statement("graph", "words_bm25" if self.words else "words_gin", **names))
        await connection.execute(statement("keyword_index", "note_new"), graph_id)
        await connection.execute(fill(statement("graph", "capture", **names), {"graph_id": number(graph_id)}))
        if self.words:
            of_words = {"words": literal(compose("{}.passage_words", identifier(names["index"])))}
            await connection.execute(fill(statement("lexemes", "create_by_words", **names), of_words))
        await connection.execute(
            statement("catalog", "place"),
            graph_id,
            names["graph"],
            names["index"],
            _json(asdict(graph.space)) if graph.space else None,
            vectors,
        )

    async def _free_name(self, connection: asyncpg.Connection, name: str, graph_id: int) -> str:
        """Return the AGE name: the graph's own wherever AGE and Postgres allow it."""
        fits = _AGE_NAME.fullmatch(name) and name not in _RESERVED
        taken = fits and await connection.fetchval(SQL("SELECT true FROM pg_namespace WHERE nspname = $1"), name)
        return name if fits and not taken else f"kgraph_{graph_id}"

    async def get(self, name: str) -> Graph:
        """Return a graph. Raises NotFound."""
        return (await self.layout(name)).graph

    async def list(self) -> Sequence[Graph]:
        """Return all graphs, by name."""
        async with self.database.connection() as connection:
            return [_graph_of(row) for row in await connection.fetch(statement("catalog", "list"))]

    async def update(self, graph: Graph) -> Graph:
        """Write the settings of a graph, and make the indexes that its schema declares.

        Raises NotFound, and Conflict when values are not unique that shall be.
        """
        layout = await self.layout(graph.name)

        async def change(connection: asyncpg.Connection) -> int:
            return await self._update(connection, layout, graph)

        try:
            return replace(graph, id=await self.database.transact(change))
        finally:
            self.forget(graph.name)

    async def change_schema(self, name: str, change: Callable[[Graph], Graph]) -> None:
        """Change a graph's own schema, under a lock on it. Raises as `update` does."""
        layout = await self.layout(name)

        async def work(connection: asyncpg.Connection) -> None:
            # A transaction of the caller's own may be what holds the tables: it would wait for itself.
            await connection.execute(SQL("SET LOCAL lock_timeout = '5s'"))
            row = await connection.fetchrow(compose("{} FOR UPDATE OF graph", statement("catalog", "get")), name)
            if row is None:
                raise no_such_graph(name)
            held = _graph_of(row)
            changed = change(held)
            if changed.schema != held.schema:
                await self._update(connection, layout, changed)

        try:
            await self.database.transact(work)
        finally:
            self.forget(name)

    async def _update(self, connection: asyncpg.Connection, layout: Layout, graph: Graph) -> int:
        await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
        id_: int | None = await connection.fetchval(
            statement("catalog", "update"),
            graph.name,
            graph.strict,
            _json(graph.schema),
            graph.fusion,
            graph.facts,
            graph.extraction,
            graph.recipe,
        )
        if id_ is None:
            raise no_such_graph(graph.name)
        own = layout.apart()
        await lock_labels(connection, own)
        await learn_labels(connection, own)
        await self.index_properties(connection, own, own.by_id.values())
        return id_

    async def index_properties(
        self, connection: asyncpg.Connection, layout: Layout, labels: Iterable[Label], *, lenient: bool = False
    ) -> None:
        """Bring the indexes on properties in line with the current schema. Raises Conflict unless lenient."""
        row = await connection.fetchrow(statement("catalog", "get"), layout.graph.name)
        if row is not None:
            schema = self._schema_of(_graph_of(row))
            await property_indexes.sync(connection, layout, labels, schema, lenient=lenient)

    async def make_subsystem(self, layout: Layout, subsystem: Subsystem, *, patience: str = "10s") -> None:
        """Make the tables of a subsystem; `patience` is how long locks are waited for. Raises NotFound."""
        await ensure_subsystem(
            self.database, layout.id, layout.graph.name, layout.subsystems, subsystem, patience=patience
        )

    async def drop(self, name: str) -> None:
        """Delete a graph with all that it holds. Raises NotFound."""

        async def undo(connection: asyncpg.Connection) -> str:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            row = await connection.fetchrow(statement("catalog", "unregister"), name)
            if row is None:
                raise no_such_graph(name)
            await connection.execute(statement("as_of", "drop_asof", asof=asof_of(row["index_name"])))
            await connection.execute(statement("catalog", "imports_wait"), row["id"])
            await connection.fetch(SQL("SELECT ag_catalog.drop_graph($1::name, true)"), row["age_name"])
            await connection.execute(SQL("DELETE FROM kgmem.captured WHERE graph = $1"), row["id"])
            for forget in ("forget_imports", "forget_set_aside", "forget_integrity"):
                await connection.execute(statement("catalog", forget), row["id"])
            # Last, since a text index that is dropped and then is not may end the sessions that used it.
            index: str = row["index_name"]
            await connection.execute(statement("catalog", "drop_index", index=index))
            return index

        index = await self.database.transact(undo)
        self.forget(name)
        forget_statements(index)

    async def stats(self, name: str) -> GraphStats:
        """Count what a graph holds."""
        async with self.on(name) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql("catalog", "stats"), layout.age_name, layout.index_name)
            by_label = await connection.fetch(layout.sql("catalog", "stats_labels"))
            vectors = (
                await connection.fetchval(layout.sql("catalog", "stats_vectors", table=layout.vectors))
                if layout.vectors
                else 0
            )
        return GraphStats(
            **{
                name_: row[name_]
                for name_ in ("entities", "episodes", "relationships", "facts", "passages", "scopes", "sources")
            },
            vectors=vectors,
            waiting_for_vectors=row["waiting"],
            refused_by_embedder=row["refused"],
            labels={r["name"]: r["n"] for r in by_label if r["kind"] == VERTEX and r["name"] != EPISODE_LABEL},
            kinds={r["name"]: r["n"] for r in by_label if r["kind"] != VERTEX},
            bytes=row["bytes"],
            last_change=row["last_change"],
        )

    async def layout(self, name: str) -> Layout:
        """Return a graph's layout. Raises NotFound."""
        held = self._layouts.get(name)
        if held and time.monotonic() - held[0] < SETTINGS_KEPT:
            work_on(held[1].id)
            return held[1]
        forgotten = self._forgotten
        layout = await self.database.read(partial(self._read_layout, name=name, held=held[1] if held else None))
        if forgotten == self._forgotten:  # Else it may have been read before the change that others forgot it for.
            self._remember(layout)
        return layout

    async def _read_layout(self, connection: asyncpg.Connection, name: str, held: Layout | None) -> Layout:
        """Read a graph's layout; what the one that was read before knows of its labels and names goes on."""
        row = await connection.fetchrow(statement("catalog", "get"), name)
        if held and (row is None or row["id"] != held.id):  # Another process dropped it.
            forget_statements(held.index_name)
        if row is None:
            self.forget(name)
            raise no_such_graph(name)
        work_on(row["id"])
        layout = self._layout_of(row)
        if self.on_news and (held is None or not _same(held, layout)):
            self.on_news()
        if held and held.id == layout.id:
            layout.labels, layout.by_id = held.labels, held.by_id
            layout.large = held.large
            if layout.names_erased == held.names_erased:
                layout.scopes, layout.sources = held.scopes, held.sources
            layout.joined, layout.further = held.joined, held.further
            held.subsystems.learn(row["subsystems"])
            layout.subsystems = held.subsystems
        else:
            await learn_labels(connection, layout)
        return layout

    def _remember(self, layout: Layout) -> None:
        name = layout.graph.name
        if name not in self._layouts and len(self._layouts) >= _MOST_LAYOUTS:
            del self._layouts[min(self._layouts, key=lambda each: self._layouts[each][0])]
        self._layouts[name] = (time.monotonic(), layout)

    def _layout_of(self, row: Any) -> Layout:
        """Return the layout that a row of the register describes, which knows no labels yet."""
        return Layout(
            _graph_of(row),
            row["id"],
            row["age_name"],
            row["index_name"],
            row["space_table"],
            EmbeddingSpace(**orjson.loads(row["next_space"])).id if row["next_space"] else None,
            row["next_space_table"],
            wordless=row["wordless"],
            latched=self._latched,
            schema_of=self._schema_of,
            index_properties=self.index_properties,
            subsystems=MadeSubsystems.of(row["subsystems"]),
            names_erased=row["names_erased"],
            make_subsystem=self.make_subsystem,
            register=row["register"],
        )

    @asynccontextmanager
    async def on(
        self, name: str, reads: Iterable[Subsystem] = SUBSYSTEMS, *, expires: bool = True
    ) -> AsyncIterator[Layout]:
        """Work on a graph; when it was dropped meanwhile by another process, say NotFound.

        Expired items are deleted first, unless the caller has said that by `expires`.

        `reads` names the subsystems that the work may read: whether another process has made them by now is not taken
        from what this one remembers.
        """
        layout = await self.layout(name)
        try:
            await self._prepare(layout, reads, expires=expires)
        except DatabaseOutdated:  # It was dropped, and may have been made again.
            self.forget(name)
            layout = await self.layout(name)
            await self._prepare(layout, reads, expires=expires)
        try:
            yield layout
        except DatabaseOutdated:
            self.forget(name)
            await self.layout(name)
            raise

    async def _prepare(self, layout: Layout, reads: Iterable[Subsystem], *, expires: bool) -> None:
        """Learn which tables there are, and delete what has expired."""
        if not layout.subsystems.made.issuperset(reads):
            await self.database.read(partial(learn_subsystems, layout=layout))
        if expires:
            await self.expiry.pass_through(layout)

    def forget(self, name: str) -> None:
        """Drop the cached settings of a graph: they are read again at the next use."""
        self._layouts.pop(name, None)
        self._forgotten += 1


async def make_tables(
    connection: asyncpg.Connection,
    index: str,
    graph_id: int,
    space: EmbeddingSpace | None,
    subsystems: Iterable[Subsystem] = (),
) -> str | None:
    """Make the tables of a graph's retrieval index, without the keyword index; return the table of its vectors.

    `subsystems` names those whose tables are made as well.
    """
    await connection.execute(statement("graph", "create_index", index=index))
    await connection.execute(statement("as_of", "refuse_rows", index=index))
    vectors = await make_vectors(connection, index, space) if space else None
    for subsystem in subsystems:
        await make_subsystem(connection, subsystem, IndexPlace(graph_id, index, (vectors,) if vectors else ()))
    return vectors


async def make_vectors(connection: asyncpg.Connection, index: str, space: EmbeddingSpace) -> str:
    """Make the table of an embedding space; return its name. Its history is kept by `keep_vectors`."""
    table = f"vector_{space.id}"
    sql = statement("graph", "vectors", index=index, table=table, hnsw=f"{table}_hnsw")
    await connection.execute(fill(sql, {"dimension": number(space.dimension)}))
    return table


def _same(held: Layout, layout: Layout) -> bool:
    """Return whether a graph's row in the register is as it was, but for what only grows."""
    return (held.register, held.names_erased) == (layout.register, layout.names_erased) and (
        held.subsystems.made >= layout.subsystems.made
    )


def _graph_of(row: Any) -> Graph:
    return Graph(
        name=row["name"],
        strict=row["strict"],
        schema=orjson.loads(row["schema"]),
        space=EmbeddingSpace(**orjson.loads(row["space"])) if row["space"] else None,
        fusion=row["fusion"],
        facts=row["facts"],
        extraction=row["extraction"],
        recipe=row["recipe"],
        created_at=iso(row["created_at"]),
        id=row["id"],
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
