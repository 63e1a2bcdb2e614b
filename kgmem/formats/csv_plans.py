"""What the rows of a large CSV file make, at once and one by one: kgmem's own columns, neo4j-admin's and Gremlin's."""

import io
from collections.abc import Sequence
from csv import Error
from itertools import islice
from typing import Any, Protocol, cast

from kgmem.domain.batch import BatchKind, Columns
from kgmem.formats import csv
from kgmem.formats.cells import guess_type
from kgmem.formats.columns import FIELDS, Property, is_plain_property, plain_columns
from kgmem.formats.csv_header import Column, read_header
from kgmem.formats.csv_rows import cells
from kgmem.formats.neo4j_columns import GraphColumns
from kgmem.formats.neo4j_header import TableHeader, read_table_header
from kgmem.formats.neo4j_rows import record_maker
from kgmem.formats.records import AnyRecord, ReadOptions
from kgmem.formats.table_options import TableOptions, table_options
from kgmem.formats.typed_columns import typed_cells
from kgmem.formats.wire import from_wire

_SAMPLE = 1000
_TYPES = frozenset({None, "string", "integer", "float", "boolean"})
# Options that change how a file is read, and not what its records are.
_OF_TEXT = frozenset({"delimiter", "quote", "ragged"})


class Plan(Protocol):
    """What the rows of one file make."""

    width: int  # How many columns the file has.

    def columns(self, lines: Any, arrays: Sequence[Any]) -> tuple[Columns | None, list[int]]:
        """Give the plain rows as columns, and the places of the others; arrays are of texts, null where empty."""

    def make(self, row: list[str]) -> Sequence[AnyRecord]:
        """Give what one row makes. Raises InvalidInput."""


def plan_of(names: list[str], delimiter: str, rest: str, options: ReadOptions) -> Plan | None:
    """Give what the rows under a header make, of which `rest` are the first; None: they are to be read row by row.

    Raises InvalidInput when the header is wrong.
    """
    header = read_table_header(names)
    if header is not None:
        settings = table_options(options.options)
        in_columns = not options.options.keys() & _OF_TEXT and not settings.labels and len(names) <= csv.MOST_COLUMNS
        return _GraphPlan(header, settings) if in_columns else None
    kind, columns = read_header(names, options.kind)
    if options.options or kind not in FIELDS or not all(_is_plain(c, cast(BatchKind, kind)) for c in columns):
        return None
    reader = cells(io.StringIO(rest), delimiter=delimiter)
    try:
        rows = list(islice((row for row in reader if any(row)), _SAMPLE))
    except Error:
        return None  # Row by row it is told which row it is.
    guesses = [c.type or guess_type(row[n] for row in rows if n < len(row)) for n, c in enumerate(columns)]
    return _OwnPlan(cast(BatchKind, kind), columns, guesses)


class _OwnPlan:
    """kgmem's own columns."""

    def __init__(self, kind: BatchKind, columns: Sequence[Column], guesses: Sequence[str]) -> None:
        self.width = len(columns)
        self._kind: BatchKind = kind
        self._columns = columns
        self._guesses = guesses

    def columns(self, lines: Any, arrays: Sequence[Any]) -> tuple[Columns | None, list[int]]:
        fields = {c.name: texts for c, texts in zip(self._columns, arrays, strict=True) if not c.is_property}
        properties: list[Property] = [
            (c.name, guess, texts)
            for c, guess, texts in zip(self._columns, self._guesses, arrays, strict=True)
            if c.is_property
        ]
        columns, plain = plain_columns(self._kind, lines, fields, properties)
        if len(columns) == len(lines):
            return columns, []
        return columns if len(columns) else None, [n for n, is_plain in enumerate(plain.to_pylist()) if not is_plain]

    def make(self, row: list[str]) -> Sequence[AnyRecord]:
        return (from_wire(self._kind, csv.shape(self._columns, self._guesses, row)),)


class _GraphPlan:
    """neo4j-admin's or Gremlin's columns."""

    def __init__(self, header: TableHeader, options: TableOptions) -> None:
        self.width = len(header.columns)
        self._header = header
        self._columns = GraphColumns(header, options)
        self._record = record_maker(header, options, text=True)

    def columns(self, lines: Any, arrays: Sequence[Any]) -> tuple[Columns | None, list[int]]:
        cells = [typed_cells(a, c.type, listed=c.listed) for a, c in zip(arrays, self._header.columns, strict=True)]
        return self._columns.columns(lines, cells)

    def make(self, row: list[str]) -> Sequence[AnyRecord]:
        return (self._record(row),)


def _is_plain(column: Column, kind: BatchKind) -> bool:
    if not column.is_property:
        return column.name in FIELDS[kind]
    return column.type in _TYPES and is_plain_property(column.name)
