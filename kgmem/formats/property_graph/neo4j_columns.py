"""Tables under neo4j-admin's or Gremlin's header in columns: the records that neo4j_rows makes, plain ones at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kgmem.domain.fields import FieldType
from kgmem.domain.graph.batch import BatchKind, Columns
from kgmem.formats.property_graph.elements import COORDINATES, ENDS, KEY, KEYLESS, NAMES, PREFIX, content_key, edge_key
from kgmem.formats.property_graph.neo4j_header import Role, TableHeader
from kgmem.formats.tables.columns import FIELDS, Property, is_plain_property
from kgmem.formats.tables.options import TableOptions
from kgmem.formats.tables.typed_columns import Texts, chosen_columns
from kgmem.formats.wire import TYPES

_ENDS: Final[Sequence[Role]] = ("start", "end")
# A bare number is a year.
_TYPES: Final[Mapping[FieldType, tuple[str, ...]]] = {
    "time": ("string", "integer"),
    "float": ("float",),
    "integer": ("integer",),
}
# Properties that are fields, each with the types that its column may have.
_FIELDS: Final[Mapping[BatchKind, Mapping[str, tuple[str, tuple[str, ...]]]]] = {
    kind: {names[field]: (field, _TYPES.get(TYPES[field], ("string",))) for field in FIELDS[kind] if field in names}
    for kind, names in NAMES.items()
}
_OWN: Final[Mapping[BatchKind, Mapping[str, str]]] = {
    "entity": {KEY: "string"},
    "relationship": {KEY: "string", KEYLESS: "boolean", **dict.fromkeys(ENDS, "string")},
}
_PLACED = frozenset(name for pair in COORDINATES for name in pair)


class GraphColumns:
    """What makes columns of a table's rows."""

    def __init__(self, header: TableHeader, options: TableOptions) -> None:
        """Take the header and the options, which give no further labels."""
        self._header = header
        self._options = options
        self._kind: BatchKind = header.kind
        self._fields = _FIELDS[header.kind]
        self._point = _point_of(header) if header.kind == "entity" else None

    def columns(self, lines: Any, cells: Sequence[Texts]) -> tuple[Columns | None, list[int]]:
        """Return the plain rows as columns, and the places of those that have to be read one by one."""
        batch = _Batch(len(lines), pa.repeat(pa.scalar(value=True), len(lines)))
        for column, texts in zip(self._header.columns, cells, strict=True):
            if column.name and column.role != "ignore":
                self._take(batch, column.name, texts)
        if self._kind == "entity":
            self._add_entity(batch, cells)
        else:
            self._add_relationship(batch, cells)
        return chosen_columns(self._kind, lines, batch.fields, batch.properties, batch.plain)

    def _take(self, batch: "_Batch", name: str, texts: Texts) -> None:
        """Take a column as the field or the property that it is, or only its rows without a value."""
        field, allowed = self._fields.get(name, ("", ()))
        batch.require(texts.good)
        if texts.type and texts.type == _OWN[self._kind].get(name):
            batch.own[name] = texts.texts
        elif texts.type in allowed:
            batch.fields[field] = texts.texts
            year = texts.type == "integer" and TYPES[field] == "time"
            batch.said.append((name, replace(texts, type="string") if year else texts))
        elif texts.type and not field and name not in _OWN[self._kind] and self._is_plain(name, texts.type):
            batch.properties.append((name, texts.property_type, texts.texts))
            batch.said.append((name, texts))
            if self._point and name in self._point:
                batch.fields["lon" if name == self._point[0] else "lat"] = texts.texts
        else:
            batch.require(texts.texts.is_null())

    def _is_plain(self, name: str, type_: str) -> bool:
        if self._kind == "entity" and name in _PLACED:
            return self._point is not None and name in self._point and type_ == "float"
        return is_plain_property(name) and not name.startswith(PREFIX)

    def _add_entity(self, batch: "_Batch", cells: Sequence[Texts]) -> None:
        ids, labels = self._role(batch, cells, "id"), self._role(batch, cells, "label")
        batch.require(ids.is_valid())
        batch.fields["key"] = pc.coalesce(batch.own[KEY], ids) if KEY in batch.own else ids
        several = pc.match_substring(labels, self._options.array_delimiter)
        odd = pc.or_(several, pc.not_equal(pc.utf8_trim_whitespace(labels), labels))
        batch.require(pc.fill_null(pc.invert(odd), True))
        batch.fields["label"] = labels
        for name in {"lon", "lat"} & batch.fields.keys() if not {"lon", "lat"} <= batch.fields.keys() else ():
            batch.require(batch.fields.pop(name).is_null())

    def _add_relationship(self, batch: "_Batch", cells: Sequence[Texts]) -> None:
        kinds, usual = self._role(batch, cells, "label"), self._options.type
        batch.fields["kind"] = pc.fill_null(kinds, usual) if usual else kinds
        ends = [self._role(batch, cells, role) for role in _ENDS]
        for ids, end, own in zip(ends, ("from", "to"), ENDS, strict=True):
            batch.require(ids.is_valid())
            batch.fields[end] = pc.coalesce(batch.own[own], ids) if own in batch.own else ids
        nothing = pa.nulls(batch.count, pa.string())
        given = batch.own.get(KEY, nothing)
        keyless = pc.fill_null(pc.equal(batch.own.get(KEYLESS, nothing), "true"), False)
        if self._options.parallel and pc.any(pc.and_(given.is_null(), pc.invert(keyless))).as_py():
            given = pc.coalesce(given, _edge_keys(self._options, ends, self._role(batch, cells, "id")))
            given = pc.coalesce(given, _content_keys(batch)) if given.null_count else given
        batch.fields["key"] = pc.if_else(keyless, None, given)

    def _role(self, batch: "_Batch", cells: Sequence[Texts], role: Role) -> Any:
        """Return the texts of what a column is for: ids with their space before them, labels, types."""
        at = self._header.place_of(role)
        if at is None:
            return pa.nulls(batch.count, pa.string())
        texts, space = cells[at], self._header.columns[at].space
        batch.require(texts.good)
        if texts.type not in {"string", "integer"}:
            batch.require(texts.texts.is_null())
        batch.require(pc.fill_null(pc.not_equal(texts.texts, ""), True))
        prefixed = bool(space) and self._options.prefix and role != "label"
        return pc.binary_join_element_wise(f"{space}:", texts.texts, "") if prefixed else texts.texts


@dataclass(slots=True)
class _Batch:
    """Some rows on their way into columns."""

    count: int
    plain: Any
    fields: dict[str, Any] = field(default_factory=dict)
    properties: list[Property] = field(default_factory=list)
    own: dict[str, Any] = field(default_factory=dict)  # What kgmem's export says beside, such as keys.
    said: list[tuple[str, Texts]] = field(default_factory=list)  # All that a content key is made of.

    def require(self, good: Any) -> None:
        """Omit the rows for which this does not hold."""
        self.plain = pc.and_(self.plain, good)


def _point_of(header: TableHeader) -> tuple[str, str] | None:
    """Return the two columns that make a place, where it is clear which."""
    names = {column.name for column in header.columns if column.role != "ignore"}
    pairs = [pair for pair in COORDINATES if set(pair) <= names]
    return pairs[0] if len(pairs) == 1 else None


def _edge_keys(options: TableOptions, ends: Sequence[Any], ids: Any) -> Any:
    """Return the keys that edges get by their ids; null where they have none, or these count for nothing."""
    if options.edge_ids == "ignore" or ids.null_count == len(ids):
        return pa.nulls(len(ids), pa.string())
    if options.edge_ids == "key":
        return ids
    rows = zip(ends[0].to_pylist(), ends[1].to_pylist(), ids.to_pylist(), strict=True)
    return pa.array([None if id_ is None else edge_key(id_, (start, end)) for start, end, id_ in rows], pa.string())


def _content_keys(batch: _Batch) -> Any:
    """Return the keys that edges get by all that they say."""
    names = [name for name, _ in batch.said]
    ends = zip(*(batch.fields[name].to_pylist() for name in ("kind", "from", "to")), strict=True)
    columns = [_values(texts) for _, texts in batch.said]
    rows = zip(*columns, strict=True) if columns else ((),) * batch.count
    told = (
        (*these, {name: value for name, value in zip(names, row, strict=True) if value is not None})
        for these, row in zip(ends, rows, strict=True)
    )
    return pa.array([content_key(*each) for each in told], pa.string())


def _values(texts: Texts) -> list[Any]:
    """Return the values that texts stand for."""
    found: list[Any] = texts.texts.to_pylist()
    if texts.type == "string":
        return found
    values: list[Any] = orjson.loads("[" + ",".join("null" if text is None else text for text in found) + "]")
    return values
