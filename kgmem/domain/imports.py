"""Imports as they are registered: options, progress, results, and rollback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kgmem.domain.graph.graph import Operation
from kgmem.domain.graph.scope import SHARED

ImportState = Literal["waiting", "running", "failed", "done", "undoing", "undone"]
ItemKind = Literal["entity", "episode", "relationship"]


@dataclass(frozen=True, slots=True)
class EntityState:
    """The state of an entity during a dry run: version, main label, and stored properties."""

    version: int
    label: str
    stored: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UniqueValue:
    """A value (a JSON list for several properties) that only one entity of a label and scope may have.

    `value` is equal for equal values, such as 1 and 1.0; `shown` is the value as it was sent.
    """

    label: str
    properties: tuple[str, ...]
    value: str
    scope: str | None
    shown: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """A record of a file with a key that occurred before in the file; the two are merged."""

    line: int
    key: str
    first: int  # The line on which the key was stated first.


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How many records of one kind in a file have a key that occurred before, and the first ten of them."""

    file: str
    kind: str
    count: int
    keys: Sequence[DuplicateKey] = ()


@dataclass(frozen=True, slots=True)
class Import:
    """One import: read = created + updated + unchanged + rejected + linking, and linking is 0 when it is done.

    Of a dry run, read = checked + rejected.
    """

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
    progress: Mapping[str, Any] | None = None  # stage, done, total, rate: as whoever runs it told last.
    heartbeat_at: str | None = None  # When whoever runs it last gave a heartbeat.
    upload: str | None = None  # The folder of its uploaded files, until it is done.
    undone: Mapping[str, Any] | None = None  # What taking it back out did.
    duplicates: Sequence[Duplicates] = ()  # Keys that one file states more than once.

    @property
    def linking(self) -> int:
        """How many of its records wait until all entities are stored."""
        return 0 if self.is_dry_run else self._left

    @property
    def checked(self) -> int:
        """How many records a dry run found valid."""
        return self._left if self.is_dry_run else 0

    @property
    def is_dry_run(self) -> bool:
        """Whether it only checks, and stores nothing."""
        return bool(self.options.get("dry_run"))

    @property
    def _left(self) -> int:
        return self.read - self.created - self.updated - self.unchanged - self.rejected

    @property
    def within(self) -> str:
        """The scope that it is restricted to, with those below it."""
        within: str = self.options.get("within", SHARED)
        return within


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many records of an import wait until all entities are stored."""

    relationships: int
    episodes: int


@dataclass(frozen=True, slots=True)
class ImportItem:
    """One change of an import to one item."""

    operation: Operation
    kind: ItemKind
    id: int
    key: str | None  # None for a relationship without one.
    label: str | None  # Of a relationship its kind; None where nothing is known of the item any more.
    start: str | None = None  # Keys of a relationship's ends.
    end: str | None = None
    scope: str = SHARED
    held: bool = True  # Whether the graph still holds it.


@dataclass(frozen=True, slots=True)
class KeptItem:
    """One item that the undo of an import leaves as it is."""

    kind: ItemKind
    key: str | None
    reason: Literal["changed", "connected", "unknown"]


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The result of the undo of an import, or of its dry run."""

    deleted: Mapping[str, int]  # By kind: what it had created and nobody changed since.
    restored: int  # What it had changed, and is again as it was before.
    changed: int  # What somebody changed again since, and stays.
    connected: int  # Entities to which relationships lead that stay, and which therefore stay too.
    unknown: int  # Of which the version before is not known, so that they stay as they are.
    kept: Sequence[KeptItem] = ()  # The first of those that stay.
