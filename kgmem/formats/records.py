"""What every format yields and takes: records with the line they stand on, and those that had to be rejected."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, Protocol, TypeAlias, runtime_checkable

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BELIEF_KINDS, BeliefRecord
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship

Record: TypeAlias = Entity | Relationship | Episode | Source
AnyRecord: TypeAlias = Record | BeliefRecord
Kind = Literal[
    "entity",
    "relationship",
    "episode",
    "source",
    "claim",
    "adjudication",
    "fact",
    "correlation",
    "trust",
    "merge",
    "pair",
    "agent_state",
    "agent_state_version",
    "agent_retention",
    "session",
    "session_message",
    "memory_block",
    "memory_block_version",
    "subscription",
    "feedback",
    "publication",
    "ledger_record",
    "retention_rule",
    "distillation",
    "allowance",
    "tier",
]
# In the order in which they can be stored.
KINDS: tuple[Kind, ...] = ("source", "entity", "relationship", "episode")
ALL_KINDS: tuple[Kind, ...] = (*KINDS, *BELIEF_KINDS)
_SHOWN = 4000  # Characters of a rejected record that are kept.


@dataclass(frozen=True, slots=True)
class Located:
    """One record and the line of its file on which it begins, from 1."""

    line: int
    record: AnyRecord


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that was not taken: its line, why, and its text (the beginning of a long one)."""

    line: int
    reason: str
    record: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is to be read, where it does not say so itself."""

    kind: Kind | None = None  # What its records are.
    name: str = ""  # The file's name, which may tell what stands in it.
    mapping: Mapping[str, Any] = field(default_factory=dict)  # What a mapping file says.
    options: Mapping[str, str] = field(default_factory=dict)  # The format's own, such as RDF's vocabulary=shorten.
    elsewhere: frozenset[str] = frozenset()  # Options that other files have: a zip file need not know these.
    space: EmbeddingSpace | None = None  # Of the graph that takes the records.


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a file is to be written."""

    kind: Kind | None = None  # Write only these.
    escape_formulas: bool = False  # CSV: let no spreadsheet take a text for a formula.
    options: Mapping[str, str] = field(default_factory=dict)  # The format's own.
    space: EmbeddingSpace | None = None  # Of the vectors that entities come with.


class Writer(Protocol):
    """Writes records to a stream that its caller opened and closes.

    They come in the order in which they can be stored: sources, entities, relationships, episodes.
    """

    lost: Mapping[str, int]  # What the format cannot carry and was left out, in words, each with how often.

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""

    def close(self) -> None:
        """Write what is still to be written; the stream stays open."""


@runtime_checkable
class ShapeWriter(Writer, Protocol):
    """A writer that takes records as the shapes that REST uses, without fields that say nothing."""

    def write_shapes(self, kind: Kind, shapes: Iterable[dict[str, Any]]) -> int:
        """Write some records of a kind; gives how many. Their mappings are the writer's."""


@runtime_checkable
class BeliefWriter(Writer, Protocol):
    """A writer that takes what the graph believes, too, after all else."""

    def write_beliefs(self, records: Iterable[BeliefRecord]) -> None:
        """Write some records, of one kind at a time."""


@runtime_checkable
class Origin(Protocol):
    """What records are read from that is no file: another system, such as a graph database.

    It is read in a thread, by one reader at a time. The same `identity` means the same records in the same order.
    """

    name: str  # For people, in messages and in the register of imports.
    options: Mapping[str, str]  # Its own options, each with what it does.

    def identity(self) -> Mapping[str, Any]:
        """Return what tells this reading from others, so that an import can go on; it may take a while."""

    def read(self, options: ReadOptions) -> Generator[Located | Rejected, None, None]:
        """Return the records; the number of each stands for a line."""

    def progress(self) -> tuple[int, int | None]:
        """Return how many records were read, and of how many; None while that is not known."""


@runtime_checkable
class Destination(Protocol):
    """What records are written to that is no file."""

    def writer(self, options: WriteOptions) -> AbstractContextManager[Writer]:
        """Return a writer, for the time of a `with`."""


ReadColumns: TypeAlias = Callable[[BinaryIO, ReadOptions], Iterator[Columns | Located | Rejected]]
Read: TypeAlias = Callable[[BinaryIO, ReadOptions], Iterator[Located | Rejected]]
OpenPart: TypeAlias = Callable[[str], BinaryIO]  # Opens one file of an export by its name; its caller closes it.


@dataclass(frozen=True, slots=True)
class Format:
    """One file format: its name, the ends of its files' names, how it is read, and how it is written.

    A reader gives the same records in the same order for the same bytes, so that an import can go on where it was
    broken off. A format of several files has `parts` in place of `writer`.
    """

    name: str
    extensions: tuple[str, ...]
    read: Read | None = field(default=None, repr=False)
    writer: Callable[[BinaryIO, WriteOptions], Writer] | None = field(default=None, repr=False)
    parts: Callable[[OpenPart, WriteOptions], Writer] | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)  # Its own options, each with what it does.
    columns: ReadColumns | None = field(default=None, repr=False)  # Reads the same records, plain ones in columns.


def kind_of(record: AnyRecord) -> Kind:
    """Return what kind a record is."""
    return record.kind if isinstance(record, BeliefRecord) else _KINDS[type(record)]


def rejected(line: int, reason: str, record: str) -> Rejected:
    """Return a rejection that keeps the beginning of the record's text."""
    return Rejected(line, reason, record if len(record) <= _SHOWN else record[:_SHOWN] + " ...")


_KINDS: dict[type[Any], Kind] = {
    Entity: "entity",
    Relationship: "relationship",
    Episode: "episode",
    Source: "source",
}
