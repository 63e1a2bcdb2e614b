"""Large CSV files read in columns; whatever is not plain is read row by row."""

import io
import re
from collections.abc import Iterator, Sequence
from csv import Error
from dataclasses import replace
from typing import Any, BinaryIO, TypeAlias, cast

import pyarrow as pa
from pyarrow import csv as arrow

from kgmem.domain.batch import Columns
from kgmem.domain.errors import InvalidInput
from kgmem.formats import csv
from kgmem.formats.csv_plans import Plan, plan_of
from kgmem.formats.csv_rows import Dialect, broken, cells, checked, read_rows
from kgmem.formats.lines import LONGEST_LINE
from kgmem.formats.records import Located, ReadOptions, Rejected
from kgmem.formats.rest import Rest

_BLOCK = 8 * 1024 * 1024
_QUOTED = re.compile(rb'(?:(?<=[,;\t|\n])|\A)"(?:[^"\n]|"")*"(?=[,;\t|\r\n]|\Z)')
Found: TypeAlias = Columns | Located | Rejected


def read_columns(stream: BinaryIO, options: ReadOptions) -> Iterator[Found]:
    """Give the records of a stream as `csv.read` does, plain ones in columns. Raises InvalidInput as that does."""
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
    """One file: how its cells are told apart, and what its rows make."""

    def __init__(self, delimiter: str, plan: Plan) -> None:
        self.delimiter = delimiter
        self.plan = plan

    @classmethod
    def of(cls, block: bytes, options: ReadOptions) -> "_Table | None":
        """Give the table that a file's first block begins; None where it is to be read row by row."""
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
        """Give the records of all that is left of a file, of which the first line has this number."""
        for number, row in read_rows(stream, Dialect(self.delimiter)):
            yield from self._one(number + line - 1, row)

    def read(self, block: bytes, line: int) -> Iterator[Found]:
        """Give the records of whole lines, of which the first has this number."""
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
        """Give the records of some lines, each read by itself, as the whole file is read row by row."""
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
    """Say whether each line is a row and each quote stands around a whole cell, so that all readers agree."""
    if b"\x00" in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
        return False
    return b'"' not in block or b'"' not in _QUOTED.sub(b"", block)


FORMAT = replace(csv.FORMAT, columns=read_columns)
