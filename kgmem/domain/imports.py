"""Imports as the register knows them: what was read, how far it is, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

ImportState = Literal["running", "failed", "done", "undone"]


@dataclass(frozen=True, slots=True)
class Import:
    """One import: read = created + updated + unchanged + rejected when it is done."""

    id: int
    graph: str
    state: ImportState
    files: Sequence[Mapping[str, Any]]  # name, size (None for a stream).
    options: Mapping[str, Any]
    source: str | None
    created_at: str
    finished_at: str | None
    error: str | None
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)  # Records that were not rejected, by kind.


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many records of an import wait until all entities are there."""

    relationships: int
    episodes: int


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking an import back out did."""

    deleted: Mapping[str, int]  # By kind: what it had created and nobody changed since.
    restored: int  # What it had changed, and is again as it was before.
    kept: int  # What was changed again since, and stays.
