"""Staging: batches as the text that COPY reads into the loader's temporary tables.

Batches are made of Arrow columns: those that a reader gave, and those that its single records become. Arrow takes 43 MB
of memory and a third of a second to load, so what works on it comes in with the first batch: a server that imports
nothing does without.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module

from kgmem.domain.graph.batch import Batch, Rejection
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship

Describe = Callable[[Entity | Relationship], str]
_LINE_BITS = 40


@dataclass(slots=True)
class Staged:
    """Rows ready for COPY, what must be known before they are loaded, and what is no row at all."""

    texts: list[tuple[Sequence[str], bytes]] = field(default_factory=list)  # Columns, and rows as CSV.
    count: int = 0
    labels: Counter[str] = field(default_factory=Counter)  # Or kinds: how many rows have each.
    scopes: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    worded: int = 0  # Relationships that have a text.
    files: dict[str, int] = field(default_factory=dict)  # By name, in the order in which they are read.
    rejections: list[Rejection] = field(default_factory=list)

    def place_of_file(self, file: str) -> int:
        """Return the number that orders what a batch says by file, before its line is added."""
        return self.files.setdefault(file, len(self.files)) << _LINE_BITS


def stage_batch(graph: Graph, batch: Batch, describe: Describe) -> Staged:
    """Return the rows of a batch; a record of which nothing can be made is rejected alone, as `describe` writes it."""
    staged = Staged()
    arrow_copy = import_module("kgmem.store.load.arrow_copy")
    if batch.records:
        record_columns = import_module("kgmem.store.load.record_columns").record_columns
        columns, staged.rejections = record_columns(graph, batch.kind, batch.records, describe)
        arrow_copy.stage_columns(columns, columns.files, batch, staged)
    for file, columns in batch.columns:
        arrow_copy.stage_columns(arrow_copy.of_lane(columns, batch), file, batch, staged)
    return staged
