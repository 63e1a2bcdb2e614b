"""Options, progress and result of an import."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kgmem.domain.graph.batch import Rejection
from kgmem.domain.graph.scope import SHARED
from kgmem.domain.imports import Duplicates
from kgmem.formats.io.folder_files import Skipped
from kgmem.formats.records import Kind

KEPT_REJECTIONS = 100
_TOLD = ("format", "kind", "source", "scope", "within", "batch", "mapping", "format_options")
Stage = Literal["reading", "linking"]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How files are read, and what is done with their records."""

    format: str | None = None  # None: as each file's extension tells.
    kind: Kind | None = None  # What records are that do not say so.
    on_error: Literal["reject", "stop"] = "reject"
    dry_run: bool = False  # Check everything, store nothing.
    source: str | None = None  # Of records that name none.
    scope: str = SHARED  # Of records that name none.
    within: str = SHARED  # The scope outside which, and of those below it, records are rejected.
    statements_only: bool = False  # Reject records of decisions, agents and settings: an importer's key states no such.
    batch: int = 20_000  # Records that are read, and stored in a transaction or two, at a time.
    rejected_to: Path | None = None  # A file for the rejected records, one JSON object a line; made when there is one.
    resume: bool = False  # Go on with the last import of the same files that did not end; without one begin again.
    mapping: Mapping[str, Any] = field(default_factory=dict)  # What a mapping file says of tables of any shape.
    format_options: Mapping[str, str] = field(default_factory=dict)  # The format's own.

    def told(self) -> dict[str, Any]:
        """Return the options that identify an import of the same files."""
        return {name: getattr(self, name) for name in _TOLD}

    @classmethod
    def as_told(cls, told: Mapping[str, Any]) -> "ImportOptions":
        """Return the options from their stored form."""
        return cls(**{name: told[name] for name in (*_TOLD, "on_error", "dry_run", "statements_only") if name in told})


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """Progress of an import. `reading` counts bytes of the files, `linking` relationships and episodes."""

    stage: Stage
    done: int
    total: int | None  # None: not known, as of standard input.
    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    seconds: float

    def told(self) -> dict[str, Any]:
        """Return the stored form of the progress."""
        return {"stage": self.stage, "done": self.done, "total": self.total, "rate": round(self.rate, 1)}

    @property
    def rate(self) -> float:
        """Records per second so far."""
        return (self.created + self.updated + self.unchanged + self.rejected) / max(self.seconds, 1e-9)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import: read = created + updated + unchanged + checked + rejected."""

    id: int | None  # In the register of imports; None for a dry run.
    read: int
    created: int
    updated: int
    unchanged: int
    checked: int  # Records that a dry run found to be good.
    rejected: int
    seconds: float
    kinds: Mapping[str, int]  # Records that were not rejected, by kind.
    rejections: Sequence[Rejection]  # The first of them.
    anew: str | None = None  # Why one that was to go on began again.
    skipped: Sequence[Skipped] = ()  # Files of folders that were passed over.
    duplicates: Sequence[Duplicates] = ()  # Keys that one file states more than once; such records are merged.


@dataclass(slots=True)
class Tally:
    """The running counts of an import."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    checked: int = 0
    rejected: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    broken_off: bool = False  # Whether there is more to do, and others have their turn first.
    started: float = field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        """Return the seconds so far."""
        return time.perf_counter() - self.started

    def result(self, rejections: Sequence[Rejection], duplicates: Sequence[Duplicates]) -> ImportResult:
        """Return the result of a dry run."""
        return ImportResult(
            id=None,
            read=self.read,
            created=self.created,
            updated=self.updated,
            unchanged=self.unchanged,
            checked=self.checked,
            rejected=self.rejected,
            seconds=self.seconds(),
            kinds=dict(self.kinds),
            rejections=tuple(rejections),
            duplicates=tuple(duplicates),
        )

    def progress(self, stage: Stage, done: int, total: int | None) -> ImportProgress:
        """Return the progress."""
        return ImportProgress(
            stage=stage,
            done=done,
            total=total,
            read=self.read,
            created=self.created,
            updated=self.updated,
            unchanged=self.unchanged,
            rejected=self.rejected,
            seconds=self.seconds(),
        )


OnProgress = Callable[[ImportProgress], None]
