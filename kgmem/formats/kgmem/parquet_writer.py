"""Writes Parquet: a file for each kind of record, fields and properties as typed columns of their own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa
from pyarrow import parquet

from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.fields import FieldType
from kgmem.formats.io.spool import RowSpool
from kgmem.formats.records import AnyRecord, Kind, OpenPart, Record, WriteOptions, kind_of
from kgmem.formats.tables.options import check_names
from kgmem.formats.wire import FIELDS, TYPES, to_wire

FILES: Final[Mapping[Kind, str]] = {
    "source": "sources.parquet",
    "entity": "nodes.parquet",
    "relationship": "relationships.parquet",
    "episode": "episodes.parquet",
}
# Of what the graph believes: those are made of which there is a record.
BELIEF_FILES: Final[Mapping[BeliefKind, str]] = {
    "claim": "claims.parquet",
    "adjudication": "adjudications.parquet",
    "fact": "facts.parquet",
    "correlation": "correlations.parquet",
    "trust": "trust.parquet",
    "merge": "merges.parquet",
    "pair": "pairs.parquet",
    "agent_state": "agent_states.parquet",
    "agent_state_version": "agent_state_versions.parquet",
    "agent_retention": "agent_retention.parquet",
    "session": "sessions.parquet",
    "session_message": "session_messages.parquet",
    "memory_block": "memory_blocks.parquet",
    "memory_block_version": "memory_block_versions.parquet",
    "subscription": "subscriptions.parquet",
    "feedback": "feedback.parquet",
    "publication": "publications.parquet",
    "ledger_record": "ledger_records.parquet",
    "retention_rule": "retention_rules.parquet",
    "distillation": "distillations.parquet",
    "allowance": "allowances.parquet",
    "tier": "tiers.parquet",
}
_FILES: Final[Mapping[Kind, str]] = {**FILES, **dict(BELIEF_FILES.items())}
# In a file's own notes: what its rows are, and of which space its embeddings.
KIND = b"kgmem.kind"
SPACE = b"kgmem.embedding"
PREFIX = "properties."  # Before a property whose name is a field's.
_GROUP_BYTES = 16 * 1024 * 1024  # Of JSON; about what one group of rows takes in memory.
_TYPES: Final[Mapping[str, Any]] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    **{f"list[{name}]": pa.list_(type_) for name, type_ in (("boolean", pa.bool_()), ("integer", pa.int64()))},
    **{f"list[{name}]": pa.list_(type_) for name, type_ in (("float", pa.float64()), ("string", pa.string()))},
}
_COLUMNS: Final[Mapping[FieldType, str]] = {
    "texts": "list[string]",
    "vector": "list[float]",
    "float": "float",
    "integer": "integer",
    "boolean": "boolean",
}
_FIELD_TYPES: Final = {
    **{name: _COLUMNS[type_] for name, type_ in TYPES.items() if type_ in _COLUMNS},
    **dict.fromkeys(("lat", "lon"), "float"),
}
AS_JSON: Final = frozenset(name for name, type_ in TYPES.items() if type_ in {"place", "properties", "span", "json"})
_SCALARS = {bool: "boolean", int: "integer", float: "float", str: "string"}


class ParquetWriter:
    """Writes the files when all records are there, as only then their columns are known."""

    def __init__(self, open_part: OpenPart, options: WriteOptions) -> None:
        """Take what opens the files. Raises InvalidInput for options: there is one way to write them."""
        check_names(options.options, (), "There is no option")
        self.lost: Mapping[str, int] = {}
        self._open_part = open_part
        self._space = options.space
        self._vectors = False  # Some entity has one.
        self._spools = {kind: RowSpool(column_type) for kind in _FILES if options.kind in {None, kind}}

    def write(self, records: Iterable[Record]) -> None:
        """Take some records; those of other kinds than asked for are passed over."""
        self._take(records)

    def write_beliefs(self, records: Iterable[BeliefRecord]) -> None:
        """Take some records of what the graph believes; those of other kinds than asked for are passed over."""
        self._take(records)

    def _take(self, records: Iterable[AnyRecord]) -> None:
        for record in records:
            self.write_shapes(kind_of(record), (to_wire(record),))

    def write_shapes(self, kind: Kind, shapes: Iterable[dict[str, Any]]) -> int:
        """Take some records of a kind, none of other kinds than asked for; gives how many."""
        spool, count = self._spools.get(kind), 0
        if spool is not None:
            for shape in shapes:
                count += 1
                properties = shape.pop("properties", {})
                _split_point(shape)
                self._vectors = self._vectors or "embedding" in shape
                spool.add(shape, properties)
        return count

    def close(self) -> None:
        """Write the files."""
        for kind, spool in self._spools.items():
            if kind in BELIEF_FILES and not spool.count:
                spool.close()
                continue
            columns = _columns(kind)
            types = {name: type_ for name, type_ in spool.columns().items() if name}
            titles = {name: PREFIX + name if name in columns or name.startswith(PREFIX) else name for name in types}
            fields = [(name, _TYPES[_FIELD_TYPES.get(name, "string")]) for name in columns]
            fields += [(titles[name], _TYPES[type_]) for name, type_ in types.items()]
            schema = pa.schema(fields, metadata=self._notes(kind))
            with (
                self._open_part(_FILES[kind]) as stream,
                parquet.ParquetWriter(stream, schema, compression="zstd") as file,
            ):
                for rows in spool.chunks(_GROUP_BYTES):
                    cells = [_cells(shape, properties, columns, types) for shape, properties in rows]
                    data = [
                        pa.array(column, type_)
                        for column, type_ in zip(zip(*cells, strict=True), schema.types, strict=True)
                    ]
                    file.write_batch(pa.record_batch(data, schema=schema))
            spool.close()

    def _notes(self, kind: Kind) -> dict[bytes, bytes]:
        notes = {KIND: kind.encode()}
        if kind == "entity" and self._vectors and self._space:
            notes[SPACE] = orjson.dumps({"model": self._space.model, "dimension": self._space.dimension})
        return notes


def column_type(value: Any) -> str | None:
    """Return the type of the column that holds a value exactly; None where none does, as for maps."""
    if isinstance(value, list):
        types = {_SCALARS.get(type(item)) for item in value}
        type_ = types.pop() if len(types) == 1 else None
        return f"list[{type_}]" if type_ else None
    return _SCALARS.get(type(value))


def _columns(kind: Kind) -> list[str]:
    """Return the columns that every table of a kind has."""
    names = [name for name in FIELDS[kind] if kind in BELIEF_FILES or name not in {"version", "extract"}]
    return [*names, "lat", "lon"] if kind == "entity" else names


def _split_point(shape: dict[str, Any]) -> None:
    """Turn a point into lat and lon; any other geometry stays GeoJSON, and so does one that is written in integers."""
    geometry = shape.get("place")
    if geometry and geometry.keys() == {"type", "coordinates"} and geometry["type"] == "Point":
        place = geometry["coordinates"]
        if len(place) == 2 and all(isinstance(number, float) for number in place):
            del shape["place"]
            shape["lon"], shape["lat"] = place


def _cells(
    shape: Mapping[str, Any], properties: Mapping[str, Any], columns: Sequence[str], types: Mapping[str, str]
) -> list[Any]:
    rest = {name: value for name, value in properties.items() if column_type(value) != types.get(name, "")}
    told = {**shape, "properties": rest} if rest else shape
    cells = [_json(told.get(name)) if name in AS_JSON else told.get(name) for name in columns]
    return cells + [None if name in rest else properties.get(name) for name in types]


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
