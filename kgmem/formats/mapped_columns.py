"""The columns of one table as a mapping wants them read: cleaned, typed, filled into templates."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

from kgmem.domain.errors import InvalidInput
from kgmem.formats.cells import guess_cell, guess_type
from kgmem.formats.mapping import Table
from kgmem.formats.table_options import TableOptions
from kgmem.formats.table_types import ReadValue, is_time, text_of, value_reader
from kgmem.formats.templates import ColumnName, Template, find_column

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
        """Give where a column stands. Raises InvalidInput."""
        return find_column(name, self.names, path, self._file)

    def others(self, path: str) -> list[tuple[str, Get]]:
        """Give the columns that nothing uses, as properties."""
        names = [self.names[n] for n in self._unused]
        for n, name in zip(self._unused, names, strict=True):
            if not name or names.count(name) > 1:
                raise InvalidInput(
                    f"{path}: column {n + 1} has {'a name like another, ' + repr(name) if name else 'no name'}.",
                    mend=f'Name the columns in columns = [...], or leave_out = ["#{n + 1}"].',
                    path=path,
                )
        return [(self.names[n], self.value(n)) for n in self._unused]

    def declared(self, n: int) -> str | None:
        """Give the type that the mapping gives to a column."""
        return self._types.get(n, self.table.types.get("*"))

    def reader(self, n: int, *, end: bool = False) -> ReadValue | None:
        """Give what reads a column of a declared type; None where it has none."""
        type_ = self.declared(n)
        return value_reader(type_, self.names[n], self.options.array_delimiter, end=end) if type_ else None

    def value(self, n: int) -> Get:
        """Give the value of a column as its type, declared or seen, has it."""
        read, guess = self.reader(n), self._guesses[n]
        if read is None and guess:
            return lambda row: guess_cell(row[n], guess) if row[n] else None
        if read is None:
            return lambda row: row[n]
        return lambda row: None if row[n] is None or row[n] == "" else read(row[n])

    def cleaner(self) -> Callable[[Row], Row]:
        """Give what replaces the cells of a row that stand for something else, or for nothing."""
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
        """Give a template filled with a row's cells; None when one of them is empty, if `loose` when all are."""
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
        """Give a template's value: of one that is a column alone as it stands in its cell, of any other its text."""
        sole = template.sole
        if sole is None:
            return self.text(template)
        n = self.find(sole, template.path)
        return lambda row: None if row[n] == "" else row[n]

    def typed(self, template: Template) -> Get:
        """Give a template's value: of one that is a column alone with the column's type, of any other its text."""
        sole = template.sole
        return self.text(template, loose=True) if sole is None else self.value(self.find(sole, template.path))

    def _text_of(self, column: ColumnName, path: str, end: bool) -> Get:
        """Give a column's cells as texts; only times are read for that, all else stays as it is written."""
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
