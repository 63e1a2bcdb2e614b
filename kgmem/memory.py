"""The façade: one object with everything that kgmem does. Every door calls only this."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from typing import Any, Unpack

from kgmem.beliefs import Beliefs
from kgmem.connecting import Connecting
from kgmem.domain.access import Key, Right, check_binding
from kgmem.domain.bookmark import bookmark_of
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.claims.source import Source
from kgmem.domain.cypher import CypherAnswer, CypherQuery, CypherTransaction, Mode, NamedQuery
from kgmem.domain.errors import Conflict
from kgmem.domain.graph.change import Change
from kgmem.domain.graph.embedding import EmbeddingSpace, RefusedPassage, WhichVectors
from kgmem.domain.graph.entity import DeleteResult, Entity, Page, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Asking, Extraction, Facts, Graph, GraphStats, check_graph_name
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.ports import Job
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.causality import Ancestry, Lineage, Separated, Separation
from kgmem.domain.recall.evaluation import Planted, Step, Verdict
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.recipes import check_recipe
from kgmem.domain.recall.view import Neighbourhood, Subgraph
from kgmem.domain.schema.schema import GraphSchema, from_mapping, merge, to_mapping, validate
from kgmem.domain.slices import broken_off
from kgmem.domain.vitals import Figures, Health
from kgmem.formats.kgmem.sample import Sample
from kgmem.integrity import Integrity
from kgmem.resolving import Resolving
from kgmem.services import ask_cypher
from kgmem.services import check as checking
from kgmem.services.claims import causality
from kgmem.services.claims import claim as claiming
from kgmem.services.recall import evaluate as evaluating
from kgmem.services.recall import recall as recalling
from kgmem.services.recall import view as viewing
from kgmem.services.texts import remember as remembering
from kgmem.services.upkeep import embed as embedding
from kgmem.services.upkeep import index_sync as absorbing
from kgmem.services.upkeep import index_sync as fact_making
from kgmem.texts import Texts
from kgmem.transfers import Transfers

DEFAULT_GRAPH = "main"
_UNSET: Any = object()


class Memory(Beliefs, Connecting, Integrity, Resolving, Texts, Transfers):
    """A knowledge memory over one database: graphs, what they hold, and recall. Safe to share between tasks.

    A method that takes the name of a graph raises NotFound where there is no such graph.
    """

    # Graphs

    async def create_graph(
        self,
        name: str,
        *,
        strict: bool = False,
        schema: Mapping[str, Any] | None = None,
        space: EmbeddingSpace | None = _UNSET,
        facts: Facts = "text",
        extraction: Extraction = "asked",
        **asking: Unpack[Asking],
    ) -> Graph:
        """Create a graph in the embedder's space unless another (or None) is given. Raises Conflict, InvalidInput."""
        own = to_mapping(from_mapping(schema)) if schema else {}
        validate(remembering.extended(self.parts.core_schema, from_mapping(own)))
        if space is _UNSET:
            space = self.parts.embedder.space if self.parts.embedder else None
        return await self.parts.graphs.create(
            Graph(
                check_graph_name(name),
                strict=strict,
                schema=own,
                space=space,
                fusion=asking.get("fusion") or "convex",
                facts=facts,
                extraction=extraction,
                recipe=check_recipe(asking.get("recipe")),
            )
        )

    async def ensure_graph(self, name: str, **settings: Any) -> Graph:
        """Return a graph; where there is none, create it with these settings of `create_graph`.

        A graph that is there keeps its own settings. Raises InvalidInput.
        """
        try:
            return await self.create_graph(name, **settings)
        except Conflict:
            return await self.parts.graphs.get(name)

    async def graph(self, name: str) -> Graph:
        """Give a graph. Raises NotFound."""
        return await self.parts.graphs.get(name)

    async def graph_named(self, name: str) -> Graph:
        """Return the graph of a name, whatever the case of its letters. Raises NotFound."""
        return await ask_cypher.graph_named(self.parts, name)

    async def graphs(self) -> Sequence[Graph]:
        """Give all graphs, by name."""
        return await self.parts.graphs.list()

    async def update_graph(
        self,
        name: str,
        *,
        strict: bool | None = None,
        schema: Mapping[str, Any] | None = None,
        replacing: bool = False,
        facts: Facts | None = None,
        extraction: Extraction | None = None,
        **asking: Unpack[Asking],
    ) -> Graph:
        """Change a graph's settings; a schema extends the graph's own, or takes its place if `replacing`.

        Other `facts` are made by a job, beside readers and writers.

        Raises NotFound, InvalidInput, and Conflict when the graph holds one value twice that shall be unique.
        """
        held = await self.parts.graphs.get(name)
        own = held.schema
        if schema is not None:
            own = to_mapping(merge(from_mapping({} if replacing else own), from_mapping(schema)))
            validate(remembering.extended(self.parts.core_schema, from_mapping(own)))
        changed = replace(
            held,
            strict=held.strict if strict is None else strict,
            schema=own,
            fusion=asking.get("fusion") or held.fusion,
            facts=facts or held.facts,
            extraction=extraction or held.extraction,
            recipe=check_recipe(asking.get("recipe")) or held.recipe,
        )
        updated = await self.parts.graphs.update(changed)
        if updated.facts != held.facts:
            await self.parts.jobs.defer("make_facts", graph=name)
        return updated

    async def delete_graph(self, name: str) -> None:
        """Delete a graph with all that it holds, and revoke the keys that are bound to it. Raises NotFound."""
        await self.parts.graphs.drop(name)
        for key in await self.parts.keys.list():
            if key.graph == name and key.revoked_at is None:
                await self.parts.keys.revoke(key.id)

    async def schema(self, name: str) -> GraphSchema:
        """Give the schema that holds in a graph: the core and its own."""
        return remembering.schema_of(self.parts.core_schema, await self.parts.graphs.get(name))

    async def check_graph(self, name: str) -> Sequence[checking.Departure]:
        """Compare a live graph with its schema; gives departures, the most frequent first."""
        return await checking.check_graph(self.parts, name)

    async def stats(self, name: str) -> GraphStats:
        """Count what a graph holds."""
        return await self.parts.graphs.stats(name)

    # What a graph holds

    async def put_entities(self, graph: str, entities: Sequence[Entity]) -> WriteResult:
        """Merge statements of entities into a graph, in one transaction; returns counts, and ids in their order.

        Raises InvalidInput, SchemaViolation, EmbeddingMismatch, VersionConflict, and Conflict for a unique value that
        is taken; then nothing is written.
        """
        return await remembering.put_entities(self.parts, graph, entities)

    async def get_entity(self, graph: str, key: str, *, scope: str = SHARED) -> Entity:
        """Give the entity that a scope sees under a key. Raises NotFound."""
        return await self.parts.store.get_entity(graph, key, check_scope(scope))

    async def list_entities(
        self, graph: str, *, scope: str = SHARED, label: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Entity]:
        """Give a page of the entities that a scope sees."""
        return await self.parts.store.list_entities(
            graph, scope=check_scope(scope), label=label, cursor=cursor, limit=limit
        )

    async def delete_entities(
        self, graph: str, keys: Sequence[str], *, scope: str = SHARED, version: int | None = None
    ) -> DeleteResult:
        """Delete entities of exactly this scope, with their relationships. Keys that are not there are no error.

        Raises VersionConflict.
        """
        return await remembering.delete_entities(self.parts, graph, keys, check_scope(scope), version)

    async def put_relationships(self, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
        """Merge statements of relationships into a graph, in one transaction; returns counts, and ids in their order.

        Raises UnknownEntities where an end does not exist, InvalidInput, SchemaViolation, VersionConflict, and Conflict
        for a unique value that is taken; then nothing is written.
        """
        return await remembering.put_relationships(self.parts, graph, relationships)

    async def get_relationship(self, graph: str, id_: int, *, scope: str = SHARED) -> Relationship:
        """Give a relationship that a scope sees. Raises NotFound."""
        return await self.parts.store.get_relationship(graph, id_, check_scope(scope))

    async def list_relationships(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        kind: str | None = None,
        entity: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Relationship]:
        """Give a page of the relationships that a scope sees, of one kind or of one entity (either end)."""
        return await self.parts.store.list_relationships(
            graph, scope=check_scope(scope), kind=kind, entity=entity, cursor=cursor, limit=limit
        )

    async def delete_relationships(self, graph: str, ids: Sequence[int], *, scope: str = SHARED) -> DeleteResult:
        """Delete relationships of exactly this scope, with the claims that they make."""
        return await remembering.delete_relationships(self.parts, graph, ids, check_scope(scope))

    async def put_sources(self, graph: str, sources: Sequence[Source]) -> WriteResult:
        """Write entries of a graph's registry of sources."""
        return await claiming.put_sources(self.parts, graph, sources)

    async def list_sources(self, graph: str) -> Sequence[Source]:
        """Give a graph's registered sources, by key."""
        return await self.parts.store.list_sources(graph)

    async def export(
        self, graph: str, *, scope: str | None = None, embeddings: WhichVectors = "given"
    ) -> AsyncGenerator[Entity | Relationship | Episode | Source, None]:
        """Give all that is stated in a graph (in one scope, or in all), sources and entities first, from one snapshot.

        What it believes (claims, decisions, trust) is written by `export_file` besides.
        """
        async with aclosing(self.parts.store.export(graph, scope, embeddings)) as pages:
            async for page in pages:
                for item in page:
                    if not isinstance(item, BeliefRecord):
                        yield item

    async def changes(self, graph: str, *, after: int = 0, limit: int = 1000) -> Sequence[Change]:
        """Give the changes of a graph after a cursor, in the order in which they may be relied upon."""
        return await self.parts.store.changes(graph, after, limit)

    # Recall

    async def recall(self, graph: str, question: Question) -> Answer:
        """Answer a question with ranked hits that say why."""
        check_scope(question.scope)
        return await recalling.recall(self.parts, graph, question)

    async def causal_check(self, graph: str, asked: Separation) -> Separated:
        """Say whether entities are independent of others by the causal structure, given some; and a minimal such set.

        Raises InvalidInput, NotFound, TooLarge, and Conflict where causes go in a circle.
        """
        check_scope(asked.scope)
        return await causality.separation(self.parts, graph, asked)

    async def causal_ancestry(self, graph: str, asked: Ancestry) -> Lineage:
        """Give all causes and all effects of entities, and the circles among them. Raises NotFound, TooLarge."""
        check_scope(asked.scope)
        return await causality.ancestry(self.parts, graph, asked)

    async def neighbourhood(self, graph: str, asked: Neighbourhood) -> Subgraph:
        """Give what lies around entities, the nearest first. Raises InvalidInput, NotFound."""
        return await viewing.neighbourhood(self.parts, graph, asked)

    async def view_of_recall(self, graph: str, question: Question, asked: Neighbourhood) -> Subgraph:
        """Give what lies around what a question finds. Raises what recall raises."""
        check_scope(question.scope)
        return await viewing.view_of_recall(self.parts, graph, question, asked)

    async def view_of_cypher(self, graph: str, query: CypherQuery, asked: Neighbourhood) -> Subgraph:
        """Give what lies around what a query gives, which only reads. Raises what `cypher` raises."""
        return await viewing.view_of_cypher(self.parts, graph, query, asked)

    async def evaluate(
        self,
        sample: Sample,
        history: Sequence[Step],
        planted: Sequence[Planted],
        *,
        progress: evaluating.OnVerdict | None = None,
    ) -> list[Verdict]:
        """Ask questions with known answers of a sample, in a temporary graph of its own; gives a verdict for each."""
        return await evaluating.evaluate(self.parts, sample, history, planted, progress=progress)

    # Cypher

    async def cypher(
        self,
        graph: str,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        mode: Mode = "read",
        scope: str | None = None,
        seconds: float | None = None,
        asker: Key | None = None,
    ) -> CypherAnswer:
        """Answer a Cypher query: about the whole graph, or with a scope about what that scope sees.

        Raises NotFound, TimedOut, and InvalidInput that tells line and column; also where a query writes that was sent
        in the mode read.
        """
        asked = CypherQuery(query, parameters or {}, mode, scope, seconds, asker=asker)
        return await ask_cypher.ask_cypher(self.parts, graph, asked)

    def cypher_transaction(
        self, graph: str, *, mode: Mode = "read", scope: str | None = None
    ) -> AbstractAsyncContextManager[CypherTransaction]:
        """Begin a transaction of several queries; leaving its block without `commit` undoes what they wrote."""
        return ask_cypher.cypher_transaction(self.parts, graph, mode=mode, scope=scope)

    def named_queries(self) -> Mapping[str, NamedQuery]:
        """Give the queries that came with kgmem, by name."""
        return self.parts.named_queries

    def named_query(self, name: str) -> NamedQuery:
        """Give a query that came with kgmem. Raises NotFound."""
        return ask_cypher.named_query(self.parts, name)

    # Upkeep

    async def embed_waiting(self, graph: str, *, progress: Callable[[int], None] | None = None) -> int:
        """Embed what waits for a vector, now; gives how many passages."""
        return await embedding.embed_waiting(self.parts, graph, progress=progress)

    async def reembed(self, graph: str, *, progress: Callable[[int], None] | None = None) -> int:
        """Move a graph to the present embedder's space; recall answers from the old one until all is there."""
        return await embedding.reembed(self.parts, graph, progress=progress)

    async def refused_passages(self, graph: str, *, limit: int = 100) -> Sequence[RefusedPassage]:
        """Give passages for which the embedder gives no vector, with its reason; they are found by their words."""
        return await self.parts.index.refused(graph, limit)

    async def retry_refused(self, graph: str) -> int:
        """Let the passages that the embedder refused wait for a vector again; gives how many."""
        return await self.parts.index.retry_refused(graph)

    async def defer_missing_vectors(self) -> int:
        """Ask for embedding in every graph where passages wait; gives in how many. A sweep against lost wake-ups."""
        return await embedding.defer_missing(self.parts)

    async def build_left_indexes(self) -> int:
        """Build the indexes that imports which died have left aside; gives in how many graphs."""
        graphs = await self.parts.imports.left_without_indexes()
        for graph in graphs:
            await self.parts.imports.build_indexes(graph)
        return len(graphs)

    async def make_facts(self, graph: str) -> None:
        """Bring the facts of a graph in line with its setting, unless they are; their vectors follow soon after."""
        await fact_making.make_facts(self.parts, graph)

    async def defer_missing_facts(self) -> int:
        """Ask for the facts of every graph where they are not as its setting says; gives of how many graphs."""
        return await fact_making.defer_missing(self.parts)

    async def rebuild_index(self, graph: str) -> GraphStats:
        """Make the retrieval index of a graph anew from its label tables."""
        await self.parts.index.rebuild(graph)
        if not broken_off():
            await self.parts.imports.build_indexes(graph)  # Which an import that died may have left aside.
        return await self.parts.graphs.stats(graph)

    async def absorb_foreign_writes(self, graph: str | None = None) -> int:
        """Index what other AGE clients wrote; gives how many items changed."""
        return await absorbing.absorb(self.parts, graph)

    async def job(self, id_: int) -> Job:
        """Give a background job. Raises NotFound."""
        return await self.parts.jobs.get(id_)

    async def jobs(self, *, graph: str | None = None, status: str | None = None, limit: int = 100) -> Sequence[Job]:
        """Give background jobs, newest first."""
        return await self.parts.jobs.list(graph=graph, status=status, limit=limit)

    async def defer(self, task: str, *, graph: str | None = None, **arguments: Any) -> int | None:
        """Ask for a job by its name (docs/operations.md); gives its id, or None when it waits already."""
        return await self.parts.jobs.defer(task, graph=graph, **arguments)

    async def health(self) -> Health:
        """Return whether the memory does all that it can do; degraded on a full disk. Raises DatabaseUnavailable."""
        return await self.parts.vitals.health()

    async def ping(self) -> None:
        """Return when the database has answered. Raises DatabaseUnavailable."""
        await self.parts.vitals.ping()

    async def bookmark(self) -> str:
        """Return the bookmark of all that is stored by now: `check_bookmarks` with it makes sure that it is seen."""
        return bookmark_of(await self.position())

    async def check_bookmarks(self, bookmarks: Iterable[str]) -> None:
        """Make sure that what bookmarks tell of is seen from now on. Raises InvalidInput and Unavailable."""
        await ask_cypher.check_bookmarks(self.parts, bookmarks)

    async def position(self) -> int:
        """Give how far the database's log is written: what was stored before is seen by whoever sees this position."""
        return await self.parts.vitals.position()

    async def figures(self) -> Figures:
        """Give how busy the parts behind this memory are: connections, jobs, what waits for vectors."""
        return await self.parts.vitals.figures()

    # Keys

    async def create_key(
        self, name: str, right: Right, *, graph: str | None = None, scope: str = SHARED, expires_at: str | None = None
    ) -> tuple[Key, str]:
        """Make an API key; gives it with its secret, which is shown this once. Raises NotFound, InvalidInput."""
        check_binding(right, scope)
        if graph is not None:
            await self.parts.graphs.get(graph)
        return await self.parts.keys.create(name, right, graph=graph, scope=check_scope(scope), expires_at=expires_at)

    async def keys(self) -> Sequence[Key]:
        """Give all API keys, revoked and expired ones too, without secrets."""
        return await self.parts.keys.list()

    async def revoke_key(self, id_: str) -> Key:
        """Revoke an API key. Raises NotFound."""
        return await self.parts.keys.revoke(id_)

    async def authenticate(self, secret: str) -> Key:
        """Give the key that a secret belongs to. Raises Unauthenticated."""
        return await self.parts.keys.authenticate(secret)

    async def check_key(self, id_: str) -> None:
        """Raise Unauthenticated unless a key is in force: for what goes on after it was let in."""
        await self.parts.keys.check(id_)

    def watch_key(self, id_: str, ended: Callable[[], None]) -> Callable[[], None]:
        """Call `ended` once, within a second after a key was revoked or has expired; returns what ends the watch."""
        return self.parts.keys.watch(id_, ended)
