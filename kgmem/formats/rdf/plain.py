"""Plain subjects on their way into columns, with no object made for any of them.

A subject is plain when it has one label at most, each property once, and nothing in named graphs; any other is left to
the walk, which takes everything (rdf_reader).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kgmem.formats.rdf.columns import FLOAT, MARKS, Column, EntityColumns
from kgmem.formats.rdf.derived import is_geographic, rank_of
from kgmem.formats.rdf.links import Links
from kgmem.formats.rdf.names import RDF
from kgmem.formats.rdf.quads import Row
from kgmem.formats.rdf.values import MARK, Literals

_TYPE: Final = RDF + "type"
_LONGEST_NAME: Final = 2000
_USUAL: Final[Mapping[str, Callable[[str], object]]] = {
    "integer": re.compile(r"0|-?[1-9][0-9]{0,17}").fullmatch,
    "float": FLOAT.fullmatch,
    "boolean": re.compile("true|false").fullmatch,
}


@dataclass(slots=True, eq=False)
class _Property:
    """One property, whatever its values are."""

    last: "list[_Property] | None" = None  # What the last subject that had it had, to know that one by.
    columns: list[Column] = field(default_factory=list)

    def take_back(self, count: int) -> None:
        """Undo what was put into its columns of a subject that is not plain."""
        for column in self.columns:
            del column.cells[count:]


@dataclass(slots=True)
class _Plan:
    """What becomes of values of one predicate with one tail."""

    property: _Property
    column: Column
    marks: Column | None = None
    mark: str = ""  # As a column holds it.
    usual: Callable[[str], object] | None = None  # Of numbers: tells those that are spelt as usual.

    def put(self, count: int, text: str, touched: list[_Property]) -> bool:
        """Put a value into its column, and say whether it was plain, and the first."""
        mine = self.property
        if mine.last is touched or "\\" in text or (self.usual is not None and not self.usual(text)):
            return False
        mine.last = touched
        touched.append(mine)
        cells = self.column.cells
        if len(cells) < count:
            cells.extend([None] * (count - len(cells)))
        cells.append(text)
        if self.marks is not None:
            self.marks.put(count, self.mark)
        return True


class PlainSubjects:
    """Takes plain subjects into columns."""

    def __init__(
        self,
        columns: EntityColumns,
        links: Links,
        literals: Literals,
        tell: Mapping[str, Callable[[str], str]],
        keys: tuple[Mapping[str, str], Callable[[str], str | None]],
    ) -> None:
        """Take where entities and links go, what tells the `name` of a predicate and a `label`, keys and more keys."""
        self._columns = columns
        self._links = links
        self._literals = literals
        self._tell = tell
        self._keys, self._key_of = keys
        self._plans: dict[tuple[str, str], _Plan | None] = {}
        self._properties: dict[str, _Property] = {}
        self._kinds: dict[str, str] = {_TYPE: ""}
        self._names: list[Column] = []  # What names an entity, the best first.

    def add(self, key: str, rows: Sequence[Row], line: int) -> bool:
        """Take a subject with all its rows if it is plain, and say whether it was."""
        plans, kinds, keys = self._plans, self._kinds, self._keys
        count = len(self._columns.lines)
        label: str | None = None
        made: list[str] = []
        ends: list[str] = []
        touched: list[_Property] = []
        for _, predicate, object_, text, tail, term, graph in rows:
            if graph or term:
                break
            if not object_:
                plan = plans.get((predicate, tail)) or self._plan(predicate, tail)
                if plan is None or not plan.put(count, text, touched):
                    break
            elif kind := kinds.get(predicate) or self._kind(predicate):
                end = keys.get(object_) or self._key_of(object_)
                if end is None:
                    break
                made.append(kind)
                ends.append(end)
            elif label is not None or predicate != _TYPE or not (label := self._tell["label"](object_)):
                break
        else:
            if len(set(ends)) == len(ends) or len(set(zip(made, ends, strict=True))) == len(ends):
                self._add(key, line, label, (made, ends))
                return True
        for one in touched:
            one.take_back(count)
        return False

    def _add(self, key: str, line: int, label: str | None, links: tuple[list[str], list[str]]) -> None:
        """Add a subject whose values stand in their columns."""
        count = len(self._columns.lines)
        name = None
        for column in self._names:
            if len(column.cells) > count and (name := column.cells[count]) and len(name) <= _LONGEST_NAME:
                break
            name = None
        self._columns.add_row(line, key, label, name)
        kinds, ends = links
        self._links.kinds.extend(kinds)
        self._links.ends.extend(ends)
        self._links.starts.extend([key] * len(ends))
        self._links.lines.extend([line] * len(ends))

    def _kind(self, predicate: str) -> str:
        if predicate not in self._kinds:
            self._kinds[predicate] = self._tell["name"](predicate)
        return self._kinds[predicate]

    def _plan(self, predicate: str, tail: str) -> _Plan | None:
        """Return what becomes of values; None where they are not plain."""
        if (predicate, tail) not in self._plans:
            self._plans[predicate, tail] = self._planned(predicate, tail)
        return self._plans[predicate, tail]

    def _planned(self, predicate: str, tail: str) -> _Plan | None:
        name, type_ = self._tell["name"](predicate), self._literals.type(tail)
        column = self._columns.column(name, type_) if name and type_ and not is_geographic(name) else None
        if column is None:
            return None
        property_ = self._properties.setdefault(name, _Property())
        mark = self._literals.mark(tail)
        marks = self._columns.column(name + MARK, MARKS) if mark is not None else None
        if mark is not None and marks is None:
            return None
        property_.columns += [one for one in (column, marks) if one is not None and one not in property_.columns]
        self._rank(column)
        return _Plan(
            property_, column, marks, self._columns.mark(mark) if mark is not None else "", _USUAL.get(column.type)
        )

    def _rank(self, column: Column) -> None:
        """Note a column that names entities."""
        if column.type == "string" and rank_of(column.name) is not None and column not in self._names:
            self._names.append(column)
            self._names.sort(key=lambda one: rank_of(one.name) or 0)
