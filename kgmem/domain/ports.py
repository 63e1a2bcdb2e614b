"""The ports: what the services need of the technology. kgmem/bootstrap.py names the implementations."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.diagnostics import Figures, Health
from kgmem.domain.graph.batch import Batch, BatchResult, Rejection, Shapes, Stated
from kgmem.domain.graph.embedding import EmbeddingSpace, RefusedPassage, Vector, WaitingPassage, WhichVectors
from kgmem.domain.graph.entity import DeleteResult, Entity, Page, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Change, Dangling, Graph, GraphStats
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.imports import (
    Duplicates,
    EntityState,
    Import,
    ImportItem,
    ImportState,
    UndoResult,
    UniqueValue,
    Waiting,
)
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.causality import Ancestry, CausalGraph, FoundPath
from kgmem.domain.recall.fusion import LookedUp, Ranked
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.view import Neighbourhood, Subgraph


@dataclass(frozen=True, slots=True)
class Candidates:
    """The result of the candidate statement: per retriever (item id, value), the greatest value first.

    `looked_up` contains what retrievers of the text make of candidates that only others list.
    `suppressed` counts what was hidden, by reason. A path is a candidate too, with a negative id; `paths` contains it,
    and the path by which an item was found.
    """

    retrievers: Mapping[str, Sequence[tuple[int, float]]]
    suppressed: Mapping[str, int]
    paths: Mapping[int, Sequence[FoundPath]] = field(default_factory=dict)
    gates: Mapping[str, str] = field(default_factory=dict)  # Retrievers that run by themselves: on or off, and why.
    looked_up: Mapping[str, LookedUp[int]] = field(default_factory=dict)
    siblings: frozenset[int] = frozenset()  # What names Apollo 14 and not 13, where the question names Apollo 13.
    # Where the archive was not searched, the relevance that the best hit needs for that to be enough.
    enough: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of background work."""

    id: int
    task: str
    graph: str | None
    status: Literal["waiting", "running", "succeeded", "failed", "cancelled"]
    attempts: int
    arguments: Mapping[str, Any]
    created_at: str | None = None


class GraphCatalog(Protocol):
    """The graphs of one database."""

    async def create(self, graph: Graph) -> Graph:
        """Create a graph. Raises Conflict when the name is taken."""

    async def get(self, name: str) -> Graph:
        """Return a graph. Raises NotFound."""

    async def list(self) -> Sequence[Graph]:
        """Return all graphs, by name."""

    async def update(self, graph: Graph) -> Graph:
        """Store the settings strict, schema, fusion and facts of a graph. Raises NotFound."""

    async def drop(self, name: str) -> None:
        """Delete a graph with everything in it. Raises NotFound."""

    async def stats(self, name: str) -> GraphStats:
        """Return counts of what a graph contains."""


class GraphStore(Protocol):
    """The entities, relationships and episodes of graphs; each write is one transaction."""

    async def put_entities(self, graph: str, entities: Sequence[Entity]) -> WriteResult:
        """Insert or update entities."""

    async def put_relationships(self, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
        """Insert or update relationships. Raises UnknownEntities for missing ends; then nothing is written."""

    async def put_episodes(self, graph: str, episodes: Sequence[Episode]) -> WriteResult:
        """Store episodes with their passages; an existing key replaces the text."""

    async def get_entity(self, graph: str, key: str, scope: str) -> Entity:
        """Return the entity that `scope` sees under the key, the nearest scope first. Raises NotFound."""

    async def get_merged_entity(self, graph: str, key: str, scope: str) -> Entity | None:
        """Return the entity that the one under a key was merged into, in the view of a scope; None where it was not."""

    async def kept_keys(self, graph: str, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return for (scope, key) of entities that were merged away the key of the kept one; others are missing."""

    async def get_relationship(self, graph: str, id_: int, scope: str) -> Relationship:
        """Return a relationship that `scope` sees. Raises NotFound."""

    async def get_episode(self, graph: str, key: str, scope: str) -> Episode:
        """Return the episode that `scope` sees under the key. Raises NotFound."""

    async def list_entities(
        self, graph: str, *, scope: str, label: str | None, cursor: str | None, limit: int
    ) -> Page[Entity]:
        """Return the entities that `scope` sees, by id."""

    async def list_relationships(
        self, graph: str, *, scope: str, kind: str | None, entity: str | None, cursor: str | None, limit: int
    ) -> Page[Relationship]:
        """Return the relationships that `scope` sees, by id; of one kind, of one entity."""

    async def list_episodes(
        self, graph: str, *, scope: str, session: str | None, cursor: str | None, limit: int
    ) -> Page[Episode]:
        """Return the episodes that `scope` sees, by id."""

    async def delete_entities(self, graph: str, keys: Sequence[str], scope: str, version: int | None) -> DeleteResult:
        """Delete entities in this scope only, with their relationships."""

    async def delete_episodes(
        self, graph: str, keys: Sequence[str], scope: str, version: int | None = None
    ) -> DeleteResult:
        """Delete episodes in this scope only, with their passages."""

    async def delete_relationships(self, graph: str, ids: Sequence[int], scope: str) -> DeleteResult:
        """Delete relationships in this scope only."""

    async def put_sources(self, graph: str, sources: Sequence[Source]) -> WriteResult:
        """Insert or update registered sources."""

    async def list_sources(self, graph: str) -> Sequence[Source]:
        """Return the registered sources, by key."""

    def export(
        self,
        graph: str,
        scope: str | None,
        embeddings: WhichVectors = "none",
        *,
        below: bool = False,
        session: str | None = None,
    ) -> AsyncGenerator[Sequence[Entity | Relationship | Episode | Source | BeliefRecord], None]:
        """Return the content of a graph (scope None: of all scopes) in pages, sources and entities first; one snapshot.

        `embeddings` selects the entities that have their vectors; of a long text it is that of the first passage.
        `below` adds the scopes below the scope. With `session` it is what belongs to that session of the scope alone.
        Raises NotFound.
        """

    def export_shapes(
        self, graph: str, embeddings: WhichVectors = "none"
    ) -> AsyncGenerator[Sequence[Entity | Relationship | Episode | Source | BeliefRecord] | Shapes, None]:
        """Return what `export` returns for all scopes, as mappings where that is faster, kind by kind."""

    async def dangling(self, graph: str) -> Sequence[Dangling]:
        """Return by kind how many relationships lack an end, because another client deleted it."""

    async def changes(self, graph: str, after: int, limit: int) -> Sequence[Change]:
        """Return the changes after an id, only those before which no other can still appear."""


class RetrievalIndex(Protocol):
    """The tables that make recall fast. They are derived and can be rebuilt."""

    async def candidates(
        self, graph: str, question: Question, vector: Vector | None, *, archive: bool = True
    ) -> Candidates:
        """Return each retriever's candidates for a question, by one statement.

        Without `archive` what is archived is searched only where the question names the tier, was known at a time, or
        asks about a time that nothing else covers; otherwise `enough` of the result says what has to be found.
        """

    async def fetch(
        self,
        graph: str,
        best: Sequence[Ranked[int]],
        paths: Mapping[int, Sequence[FoundPath]] | None = None,
        *,
        question: Question,
    ) -> Sequence[Hit]:
        """Return the hits of these candidates, in order, that still exist in the label tables, by one statement.

        `paths` are those of the candidates. Of the question only scope and `known_at` are used: hits are returned as of
        then.
        """

    async def has_links(self, graph: str) -> bool:
        """Return whether anything in a graph was ever linked: by relationships, or by what episodes mention."""

    async def causal_graph(self, graph: str, asked: Ancestry, *, effects: bool) -> CausalGraph:
        """Return all causes of entities, optionally their effects, and the causal links between them.

        Raises NotFound for an entity that the scope does not see, and TooLarge over the limits.
        """

    async def neighbourhood(self, graph: str, asked: Neighbourhood) -> Subgraph:
        """Return the subgraph around entities. Raises NotFound for one that the scope does not see."""

    async def similarity(
        self, graph: str, ids: Sequence[int], *, known_at: str | None = None
    ) -> Mapping[tuple[int, int], float]:
        """Return the similarity of items, 0 to 1, by pairs of ids (the lesser first) that both have vectors."""

    async def last_passage(self, graph: str) -> int:
        """Return the id of the newest passage; later passages have greater ids."""

    async def unembedded(
        self, graph: str, space: str, limit: int, *, last: int | None = None, after: int = 0
    ) -> Sequence[WaitingPassage]:
        """Return passages behind the id `after`, up to the id `last`, that wait for a vector of this space."""

    async def put_vectors(self, graph: str, space: str, vectors: Mapping[int, tuple[str, Vector]]) -> int:
        """Store vectors by passage id, each with the body it was made of; a changed passage keeps waiting."""

    async def refuse(self, graph: str, space: str, reasons: Mapping[int, str]) -> None:
        """Remove passages from the queue of this space, and store the reason, by passage id."""

    async def refused(self, graph: str, limit: int) -> Sequence[RefusedPassage]:
        """Return passages that the embedder refused."""

    async def retry_refused(self, graph: str) -> int:
        """Queue the refused passages again; returns how many."""

    async def begin_space(self, graph: str, space: EmbeddingSpace) -> None:
        """Open a second embedding space beside the graph's; all passages wait for a vector there."""

    async def switch_space(self, graph: str, space: str, *, last: int | None = None) -> None:
        """Switch recall to a space that is complete up to the passage `last`, and drop the old one."""

    async def absorb_foreign_writes(self, graph: str | None = None) -> int:
        """Index what other AGE clients wrote since the last call; returns how many items changed."""

    async def make_facts(self, graph: str) -> None:
        """Build the facts of a graph as its setting says."""

    async def without_facts(self) -> Sequence[str]:
        """Return the graphs whose facts differ from their setting."""

    async def rebuild(self, graph: str) -> None:
        """Rebuild the index of a graph from its label tables, keeping vectors that are still valid.

        As a job it gives way to other jobs between its steps (`domain.slices`), and continues later.
        """


class DatabaseMetrics(Protocol):
    """Health, load and log position of the database."""

    async def health(self) -> Health:
        """Return ready, or degraded where the database refuses writes. Raises DatabaseUnavailable."""

    async def ping(self) -> None:
        """Return once the database has answered. Raises DatabaseUnavailable."""

    async def figures(self) -> Figures:
        """Return the current counts. Raises DatabaseUnavailable."""

    async def position(self) -> int:
        """Return how far the write-ahead log is written, or on a replica replayed; it only grows."""

    async def reached(self, position: int) -> bool:
        """Return whether the log is at a position; reads on replicas have it from then on."""


class EntityReplay(Protocol):
    """The state of entities in a graph, and their state after further statements; writes nothing."""

    @property
    def has_rules(self) -> bool:
        """Whether the schema has unique constraints."""

    async def states(self, places: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], EntityState]:
        """Return the stored state of entities (scope, key), in these scopes only."""

    def after(self, state: EntityState | None, stated: Entity) -> EntityState:
        """Return what an entity is after a statement."""

    def unique(self, state: EntityState) -> Sequence[UniqueValue]:
        """Return the values of an entity that must be unique within its labels and scope."""

    async def holders(self, wanted: Sequence[UniqueValue]) -> Mapping[UniqueValue, str]:
        """Return the keys of the entities that have these values."""

    def refusal(self, value: UniqueValue, holder: str) -> str:
        """Return the reason for rejecting an entity whose unique value another one has."""


class ImportStore(Protocol):
    """The register of imports, and their loading in batches."""

    async def begin(
        self,
        graph: str,
        files: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        source: str | None,
        *,
        upload: str | None = None,
    ) -> int:
        """Register an import; returns its id. One with an upload waits for a worker."""

    async def resume(self, graph: str, files: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> int | None:
        """Return the newest unfinished import of the same files with the same options and resume it; else None."""

    async def stored(self, id_: int) -> frozenset[int]:
        """Return the numbers of the stored batches."""

    async def store(self, graph: str, id_: int, number: int, batch: Batch) -> BatchResult:
        """Store a batch and register it, in one transaction."""

    async def amend(self, graph: str, id_: int, batch: Batch) -> BatchResult:
        """Store further statements on what an import stored, as its own; they do not count as read."""

    async def decisions_to_locate(self, graph: str, after: int, limit: int) -> Sequence[tuple[int, str, str]]:
        """Return agents' decisions behind an id that name facts without the ids of this graph: id, scope, key."""

    async def link(self, graph: str, id_: int, most: int) -> BatchResult | None:
        """Store the next waiting relationships and reject those without an end. None when none are left."""

    async def note(
        self,
        graph: str,
        id_: int,
        number: int,
        *,
        sources: Sequence[Stated[Source]],
        waiting: Sequence[tuple[str, int, str]],
        rejections: Sequence[Rejection],
        checked: Mapping[str, int] | None = None,
    ) -> BatchResult:
        """Store the rest of a chunk: sources, episodes (file, line, record) that have to wait, and rejections.

        A dry run passes how many records of each kind were `checked` and are valid.
        """

    async def await_beliefs(
        self, graph: str, id_: int, number: int, waiting: Sequence[tuple[str, int, str, BeliefRecord]]
    ) -> BatchResult:
        """Queue claims and the like (file, line, record as text, record) until all else is stored."""

    async def link_beliefs(
        self, graph: str, id_: int, most: int, read: Callable[[str, BeliefKind], BeliefRecord]
    ) -> BatchResult | None:
        """Store the next queued claims, decisions and the like; invalid ones are rejected. None: none are left."""

    async def link_states(
        self, graph: str, id_: int, read: Callable[[str, BeliefKind], BeliefRecord]
    ) -> BatchResult | None:
        """Store the next queued agent state as a whole, or reject all its records. None when none are left."""

    async def link_episodes(
        self, graph: str, id_: int, most: int, read: Callable[[str], Episode]
    ) -> BatchResult | None:
        """Store the next waiting episodes; invalid ones are rejected. None when none are left."""

    async def items_at(
        self, graph: str, places: Sequence[tuple[str, str]], *, episodes: bool = False
    ) -> Mapping[tuple[str, str], tuple[str, int]]:
        """Return main label and version of entities, or episodes, (scope, key), in these scopes only."""

    def episode_key(self, episode: Episode) -> str:
        """Return the key of an episode: its own, or one derived from its content."""

    async def entity_replay(self, graph: str) -> EntityReplay:
        """Return an object that computes the state of entities after further statements, as the store does."""

    async def report_duplicates(self, id_: int, duplicates: Sequence[Duplicates]) -> None:
        """Store which keys the files of an import contain more than once."""

    async def waiting(self, id_: int) -> Waiting:
        """Return counts of the records that wait until all entities are stored."""

    async def build_indexes(self, graph: str) -> None:
        """Build the indexes that large batches have deferred."""

    async def left_without_indexes(self) -> Sequence[str]:
        """Return the graphs whose indexes a crashed import has left deferred."""

    async def finish(self, id_: int, state: ImportState, error: str | None = None, *, keeping: bool = False) -> None:
        """Store the result of an import; `keeping` its upload, so that it can be resumed."""

    async def again(self, id_: int) -> bool:
        """Queue a failed import that has its upload again; returns whether it is one."""

    async def start(self, id_: int) -> None:
        """Mark an import as running (again)."""

    async def tell(self, id_: int, progress: Mapping[str, Any] | None) -> None:
        """Store the progress of an import, as a heartbeat of its process."""

    async def wait(self, id_: int) -> None:
        """Queue an import for a worker again."""

    async def list(
        self, graph: str, *, within: str = "", by: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[Import]:
        """Return the imports of a graph with ids below one, newest first; only those within a scope, and of a key."""

    async def get(self, graph: str, id_: int, *, within: str = "", by: str | None = None) -> Import:
        """Return an import. Raises NotFound, also for one outside the scope, or of another key than `by`."""

    async def uploads(self) -> Sequence[tuple[str, str, int]]:
        """Return the uploads that imports still need: folder, graph and id of the import; the oldest first."""

    async def items(self, graph: str, id_: int, cursor: str | None, limit: int) -> Page[ImportItem]:
        """Return a page of what an import created and changed, in order."""

    async def undo(
        self, graph: str, id_: int, *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> UndoResult:
        """Undo an import; a dry run only counts. Raises NotFound, and Conflict for a running one."""

    def rejections(self, id_: int) -> AsyncGenerator[Rejection, None]:
        """Return the rejected records of an import, in order."""


class Incoming(Protocol):
    """An upload that is being written, file by file."""

    name: str

    async def begin(self, name: str) -> None:
        """Start the next file; only the safe part of its name is kept."""

    async def write(self, data: bytes) -> None:
        """Append to the current file. Raises TooLarge, OutOfSpace."""

    async def end(self) -> None:
        """Flush everything to the disk."""


class UploadFolder(Protocol):
    """The folder of uploaded files, with one folder per upload, until they are imported."""

    @property
    def place(self) -> str:
        """A name of this folder that is unique among machines. Raises Unavailable when it cannot be created."""

    def receive(self, most: int) -> AbstractAsyncContextManager[Incoming]:
        """Receive an upload of at most so many bytes; an error in the block removes it."""

    def files(self, upload: str) -> Sequence[Path]:
        """Return the files of an upload, in order. Raises InvalidInput when they are gone."""

    def place_of(self, upload: str) -> str:
        """Return the place of an upload, which may be on another machine."""

    def holds(self, upload: str) -> bool:
        """Return whether the upload is on this machine."""

    def size(self, upload: str) -> int:
        """Return the bytes of the files of an upload; 0 where it is not on this machine."""

    def remove(self, upload: str) -> None:
        """Remove an upload."""

    def sweep(self, needed: Collection[str]) -> int:
        """Remove uploads that no import needs and nobody is writing; returns how many."""


class JobQueue(Protocol):
    """Background jobs that survive the process which enqueued them."""

    async def defer(
        self,
        task: str,
        *,
        graph: str | None = None,
        place: str | None = None,
        small: bool = False,
        check: bool = False,
        **arguments: Any,
    ) -> int | None:
        """Enqueue a task; returns None when it already waits for this graph (or, for imports, this import).

        `place` names a folder of files that it needs: only a worker of that place runs it. `small` work takes seconds
        and does not wait for the rest. A `check` takes long, is not interrupted, and does not delay imports.
        """

    async def get(self, id_: int) -> Job:
        """Return a job. Raises NotFound."""

    async def list(self, *, graph: str | None, status: str | None, limit: int) -> Sequence[Job]:
        """Return jobs, newest first."""
