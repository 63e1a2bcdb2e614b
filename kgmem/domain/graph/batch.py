"""Batches: records of one kind that are imported in bulk, the result of each batch, and records for an export."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship

BatchKind = Literal["entity", "relationship"]
R = TypeVar("R", Entity, Relationship, Episode, Source, BeliefRecord)


class Stated(NamedTuple, Generic[R]):
    """One record of an import, with its file and line."""

    file: str
    line: int
    record: R


@dataclass(frozen=True, slots=True)
class Columns:
    """Many records of one kind as columns; each field is checked already.

    The columns are Arrow arrays of texts, null where a value is not set. Values other than texts are JSON. The
    properties of the records are columns of their own, as large files are read, or JSON objects in the field
    `properties`.
    """

    kind: BatchKind
    lines: Any  # Arrow's int64: on which line of its file each record stands.
    fields: Mapping[str, Any]  # By the wire's names, with lon and lat for a place.
    properties: Sequence[tuple[str, bool, Any]]  # Name, whether the texts are JSON, and the texts.
    until: int = 0  # Other records up to this line follow, that stand between these; 0: none do.
    files: Any = None  # The name of the file of each record, where they are of several.

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.lines)

    def piece(self, first: int, most: int) -> "Columns":
        """Return at most so many records, from an index on."""
        return Columns(
            self.kind,
            self.lines.slice(first, most),
            {name: texts.slice(first, most) for name, texts in self.fields.items()},
            [(name, literal, texts.slice(first, most)) for name, literal, texts in self.properties],
            self.until,
        )


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected record: file and line, the reason, and its text."""

    file: str
    line: int
    reason: str
    record: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one kind; a batch is stored as a whole, in one transaction, or not at all."""

    kind: BatchKind
    records: Sequence[Stated[Any]] = ()
    columns: Sequence[tuple[str, Columns]] = ()  # Each with the name of its file.
    lane: int = 0  # Of the columns only those records that belong into this lane,
    lanes: int = 1  # of so many.
    files: Sequence[str] = ()  # Of records and columns, in the order in which they are read: what comes later holds.
    source: str | None = None  # Of records in columns that name none.
    scope: str = ""


@dataclass(slots=True)
class BatchResult:
    """The result of a batch: its records are created + updated + unchanged + waiting + rejected."""

    read: int = 0  # How many records of the files that is.
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    waiting: int = 0  # Relationships whose ends are not there yet.
    kinds: dict[str, int] = field(default_factory=dict)  # What was not rejected and does not wait, by kind.
    rejections: list[Rejection] = field(default_factory=list)


def lane_of(about: str, lanes: int) -> int:
    """Return the lane of a key, by the last byte of the key: the same in every run."""
    return about.encode()[-1] % lanes


@dataclass(frozen=True, slots=True)
class Shapes:
    """Entities or relationships as mappings with the field names of REST, without empty fields.

    They are made one by one on demand, in the thread that takes them; each mapping belongs to the caller.
    """

    kind: Literal["entity", "relationship"]
    make: Callable[[], Iterator[dict[str, Any]]]
