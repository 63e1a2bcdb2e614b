"""JSON Lines: one JSON object a line, with the wire's field names and, where kinds are mixed, a "type".

Lines of Neo4j's APOC are recognised by the first of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import chain
from typing import Any, BinaryIO

import orjson

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.json_values import read_json
from kgmem.formats.io.lines import LONGEST_LINE, numbered_lines
from kgmem.formats.records import (
    ALL_KINDS,
    AnyRecord,
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


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of a stream; blank lines are passed over.

    What has no "type" is what the options say, or else what the first record without a type turned out to be.
    """
    kind = options.kind
    begun = False
    lines = numbered_lines(stream)
    for line, raw in lines:
        if raw is None:
            yield rejected(line, f"The line is longer than {LONGEST_LINE} bytes.", "")
        elif not raw.isspace():
            if not begun:
                begun = True
                _refuse_document(raw)
                if _is_apoc(raw):
                    # What stands behind APOC takes longer to load than all that other lines need.
                    yield from import_module("kgmem.formats.property_graph.apoc").read_lines(
                        chain([(line, raw)], lines), options
                    )
                    return
            found, kind = read_line(line, raw, kind)
            yield found


def read_line(line: int, raw: bytes, usual: Kind | None) -> tuple[Located | Rejected, Kind | None]:
    """Return what one line says, and of what kind the following ones are that do not say theirs."""
    try:
        shape = _object(raw)
        own, usual = _kind(shape, usual)
        return Located(line, from_wire(own, shape)), usual
    except InvalidInput as error:
        return rejected(line, str(error), raw.decode(errors="replace").rstrip("\r\n")), usual


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

    def write_beliefs(self, records: Iterable[BeliefRecord]) -> None:
        """Write some records of what the graph believes."""
        self._stream.write(b"".join(dump(record) for record in records if self._kind in {None, record.kind}))

    def write_shapes(self, kind: Kind, shapes: Iterable[dict[str, Any]]) -> int:
        """Write some records of a kind; gives how many."""
        lines = [_line(kind, shape) for shape in shapes] if self._kind in {None, kind} else []
        self._stream.write(b"".join(lines))
        return len(lines)

    def close(self) -> None:
        """Do nothing: each record was written when it came."""


def dump(record: AnyRecord) -> bytes:
    """Return a record's line, with its line feed."""
    return _line(kind_of(record), to_wire(record))


def _line(kind: Kind, shape: dict[str, Any]) -> bytes:
    shape["type"] = kind
    return orjson.dumps(shape, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _refuse_document(first: bytes) -> None:
    """Raise InvalidInput when the first line shows one JSON document over many lines, each of which would fail."""
    if first.lstrip().startswith(b"[") or first.strip() == b"{":
        raise InvalidInput(
            "The file is one JSON document.",
            hint="Write one object a line, as in {...}\\n{...}\\n. If Neo4j's APOC wrote it, name its format: apoc.",
        )


def _is_apoc(raw: bytes) -> bool:
    """Return whether a line is a node, or a relationship whose ends are objects, as APOC writes them."""
    try:
        shape = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(shape, dict) or str(shape.get("type")) not in {"node", "relationship"}:
        return False
    return shape["type"] == "node" or all(isinstance(shape.get(end), dict) for end in ("start", "end"))


def _object(raw: bytes) -> dict[str, Any]:
    value = read_json(raw)
    if not isinstance(value, dict):
        raise InvalidInput("The line is JSON, but no object.", hint="Write one object a line.")
    return value


def _kind(shape: dict[str, Any], usual: Kind | None) -> tuple[Kind, Kind | None]:
    """Take the type out of a record; gives its kind, and that of the following ones which do not say theirs."""
    if "type" not in shape:
        kind = usual or tell_kind(shape)
        return kind, kind
    said = shape.pop("type")
    if said not in ALL_KINDS:
        raise InvalidInput(f"There is no type {said!r}.", hint=f"Types are {', '.join(sorted(ALL_KINDS))}.")
    return said, usual


FORMAT = Format(
    "jsonl",
    (".jsonl", ".ndjson", ".jsonlines"),
    read,
    JSONLinesWriter,
    options={
        "key": "reading lines of APOC: the property that is a node's key",
        "edge_ids": "reading lines of APOC: what the ids of relationships are (between, key or ignore)",
    },
)
