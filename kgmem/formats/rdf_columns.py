"""Entities of RDF in columns: the plain ones among them, so that no object is made of each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kgmem.domain.batch import Columns
from kgmem.domain.entity import Entity
from kgmem.domain.place import Place, parse_place
from kgmem.formats.columns import Property, is_plain_property, plain_columns
from kgmem.formats.rdf_values import MARK
from kgmem.formats.records import Located

_BATCH: Final = 10_000
_MOST_COLUMNS: Final = (
    200  # Beyond these an entity is a record: columns that are nearly empty cost more than they save.
)
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,9})\.(?:[0-9]{0,3}[1-9]|0)")
_TYPES: Final[Mapping[type, str]] = {str: "string", int: "integer", float: "float", bool: "boolean"}
_MARK: Final = "mark"
Cell = tuple[str, str, str]  # The property's name, the type of its column, its text.


class Plain(NamedTuple):
    """An entity that says no more than columns can hold."""

    key: str
    label: str | None
    name: str | None
    properties: Mapping[str, Any]
    place: Place | None
    source: str | None

    def entity(self) -> Entity:
        """Give it as a record."""
        return Entity(self.key, self.label, self.name, self.properties, place=self.place, source=self.source)


class EntityColumns:
    """Gathers plain entities column by column."""

    def __init__(self) -> None:
        """Begin with none."""
        self._begin()
        self._plain_names: dict[str, bool] = {}
        self._marks: dict[str, str] = {}

    def _begin(self) -> None:
        self._lines: list[int] = []
        self._fields: dict[str, list[str | None]] = {"key": [], "label": [], "name": []}
        self._cells: dict[tuple[str, str], list[str | None]] = {}

    def __len__(self) -> int:
        """Give how many were gathered."""
        return len(self._lines)

    @property
    def full(self) -> bool:
        """Whether it is time to give them."""
        return len(self._lines) >= _BATCH

    def add(self, line: int, entity: Plain) -> bool:
        """Add an entity, and say whether it is plain enough."""
        cells = self._cells_of(entity.properties)
        point = _point(entity.place) if entity.place is not None else None
        if cells is None or (entity.place is not None and point is None):
            return False
        count = len(self._lines)
        self._lines.append(line)
        fields = self._fields
        fields["key"].append(entity.key)
        fields["label"].append(entity.label)
        fields["name"].append(entity.name)
        if entity.source is not None:
            _put(fields.setdefault("source", []), count, entity.source)
        if point is not None:
            for name, text in zip(("lon", "lat"), point, strict=True):
                _put(fields.setdefault(name, []), count, text)
        for name, type_, text in cells:
            column = self._cells.get((name, type_))
            if column is None:
                column = self._cells[name, type_] = []
            if len(column) < count:
                column.extend([None] * (count - len(column)))
            column.append(text)
        return True

    def taken(self) -> Iterator[Columns | Located]:
        """Give what was gathered, and begin anew."""
        count = len(self._lines)
        if not count:
            return
        fields = {name: _array(column, count) for name, column in self._fields.items()}
        lines = pa.array(self._lines, pa.int64())
        told: list[Property] = []
        marks: list[tuple[str, bool, Any]] = []
        for (name, type_), column in self._cells.items():
            if type_ == _MARK:
                marks.append((name, True, _array(column, count)))
            else:
                told.append((name, type_, _array(column, count)))
        self._begin()
        columns, plain = plain_columns("entity", lines, fields, told)
        if len(columns) == count:
            yield Columns("entity", columns.lines, columns.fields, [*columns.properties, *marks])
            return
        kept = [(name, literal, texts.filter(plain)) for name, literal, texts in marks]
        if len(columns):
            yield Columns("entity", columns.lines, columns.fields, [*columns.properties, *kept])
        yield from _records(lines, fields, [*told, *((name, _MARK, texts) for name, _, texts in marks)], plain)

    def _cells_of(self, properties: Mapping[str, Any]) -> list[Cell] | None:
        """Give what stands in the columns of properties; None where one of them is not plain."""
        cells: list[Cell] = []
        for name, value in properties.items():
            plain = self._plain_names.get(name)
            if plain is None:
                plain = self._plain_names[name] = is_plain_property(name)
            if not plain:
                return None
            if type(value) is str:
                cells.append((name, "string", value))
                continue
            cell = self._cell(name, value)
            if cell is None:
                return None
            cells.append(cell)
        return cells if len(self._cells) < _MOST_COLUMNS or all(c[:2] in self._cells for c in cells) else None

    def _cell(self, name: str, value: Any) -> Cell | None:
        """Give the cell of a value that is no text; None where it is not plain."""
        if type(value) is list and name.endswith(MARK) and len(value) == 1:
            text = self._marks.get(value[0])
            if text is None:
                text = self._marks[value[0]] = orjson.dumps(value).decode()
            return name, _MARK, text
        type_ = _TYPES.get(type(value))
        if type_ is None:
            return None
        text = repr(value) if type_ != "boolean" else str(value).lower()
        return (name, type_, text) if type_ != "float" or _FLOAT.fullmatch(text) else None


def _put(column: list[str | None], count: int, text: str) -> None:
    column.extend([None] * (count - len(column)))
    column.append(text)


def _array(column: list[str | None], count: int) -> Any:
    column.extend([None] * (count - len(column)))
    return pa.array(column, pa.string())


def _point(place: Place) -> tuple[str, str] | None:
    """Give a point's longitude and latitude as columns hold them; None for what they do not hold as it is."""
    position = place.geometry["coordinates"]
    if place.geometry["type"] != "Point" or len(position) != 2 or not all(type(one) is float for one in position):
        return None
    texts = repr(position[0]), repr(position[1])
    return texts if all(map(_FLOAT.fullmatch, texts)) else None


def _records(lines: Any, fields: Mapping[str, Any], told: Sequence[Property], plain: Any) -> Iterator[Located]:
    """Give entities that are not plain one by one."""
    for place in pc.indices_nonzero(pc.invert(plain)).to_pylist():
        own = {name: texts[place].as_py() for name, texts in fields.items()}
        lon, lat = own.pop("lon", None), own.pop("lat", None)
        properties = {
            name: text if type_ == "string" else orjson.loads(text)
            for name, type_, texts in told
            if (text := texts[place].as_py()) is not None
        }
        point = parse_place([float(lon), float(lat)]) if lon is not None and lat is not None else None
        yield Located(lines[place].as_py(), Entity(properties=properties, place=point, **own))
