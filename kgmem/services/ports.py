"""The ports that the services work with, handed in once by the bootstrap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kgmem.domain.claims.ports import ClaimStore
from kgmem.domain.cypher import Cypher, NamedQuery
from kgmem.domain.derived.communities import Communities
from kgmem.domain.derived.similarity import Connections
from kgmem.domain.derived.summaries import Summaries, Wording
from kgmem.domain.errors import Unavailable
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace
from kgmem.domain.integrity import Inspector
from kgmem.domain.ports import (
    GraphCatalog,
    GraphStore,
    ImportStore,
    JobQueue,
    KeyRing,
    RetrievalIndex,
    UploadFolder,
    Vitals,
)
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.text.extraction import Extractor
from kgmem.domain.text.queue import Readings
from kgmem.domain.text.resolution import Comparer, MergeStore, NameIndex


def _no_other(space: EmbeddingSpace) -> None:
    """Give no embedder: only the present one is known."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One implementation of every port."""

    graphs: GraphCatalog
    store: GraphStore
    imports: ImportStore
    index: RetrievalIndex
    keys: KeyRing
    jobs: JobQueue
    embedder: Embedder | None  # None: no embeddings but those that callers give.
    core_schema: GraphSchema  # What every graph knows before it adds its own.
    vitals: Vitals
    # Gives the embedder of a space that a graph is (still) in, where it can be had: questions are asked in that space.
    embedder_of: Callable[[EmbeddingSpace], Embedder | None] = _no_other
    uploads: UploadFolder | None = None  # None: no files are taken for a worker to import.
    claim_store: ClaimStore | None = None  # None: nothing is weighed.
    cypher: Cypher | None = None  # None: no Cypher is answered.
    named_queries: Mapping[str, NamedQuery] = field(default_factory=dict)
    extractor: Extractor | None = None  # None: nothing is read out of texts.
    readings_store: Readings | None = None
    merge_store: MergeStore | None = None  # None: no entities are merged.
    names: NameIndex | None = None  # None, as comparer: nothing is resolved.
    comparer: Comparer | None = None
    connection_store: Connections | None = None  # None: no entities are joined that are alike.
    community_store: Communities | None = None  # None: no communities are kept.
    summary_store: Summaries | None = None  # None: nothing is summed up.
    wording: Wording | None = None  # None: summaries are in the words of the facts.
    inspector: Inspector | None = None  # None: no graph is checked for damage.

    @property
    def engine(self) -> Cypher:
        """What answers Cypher. Raises Unavailable where nothing does."""
        if self.cypher is None:
            raise Unavailable("Cypher is not answered here.")
        return self.cypher

    @property
    def claims(self) -> ClaimStore:
        """What stores claims. Raises Unavailable where there is none."""
        if self.claim_store is None:
            raise Unavailable("This memory weighs no claims.", mend="Open one by kgmem.open().")
        return self.claim_store

    @property
    def readings(self) -> Readings:
        """What keeps which texts were read. Raises Unavailable where there is none."""
        if self.readings_store is None:
            raise Unavailable("This memory reads no texts.", mend="Open one by kgmem.open().")
        return self.readings_store

    @property
    def integrity(self) -> Inspector:
        """What checks graphs for damage. Raises Unavailable where nothing does."""
        if self.inspector is None:
            raise Unavailable("This memory checks no graphs.", mend="Open one by kgmem.open().")
        return self.inspector

    @property
    def merges(self) -> MergeStore:
        """What merges entities. Raises Unavailable where there is none."""
        if self.merge_store is None:
            raise Unavailable("This memory merges no entities.", mend="Open one by kgmem.open().")
        return self.merge_store

    @property
    def connections(self) -> Connections:
        """What joins entities that are alike. Raises Unavailable where nothing does."""
        if self.connection_store is None:
            raise Unavailable("This memory joins no entities that are alike.", mend="Open one by kgmem.open().")
        return self.connection_store

    @property
    def communities(self) -> Communities:
        """What keeps communities. Raises Unavailable where nothing does."""
        if self.community_store is None:
            raise Unavailable("This memory keeps no communities.", mend="Open one by kgmem.open().")
        return self.community_store

    @property
    def summaries(self) -> Summaries:
        """What keeps summaries. Raises Unavailable where nothing does."""
        if self.summary_store is None:
            raise Unavailable("This memory sums nothing up.", mend="Open one by kgmem.open().")
        return self.summary_store
