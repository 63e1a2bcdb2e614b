"""Large CSV files read in columns; whatever is not plain is read row by row."""

import io
import re
from collections.abc import Iterator, Sequence
from csv import Error
from dataclasses import replace
from itertools import islice
from typing import Any, BinaryIO, Protocol, TypeAlias, cast

import pyarrow as pa
from pyarrow import csv as arrow

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import BatchKind, Columns
from kgmem.formats.io.lines import LONGEST_LINE, Rest
from kgmem.formats.kgmem import csv
from kgmem.formats.kgmem.csv_header import Column, read_header
from kgmem.formats.kgmem.csv_rows import Dialect, broken, cells, checked, read_rows
from kgmem.formats.property_graph.neo4j_columns import GraphColumns
from kgmem.formats.property_graph.neo4j_header import TableHeader, read_table_header
from kgmem.formats.property_graph.neo4j_rows import record_maker
from kgmem.formats.records import AnyRecord, Located, ReadOptions, Rejected
from kgmem.formats.tables.cells import guess_type
from kgmem.formats.tables.columns import FIELDS, Property, is_plain_property, plain_columns
from kgmem.formats.tables.options import TableOptions, table_options
from kgmem.formats.tables.typed_columns import typed_cells
from kgmem.formats.wire import from_wire

# What the rows of a large CSV file make, at once and one by one: kgmem's own columns, neo4j-admin's and Gremlin's.

_SAMPLE = 1000
_TYPES = frozenset({None, "string", "integer", "float", "boolean"})
# Options that change how a file is read, and not what its records are.
_OF_TEXT = frozenset({"delimiter", "quote", "ragged"})


class Plan(Protocol):
    """What the rows of one file make."""

    width: int  # How many columns the file has.

    def columns(self, lines: Any, arrays: Sequence[Any]) -> tuple[Columns | None, list[int]]:
        """Return the plain rows as columns, and the places of the others; arrays are of texts, null where empty."""

    def make(self, row: list[str]) -> Sequence[AnyRecord]:
        """Return what one row makes. Raises InvalidInput."""


def plan_of(names: list[str], delimiter: str, rest: str, options: ReadOptions) -> Plan | None:
    """Return what the rows under a header make, of which `rest` are the first; None: they are to be read row by row.

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


_BLOCK = 8 * 1024 * 1024
_QUOTED = re.compile(rb'(?:(?<=[,;\t|\n])|\A)"(?:[^"\n]|"")*"(?=[,;\t|\r\n]|\Z)')
Found: TypeAlias = Columns | Located | Rejected


def read_columns(stream: BinaryIO, options: ReadOptions) -> Iterator[Found]:
    """Return the records of a stream as `csv.read` does, plain ones in columns. Raises InvalidInput as that does."""
    block = _block(stream)
    table = _Table.of(block, options)
    if table is None:
        yield from csv.read(cast(BinaryIO, io.BufferedReader(Rest(block, stream))), options)
        return
    block, line = block[block.index(b"\n") + 1 :], 2
    while block:
        if not _is_simple(block):
            yield from table.row_by_row(io.BufferedReader(Rest(block, stream)), line)
            return
        yield from table.read(block, line)
        line += block.count(b"\n")
        block = _block(stream)


class _Table:
    """One file: how its cells are separated, and what its rows make."""

    def __init__(self, delimiter: str, plan: Plan) -> None:
        self.delimiter = delimiter
        self.plan = plan

    @classmethod
    def of(cls, block: bytes, options: ReadOptions) -> "_Table | None":
        """Return the table that a file's first block begins; None where it is to be read row by row."""
        head, feed, rest = block.partition(b"\n")
        if options.mapping or not feed or not head.isascii() or b'"' in head or not _is_simple(rest):
            return None
        text = head.decode().strip("\r\n")
        delimiter = max(",;\t|", key=text.count)
        names = [name.strip() for name in text.split(delimiter)]
        try:
            plan = plan_of(names, delimiter, rest.decode(errors="replace"), options)
        except InvalidInput:
            return None  # Read row by row it says why.
        return cls(delimiter, plan) if plan else None

    def row_by_row(self, stream: Any, line: int) -> Iterator[Found]:
        """Return the records of all that is left of a file, of which the first line has this number."""
        for number, row in read_rows(stream, Dialect(self.delimiter)):
            yield from self._one(number + line - 1, row)

    def read(self, block: bytes, line: int) -> Iterator[Found]:
        """Return the records of whole lines, of which the first has this number."""
        try:
            table = self._parse(block)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            table = None
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        if table is None or table.num_rows != count:
            yield from self._one_by_one(range(count), block.split(b"\n"), line)
            return
        arrays = [column.combine_chunks() for column in table.columns]
        columns, others = self.plan.columns(pa.array(range(line, line + count), pa.int64()), arrays)
        if columns:
            yield replace(columns, until=line + count - 1)
        if others:
            yield from self._one_by_one(others, block.split(b"\n"), line)

    def _parse(self, block: bytes) -> Any:
        names = [str(n) for n in range(self.plan.width)]
        return arrow.read_csv(
            pa.BufferReader(block),
            read_options=arrow.ReadOptions(column_names=names, use_threads=False, block_size=2 * len(block) + 1024),
            parse_options=arrow.ParseOptions(delimiter=self.delimiter, ignore_empty_lines=False),
            convert_options=arrow.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )

    def _one_by_one(self, places: Sequence[int] | range, lines: Sequence[bytes], first: int) -> Iterator[Found]:
        """Return the records of some lines, each read by itself, as the whole file is read row by row."""
        for place in places:
            text = lines[place].decode(errors="surrogateescape")
            try:
                row: list[str] = next(cells([text], delimiter=self.delimiter, strict=True), [])
            except Error as error:
                yield broken(first + place, error, text)
                continue
            if any(row):
                yield from self._one(first + place, checked(first + place, row))

    def _one(self, line: int, row: list[str] | Rejected) -> Iterator[Found]:
        if isinstance(row, Rejected):
            yield replace(row, line=line)
        else:
            yield from csv.records_of(self.plan.make, line, row, self.plan.width)


def _block(stream: BinaryIO) -> bytes:
    """Read some whole lines; one that is longer than a line may be is cut, and found out row by row."""
    block = stream.read(_BLOCK)
    return block + stream.readline(LONGEST_LINE) if block and not block.endswith(b"\n") else block


def _is_simple(block: bytes) -> bool:
    """Return whether each line is a row and each quote stands around a whole cell, so that all readers agree."""
    if b"\x00" in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
        return False
    return b'"' not in block or b'"' not in _QUOTED.sub(b"", block)


FORMAT = replace(csv.FORMAT, columns=read_columns)
