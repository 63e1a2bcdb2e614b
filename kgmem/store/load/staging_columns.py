"""Staging columns: many plain records at once as the text that COPY reads.

The columns are Arrow's, which takes 43 MB of memory and a third of a second to load, so what works on them
(arrow_copy.py) comes in with the first columns: a server that imports nothing does without.
"""

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from kgmem.domain.graph.batch import Batch

_LINE_BITS = 40


class Target(Protocol):
    """Where staged columns go, among the rows that records became."""

    texts: list[tuple[Sequence[str], bytes]]
    count: int
    labels: Counter[str]
    scopes: set[str]
    sources: set[str]
    worded: int
    files: dict[str, int]


def stage_columns(batch: Batch, staged: Target) -> None:
    """Put the rows of a batch's columns beside those of its records; their numbers go on behind."""
    for file, columns in batch.columns:
        arrow = import_module("kgmem.store.load.arrow_copy")
        names, text, count = arrow.staged_text(file, columns, batch, staged)
        if count:
            staged.texts.append((names, text))
            staged.count += count


def place_of(files: dict[str, int], file: str, line: int) -> int:
    """Give the number that orders what a batch says by file and line."""
    return files.setdefault(file, len(files)) << _LINE_BITS | line
