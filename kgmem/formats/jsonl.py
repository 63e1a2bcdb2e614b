"""JSON Lines: one JSON object a line, with the wire's field names and, where kinds are mixed, a "type"."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.formats.lines import LONGEST_LINE, numbered_lines
from kgmem.formats.records import (
    KINDS,
    Format,
    Kind,
    Located,
    ReadOptions,
    Record,
    Rejected,
    WriteOptions,
    kind_of,
    rejected,
)
from kgmem.formats.wire import from_wire, tell_kind, to_wire

# orjson makes a float of an integer beyond 64 bits, so what may hold one is looked at again.
_MANY_DIGITS = re.compile(rb"\d{19}")
_LEAST, _MOST = -(2**63), 2**63 - 1


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Give the records of a stream; blank lines are passed over.

    What has no "type" is what the options say, or else what the first record without a type turned out to be.
    """
    kind = options.kind
    begun = False
    for line, raw in numbered_lines(stream):
        if raw is None:
            yield rejected(line, f"The line is longer than {LONGEST_LINE} bytes.", "")
        elif not raw.isspace():
            if not begun:
                _refuse_document(raw)
                begun = True
            try:
                shape = _object(raw)
                own, kind = _kind(shape, kind)
                yield Located(line, from_wire(own, shape))
            except InvalidInput as error:
                yield rejected(line, str(error), raw.decode(errors="replace").rstrip("\r\n"))


class JSONLinesWriter:
    """Writes each record as one line with its type, its fields in alphabetical order."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to."""
        self._stream = stream
        self.lost: Mapping[str, int] = {}
        self._kind = options.kind

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""
        for record in records:
            kind = kind_of(record)
            if self._kind in {None, kind}:
                self._stream.write(dump(record))

    def close(self) -> None:
        """Do nothing: each record was written when it came."""


def dump(record: Record) -> bytes:
    """Give a record's line, with its line feed."""
    shape = {"type": kind_of(record), **to_wire(record)}
    return orjson.dumps(shape, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _refuse_document(first: bytes) -> None:
    """Raise InvalidInput when the first line shows one JSON document over many lines, each of which would fail."""
    if first.lstrip().startswith(b"[") or first.strip() == b"{":
        raise InvalidInput("The file is one JSON document.", mend="Write one object a line, as in {...}\\n{...}\\n.")


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"This is not JSON: {error}.", mend="Write one whole object a line.") from error
    if not isinstance(value, dict):
        raise InvalidInput("The line is JSON, but no object.", mend="Write one object a line.")
    if _MANY_DIGITS.search(raw):
        json.loads(raw, parse_int=_integer)
    return value


def _integer(digits: str) -> int:
    if len(digits) > 20 or not _LEAST <= int(digits) <= _MOST:
        raise InvalidInput("An integer does not fit into 64 bits.", mend="Give it as text.")
    return int(digits)


def _kind(shape: dict[str, Any], usual: Kind | None) -> tuple[Kind, Kind | None]:
    """Take the type out of a record; gives its kind, and that of the following ones which do not say theirs."""
    if "type" not in shape:
        kind = usual or tell_kind(shape)
        return kind, kind
    said = shape.pop("type")
    if said not in KINDS:
        raise InvalidInput(f"There is no type {said!r}.", mend=f"Types are {', '.join(sorted(KINDS))}.")
    return said, usual


FORMAT = Format("jsonl", (".jsonl", ".ndjson", ".jsonlines"), read, JSONLinesWriter)
