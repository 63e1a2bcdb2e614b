"""Columns of Arrow as the text that COPY reads: the one way by which an import stages entities and relationships.

No Python object is made for a record, but for what its columns hold as JSON: properties of a record that was read by
itself, and further labels.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from kgmem.domain.fields import indexed_fields, stored_fields
from kgmem.domain.graph.batch import Batch, Columns
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import PASSAGE_CHARACTERS, passages
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.domain.time.interval import iso, valid_interval
from kgmem.store.graph.records import LIFTED, entity_body, is_text, own_name
from kgmem.store.load.copy_load import StagedRows
from kgmem.store.write.edges import parallel_edge_hash
from kgmem.store.write.rows import index_labels

_STORED: Final = {"entity": stored_fields(Entity), "relationship": stored_fields(Relationship)}
# Fields that are properties of the vertex or edge: texts, and what comes as JSON. The key of an entity stands first.
_FIELDS: Final = {
    kind: [(each.wire, not each.is_text) for each in known if (kind, each.wire) != ("entity", "key")]
    for kind, known in _STORED.items()
}
_INDEXED: Final = indexed_fields(Entity)
_SHORT = 200  # Characters of a property that an entity is found by where it has no text.
_UNSAFE = r'[\x00-\x1f"\\]'
_SPACE = "".join(character for n in range(0x3001) if (character := chr(n)).isspace())
_SEPARATOR = "\x1f"


def stage_columns(columns: Columns, files: Any, batch: Batch, staged: StagedRows) -> None:
    """Put the rows of columns among what is staged; `files` is the name of their file, or an array of a name each."""
    count = len(columns)
    if count:
        table = _Stage(files, columns, batch, staged).table()
        staged.texts.append((table.column_names, _copied(table)))
        staged.count += count


def of_lane(columns: Columns, batch: Batch) -> Columns:
    """Return those records that belong into the batch's lane."""
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


class _Stage:
    """Makes one table of what COPY takes."""

    def __init__(self, files: Any, columns: Columns, batch: Batch, staged: StagedRows) -> None:
        self.columns = columns
        self.count = len(columns)
        self.files = files
        self.staged = staged
        self.fields = {name: _whole(array) for name, array in columns.fields.items()}
        self.properties = [(name, literal, _whole(texts)) for name, literal, texts in columns.properties]
        self.fields["scope"] = pc.fill_null(self.get("scope"), batch.scope)
        if batch.source is not None:
            self.fields["source"] = pc.fill_null(self.get("source"), batch.source)
        staged.expiring |= self.get("expires_at").null_count < self.count
        given = self.fields.pop("properties", None)
        self.objects = _Objects(columns.kind, given, self.fields) if given is not None else None
        staged.scopes.update(pc.unique(self.fields["scope"]).to_pylist())
        staged.sources.update(source for source in pc.unique(self.get("source")).to_pylist() if source)

    def get(self, name: str) -> Any:
        """Return a field's texts; nulls where no record has the field."""
        return self.fields.get(name, pa.nulls(self.count, pa.string()))

    def table(self) -> Any:
        """Return the table; its columns are columns of the temporary table."""
        own = self._entity() if self.columns.kind == "entity" else self._relationship()
        starts, ends = self._valid()
        shared = {
            "place": self._places(),
            "file": pa.repeat(self.files, self.count) if isinstance(self.files, str) else self.files,
            "line": self.columns.lines,
            "valid_from": starts,
            "valid_to": ends,
        }
        if "derived_from" in self.fields:
            shared["derived_from"] = self.fields["derived_from"]
        if self.objects is not None and any(self.objects.removed):
            shared["removed"] = pa.array(self.objects.removed, pa.string())
        return pa.table({**shared, **own})

    def _entity(self) -> dict[str, Any]:
        label = self.get("label")
        given = pc.is_valid(label)
        label = pc.fill_null(label, DEFAULT_LABEL)
        lon, lat = self.get("lon"), self.get("lat")
        if "place" not in self.fields and lon.null_count < self.count:
            self.fields["place"] = _joined('{"type":"Point","coordinates":[', lon, ",", lat, "]}")
        head = _joined('{"key":"', _escaped(self.fields["key"]), '"')
        own: dict[str, Any] = {name: self.fields[name] for name in ("version", "embedding") if name in self.fields}
        if "embedding" in own:
            self.staged.vectors += self.count - own["embedding"].null_count
        own |= {field.name: self.get(field.wire) for field in _INDEXED}
        return {
            "number": self._numbers(label),
            "scope": self.fields["scope"],
            "key": self.fields["key"],
            "label": label,
            "relabels": given,
            "source": self.get("source"),
            "lon": lon,
            "lat": lat,
            "area": self.fields.get("area", _joined("(", lon, ",", lat, "),(", lon, ",", lat, ")")),
            "labels": _of_each(self.get("labels"), _index_labels),
            "stored": self._stored(head),
            **self._passages(),
            **own,
        }

    def _relationship(self) -> dict[str, Any]:
        kind = self.fields["kind"]
        self.staged.worded += self.count - self.get("text").null_count
        stored = self._stored(pa.repeat(pa.scalar("{", pa.string()), self.count))
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
            "parallel_edge_hash": self._parallel_edge_hashes(),
            "stored": pc.replace_substring(stored, "{,", "{", max_replacements=1),
        }

    def _places(self) -> Any:
        """Return the numbers that order the records of the batch by file and line."""
        if isinstance(self.files, str):
            return pc.add(self.columns.lines, self.staged.place_of_file(self.files))
        told = self.files.dictionary_encode()
        files = pa.array([self.staged.place_of_file(name) for name in told.dictionary.to_pylist()], pa.int64())
        return pc.add(self.columns.lines, files.take(told.indices))

    def _stored(self, head: Any) -> Any:
        """Return the properties of each vertex or edge as JSON."""
        own = [(name, literal, self._said(name)) for name, literal in _FIELDS[self.columns.kind] if name in self.fields]
        members = [_member(*member) for member in (*own, *self.properties)]
        if self.objects is not None:
            members.append(pc.fill_null(_joined(",", pa.array(self.objects.members, pa.string())), ""))
        return _joined(head, *members, "}")

    def _said(self, name: str) -> Any:
        texts = self.fields[name]
        return texts if name != "scope" else pc.if_else(pc.equal(texts, ""), None, texts)

    def _passages(self) -> dict[str, Any]:
        """Return the text by which each entity is found, and further passages of one that is long."""
        bodies = self._bodies()
        long = pc.indices_nonzero(pc.greater(pc.utf8_length(bodies), PASSAGE_CHARACTERS)).to_pylist()
        if not long:
            return {"body": bodies}
        first: list[str] = bodies.to_pylist()
        further: list[str | None] = [None] * self.count
        for at in long:
            cut = list(passages(first[at]))
            first[at] = cut[0].body
            if len(cut) > 1:
                further[at] = orjson.dumps([[p.ordinal, p.start, p.body] for p in cut[1:]]).decode()
        return {"body": pa.array(first, pa.string()), "further": pa.array(further, pa.string())}

    def _bodies(self) -> Any:
        """Return the text by which each entity is found, as records.entity_body makes it."""
        key, name, text = self.fields["key"], self.get("name"), self.get("text")
        pieces = [_below(text)]
        alone = pc.equal(pc.fill_null(text, ""), "")
        for _, literal, texts in sorted(self.properties, key=lambda told: told[0]):
            if not literal:
                short = pc.and_(alone, pc.less_equal(pc.utf8_length(texts), _SHORT))
                pieces.append(_below(pc.if_else(short, texts, None)))
        head = pc.coalesce(_visible(name), _visible(key))
        bodies = _joined(pc.fill_null(head, ""), *pieces)
        if head.null_count:  # Of a blank key nothing stands on the first line.
            bodies = pc.if_else(pc.is_valid(head), bodies, pc.utf8_slice_codeunits(bodies, 1))
        if self.objects is None:
            return bodies
        told = zip(self.objects.stored, key.to_pylist(), name.to_pylist(), text.to_pylist(), strict=True)
        made = [
            entity_body({**stored, "key": own, "name": named, "text": words}) if stored else None
            for stored, own, named, words in told
        ]
        return pc.coalesce(pa.array(made, pa.string()), bodies)

    def _valid(self) -> tuple[Any, Any]:
        """Return the valid times as Postgres reads them; what is said often is worked out once."""
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
        codes = told.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(names))
        numbers = np.empty(self.count, dtype=np.int64)
        numbers[order] = np.arange(self.count) - np.repeat(np.cumsum(counts) - counts, counts)
        before = np.array([self.staged.labels[name] for name in names], dtype=np.int64)
        self.staged.labels.update(dict(zip(names, counts.tolist(), strict=True)))
        return pa.array(numbers + before[codes])

    def _parallel_edge_hashes(self) -> Any:
        key, valid_from = self.get("key"), self.get("valid_from")
        if key.null_count < self.count:
            pairs = zip(key.to_pylist(), valid_from.to_pylist(), strict=True)
            return pa.array([parallel_edge_hash(*pair) for pair in pairs], pa.int64())
        if valid_from.null_count == self.count:
            return pa.array(np.zeros(self.count, dtype=np.int64))
        told = pc.fill_null(valid_from, "").dictionary_encode()
        numbers = [parallel_edge_hash(None, text or None) for text in told.dictionary.to_pylist()]
        return pa.array(numbers, pa.int64()).take(told.indices)


class _Objects:
    """The properties of records that come as JSON objects, as the store keeps them."""

    def __init__(self, kind: str, given: Any, fields: dict[str, Any]) -> None:
        """Take the objects, and the fields of the records, which properties of an entity may state too."""
        self.members: list[str | None] = [None] * len(given)  # As they stand in an object, without its braces.
        self.removed: list[str | None] = [None] * len(given)  # The names of those that a record removes, as JSON.
        self.stored: list[dict[str, Any] | None] = [None] * len(given)
        self._lifted: dict[str, list[str | None]] = {}
        names = _StoredNames(kind)
        for at, text in enumerate(given.to_pylist()):
            if text is not None:
                told = orjson.loads(text)
                stored = {names[name]: value for name, value in told.items() if value is not None}
                if kind == "entity":
                    self._lift(at, stored, fields)
                if len(stored) < len(told):
                    removed = [name for name, value in told.items() if value is None]
                    self.removed[at] = orjson.dumps(removed).decode() if removed else None
                self.members[at] = (text if stored.keys() == told.keys() else orjson.dumps(stored).decode())[
                    1:-1
                ] or None
                self.stored[at] = stored
        fields |= {name: pa.array(texts, pa.string()) for name, texts in self._lifted.items()}

    def _lift(self, at: int, stored: dict[str, Any], fields: Mapping[str, Any]) -> None:
        """Make a field of a property that states it, where the record does not."""
        for name in LIFTED:
            escaped = own_name(name, "entity")
            if is_text(stored.get(escaped)):
                if name not in self._lifted:
                    texts = fields.get(name)
                    self._lifted[name] = texts.to_pylist() if texts is not None else [None] * len(self.stored)
                if self._lifted[name][at] is None:
                    self._lifted[name][at] = stored.pop(escaped)


class _StoredNames(dict[str, str]):
    """The names under which properties are stored, worked out once for each."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __missing__(self, name: str) -> str:
        stored = self[name] = own_name(name, self._kind)
        return stored


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
    """Return texts as they stand between the quotes of JSON."""
    unsafe = pc.fill_null(pc.match_substring_regex(texts, _UNSAFE), False)
    if not pc.any(unsafe).as_py():
        return texts
    escaped = [orjson.dumps(text)[1:-1].decode() for text in texts.filter(unsafe).to_pylist()]
    return pc.replace_with_mask(texts, unsafe, pa.array(escaped, pa.string()))


def _below(texts: Any) -> Any:
    """Return texts on a line of their own; nothing for those that are null or blank."""
    return pc.fill_null(_joined("\n", _visible(texts)), "")


def _visible(texts: Any) -> Any:
    """Return texts that are not blank, as Python knows it; nulls for the others."""
    return pc.if_else(pc.equal(pc.utf8_trim(texts, characters=_SPACE), ""), None, texts)


def _of_each(texts: Any, make: Callable[[str], str | None]) -> Any:
    """Return what is made of each text; what is said often is made once."""
    if texts.null_count == len(texts):
        return texts
    told = texts.dictionary_encode()
    return pa.array(list(map(make, told.dictionary.to_pylist())), pa.string()).take(told.indices)


def _index_labels(further: str) -> str | None:
    """Return further labels, which come as JSON, as the index takes them."""
    labels = index_labels(orjson.loads(further))
    return _SEPARATOR.join(labels) if labels else None


@lru_cache(maxsize=100_000)
def _interval(pair: str) -> tuple[str | None, str | None]:
    start, _, end = pair.partition("\x1f")
    valid = valid_interval(start or None, end or None)
    return _timestamp(valid.start), _timestamp(valid.end)


def _timestamp(instant: int | None) -> str | None:
    """Return an instant as Postgres writes it, which knows no year 0."""
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
