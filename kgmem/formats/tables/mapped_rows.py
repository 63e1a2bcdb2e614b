"""Rows of any table as the records that a mapping makes of them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.property_graph.elements import with_content_key
from kgmem.formats.records import AnyRecord
from kgmem.formats.tables.cells import guess_cell, guess_type
from kgmem.formats.tables.mapping import Making, Table
from kgmem.formats.tables.options import TableOptions
from kgmem.formats.tables.templates import ColumnName, Template, find_column
from kgmem.formats.tables.types import ReadValue, geometry, is_time, number, text_of, value_reader
from kgmem.formats.wire import REQUIRED, TYPES, from_wire

# The columns of one table as a mapping wants them read: cleaned, typed, filled into templates.

Row: TypeAlias = Sequence[Any]
Get: TypeAlias = Callable[[Row], Any]  # Gives a value of a row, None where it has none. Raises InvalidInput.


class Columns:
    """The columns of one file, and how their cells are read."""

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        options: TableOptions,
        file: str,
        sample: Iterable[Sequence[str]] | None,
    ) -> None:
        self.table = table
        self.names = columns
        self.options = options
        self._file = file
        self._types = {self.find(name, f"{table.path}, types"): t for name, t in table.types.items() if name != "*"}
        clean = self.cleaner()
        rows = None if sample is None else [clean(row) for row in sample]
        self._guesses = [
            "" if rows is None else guess_type(row[n] for row in rows if n < len(row)) for n in range(len(columns))
        ]
        templates = chain.from_iterable(making.templates for making in table.makes)
        used = {self.find(name, template.path) for template in templates for name in template.columns}
        used |= {self.find(name, f"{table.path}, leave_out") for name in table.leave_out}
        used |= {self.find(making.each, f"{making.path}, each") for making in table.makes if making.each}
        self._unused = [n for n in range(len(columns)) if n not in used]

    def find(self, name: str, path: str) -> int:
        """Return where a column stands. Raises InvalidInput."""
        return find_column(name, self.names, path, self._file)

    def others(self, path: str) -> list[tuple[str, Get]]:
        """Return the columns that nothing uses, as properties."""
        names = [self.names[n] for n in self._unused]
        for n, name in zip(self._unused, names, strict=True):
            if not name or names.count(name) > 1:
                raise InvalidInput(
                    f"{path}: column {n + 1} has {'a name like another, ' + repr(name) if name else 'no name'}.",
                    hint=f'Name the columns in columns = [...], or leave_out = ["#{n + 1}"].',
                    path=path,
                )
        return [(self.names[n], self.value(n)) for n in self._unused]

    def declared(self, n: int) -> str | None:
        """Return the type that the mapping gives to a column."""
        return self._types.get(n, self.table.types.get("*"))

    def reader(self, n: int, *, end: bool = False) -> ReadValue | None:
        """Return what reads a column of a declared type; None where it has none."""
        type_ = self.declared(n)
        return value_reader(type_, self.names[n], self.options.array_delimiter, end=end) if type_ else None

    def value(self, n: int) -> Get:
        """Return the value of a column as its type, declared or seen, has it."""
        read, guess = self.reader(n), self._guesses[n]
        if read is None and guess:
            return lambda row: guess_cell(row[n], guess) if row[n] else None
        if read is None:
            return lambda row: row[n]
        return lambda row: None if row[n] is None or row[n] == "" else read(row[n])

    def cleaner(self) -> Callable[[Row], Row]:
        """Return what replaces the cells of a row that stand for something else, or for nothing."""
        null = self.table.null
        path = f"{self.table.path}, values"
        values = {self.find(name, path): values for name, values in self.table.values.items()}
        if not null and not values:
            return lambda row: row

        def clean(row: Row) -> Row:
            cells = [None if cell in null else cell for cell in row] if null else list(row)
            for n, known in values.items():
                cell = cells[n]
                cells[n] = None if cell is None else known.get(text_of(cell), cell)
            return cells

        return clean

    def text(self, template: Template, *, loose: bool = False, end: bool = False) -> Get:
        """Return a template filled with a row's cells; None when one of them is empty, if `loose` when all are."""
        parts: list[str | Get] = [
            self._text_of(part, template.path, end) if isinstance(part, ColumnName) else part for part in template.parts
        ]
        if not template.columns:
            fixed = "".join(part for part in parts if isinstance(part, str))
            return lambda _: fixed
        if len(parts) == 1 and not isinstance(parts[0], str):
            return parts[0]

        def fill(row: Row) -> str | None:
            texts = [part if isinstance(part, str) else part(row) for part in parts]
            missing = [text is None for text, part in zip(texts, parts, strict=True) if not isinstance(part, str)]
            if all(missing) or (any(missing) and not loose):
                return None
            filled = "".join(text for text in texts if text is not None)
            return filled.strip() if loose else filled

        return fill

    def raw(self, template: Template) -> Get:
        """Return a template's value: of one that is a column alone as its cell has it, of any other its text."""
        sole = template.sole
        if sole is None:
            return self.text(template)
        n = self.find(sole, template.path)
        return lambda row: None if row[n] == "" else row[n]

    def typed(self, template: Template) -> Get:
        """Return a template's value: of one that is a column alone with the column's type, of any other its text."""
        sole = template.sole
        return self.text(template, loose=True) if sole is None else self.value(self.find(sole, template.path))

    def _text_of(self, column: ColumnName, path: str, end: bool) -> Get:
        """Return a column's cells as texts; only times are read for that, all else stays as it is written."""
        n = self.find(column.name, path)
        type_ = self.declared(n)
        read = self.reader(n, end=end) if type_ and is_time(type_) else None

        def text(row: Row) -> str | None:
            cell = row[n]
            if cell is None or cell == "":
                return None
            value = read(cell) if read else cell
            return value if value is None or isinstance(value, str) else text_of(value)

        return text


# Texts that are made of what there is of their columns; others have no value when one of their columns has none.
_LOOSE = {"name", "text", "title", "note", "speaker"}


def bind(
    table: Table, columns: Sequence[str], options: TableOptions, file: str, sample: Iterable[Sequence[str]] | None
) -> Callable[[Row], list[AnyRecord]]:
    """What makes the records of a row under these columns. Raises InvalidInput when the mapping does not fit them.

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
            raise InvalidInput("The row makes no record, as it has no key, or an end is empty.", hint="Fill its cells.")
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
        """Return the records of a row, without those whose key or ends may be empty and are. Raises InvalidInput."""
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
                raise InvalidInput(f"{self._making.path}: {name} is empty.", hint="Fill the cells that it is made of.")
        if self._lat and self._lon:
            pair = self._lon(row), self._lat(row)
            if (pair[0] is None) != (pair[1] is None):
                raise InvalidInput("lat and lon belong together, and one is empty.", hint="Give both or none.")
            if pair[0] is not None:
                shape["place"] = list(pair)
        properties = {name: value for name, get in self._properties if (value := get(row)) is not None}
        if properties:
            shape["properties"] = properties
        record = from_wire(self._making.kind, shape)
        return with_content_key(record) if self._keep and isinstance(record, Relationship) else record

    def _field(self, name: str, value: Template | tuple[Template, ...] | float) -> Get:
        """Return what reads a field of a row."""
        if isinstance(value, int | float):
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
        """Return what reads the value of a field that is more than a text; None for one that is a text."""
        type_ = TYPES.get(name)
        if type_ == "texts":
            delimiter = self._columns.options.array_delimiter
            return lambda value: [text_of(item) for item in _listed(value, delimiter)] or None
        if type_ == "float" or name.startswith("place."):
            return lambda value: number(value, name.removeprefix("place."))
        if type_ in {"integer", "boolean"}:
            return value_reader(type_, name)
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
        """Return whether columns that nothing uses are its properties, where the mapping says nothing of properties."""
        makes = self._columns.table.makes
        order = {"entity": 0, "relationship": 1, "episode": 2, "source": 3}
        return not self._making.properties and self._making is min(makes, key=lambda making: order[making.kind])


def _listed(value: Any, delimiter: str) -> list[Any]:
    """Return the items of a list, or of a text with delimiters."""
    if isinstance(value, list):
        return value
    if value is None:
        return []
    text = text_of(value)
    items = value_reader("any", "each")(text) if text.lstrip().startswith("[") else text.split(delimiter)
    return [item.strip() if isinstance(item, str) else item for item in items if item != ""]


def _constant(value: Any) -> Get:
    return lambda _: value
