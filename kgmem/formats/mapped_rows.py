"""Rows of any table as the records that a mapping makes of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.domain.relationship import Relationship
from kgmem.formats.foreign import with_content_key
from kgmem.formats.mapped_columns import Columns, Get, Row
from kgmem.formats.mapping import Making, Table
from kgmem.formats.records import AnyRecord
from kgmem.formats.table_options import TableOptions
from kgmem.formats.table_types import ReadValue, geometry, number, text_of, value_reader
from kgmem.formats.templates import Template
from kgmem.formats.wire import REQUIRED, from_wire

_LISTS = {"labels", "mentions"}
_NUMBERS = {"strength", "confidence", "trust"}
# Texts that are made of what there is of their columns; others have no value when one of their columns has none.
_LOOSE = {"name", "text", "title", "note", "speaker"}


def bind(
    table: Table, columns: Sequence[str], options: TableOptions, file: str, sample: Iterable[Sequence[str]] | None
) -> Callable[[Row], list[AnyRecord]]:
    """Give what makes the records of a row under these columns. Raises InvalidInput when the mapping does not fit them.

    Of rows of texts a `sample` tells the types of columns that have none; None: the values have their types. What is
    given raises InvalidInput for a row of which a record is wrong: then it makes none at all.
    """
    bound = Columns(table, columns, options, file, sample)
    makers = [_Maker(making, bound) for making in table.makes]
    clean = bound.cleaner()

    def make(row: Row) -> list[AnyRecord]:
        cells = clean(row)
        records = [record for maker in makers for record in maker.records(cells)]
        if not records:
            raise InvalidInput("The row makes no record, as it has no key, or an end is empty.", mend="Fill its cells.")
        return records

    return make


class _Maker:
    """What makes one record (with `each`, several) of a row."""

    def __init__(self, making: Making, columns: Columns) -> None:
        self._making = making
        self._columns = columns
        self._required = REQUIRED[making.kind]
        beside = any(other.kind == "entity" for other in columns.table.makes)
        self._optional = making.optional if making.optional is not None else making.kind == "relationship" and beside
        fields = {name: self._field(name, value) for name, value in making.fields.items()}
        self._lat, self._lon = fields.pop("place.lat", None), fields.pop("place.lon", None)
        self._fields = list(fields.items())
        self._properties = self._bound_properties()
        self._each = columns.find(making.each, f"{making.path}, each") if making.each else None
        self._keep = making.kind == "relationship" and "key" not in making.fields and columns.options.parallel

    def records(self, row: Row) -> Iterable[AnyRecord]:
        """Give the records of a row, without those whose key or ends may be empty and are. Raises InvalidInput."""
        for cells in self._rows(row):
            record = self._record(cells)
            if record is not None:
                yield record

    def _rows(self, row: Row) -> Iterable[Row]:
        if self._each is None:
            return (row,)
        n = self._each
        items = _listed(row[n], self._columns.options.array_delimiter)
        return ([*row[:n], item, *row[n + 1 :]] for item in items)

    def _record(self, row: Row) -> AnyRecord | None:
        shape = {name: value for name, get in self._fields if (value := get(row)) is not None}
        for name in self._required:
            if not shape.get(name):
                if self._optional:
                    return None
                raise InvalidInput(f"{self._making.path}: {name} is empty.", mend="Fill the cells that it is made of.")
        if self._lat and self._lon:
            pair = self._lon(row), self._lat(row)
            if (pair[0] is None) != (pair[1] is None):
                raise InvalidInput("lat and lon belong together, and one is empty.", mend="Give both or none.")
            if pair[0] is not None:
                shape["place"] = list(pair)
        properties = {name: value for name, get in self._properties if (value := get(row)) is not None}
        if properties:
            shape["properties"] = properties
        record = from_wire(self._making.kind, shape)
        return with_content_key(record) if self._keep and isinstance(record, Relationship) else record

    def _field(self, name: str, value: Template | tuple[Template, ...] | float) -> Get:
        """Give what reads a field of a row."""
        if isinstance(value, float):
            return _constant(value)
        if isinstance(value, tuple):
            getters = [self._columns.text(part) for part in value]
            return lambda row: [text for get in getters if (text := get(row))] or None
        read = self._reader(name)
        if read is None:
            return self._columns.text(value, loose=name in _LOOSE, end=name == "valid_to")
        raw = self._columns.raw(value)
        return lambda row: None if (cell := raw(row)) is None else read(cell)

    def _reader(self, name: str) -> ReadValue | None:
        """Give what reads the value of a field that is more than a text; None for one that is a text."""
        if name in _LISTS:
            delimiter = self._columns.options.array_delimiter
            return lambda value: [text_of(item) for item in _listed(value, delimiter)] or None
        if name in _NUMBERS or name.startswith("place."):
            return lambda value: number(value, name.removeprefix("place."))
        return {"place": geometry, "embedding": value_reader("any", name)}.get(name)

    def _bound_properties(self) -> list[tuple[str, Get]]:
        making, columns = self._making, self._columns
        path = f"{making.path}, properties"
        found: list[tuple[str, Get]] = [(name, columns.value(columns.find(name, path))) for name in making.named]
        for name, value in making.properties.items():
            found.append((name, columns.typed(value) if isinstance(value, Template) else _constant(value)))
        others = making.others if making.others is not None else self._takes_others()
        return found + (columns.others(path) if others else [])

    def _takes_others(self) -> bool:
        """Say whether columns that nothing uses are its properties, where the mapping says nothing of properties."""
        makes = self._columns.table.makes
        order = {"entity": 0, "relationship": 1, "episode": 2, "source": 3}
        return not self._making.properties and self._making is min(makes, key=lambda making: order[making.kind])


def _listed(value: Any, delimiter: str) -> list[Any]:
    """Give the items of a list, or of a text with delimiters."""
    if isinstance(value, list):
        return value
    if value is None:
        return []
    text = text_of(value)
    items = value_reader("any", "each")(text) if text.lstrip().startswith("[") else text.split(delimiter)
    return [item.strip() if isinstance(item, str) else item for item in items if item != ""]


def _constant(value: Any) -> Get:
    return lambda _: value
