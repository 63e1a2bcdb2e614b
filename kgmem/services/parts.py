"""The ports that the services work with, handed in once by the wiring."""

from dataclasses import dataclass

from kgmem.domain.embedding import Embedder
from kgmem.domain.ports import GraphCatalog, GraphStore, JobQueue, KeyRing, RetrievalIndex
from kgmem.domain.schema import GraphSchema


@dataclass(frozen=True, slots=True)
class Parts:
    """One implementation of every port."""

    graphs: GraphCatalog
    store: GraphStore
    index: RetrievalIndex
    keys: KeyRing
    jobs: JobQueue
    embedder: Embedder | None  # None: no embeddings but those that callers give.
    core_schema: GraphSchema  # What every graph knows before it adds its own.
