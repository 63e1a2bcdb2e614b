"""Columns of Arrow as the text that COPY reads, without a Python object for any record."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from kgmem.domain.fields import stored_fields
from kgmem.domain.graph.batch import Batch, Columns
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.domain.time.interval import iso, valid_interval
from kgmem.store.load.staging_columns import Target, place_of
from kgmem.store.write.edges import discriminator

_STORED: Final = {"entity": stored_fields(Entity), "relationship": stored_fields(Relationship)}
# Properties that are fields: texts, and numbers, which come as JSON. The key of an entity stands before them.
_FIELDS: Final = {
    kind: tuple(each.wire for each in known if each.is_text and (kind, each.wire) != ("entity", "key"))
    for kind, known in _STORED.items()
}
_LITERALS: Final = {kind: tuple(each.wire for each in known if each.is_number) for kind, known in _STORED.items()}
_SHORT = 200  # Characters of a property that an entity is found by where it has no text.
_UNSAFE = r'[\x00-\x1f"\\]'


def staged_text(file: str, columns: Columns, batch: Batch, staged: Target) -> tuple[Sequence[str], bytes, int]:
    """Return the rows of a batch's lane as CSV: the columns of the temporary table, the text, and how many they are."""
    part = _of_lane(columns, batch)
    if not len(part):
        return (), b"", 0
    table = _Stage(file, part, batch, staged).table()
    return table.column_names, _copied(table), len(part)


class _Stage:
    """Makes one table of what COPY takes."""

    def __init__(self, file: str, columns: Columns, batch: Batch, staged: Target) -> None:
        self.columns = columns
        self.count = len(columns)
        self.file = file
        self.staged = staged
        self.fields = {name: _whole(array) for name, array in columns.fields.items()}
        self.fields["scope"] = pc.fill_null(self.get("scope"), batch.scope)
        if batch.source is not None:
            self.fields["source"] = pc.fill_null(self.get("source"), batch.source)
        staged.scopes.update(pc.unique(self.fields["scope"]).to_pylist())
        staged.sources.update(source for source in pc.unique(self.get("source")).to_pylist() if source)

    def get(self, name: str) -> Any:
        """Give a field's texts; nulls where the file has no such column."""
        return self.fields.get(name, pa.nulls(self.count, pa.string()))

    def table(self) -> Any:
        """Return the table; its columns are columns of the temporary table."""
        kind = self.columns.kind
        starts, ends = self._valid()
        lines = self.columns.lines
        shared = {
            "place": pc.add(lines, place_of(self.staged.files, self.file, 0)),
            "file": _constant(self.file, self.count),
            "line": lines,
            "valid_from": starts,
            "valid_to": ends,
        }
        own = self._entity() if kind == "entity" else self._relationship()
        return pa.table({**shared, **own})

    def _entity(self) -> dict[str, Any]:
        label = self.get("label")
        given = pc.is_valid(label)
        label = pc.fill_null(label, DEFAULT_LABEL)
        lon, lat = self.get("lon"), self.get("lat")
        place = _joined('{"type":"Point","coordinates":[', lon, ",", lat, "]}")
        area = _joined("(", lon, ",", lat, "),(", lon, ",", lat, ")")
        members = [("place", True, place)] if lon.null_count < self.count else []
        members += self._literals()
        return {
            "number": self._numbers(label),
            "scope": self.fields["scope"],
            "key": self.fields["key"],
            "label": label,
            "relabels": given,
            "source": self.get("source"),
            "lon": lon,
            "lat": lat,
            "area": area,
            "stored": self._stored(_joined('{"key":"', _escaped(self.fields["key"]), '"'), members),
            "body": self._body(),
        }

    def _relationship(self) -> dict[str, Any]:
        kind = self.fields["kind"]
        self.staged.worded += self.count - self.get("text").null_count
        stored = self._stored(_constant("{", self.count), self._literals())
        return {
            "number": self._numbers(kind),
            "scope": self.fields["scope"],
            "kind": kind,
            "start_key": self.fields["from"],
            "end_key": self.fields["to"],
            "key": self.get("key"),
            "source": self.get("source"),
            "strength": self.get("strength"),
            "confidence": self.get("confidence"),
            "discriminator": self._discriminators(),
            "stored": pc.replace_substring(stored, "{,", "{", max_replacements=1),
        }

    def _literals(self) -> list[tuple[str, bool, Any]]:
        return [(name, True, self.get(name)) for name in _LITERALS[self.columns.kind] if name in self.fields]

    def _stored(self, head: Any, members: Sequence[tuple[str, bool, Any]]) -> Any:
        """Give the properties of each vertex or edge as JSON."""
        plain = [(name, False, self._said(name)) for name in _FIELDS[self.columns.kind] if name in self.fields]
        pieces = [_member(*member) for member in (*plain, *members, *self._properties())]
        return _joined(head, *pieces, "}")

    def _said(self, name: str) -> Any:
        texts = self.fields[name]
        return texts if name != "scope" else pc.if_else(pc.equal(texts, ""), None, texts)

    def _properties(self) -> list[tuple[str, bool, Any]]:
        return [(name, literal, _whole(texts)) for name, literal, texts in self.columns.properties]

    def _body(self) -> Any:
        """Give the text by which each entity is found, as records.entity_body makes it."""
        head = pc.coalesce(_said(self.get("name")), self.fields["key"])
        text = self.get("text")
        pieces = [_below(text)]
        alone = pc.is_null(text)
        for _, literal, texts in sorted(self._properties(), key=lambda told: told[0]):
            if not literal:
                short = pc.and_(alone, pc.less_equal(pc.utf8_length(texts), _SHORT))
                pieces.append(_below(pc.if_else(short, texts, None)))
        return _joined(head, *pieces)

    def _valid(self) -> tuple[Any, Any]:
        """Give the valid times as Postgres reads them; what is said often is worked out once."""
        if not {"valid_from", "valid_to"} & self.fields.keys():
            return pa.nulls(self.count, pa.string()), pa.nulls(self.count, pa.string())
        pairs = _joined(pc.fill_null(self.get("valid_from"), ""), "\x1f", pc.fill_null(self.get("valid_to"), ""))
        told = pairs.dictionary_encode()
        ends = [_interval(pair) for pair in told.dictionary.to_pylist()]
        return tuple(pa.array([end[n] for end in ends], pa.string()).take(told.indices) for n in (0, 1))

    def _numbers(self, labels: Any) -> Any:
        """Number the rows of each label, and count them."""
        told = labels.dictionary_encode()
        names = told.dictionary.to_pylist()
        counts = self.staged.labels
        if len(names) == 1:
            first = counts[names[0]]
            counts[names[0]] += self.count
            return pa.array(np.arange(first, first + self.count))
        codes = told.indices.to_numpy()
        numbers = np.empty(self.count, dtype=np.int64)
        for code, name in enumerate(names):
            places = np.flatnonzero(codes == code)
            numbers[places] = np.arange(counts[name], counts[name] + len(places))
            counts[name] += len(places)
        return pa.array(numbers)

    def _discriminators(self) -> Any:
        key, valid_from = self.get("key"), self.get("valid_from")
        if key.null_count < self.count:
            pairs = zip(key.to_pylist(), valid_from.to_pylist(), strict=True)
            return pa.array([discriminator(*pair) for pair in pairs], pa.int64())
        if valid_from.null_count == self.count:
            return pa.array(np.zeros(self.count, dtype=np.int64))
        told = pc.fill_null(valid_from, "").dictionary_encode()
        numbers = [discriminator(None, text or None) for text in told.dictionary.to_pylist()]
        return pa.array(numbers, pa.int64()).take(told.indices)


def _of_lane(columns: Columns, batch: Batch) -> Columns:
    """Give those records that belong into the batch's lane."""
    if batch.lanes == 1:
        return columns
    fields = columns.fields
    about = fields["key"] if columns.kind == "entity" else fields["from"]
    if columns.kind == "relationship" and "key" in fields:
        about = pc.coalesce(fields["key"], about)
    about = _whole(about)
    _, offsets, data = about.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[about.offset + 1 : about.offset + len(about) + 1]
    mask = pa.array(np.frombuffer(data, dtype=np.uint8)[ends - 1] % batch.lanes == batch.lane)
    return Columns(
        columns.kind,
        columns.lines.filter(mask),
        {name: texts.filter(mask) for name, texts in fields.items()},
        [(name, literal, texts.filter(mask)) for name, literal, texts in columns.properties],
    )


def _whole(texts: Any) -> Any:
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _joined(*pieces: Any) -> Any:
    """Join texts row by row; null where one of them is."""
    return pc.binary_join_element_wise(*pieces, "")


def _member(name: str, literal: bool, texts: Any) -> Any:
    head = f",{orjson.dumps(name).decode()}:"
    told = _joined(head, texts) if literal else _joined(head + '"', _escaped(texts), '"')
    return pc.fill_null(told, "")


def _escaped(texts: Any) -> Any:
    """Give texts as they stand between the quotes of JSON."""
    unsafe = pc.fill_null(pc.match_substring_regex(texts, _UNSAFE), False)
    if not pc.any(unsafe).as_py():
        return texts
    escaped = [orjson.dumps(text)[1:-1].decode() for text in texts.filter(unsafe).to_pylist()]
    return pc.replace_with_mask(texts, unsafe, pa.array(escaped, pa.string()))


def _below(texts: Any) -> Any:
    """Give texts on a line of their own; nothing for those that are null or blank."""
    return pc.fill_null(_joined("\n", _said(texts)), "")


def _said(texts: Any) -> Any:
    """Give texts that are not blank; nulls for the others."""
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), None, texts)


def _constant(text: str, count: int) -> Any:
    return pa.repeat(pa.scalar(text, pa.string()), count)


@lru_cache(maxsize=100_000)
def _interval(pair: str) -> tuple[str | None, str | None]:
    start, _, end = pair.partition("\x1f")
    valid = valid_interval(start or None, end or None)
    return _timestamp(valid.start), _timestamp(valid.end)


def _timestamp(instant: int | None) -> str | None:
    """Give an instant as Postgres writes it, which knows no year 0."""
    if instant is None:
        return None
    text = iso(instant)
    year, _, rest = text.lstrip("-").partition("-")
    number = -int(year) if text.startswith("-") else int(year)
    return f"{number:04}-{rest}" if number > 0 else f"{1 - number:04}-{rest} BC"


def _copied(table: Any) -> bytes:
    buffer = BytesIO()
    csv.write_csv(table, buffer, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return buffer.getvalue()
