"""Stretches of files that are read in columns, cut into pieces that follow each other in the order of the file.

A reader gives of each stretch the plain records first, in columns, and then the others. What is stored in one batch is
put into the order of the file there, so a batch has to end where everything before a line is in it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.entity import Entity
from kgmem.formats.records import Located, Rejected

_IN_COLUMNS = 4  # So many plain records in columns take the room of one that is an object.
_LONG = 4000  # So many characters take it too.
_NUMBER = 8  # Characters of a number, about.
_NUMBERS = frozenset({int, float, bool, type(None)})
Found: TypeAlias = Columns | Located | Rejected
Named: TypeAlias = tuple[str, Found]  # With the name of its file.


def pieces(items: Iterable[Named], size: int) -> Iterator[list[Named]]:
    """Return the items in pieces that weigh about `size`, or a few times that."""
    most = size * _IN_COLUMNS
    rest = _Rest(iter(items))
    while rest.next is not None:
        file, found = rest.next
        if not isinstance(found, Columns):
            yield [rest.take()]
        elif found.until:
            yield from _stretch(rest, file, found.until, size)
        else:
            rest.take()
            for first in range(0, len(found), most):
                yield [(file, found.piece(first, most))]


def weight_of(found: Found) -> float:
    """Return as how many records something counts, so that a batch of long texts takes no more memory than others."""
    if isinstance(found, Columns):
        return len(found) / _IN_COLUMNS
    if isinstance(found, Rejected) or isinstance(found.record, Source):
        return 1.0
    record = found.record
    if isinstance(record, BeliefRecord):
        return 1.0 + _characters(record.told) / _LONG
    characters = len(record.text or "")
    if record.properties:
        characters += sum(map(_characters, record.properties.values()))
    if isinstance(record, Entity):
        if record.embedding is not None:
            characters += _NUMBER * len(record.embedding)
        if record.place is not None and record.place.geometry["type"] != "Point":
            characters += _characters(record.place.geometry["coordinates"])
    return 1.0 + characters / _LONG


def _characters(value: Any) -> int:
    """Return about how many characters a value has as JSON."""
    kind = type(value)
    if kind is str:
        return len(value)
    if kind in _NUMBERS:  # Before what is more costly to tell.
        return _NUMBER
    if isinstance(value, list | tuple):
        return sum(map(_characters, value))
    return sum(len(name) + _characters(inner) for name, inner in value.items()) if isinstance(value, Mapping) else 0


@dataclass(slots=True)
class _Rest:
    """What is still to come, of which the first can be looked at."""

    items: Iterator[Named]
    next: Named | None = field(init=False)

    def __post_init__(self) -> None:
        self.next = next(self.items, None)

    def take(self) -> Named:
        taken = self.next
        assert taken is not None  # noqa: S101 - the caller has looked
        self.next = next(self.items, None)
        return taken

    def columns(self, file: str, until: int) -> Iterator[Columns]:
        """Take the columns of a stretch."""
        while self.next and self.next[0] == file and isinstance(self.next[1], Columns) and self.next[1].until == until:
            yield self.take()[1]  # type: ignore[misc]  # It was just seen to be columns.

    def stands_before(self, file: str, limit: int) -> bool:
        """Return whether the next is of the file, not in columns, and on no line behind one."""
        if self.next is None or self.next[0] != file or isinstance(self.next[1], Columns):
            return False
        return self.next[1].line <= limit

    def others(self, file: str, limit: int, most: float) -> Iterator[Located | Rejected]:
        """Take what is not in columns up to a line, and no more than weighs so much, whole lines at a time."""
        last, weight = 0, 0.0
        while self.next and self.next[0] == file and not isinstance(self.next[1], Columns):
            found = self.next[1]
            if found.line > limit or (weight >= most and found.line != last):
                return
            last, weight = found.line, weight + weight_of(found)
            self.take()
            yield found


def _stretch(rest: _Rest, file: str, until: int, size: int) -> Iterator[list[Named]]:
    most = size * _IN_COLUMNS
    columns = list(rest.columns(file, until))
    held = [each.lines.to_numpy() for each in columns]
    lines = np.sort(np.concatenate(held))
    before = 0
    while before < until:
        done = int(np.searchsorted(lines, before, side="right"))
        limit = int(lines[done + most - 1]) if done + most < len(lines) else until
        others = list(rest.others(file, limit, size))
        if rest.stands_before(file, limit):
            limit = others[-1].line
        piece: list[Named] = [(file, each) for each in _between(columns, held, before, limit)]
        yield [*piece, *((file, each) for each in others)]
        before = limit


def _between(columns: Sequence[Columns], held: Sequence[Any], before: int, limit: int) -> Iterator[Columns]:
    """Return what is on the lines after one and up to another."""
    for each, lines in zip(columns, held, strict=True):
        first, last = (int(np.searchsorted(lines, line, side="right")) for line in (before, limit))
        if first < last:
            yield each.piece(first, last - first)
