"""Large JSON Lines files read in columns; lines that are not plain, or do not say their type, are read one by one."""

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, BinaryIO, Final, TypeAlias, cast

import orjson
import pyarrow as pa

from kgmem.domain.graph.batch import BatchKind, Columns
from kgmem.formats.io.json_values import has_many_digits
from kgmem.formats.io.lines import LONGEST_LINE, Rest
from kgmem.formats.kgmem import jsonl
from kgmem.formats.records import Located, ReadOptions, Rejected
from kgmem.formats.tables.columns import FIELDS, NUMBERS, Property, is_plain_property
from kgmem.formats.tables.typed_columns import chosen_columns
from kgmem.formats.wire import REQUIRED

_BLOCK = 8 * 1024 * 1024
_LONGEST_PLAIN = 60_000  # Bytes: within all bounds on what a record may say.
_MOST_COLUMNS = 500
_TYPES: Final = {str: "string", int: "json", float: "json", bool: "json"}
Found: TypeAlias = Columns | Located | Rejected


def read_columns(stream: BinaryIO, options: ReadOptions) -> Iterator[Found]:
    """Return the records of a stream as `jsonl.read` does, plain ones in columns. Raises InvalidInput as that does."""
    block, line, usual = _block(stream), 1, options.kind
    if not _begins_plainly(block):
        yield from jsonl.read(_rest(block, stream), options)
        return
    while block:
        if not block.endswith(b"\n") and len(block) >= LONGEST_LINE:  # A line that is longer than a line may be.
            yield from _shifted(jsonl.read(_rest(block, stream), replace(options, kind=usual)), line - 1)
            return
        lines = block.removesuffix(b"\n").split(b"\n")
        gathered = {kind: _Gathered(kind) for kind in FIELDS}
        others = [n for n, raw in enumerate(lines) if not _gather(gathered, line + n, raw)]
        for each in gathered.values():
            columns, odd = each.columns()
            if columns:
                yield replace(columns, until=line + len(lines) - 1)
            others += [number - line for number in odd]
        for n in sorted(others):
            if lines[n] and not lines[n].isspace():
                found, usual = jsonl.read_line(line + n, lines[n], usual)
                yield found
        line += len(lines)
        block = _block(stream)


def _rest(block: bytes, stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(Rest(block, stream)))


def _shifted(found: Iterator[Located | Rejected], lines: int) -> Iterator[Found]:
    for each in found:
        yield replace(each, line=each.line + lines)


def _begins_plainly(block: bytes) -> bool:
    """Return whether the first line is an entity or a relationship that says so, in kgmem's own form."""
    first = block[: block.find(b"\n") + 1] or block
    if len(first) > _LONGEST_PLAIN:
        return False
    try:
        shape = orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(shape, dict) or shape.get("type") not in {"entity", "relationship", "source"}:
        return False
    return not isinstance(shape.get("start"), dict)


class _Gathered:
    """Plain records of one kind, column by column."""

    def __init__(self, kind: BatchKind) -> None:
        self.kind: BatchKind = kind
        self.lines: list[int] = []
        self.fields: dict[str, list[Any]] = {}
        self.properties: dict[str, list[Any]] = {}
        self.types: dict[str, type] = {}

    def columns(self) -> tuple[Columns | None, list[int]]:
        """Return the plain ones, and the lines of all others."""
        if not self.lines:
            return None, []
        fields = {name: pa.array(self._padded(values), pa.string()) for name, values in self.fields.items()}
        properties: list[Property] = [
            (name, _TYPES[self.types[name]], pa.array(_texts(self._padded(values), self.types[name]), pa.string()))
            for name, values in self.properties.items()
        ]
        every = pa.repeat(pa.scalar(value=True), len(self.lines))
        columns, others = chosen_columns(self.kind, pa.array(self.lines, pa.int64()), fields, properties, every)
        return columns, [self.lines[n] for n in others]

    def add(self, line: int, fields: dict[str, Any], properties: dict[str, Any]) -> None:
        """Take a record."""
        at = len(self.lines)
        self.lines.append(line)
        for columns, told in ((self.fields, fields), (self.properties, properties)):
            for name, value in told.items():
                column = columns.get(name)
                if column is None:
                    column = columns[name] = []
                if len(column) < at:
                    column.extend([None] * (at - len(column)))
                column.append(value)

    def _padded(self, values: list[Any]) -> list[Any]:
        values.extend([None] * (len(self.lines) - len(values)))
        return values


def _gather(gathered: dict[BatchKind, _Gathered], line: int, raw: bytes) -> bool:
    """Take a line into the columns of its kind, if it is plain."""
    if len(raw) > _LONGEST_PLAIN or has_many_digits(raw):
        return False
    try:
        shape = orjson.loads(raw)
        into = gathered[shape.pop("type")]
        properties: dict[str, Any] = shape.pop("properties", None) or {}
        types = into.types
        for name, value in properties.items():
            told = type(value)
            if types.get(name) is not told:
                if name in types or told not in _TYPES or not _is_plain(name) or len(types) >= _MOST_COLUMNS:
                    return False
                types[name] = told
        allowed, numbers = _FIELDS[into.kind], _NUMBERS[into.kind]
        fields: dict[str, Any] = {}
        for name, value in shape.items():
            if type(value) is str and name in allowed:
                fields[name] = value
            elif type(value) is numbers.get(name):
                fields[name] = orjson.dumps(value).decode()
            elif value is not None or name not in allowed:
                return False
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, RecursionError):
        return False  # Read by itself it says what is wrong with it, if anything is.
    if not _REQUIRED[into.kind] <= fields.keys():
        return False
    into.add(line, fields, properties)
    return True


_REQUIRED: Final = {kind: frozenset(REQUIRED[kind]) for kind in FIELDS}
# A place is an object in JSON, and no columns of degrees.
_NUMBERS: Final = {
    kind: {
        name: int if field.type == "integer" else float
        for name, field in NUMBERS[kind].items()
        if name not in {"lon", "lat"}
    }
    for kind in FIELDS
}
_FIELDS: Final = {kind: frozenset(FIELDS[kind]) - NUMBERS[kind].keys() for kind in FIELDS}


@lru_cache(maxsize=10_000)
def _is_plain(name: str) -> bool:
    return 1 <= len(name) <= 200 and "\x00" not in name and is_plain_property(name)


def _texts(values: list[Any], type_: type) -> list[Any]:
    """Return values as the texts that the store takes."""
    if type_ is str:
        return values
    if type_ is int:
        return [None if value is None else str(value) for value in values]
    return [None if value is None else orjson.dumps(value).decode() for value in values]


def _block(stream: BinaryIO) -> bytes:
    """Read some whole lines; one that is longer than a line may be is cut."""
    block = stream.read(_BLOCK)
    return block + stream.readline(LONGEST_LINE) if block and not block.endswith(b"\n") else block


FORMAT = replace(jsonl.FORMAT, columns=read_columns)
