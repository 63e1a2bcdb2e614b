"""Rows of tables compared part by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.rig.matching.kinds import kind_of
from kgmem.resolution import alike
from kgmem.resolution.described import Kind, Rarity, level
from kgmem.resolution.words import normal, words

Row = Mapping[str, str]
NAME = "name"  # The part of a row that it is called by.


@dataclass(frozen=True, slots=True)
class Ready:
    """A row, ready to be compared: the words of each part."""

    row: Row
    words: Mapping[str, tuple[str, ...]]

    @property
    def all_words(self) -> list[str]:
        """All words of all parts."""
        return [word for some in self.words.values() for word in some]

    def rest(self, part: str) -> set[str]:
        """Give the words of the other parts."""
        return {word for name, some in self.words.items() if name != part for word in some}


class Comparison:
    """Compares rows of two tables with the same columns (or of one table with itself)."""

    def __init__(self, left: Sequence[Row], right: Sequence[Row]) -> None:
        """Take the tables; the second may be the first."""
        self.left = [_ready(row) for row in left]
        self.right = self.left if right is left else [_ready(row) for row in right]
        rows = self.left if right is left else [*self.left, *self.right]
        self.parts = sorted({part for ready in rows for part in ready.row}, key=lambda part: (part != NAME, part))
        self.kinds = {part: self._kind(part, rows) for part in self.parts}
        self.rarity = Rarity.of(ready.all_words for ready in rows)

    def likenesses(self, left: int, right: int) -> list[float | None]:
        """Give how alike two rows are in each part; None where one of them does not say."""
        return [self._likeness(part, self.left[left], self.right[right]) for part in self.parts]

    def degrees(self, left: int, right: int) -> list[int]:
        """Give the degree of likeness in each part."""
        return [level(likeness) for likeness in self.likenesses(left, right)]

    def _likeness(self, part: str, left: Ready, right: Ready) -> float | None:
        one, other = left.words.get(part), right.words.get(part)
        if not one or not other:
            return None
        kind = self.kinds[part]
        if kind == Kind.CODE:
            return alike.codes(left.row[part], right.row[part])
        if kind == Kind.DATE:
            return alike.dates(left.row[part], right.row[part])
        if kind == Kind.NUMBER:
            numbers = alike.number_in(left.row[part]), alike.number_in(right.row[part])
            return None if None in numbers else alike.numbers(numbers[0] or 0.0, numbers[1] or 0.0)
        how = alike.names if kind == Kind.NAME else alike.texts
        return how(one, other, self.rarity, (left.rest(part), right.rest(part)))

    @staticmethod
    def _kind(part: str, rows: Sequence[Ready]) -> Kind:
        return Kind.NAME if part == NAME else kind_of([ready.row.get(part, "") for ready in rows])


def _ready(row: Row) -> Ready:
    return Ready(row, {part: words(value) for part, value in row.items() if normal(value)})
