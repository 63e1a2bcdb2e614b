"""Batches: records of one kind on their way into a graph in bulk, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

from kgmem.domain.entity import Entity
from kgmem.domain.relationship import Relationship

BatchKind = Literal["entity", "relationship"]
R = TypeVar("R", Entity, Relationship)


class Stated(NamedTuple, Generic[R]):
    """One record of an import, and where it stands."""

    file: str
    line: int
    record: R


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that was not taken: where it stands, why, and its text."""

    file: str
    line: int
    reason: str
    record: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one kind; a batch is stored as a whole, in one transaction, or not at all."""

    kind: BatchKind
    records: Sequence[Stated[Entity]] | Sequence[Stated[Relationship]]


@dataclass(slots=True)
class BatchResult:
    """What became of a batch: its records are created + updated + unchanged + waiting + rejected."""

    read: int = 0  # How many records of the files that is.
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    waiting: int = 0  # Relationships whose ends are not there yet.
    kinds: dict[str, int] = field(default_factory=dict)  # What was not rejected and does not wait, by kind.
    rejections: list[Rejection] = field(default_factory=list)
