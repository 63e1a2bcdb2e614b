"""The retrieval index on Postgres: search, vectors, synchronisation with foreign writes, and rebuild."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Final

import asyncpg
import orjson

from kgmem.domain.errors import Conflict
from kgmem.domain.graph.embedding import EmbeddingSpace, RefusedPassage, Vector, WaitingPassage
from kgmem.domain.graph.entity import EPISODE, RELATIONSHIP
from kgmem.domain.graph.graph import Graph
from kgmem.domain.ports import Candidates
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.causality import Ancestry, CausalGraph, FoundPath
from kgmem.domain.recall.fusion import Ranked
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.view import Neighbourhood, Subgraph
from kgmem.domain.slices import broken_off, slice_over
from kgmem.store import search
from kgmem.store.db.codecs import encode_halfvec
from kgmem.store.db.replicas import ReadPool
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import PostgresCatalog, make_vectors
from kgmem.store.graph.epoch import track_epoch
from kgmem.store.graph.layout import (
    EDGE,
    LABEL_SHIFT,
    Label,
    Layout,
    register_foreign_labels,
)
from kgmem.store.graph.subsystems import IndexPlace, Subsystem, keep_vectors
from kgmem.store.search.as_of import as_known
from kgmem.store.search.waiting import waiting_passages
from kgmem.store.sync import index_sync
from kgmem.store.sync.keyword_index_repair import KeywordIndexGuard
from kgmem.store.sync.lexemes import Lexemes
from kgmem.store.sync.rebuild import Rebuild, make_facts
from kgmem.store.write.archive import restore_all
from kgmem.tasks import writing_as

_BATCH = 2000
# What a search reads. The candidate statement itself reports claims that another process has made since, so that a
# recall of the present does not ask the register of graphs for them.
_READS: Sequence[Subsystem] = ("history", "claims")
_RECALL_READS: Sequence[Subsystem] = ("history",)
_LAST_OF_ALL = 2**63 - 1
_MOST_SWEPT = 10_000  # Graphs of which the last look is remembered.
_SWEEP_EVERY = 10.0  # Seconds between looks for vertices that another client deleted.


# What another client has deleted leaves the index, whatever legal holds say: the history keeps it.
_GONE_ANYWAY: Final = SQL("SET LOCAL kgmem.holds = 'off'")


class PostgresIndex:
    """The index tables of every graph."""

    def __init__(
        self,
        catalog: PostgresCatalog,
        searches: ReadPool,
        *,
        occurrences: Callable[[Graph], Sequence[str]],
        guard: KeywordIndexGuard | None = None,
    ) -> None:
        """Take the catalog, a pool tuned for searches, what names the labels that tell of occurrences.

        `guard` knows where the keyword index cannot be trusted; Postgres full text answers for words there.
        """
        self._guard = guard
        self._lexemes = Lexemes(catalog.database)
        self.catalog = catalog
        self.database = catalog.database
        self.searches = searches
        self._occurrences = occurrences
        self._swept: dict[str, tuple[float, int]] = {}

    async def candidates(
        self, graph: str, question: Question, vector: Vector | None, *, archive: bool = True
    ) -> Candidates:
        """Return each retriever's candidates for a question, by one statement; of `archive` the port tells."""
        try:
            return await self._candidates(graph, question, vector, archive=archive)
        except asyncpg.UndefinedObjectError:
            # A large load has set the text index aside since this process last looked.
            self.catalog.forget(graph)
            return await self._candidates(graph, question, vector, archive=archive)

    async def _candidates(self, graph: str, question: Question, vector: Vector | None, *, archive: bool) -> Candidates:
        passed = question.what.text is not None and self.catalog.words and bool(question.weight("words"))
        if passed:
            async with self.catalog.on(graph, reads=_RECALL_READS) as layout:
                await self._lexemes.ensure_stored(layout, question)
        replica = not passed or self._guard is None or not self._guard.in_memory
        reading = self._reading(graph, question.when.known_at, reads=_RECALL_READS, expires=not passed, replica=replica)
        async with reading as (layout, connection):
            occurrences = self._occurrences(layout.graph)
            words = self.catalog.words and (self._guard is None or self._guard.usable(layout.id))
            request = search.SearchRequest(question, vector, occurrences, words)
            return await search.candidates(connection, layout, request, archive=archive)

    async def fetch(
        self,
        graph: str,
        best: Sequence[Ranked[int]],
        paths: Mapping[int, Sequence[FoundPath]] | None = None,
        *,
        question: Question,
    ) -> Sequence[Hit]:
        """Return the hits of these, in their order, that still stand in the label tables, by one statement.

        Whoever found them has seen to it that nothing expired is among them.
        """
        reading = self._reading(
            graph, question.when.known_at, reads=_RECALL_READS, expires=False, replica=not question.explain
        )
        async with reading as (layout, connection):
            hits = await search.fetch(connection, layout, best, paths or {}, question)
            self.catalog.usage.note(layout, (hit.id for hit in hits if hit.id > 0))
            if question.explain:
                hits = await search.placed(connection, layout, hits, question, self._occurrences(layout.graph))
            return hits

    async def has_links(self, graph: str) -> bool:
        """Return whether the graph has a label of relationships; it costs no statement where the catalog is fresh."""
        async with self.catalog.on(graph, reads=_RECALL_READS, expires=False) as layout:
            return any(of == EDGE for of, _ in layout.labels)

    async def causal_graph(self, graph: str, asked: Ancestry, *, effects: bool) -> CausalGraph:
        """Return all causes of entities, the paths between them and, with `effects`, their effects. Raises NotFound."""
        async with self._reading(graph, asked.when.known_at) as (layout, connection):
            return await search.causal_graph(connection, layout, asked, effects=effects)

    async def neighbourhood(self, graph: str, asked: Neighbourhood) -> Subgraph:
        """Return what lies around entities. Raises NotFound for an entity that the scope does not see."""
        async with self._reading(graph, asked.when.known_at) as (layout, connection):
            return await search.neighbourhood(connection, layout, asked)

    @asynccontextmanager
    async def _reading(
        self,
        graph: str,
        known_at: str | None,
        *,
        reads: Iterable[Subsystem] = _READS,
        expires: bool = True,
        replica: bool = True,
    ) -> AsyncIterator[tuple[Layout, asyncpg.Connection]]:
        """Lend a connection to search with, and the layout to search in: as of now, or as it was known.

        `replica`: a replica may answer.
        """
        wanted = reads if known_at is None else _READS
        async with self.catalog.on(graph, reads=wanted, expires=expires) as layout:
            if known_at is None:
                async with self.searches.connection(replica=replica) as connection:
                    yield layout, connection
            else:
                async with self.database.connection() as connection, as_known(connection, known_at):
                    yield layout.as_known(), connection

    async def similarity(
        self, graph: str, ids: Sequence[int], *, known_at: str | None = None
    ) -> Mapping[tuple[int, int], float]:
        """Return the similarity of items by pairs of ids (the lesser first): of the nearest two of their passages."""
        async with self._reading(graph, known_at) as (layout, connection):
            if layout.vectors is None:
                return {}
            rows = await connection.fetch(layout.sql("recall", "similarity", table=layout.vectors), list(ids))
        return {(one, other): max(0.0, value) for one, other, value in rows}

    async def last_passage(self, graph: str) -> int:
        """Return the id of the newest passage; those that are written from now on get greater ones."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            last: int = await connection.fetchval(layout.sql("recall", "last_passage"))
            return last

    async def unembedded(
        self, graph: str, space: str, limit: int, *, last: int | None = None, after: int = 0
    ) -> Sequence[WaitingPassage]:
        """Return passages behind the id `after`, up to the id `last`, that wait for a vector of this space."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("recall", "unembedded"), space, limit, _up_to(last), after)
            return await waiting_passages(connection, layout, rows)

    async def put_vectors(self, graph: str, space: str, vectors: Mapping[int, tuple[str, Vector]]) -> int:
        """Store vectors by passage id; a passage whose body changed since is left waiting. Raises Conflict."""
        async with self.catalog.on(graph) as layout:
            sql = layout.sql("recall", "put_vectors", table=_table(layout, space))
            bodies, embeddings = zip(*vectors.values(), strict=True) if vectors else ((), ())
            columns = list(vectors), list(bodies), [encode_halfvec(vector) for vector in embeddings]

            async def store(connection: asyncpg.Connection) -> str:
                tag: str = await connection.execute(sql, space, *columns)
                return tag

            return int((await self.database.transact(store)).rpartition(" ")[2])

    async def refuse(self, graph: str, space: str, reasons: Mapping[int, str]) -> None:
        """Mark passages as refused by the embedder of this space; `reasons` by passage id."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql("recall", "refuse"), space, list(reasons), list(reasons.values()))

    async def refused(self, graph: str, limit: int) -> Sequence[RefusedPassage]:
        """Return passages that the embedder refused, the oldest first."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql("recall", "refused"), limit)
        kinds = {EPISODE: "episode", RELATIONSHIP: "fact"}
        return [RefusedPassage(**{**row, "kind": kinds.get(row["kind"], "entity")}) for row in rows]

    async def retry_refused(self, graph: str) -> int:
        """Queue the passages that the embedder refused again; return how many."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            tag: str = await connection.execute(layout.sql("recall", "retry_refused"))
        return int(tag.rpartition(" ")[2])

    async def begin_space(self, graph: str, space: EmbeddingSpace) -> None:
        """Open a second embedding space beside the graph's. Goes on with one that was begun before."""

        async def begin(connection: asyncpg.Connection) -> None:
            layout = await self.catalog.layout(graph)
            if layout.next_space == space.id:
                return
            if layout.next_vectors:
                await _drop_vectors(connection, layout, layout.next_vectors)
            table = await make_vectors(connection, layout.index_name, space)
            await keep_vectors(connection, IndexPlace(layout.id, layout.index_name), table)
            await track_epoch(connection, layout.index_name)
            told = orjson.dumps(asdict(space)).decode()
            await connection.execute(statement("catalog", "next_space"), layout.id, told, table)

        self.catalog.forget(graph)
        await (await self.catalog.layout(graph)).ensure("history")
        await self.database.transact(begin)
        self.catalog.forget(graph)
        layout = await self.catalog.layout(graph)

        async def wait(connection: asyncpg.Connection) -> None:
            # Behind the writers that knew nothing of the space; those that follow read of it.
            await connection.execute(layout.sql("recall", "writers_wait"))
            await connection.execute(layout.sql("recall", "await_space"), space.id)

        await self.database.transact(wait)
        await restore_all(self.database, layout)  # Nothing more is archived until the graph is in its new space.

    async def switch_space(self, graph: str, space: str, *, last: int | None = None) -> None:
        """Make recall answer from the new space. Raises Conflict while passages, up to the id `last`, still wait."""
        self.catalog.forget(graph)
        layout = await self.catalog.layout(graph)
        if layout.next_space != space:
            raise Conflict("That embedding space was not begun.", hint="Run kgmem index reembed again.")

        async def switch(connection: asyncpg.Connection) -> None:
            # A writer that knew only the old space may have deleted a passage, but not its new vector.
            await connection.execute(layout.sql("recall", "writers_wait"))
            await connection.execute(layout.sql("index_sync", "lost_vectors", table=layout.next_vectors or ""))
            await connection.execute(layout.sql("recall", "await_missing", table=layout.next_vectors or ""), space)
            await connection.execute(layout.sql("recall", "forget_unembedded"), space)
            if await connection.fetchval(layout.sql("recall", "waiting_for_space"), space, _up_to(last)):
                raise Conflict("Some passages still wait for their new vectors.", hint="Run kgmem index reembed again.")
            if layout.vectors:
                await _drop_vectors(connection, layout, layout.vectors)
            await connection.execute(statement("catalog", "switch_space"), layout.id)
            await connection.execute(layout.sql("recall", "leave_space"), space)

        await self.database.transact(switch)
        self.catalog.forget(graph)

    async def absorb_foreign_writes(self, graph: str | None = None) -> int:
        """Index what other AGE clients wrote since the last call; return how many items changed."""
        if graph is not None:
            return await self._absorb(graph)
        async with self.database.connection() as connection:
            await connection.execute(statement("index_sync", "forget_dropped"))
        changed = 0
        for held in await self.catalog.list():
            changed += await self._absorb(held.name)
            if broken_off():
                break
        return changed

    async def _absorb(self, graph: str) -> int:
        layout = await self.catalog.layout(graph)
        changed = 0
        while True:

            async def work(connection: asyncpg.Connection) -> tuple[int, int, Layout]:
                own = layout.apart()
                await connection.execute(_GONE_ANYWAY)
                rows = await connection.fetch(statement("index_sync", "take"), layout.id, _BATCH)
                ids = sorted({row["id"] for row in rows})
                with writing_as(None):  # What other clients wrote came by nobody's key, whoever this is done for.
                    return len(rows), await index_sync.IndexSync(connection, own).sync(ids) if ids else 0, own

            taken, indexed, learnt = await self.database.transact(work)
            layout.adopt(learnt)
            changed += indexed
            if not taken:
                return changed + await self._sweep(layout)
            if await slice_over():
                return changed  # What is left is still captured.

    async def _sweep(self, layout: Layout) -> int:
        """Look for what another client deleted, when the label tables have seen deletions since the last look."""
        at, seen = self._swept.get(layout.index_name, (0.0, -1))
        if time.monotonic() - at < _SWEEP_EVERY:
            return 0
        async with self.database.connection() as connection:
            deletions: int = await connection.fetchval(statement("index_sync", "deletions"), layout.age_name)
        if len(self._swept) >= _MOST_SWEPT:
            self._swept.clear()
        self._swept[layout.index_name] = (time.monotonic(), deletions)
        return await self.remove_orphans(layout) if deletions != seen else 0

    async def remove_orphans(self, layout: Layout, *, endless: bool = True) -> int:
        """Take out of the index what the label tables no longer hold; return how many items.

        `endless`: also relationships whose ends the index does not have.
        """

        async def work(connection: asyncpg.Connection) -> tuple[int, Layout]:
            own = layout.apart()
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            await connection.execute(_GONE_ANYWAY)
            await register_foreign_labels(connection, own)
            gone = [row["id"] for row in await connection.fetch(own.sql("index_sync", "lost_labels"), own.age_name)]
            for label in own.by_id.values():
                gone += [row["id"] for row in await connection.fetch(*_orphans(own, label))]
            if endless:
                gone += [row["id"] for row in await connection.fetch(own.sql("index_sync", "endless_edges"))]
            return await index_sync.remove(connection, own, gone), own

        removed, learnt = await self.database.transact(work)
        layout.adopt(learnt)
        return removed

    async def rebuild(self, graph: str) -> None:
        """Rebuild the index of a graph from its label tables, keeping the vectors that still fit."""
        layout = await self.catalog.layout(graph)
        await Rebuild(self.catalog, layout, self.remove_orphans).run()

    async def make_facts(self, graph: str) -> None:
        """Bring the facts of a graph in line with its setting."""
        await make_facts(self.catalog, graph)

    async def without_facts(self) -> Sequence[str]:
        """Return the graphs of which the facts are not as their setting says."""
        async with self.database.connection() as connection:
            return [row["name"] for row in await connection.fetch(statement("fact_index", "unmade"))]


async def _drop_vectors(connection: asyncpg.Connection, layout: Layout, table: str) -> None:
    """Drop the vectors of a space, those of earlier texts too: nothing can be compared with them any more."""
    await connection.execute(layout.sql("recall", "drop_vectors", table=table))
    await connection.execute(layout.sql("as_of", "forget_vectors"), table)


def _up_to(last: int | None) -> int:
    return _LAST_OF_ALL if last is None else last


def _table(layout: Layout, space: str) -> str:
    if layout.graph.space and layout.graph.space.id == space and layout.vectors:
        return layout.vectors
    if layout.next_space == space and layout.next_vectors:
        return layout.next_vectors
    raise Conflict("The graph is not in that embedding space any more.", hint="Embed it again in its current space.")


def _orphans(layout: Layout, label: Label) -> tuple[SQL, *tuple[int, ...]]:
    if label.kind == EDGE:
        return layout.sql("index_sync", "orphan_edges", label=label.age_name), label.id
    first = label.id << LABEL_SHIFT
    return layout.sql("index_sync", "orphan_items", label=label.age_name), first, first + (1 << LABEL_SHIFT)
