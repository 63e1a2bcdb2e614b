"""Writes CSV: one kind of record, its properties as columns with their types in the header."""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from typing import Any, BinaryIO, Final

import orjson

from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.formats import claims
from kgmem.formats.kgmem.csv_header import COORDINATES, FIELD_TYPES, PREFIX
from kgmem.formats.records import AnyRecord, Kind, OpenPart, Record, WriteOptions, kind_of
from kgmem.formats.tables.cells import type_of, write_cell
from kgmem.formats.wire import FIELDS, to_wire

_KEPT_IN_MEMORY = 16 * 1024 * 1024
# What a spreadsheet takes for a formula; a number with a sign is none.
_FORMULA = re.compile(r"(?![+-]?[\d.]+([eE][+-]?\d+)?$)[=+\-@\t\r]")
# Columns that are always written: what a record must have, and what tells the kind to who reads the file.
_ALWAYS: dict[Kind, tuple[str, ...]] = {
    "entity": ("key", "label"),
    "relationship": ("from", "to", "kind"),
    "episode": ("text", "occurred_at"),
    "source": ("key", "trust"),
    **dict(claims.REQUIRED.items()),
}


class CSVWriter:
    """Writes a CSV file. The columns are known when all records are, so these wait in a temporary file until then."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to. Raises InvalidInput without a kind: a table has one kind of row."""
        if options.kind is None:
            raise InvalidInput("A CSV file holds one kind of record.", hint="Say which: entity, relationship, ...")
        self._stream = stream
        self.lost: Mapping[str, int] = {}
        self._kind: Kind = options.kind
        self._escape = options.escape_formulas
        self._fields: set[str] = set(_ALWAYS[self._kind])
        self._types: dict[str, str] = {}
        self._spool = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)  # noqa: SIM115  # closed by close()

    def write(self, records: Iterable[Record]) -> None:
        """Take some records; those of other kinds are passed over."""
        self.take(records)

    def write_beliefs(self, records: Iterable[BeliefRecord]) -> None:
        """Take some records of what the graph believes; those of other kinds are passed over."""
        self.take(records)

    def take(self, records: Iterable[AnyRecord]) -> None:
        """Take some records of any kind; those of other kinds than the file's are passed over."""
        self.write_shapes(self._kind, (to_wire(record) for record in records if kind_of(record) == self._kind))

    def write_shapes(self, kind: Kind, shapes: Iterable[dict[str, Any]]) -> int:
        """Take some records of a kind, none of another; gives how many."""
        count = 0
        for shape in shapes if kind == self._kind else ():
            count += 1
            properties = shape.pop("properties", {})
            _split_point(shape)
            self._fields.update(shape)
            for name, value in properties.items():
                type_ = type_of(value)
                if self._types.setdefault(name, type_) != type_:
                    self._types[name] = "any"
            self._spool.write(orjson.dumps([shape, properties], option=orjson.OPT_APPEND_NEWLINE))
        return count

    def close(self) -> None:
        """Write the header and all rows; the stream stays open."""
        order = [*dict.fromkeys((*_ALWAYS[self._kind], *FIELDS[self._kind], *COORDINATES))]
        fields = [name for name in order if name in self._fields]
        own = [name for name in sorted(self._types) if name == name.strip() and name]
        text = io.TextIOWrapper(self._stream, encoding="utf-8", newline="", write_through=True)
        rows = csv.writer(text)
        odd = "properties" if len(own) < len(self._types) else None
        rows.writerow(
            [*fields, *(_title(name, self._kind, self._types[name]) for name in own), *([odd] if odd else [])]
        )
        for shape, properties in self._spooled():
            cells = [write_cell(shape.get(name), FIELD_TYPES.get(name, _field_type(name))) for name in fields]
            cells += [write_cell(properties.get(name), self._types[name]) for name in own]
            if odd:
                left = {name: value for name, value in properties.items() if name not in own}
                cells.append(write_cell(left or None, "map"))
            rows.writerow([without_formula(cell) for cell in cells] if self._escape else cells)
        text.detach()
        self._spool.close()

    def _spooled(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        self._spool.seek(0)
        for line in self._spool:
            shape, properties = orjson.loads(line)
            yield shape, properties


def _split_point(shape: dict[str, Any]) -> None:
    """Turn a point into the columns lat and lon; any other geometry stays GeoJSON."""
    geometry = shape.get("place")
    if geometry and geometry["type"] == "Point" and len(geometry["coordinates"]) == 2 and len(geometry) == 2:
        shape["lon"], shape["lat"] = map(float, shape.pop("place")["coordinates"])


def _field_type(name: str) -> str:
    return "float" if name in COORDINATES else "string"


def _title(name: str, kind: Kind, type_: str) -> str:
    taken = name in FIELDS[kind] or name in COORDINATES or name.startswith(PREFIX)
    return f"{PREFIX if taken else ''}{name}:{type_}"


def without_formula(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


# Writes all kinds of records as CSV: a file for each kind that there is.

FILES: Final[Mapping[Kind, str]] = {
    "source": "sources.csv",
    "entity": "nodes.csv",
    "relationship": "relationships.csv",
    "episode": "episodes.csv",
}
# Of what the graph believes: those are made of which there is a record.
BELIEF_FILES: Final[Mapping[BeliefKind, str]] = {
    "claim": "claims.csv",
    "adjudication": "adjudications.csv",
    "fact": "facts.csv",
    "correlation": "correlations.csv",
    "trust": "trust.csv",
    "merge": "merges.csv",
    "pair": "pairs.csv",
    "agent_state": "agent_states.csv",
    "agent_state_version": "agent_state_versions.csv",
    "agent_retention": "agent_retention.csv",
    "session": "sessions.csv",
    "session_message": "session_messages.csv",
    "memory_block": "memory_blocks.csv",
    "memory_block_version": "memory_block_versions.csv",
    "subscription": "subscriptions.csv",
    "feedback": "feedback.csv",
    "publication": "publications.csv",
    "ledger_record": "ledger_records.csv",
    "retention_rule": "retention_rules.csv",
    "distillation": "distillations.csv",
    "allowance": "allowances.csv",
    "tier": "tiers.csv",
}
_FILES: Final[Mapping[Kind, str]] = {**FILES, **dict(BELIEF_FILES.items())}


class CSVFiles:
    """Writes a CSV file for each kind; the columns of each are known when all its records are."""

    def __init__(self, open_part: OpenPart, options: WriteOptions) -> None:
        """Take what opens the files."""
        self.lost: Mapping[str, int] = {}
        self._open_part = open_part
        self._options = options
        self._kind: Kind | None = None
        self._open: tuple[BinaryIO, CSVWriter] | None = None

    def write(self, records: Iterable[Record]) -> None:
        """Take some records, which come kind by kind."""
        self._take(records)

    def write_beliefs(self, records: Iterable[BeliefRecord]) -> None:
        """Take some records of what the graph believes, which come kind by kind, after all else."""
        self._take(records)

    def _take(self, records: Iterable[AnyRecord]) -> None:
        for kind, some in groupby(records, kind_of):
            if self._options.kind not in {None, kind}:
                continue
            if kind != self._kind:
                self.close()
                self._kind, part = kind, self._open_part(_FILES[kind])
                self._open = part, CSVWriter(part, replace(self._options, kind=kind))
            if self._open is not None:
                self._open[1].take(some)

    def close(self) -> None:
        """Write the file of the kind that came last."""
        if self._open is not None:
            part, writer = self._open
            self._open = None
            with closing(part):
                writer.close()
