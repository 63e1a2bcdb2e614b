"""The ports: what the services need of the technology. Implementations live in storage, embedding and formats."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from kgmem.domain.access import Key, Role
from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.diagnostics import Figures, Health
from kgmem.domain.graph.batch import Batch, BatchResult, Rejection, Shapes, Stated
from kgmem.domain.graph.embedding import EmbeddingSpace, RefusedPassage, Vector, WhichVectors
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
from kgmem.domain.recall.fusion import Ranked
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.view import Neighbourhood, Subgraph


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one statement found: per retriever (item id, value), greatest value first; and what was held back, counted.

    A path is a candidate too, with an id below zero; what it is, and the path that an item was found by, is in `paths`.
    """

    retrievers: Mapping[str, Sequence[tuple[int, float]]]
    suppressed: Mapping[str, int]
    paths: Mapping[int, Sequence[FoundPath]] = field(default_factory=dict)
    siblings: frozenset[int] = frozenset()  # What names Apollo 14 and not 13, where the question names Apollo 13.


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
        """Write strict, schema, fusion and facts of a graph. Raises NotFound."""

    async def drop(self, name: str) -> None:
        """Delete a graph with all that it holds. Raises NotFound."""

    async def stats(self, name: str) -> GraphStats:
        """Count what a graph holds."""


class GraphStore(Protocol):
    """The entities, relationships and episodes of graphs; each write is one transaction."""

    async def put_entities(self, graph: str, entities: Sequence[Entity]) -> WriteResult:
        """Merge statements of entities into the graph."""

    async def put_relationships(self, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
        """Merge statements of relationships. Raises UnknownEntities for missing ends, with nothing written."""

    async def put_episodes(self, graph: str, episodes: Sequence[Episode]) -> WriteResult:
        """Store episodes with their passages; the same key again replaces the text."""

    async def get_entity(self, graph: str, key: str, scope: str) -> Entity:
        """Return the entity that `scope` sees under the key, the nearest scope first. Raises NotFound."""

    async def get_merged_entity(self, graph: str, key: str, scope: str) -> Entity | None:
        """Return the entity into which a scope sees the one under a key merged, through further merges; or None."""

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

    async def delete_episodes(self, graph: str, keys: Sequence[str], scope: str) -> DeleteResult:
        """Delete episodes in this scope only, with their passages."""

    async def delete_relationships(self, graph: str, ids: Sequence[int], scope: str) -> DeleteResult:
        """Delete relationships in this scope only."""

    async def put_sources(self, graph: str, sources: Sequence[Source]) -> WriteResult:
        """Write the registry's entries of sources."""

    async def list_sources(self, graph: str) -> Sequence[Source]:
        """Return the registered sources, by key."""

    def export(
        self, graph: str, scope: str | None, embeddings: WhichVectors = "none"
    ) -> AsyncGenerator[Sequence[Entity | Relationship | Episode | Source | BeliefRecord], None]:
        """Return all that the graph holds (None: of every scope) in pages, sources and entities first; one snapshot.

        `embeddings` says which entities come with their vectors; a long text's is that of its first passage.
        """

    def export_shapes(
        self, graph: str, embeddings: WhichVectors = "none"
    ) -> AsyncGenerator[Sequence[Entity | Relationship | Episode | Source | BeliefRecord] | Shapes, None]:
        """Return what `export` gives of all scopes, as shapes where that is faster: kind by kind, in no other order."""

    async def dangling(self, graph: str) -> Sequence[Dangling]:
        """Return by kind how many stored relationships lack an end, since another client deleted it without them."""

    async def changes(self, graph: str, after: int, limit: int) -> Sequence[Change]:
        """Return the changes with an id greater than `after`, only those before which none can still appear."""


class RetrievalIndex(Protocol):
    """The tables that make recall fast: derived, rebuildable, never the truth."""

    async def candidates(self, graph: str, question: Question, vector: Vector | None) -> Candidates:
        """Return each retriever's candidates for a question, by one statement."""

    async def fetch(
        self,
        graph: str,
        best: Sequence[Ranked[int]],
        paths: Mapping[int, Sequence[FoundPath]] | None = None,
        *,
        question: Question,
    ) -> Sequence[Hit]:
        """Return the hits of these, in their order, that still stand in the label tables, by one statement.

        `paths` are those of the candidates. Of the question its scope counts and `known_at`: hits say what they said
        then.
        """

    async def causal_graph(self, graph: str, asked: Ancestry, *, effects: bool) -> CausalGraph:
        """Return all causes of entities, with what leads from one to another, and if asked their effects.

        Raises NotFound for an entity that the scope does not see, and TooLarge when the part is over its limits.
        """

    async def neighbourhood(self, graph: str, asked: Neighbourhood) -> Subgraph:
        """Return what lies around entities. Raises NotFound for an entity that the scope does not see."""

    async def similarity(
        self, graph: str, ids: Sequence[int], *, known_at: str | None = None
    ) -> Mapping[tuple[int, int], float]:
        """Return how alike items are, 0 to 1, by pairs of their ids (the lesser first) that both have vectors."""

    async def last_passage(self, graph: str) -> int:
        """Return the id of the newest passage; those that are written from now on get greater ones."""

    async def unembedded(
        self, graph: str, space: str, limit: int, *, last: int | None = None
    ) -> Sequence[tuple[int, str]]:
        """Return passages (id, body), up to the one with the id `last`, that wait for a vector of this space."""

    async def put_vectors(self, graph: str, space: str, vectors: Mapping[int, tuple[str, Vector]]) -> int:
        """Store vectors by passage id, each with the body it was made of; a passage changed since is left waiting."""

    async def refuse(self, graph: str, space: str, reasons: Mapping[int, str]) -> None:
        """Let passages wait no longer for a vector of this space, and note why, by passage id."""

    async def refused(self, graph: str, limit: int) -> Sequence[RefusedPassage]:
        """Return passages that the embedder refused."""

    async def retry_refused(self, graph: str) -> int:
        """Let the passages that the embedder refused wait again; returns how many."""

    async def begin_space(self, graph: str, space: EmbeddingSpace) -> None:
        """Open a second embedding space beside the graph's; every passage waits for its vector there."""

    async def switch_space(self, graph: str, space: str, *, last: int | None = None) -> None:
        """Make recall answer from a space that is complete up to the passage `last`, and drop the former one."""

    async def absorb_foreign_writes(self, graph: str | None = None) -> int:
        """Index what other AGE clients wrote since the last call; returns how many items changed."""

    async def make_facts(self, graph: str) -> None:
        """Bring the facts of a graph in line with its setting."""

    async def without_facts(self) -> Sequence[str]:
        """Return the graphs of which the facts are not as their setting says."""

    async def rebuild(self, graph: str) -> None:
        """Make the index of a graph again from its label tables, keeping the vectors that still fit.

        As a job it makes room between its steps (`domain.slices`), and goes on there.
        """


class Vitals(Protocol):
    """Whether what everything rests on is there, and how busy it is."""

    async def health(self) -> Health:
        """Return whether the database takes writes too. Raises DatabaseUnavailable."""

    async def ping(self) -> None:
        """Return when the database has answered. Raises DatabaseUnavailable."""

    async def figures(self) -> Figures:
        """Return the counts of this moment. Raises DatabaseUnavailable."""

    async def position(self) -> int:
        """Return how far the database's log is written, or, of a replica, replayed: a number that only grows."""


class EntityReplay(Protocol):
    """What a graph holds of entities, and what becomes of that by further statements; it writes nothing."""

    @property
    def has_rules(self) -> bool:
        """Whether any values shall be unique."""

    async def states(self, places: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], EntityState]:
        """Return what the graph holds of entities (scope, key) in exactly these scopes."""

    def after(self, state: EntityState | None, stated: Entity) -> EntityState:
        """Return what an entity is after a statement."""

    def unique(self, state: EntityState) -> Sequence[UniqueValue]:
        """Return the values of an entity that no other of its labels and scope may have."""

    async def holders(self, wanted: Sequence[UniqueValue]) -> Mapping[UniqueValue, str]:
        """Return the keys of entities of the graph that have some of these values."""

    def refusal(self, value: UniqueValue, holder: str) -> str:
        """Return why an entity is refused that wants a value which another one has."""


class ImportStore(Protocol):
    """The register of imports, and the loading of what they bring in batches."""

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
        """Return the newest import of the same files in the same way that did not end, and let it run; None without."""

    async def stored(self, id_: int) -> frozenset[int]:
        """Return the numbers of the batches that were stored."""

    async def store(self, graph: str, id_: int, number: int, batch: Batch) -> BatchResult:
        """Store a batch and note it, in one transaction."""

    async def link(self, graph: str, id_: int, most: int) -> BatchResult | None:
        """Store the next relationships that waited; what still lacks an end is rejected. None when none are left."""

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
        """Store the rest of a chunk: sources; episodes (file, line, record) that have to wait; what is rejected.

        Of a dry run it tells how many records of each kind were `checked` and found good.
        """

    async def await_beliefs(
        self, graph: str, id_: int, number: int, waiting: Sequence[tuple[str, int, str, BeliefKind]]
    ) -> BatchResult:
        """Let records of what the graph believes (file, line, record, kind) wait until all else is stored."""

    async def link_beliefs(
        self, graph: str, id_: int, most: int, read: Callable[[str, BeliefKind], BeliefRecord]
    ) -> BatchResult | None:
        """Store the next records of what the graph believes; what cannot be stored is rejected. None: none are left."""

    async def link_episodes(
        self, graph: str, id_: int, most: int, read: Callable[[str], Episode]
    ) -> BatchResult | None:
        """Store the next episodes that waited; what cannot be stored is rejected. None when none are left."""

    async def items_at(
        self, graph: str, places: Sequence[tuple[str, str]], *, episodes: bool = False
    ) -> Mapping[tuple[str, str], tuple[str, int]]:
        """Main label and version of those entities, or episodes, (scope, key) that are in exactly these scopes."""

    def episode_key(self, episode: Episode) -> str:
        """Return the key under which an episode is stored: its own, or one made of what it says."""

    async def entity_replay(self, graph: str) -> EntityReplay:
        """Return what works out what entities would be after further statements, as the store merges them."""

    async def report_duplicates(self, id_: int, duplicates: Sequence[Duplicates]) -> None:
        """Write which keys the files of an import state more than once."""

    async def waiting(self, id_: int) -> Waiting:
        """Count what waits until all entities are there."""

    async def build_indexes(self, graph: str) -> None:
        """Build what large batches have set aside."""

    async def left_without_indexes(self) -> Sequence[str]:
        """Return the graphs of which an import that died has left indexes aside."""

    async def finish(self, id_: int, state: ImportState, error: str | None = None, *, keeping: bool = False) -> None:
        """Write how an import ended; `keeping` its upload, so that it can be taken up again."""

    async def again(self, id_: int) -> bool:
        """Let an import that failed and kept its upload wait for a worker again; says whether it is such a one."""

    async def start(self, id_: int) -> None:
        """Let an import run (again)."""

    async def tell(self, id_: int, progress: Mapping[str, Any] | None) -> None:
        """Note how far an import is, as a heartbeat of the process that runs it."""

    async def wait(self, id_: int) -> None:
        """Let an import wait for a worker again."""

    async def list(
        self, graph: str, *, within: str = "", before: int | None = None, limit: int = 100
    ) -> Sequence[Import]:
        """Return the imports of a graph, newest first, of which the ids are below one; only those within a scope."""

    async def get(self, graph: str, id_: int, *, within: str = "") -> Import:
        """Return an import. Raises NotFound, also for one that is not within the scope."""

    async def uploads(self) -> Sequence[tuple[str, str, int]]:
        """Return the uploads that imports still need: folder, graph and id of the import; the oldest first."""

    async def items(self, graph: str, id_: int, cursor: str | None, limit: int) -> Page[ImportItem]:
        """Return a page of what an import did, in its order."""

    async def undo(
        self, graph: str, id_: int, *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> UndoResult:
        """Take an import back out, or only say what that would do. Raises NotFound, Conflict for one that runs."""

    def rejections(self, id_: int) -> AsyncGenerator[Rejection, None]:
        """Return the records that an import rejected, in the order in which it did."""


class Incoming(Protocol):
    """An upload that is being written, file by file."""

    name: str

    async def begin(self, name: str) -> None:
        """Begin the next file, by the name that it was given, of which only what is safe is kept."""

    async def write(self, data: bytes) -> None:
        """Write more of the file that was begun. Raises TooLarge, OutOfSpace."""

    async def end(self) -> None:
        """Let all that was written outlive a power cut."""


class UploadFolder(Protocol):
    """Where files lie that clients sent, each upload in a folder of its own, until they are imported."""

    @property
    def place(self) -> str:
        """What names this folder among those of other machines. Raises Unavailable when it cannot be made."""

    def receive(self, most: int) -> AbstractAsyncContextManager[Incoming]:
        """Take an upload of at most so many bytes; nothing of it stays when the block is left by an error."""

    def files(self, upload: str) -> Sequence[Path]:
        """Return the files of an upload, in their order. Raises InvalidInput when they are gone."""

    def place_of(self, upload: str) -> str:
        """Return the place where an upload lies, which may be another machine's."""

    def holds(self, upload: str) -> bool:
        """Return whether the upload is here."""

    def size(self, upload: str) -> int:
        """Return the bytes of an upload's files; 0 where it is not here."""

    def remove(self, upload: str) -> None:
        """Remove an upload."""

    def sweep(self, needed: Collection[str]) -> int:
        """Remove uploads that nobody needs and nobody is writing; returns how many."""


class KeyRing(Protocol):
    """The API keys."""

    async def create(
        self, name: str, role: Role, *, graph: str | None, scope: str, expires_at: str | None
    ) -> tuple[Key, str]:
        """Make a key; returns it with its secret, which is shown this once."""

    async def list(self) -> Sequence[Key]:
        """Return all keys, without secrets."""

    async def revoke(self, id_: str) -> Key:
        """Revoke a key. Raises NotFound."""

    async def authenticate(self, secret: str) -> Key:
        """Return the key of a secret. Raises Unauthenticated."""

    async def check(self, id_: str) -> None:
        """Raise Unauthenticated unless a key is in force, as read less than a second ago."""

    def watch(self, id_: str, ended: Callable[[], None]) -> Callable[[], None]:
        """Call `ended` once, within a second after a key was revoked or has expired; returns what ends the watch."""


class JobQueue(Protocol):
    """Background work that survives the process which asked for it."""

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
        """Ask for a task; None when the same task already waits for this graph (or, for imports, this import).

        `place` names a folder of files that it needs: only a worker beside that folder does it.
        `small` work there takes seconds, and does not wait for the rest. A `check` there takes long and is not broken
        off, and does not keep imports waiting.
        """

    async def get(self, id_: int) -> Job:
        """Return a job. Raises NotFound."""

    async def list(self, *, graph: str | None, status: str | None, limit: int) -> Sequence[Job]:
        """Return jobs, newest first."""
