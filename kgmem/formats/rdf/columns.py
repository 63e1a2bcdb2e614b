"""Entities of RDF in columns: the plain ones among them, so that no object is made of each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.entity import Entity
from kgmem.domain.space.place import Place, parse_place
from kgmem.formats.rdf.values import MARK
from kgmem.formats.records import Located
from kgmem.formats.tables.columns import Property, is_plain_property, plain_columns

_BATCH: Final = 10_000
_MOST_COLUMNS: Final = (
    300  # What has another property is a record: columns that are nearly empty cost more than they save.
)
FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,9})\.(?:[0-9]{0,3}[1-9]|0)")
_TYPES: Final[Mapping[type, str]] = {str: "string", int: "integer", float: "float", bool: "boolean"}
MARKS: Final = "marks"  # The type of columns that hold marks.


class Plain(NamedTuple):
    """An entity that says no more than columns can hold."""

    key: str
    label: str | None
    name: str | None
    properties: Mapping[str, Any]
    place: Place | None
    source: str | None

    def entity(self) -> Entity:
        """Return it as a record."""
        return Entity(self.key, self.label, self.name, self.properties, place=self.place, source=self.source)


@dataclass(slots=True, eq=False)
class Column:
    """The texts of one property and type; it may end before the last entity."""

    name: str
    type: str
    cells: list[str | None] = field(default_factory=list)

    def put(self, count: int, text: str) -> None:
        """Set the text of the entity before which there are `count`."""
        if len(self.cells) < count:
            self.cells.extend([None] * (count - len(self.cells)))
        self.cells.append(text)

    def taken(self, count: int) -> Any:
        """Return the texts of so many entities, and begin again."""
        cells, self.cells = self.cells, []
        return _array(cells, count)


class EntityColumns:
    """Gathers plain entities column by column."""

    def __init__(self) -> None:
        """Begin with none."""
        self._columns: dict[tuple[str, str], Column] = {}
        self._plain_names: dict[str, bool] = {}
        self._marks: dict[str, str] = {}
        self._begin()

    def _begin(self) -> None:
        self.lines: list[int] = []
        self.keys: list[str] = []
        self.labels: list[str | None] = []
        self.names: list[str | None] = []
        self._places: dict[int, tuple[str, str]] = {}
        self._sources: dict[int, str] = {}

    @property
    def full(self) -> bool:
        """Whether it is time to give them."""
        return len(self.lines) >= _BATCH

    def column(self, name: str, type_: str) -> Column | None:
        """Return the column of a property; None where it may have none."""
        found = self._columns.get((name, type_))
        if found is None and len(self._columns) < _MOST_COLUMNS and self._is_plain(name):
            found = self._columns[name, type_] = Column(name, type_)
        return found

    def mark(self, mark: str) -> str:
        """Return the text of a mark."""
        text = self._marks.get(mark)
        if text is None:
            text = self._marks[mark] = orjson.dumps([mark]).decode()
        return text

    def add(self, line: int, entity: Plain) -> bool:
        """Add an entity, and say whether it is plain enough."""
        cells = self._cells_of(entity.properties)
        point = _point(entity.place) if entity.place is not None else None
        if cells is None or (entity.place is not None and point is None):
            return False
        count = len(self.lines)
        if entity.source is not None:
            self._sources[count] = entity.source
        if point is not None:
            self._places[count] = point
        for column, text in cells:
            column.put(count, text)
        self.add_row(line, entity.key, entity.label, entity.name)
        return True

    def add_row(self, line: int, key: str, label: str | None, name: str | None) -> None:
        """Add what every entity has, after its cells were put."""
        self.lines.append(line)
        self.keys.append(key)
        self.labels.append(label)
        self.names.append(name)

    def taken(self) -> Iterator[Columns | Located]:
        """Return what was gathered, and begin again."""
        count = len(self.lines)
        if not count:
            return
        lines, fields = pa.array(self.lines, pa.int64()), self._fields(count)
        told: list[Property] = []
        marks: list[tuple[str, bool, Any]] = []
        for column in [column for column in self._columns.values() if column.cells]:
            if column.type == MARKS:
                marks.append((column.name, True, column.taken(count)))
            else:
                told.append((column.name, column.type, column.taken(count)))
        self._begin()
        columns, plain = plain_columns("entity", lines, fields, told)
        if len(columns) < count:
            kept = [(name, literal, texts.filter(plain)) for name, literal, texts in marks]
        else:
            kept = marks
        if len(columns):
            yield Columns("entity", columns.lines, columns.fields, [*columns.properties, *kept])
        if len(columns) < count:
            yield from _records(lines, fields, [*told, *((name, MARKS, texts) for name, _, texts in marks)], plain)

    def _fields(self, count: int) -> dict[str, Any]:
        """Return what is no property, as far as any entity has it."""
        fields: dict[str, Any] = {"key": _array(self.keys, count)}
        for name, texts in (("label", self.labels), ("name", self.names)):
            if any(texts):
                fields[name] = _array(texts, count)
        if self._sources:
            fields["source"] = _array([self._sources.get(n) for n in range(count)], count)
        if self._places:
            for n, name in enumerate(("lon", "lat")):
                fields[name] = _array([self._places[m][n] if m in self._places else None for m in range(count)], count)
        return fields

    def _is_plain(self, name: str) -> bool:
        plain = self._plain_names.get(name)
        if plain is None:
            plain = self._plain_names[name] = is_plain_property(name)
        return plain

    def _cells_of(self, properties: Mapping[str, Any]) -> list[tuple[Column, str]] | None:
        """Return what is in which column; None where one of the properties is not plain."""
        cells: list[tuple[Column, str]] = []
        for name, value in properties.items():
            typed = self._typed(name, value)
            column = self.column(name, typed[0]) if typed else None
            if typed is None or column is None:
                return None
            cells.append((column, typed[1]))
        return cells

    def _typed(self, name: str, value: Any) -> tuple[str, str] | None:
        """Return the type and text of a value; None where it is not plain."""
        if type(value) is list and name.endswith(MARK) and len(value) == 1 and isinstance(value[0], str):
            return MARKS, self.mark(value[0])
        type_ = _TYPES.get(type(value))
        if type_ is None or type_ == "string":
            return (type_, value) if type_ else None
        text = repr(value) if type_ != "boolean" else str(value).lower()
        return (type_, text) if type_ != "float" or FLOAT.fullmatch(text) else None


def _array(cells: Sequence[str | None], count: int) -> Any:
    return pa.array([*cells, *[None] * (count - len(cells))] if len(cells) < count else cells, pa.string())


def _point(place: Place) -> tuple[str, str] | None:
    """Return a point's longitude and latitude as columns hold them; None for what they do not hold as it is."""
    position = place.geometry["coordinates"]
    if place.geometry["type"] != "Point" or len(position) != 2 or not all(type(one) is float for one in position):
        return None
    texts = repr(position[0]), repr(position[1])
    return texts if all(map(FLOAT.fullmatch, texts)) else None


def _records(lines: Any, fields: Mapping[str, Any], told: Sequence[Property], plain: Any) -> Iterator[Located]:
    """Return entities that are not plain one by one."""
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
