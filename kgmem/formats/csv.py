"""CSV with a header: the wire's fields by their names, each other column a property."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.formats.cells import guess_cell, guess_type, read_cell
from kgmem.formats.csv_header import Column, read_header
from kgmem.formats.csv_writer import CSVWriter
from kgmem.formats.lines import LONGEST_LINE, numbered_lines
from kgmem.formats.records import Format, Kind, Located, ReadOptions, Rejected, rejected
from kgmem.formats.wire import from_wire

LONGEST_FIELD = 4 * 1024 * 1024
# Rows, and characters, by which the type of a column without one is judged.
_SAMPLE_ROWS, _SAMPLE_CHARACTERS = 1000, 8 * 1024 * 1024

_Row = tuple[int, list[str] | Rejected]


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Give the records of a stream; empty cells are values that are not given, empty lines are passed over.

    The header tells the kind unless the options do. A column `name:type` has that type; of any other property's
    column the first thousand rows tell whether all of it is integer, float or boolean, else it is text.
    """
    rows = _rows(stream)
    first = next(rows, None)
    if first is None:
        return
    if isinstance(first[1], Rejected):
        raise InvalidInput(f"The header cannot be read: {first[1].reason}", mend="Begin the file with a header line.")
    kind, columns = read_header(first[1], options.kind)
    sample = _sample(rows)
    cells = [row for _, row in sample if not isinstance(row, Rejected)]
    guesses = [column.type or guess_type(row[n] for row in cells if n < len(row)) for n, column in enumerate(columns)]
    for line, row in chain(sample, rows):
        yield row if isinstance(row, Rejected) else _record(kind, columns, guesses, (line, row))


def _sample(rows: Iterator[_Row]) -> list[_Row]:
    taken: list[_Row] = []
    characters = 0
    for line, row in rows:
        taken.append((line, row))
        characters += 0 if isinstance(row, Rejected) else sum(map(len, row))
        if len(taken) >= _SAMPLE_ROWS or characters >= _SAMPLE_CHARACTERS:
            break
    return taken


def _record(
    kind: Kind, columns: Sequence[Column], guesses: Sequence[str], located: tuple[int, list[str]]
) -> Located | Rejected:
    line, row = located
    if len(row) != len(columns):
        reason = f"The line has {len(row)} cells, and the header {len(columns)}. Quote cells that hold commas."
        return rejected(line, reason, orjson.dumps(row).decode())
    try:
        return Located(line, from_wire(kind, _shape(columns, guesses, row)))
    except InvalidInput as error:
        return rejected(line, str(error), orjson.dumps(row).decode())


def _shape(columns: Sequence[Column], guesses: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for column, guess, cell in zip(columns, guesses, row, strict=True):
        if cell:
            value = read_cell(cell, column.type, column.name) if column.type else guess_cell(cell, guess)
            (properties if column.is_property else shape)[column.name] = value
    if "lat" in shape or "lon" in shape:
        if not {"lat", "lon"} <= shape.keys():
            raise InvalidInput("lat and lon belong together, and one is empty.", mend="Give both or none.")
        shape["place"] = [shape.pop("lon"), shape.pop("lat")]
    if properties:
        shape["properties"] = {**shape.get("properties", {}), **properties}
    return shape


def _rows(stream: BinaryIO) -> Iterator[_Row]:
    """Give each row that is not empty, with the line on which it begins."""
    csv.field_size_limit(max(LONGEST_FIELD, csv.field_size_limit()))  # It can only be set for the whole process.
    source = _Texts(stream)
    header = source.peek()
    # The delimiter is what the header has most of, a comma when it has but one column.
    reader = csv.reader(source, delimiter=max(",;\t", key=header.count), strict=True)
    while True:
        line = source.line + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error) or "end of data" in str(error):
                raise InvalidInput(
                    f"The quoted cell in the row of line {line} does not end: {error}.",
                    mend="Close it with a quote; write a quote inside of it twice.",
                    line=line,
                ) from error
            yield line, rejected(line, f"The line is not CSV: {error}.", _printable(source.text))
            continue
        if any(row):
            yield line, _checked(line, row)


def _checked(line: int, row: list[str]) -> list[str] | Rejected:
    text = "\t".join(row)
    if text.isascii() or _printable(text) == text:
        return row
    return rejected(line, "The line is not UTF-8. Save the file as UTF-8.", _printable(text))


def _printable(text: str) -> str:
    """Give a text with what was not UTF-8 replaced."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


class _Texts:
    """The stream's lines as texts, for csv.reader; bytes that are not UTF-8 stay in them as surrogates."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = numbered_lines(stream)
        self._ahead: str | None = None
        self.line = 0
        self.text = ""

    def peek(self) -> str:
        """Give the first line without taking it."""
        self._ahead = self._read()
        return self._ahead or ""

    def __iter__(self) -> "_Texts":
        return self

    def __next__(self) -> str:
        line, self._ahead = (self._read() if self._ahead is None else self._ahead), None
        if line is None:
            raise StopIteration
        self.line += 1
        self.text = line
        return line

    def _read(self) -> str | None:
        number, raw = next(self._lines, (0, b""))
        if raw is None:
            raise InvalidInput(
                f"Line {number} is longer than {LONGEST_LINE} bytes.", mend="Is this CSV, with line feeds?", line=number
            )
        return raw.decode(errors="surrogateescape") if number else None


FORMAT = Format("csv", (".csv", ".tsv"), read, CSVWriter)
