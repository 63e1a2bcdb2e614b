"""Parquet: tables of nodes and of edges, and kgmem's own, read in batches; written as one file for each kind of record.

What a table's rows are shows in the names of its columns: kgmem's own (`key`; `from`, `to`, `kind`), neo4j-admin's or
Gremlin's (see neo4j_header), or the usual words for a node's id and an edge's ends. A mapping may tell it instead.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, TypeAlias, cast

import orjson
import pyarrow as pa
from pyarrow import parquet

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.formats.compression import MOST_SWELLING
from kgmem.formats.json_values import read_json
from kgmem.formats.mapped_rows import bind
from kgmem.formats.mapping import Table, table_of
from kgmem.formats.neo4j_header import Role, TableColumn, TableHeader, read_table_header
from kgmem.formats.neo4j_rows import record_maker
from kgmem.formats.parquet_values import check_type, json_values
from kgmem.formats.parquet_writer import KIND, PREFIX, ParquetWriter
from kgmem.formats.records import KINDS, Format, Kind, Located, ReadOptions, Record, Rejected, rejected
from kgmem.formats.table_options import GRAPH_OPTIONS, TableOptions, table_options
from kgmem.formats.wire import FIELDS, REQUIRED, from_wire

MOST_COLUMNS = 10_000
# Bytes of values in one batch, and rows; a file may not claim more rows than these for each of its bytes and some.
_BATCH_BYTES, _BATCH_ROWS = 8 * 1024 * 1024, 20_000
_FREE_BYTES, _FREE_ROWS, _ROWS_A_BYTE = 64 * 1024 * 1024, 10_000_000, 1000
_BUFFER = 1024 * 1024
_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, ValueError)
# What other tools call the columns of nodes and edges, in small letters; the first that is there counts.
_WORDS: Final[Sequence[tuple[str, Sequence[str]]]] = (
    ("start", ("start", "from", "source", "src", "start_id", "from_id", "source_id")),
    ("end", ("end", "to", "target", "dst", "end_id", "to_id", "target_id")),
    ("type", ("type", "kind", "label", "relationship", "predicate")),
    ("id", ("id", "_id", "node_id")),
    ("label", ("label", "labels")),
)

_Make: TypeAlias = Callable[[Sequence[Any]], Sequence[Record]]


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Give the records of a stream; the line of a record is the number of its row. Raises InvalidInput, TooLarge."""
    table = table_of(options.mapping, options.name) if options.mapping else None
    told = {name: value for name, value in (table.options if table else {}).items() if name in GRAPH_OPTIONS}
    settings = table_options({**told, **options.options}, GRAPH_OPTIONS)
    with _opened(stream) as file:
        names = _names(file, table)
        make = _maker(file, names, table, (settings, options))
        for number, row in enumerate(_rows(file), start=1):
            try:
                records = make(row)
            except InvalidInput as error:
                yield rejected(number, str(error), _shown(names, row))
            else:
                for record in records:
                    yield Located(number, record)


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[Any]:
    """Give a Parquet file of a stream, by way of a temporary file where the stream cannot be read anywhere."""
    with tempfile.TemporaryFile() as spooled:
        source = stream
        if not stream.seekable():
            shutil.copyfileobj(stream, spooled, _BUFFER)
            source = cast(BinaryIO, spooled)
        try:
            file = parquet.ParquetFile(source, buffer_size=_BUFFER)
        except _BROKEN as error:
            raise InvalidInput(f"The file is not Parquet: {error}.", mend="Make or fetch it again.") from error
        _check_size(file.metadata, source.seek(0, os.SEEK_END))
        yield file


def _check_size(metadata: Any, size: int) -> None:
    """Raise TooLarge when a small file claims to hold so much that it can only be made to fill memories."""
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    claimed = sum(group.column(n).total_uncompressed_size for group in groups for n in range(group.num_columns))
    if claimed > max(_FREE_BYTES, size * MOST_SWELLING) or metadata.num_rows > _FREE_ROWS + size * _ROWS_A_BYTE:
        raise TooLarge(
            f"The file has {size} bytes and claims {metadata.num_rows} rows of {claimed} bytes.",
            mend="If you trust it, write it anew without compression.",
        )


def _names(file: Any, table: Table | None) -> list[str]:
    schema = file.schema_arrow
    names = list(table.columns) if table and table.columns else list(schema.names)
    if not schema.names or len(schema.names) > MOST_COLUMNS:
        raise InvalidInput(f"The file has {len(schema.names)} columns.", mend=f"Give 1 to {MOST_COLUMNS}.")
    if len(names) != len(schema.names):
        raise InvalidInput(
            f"The mapping names {len(names)} columns, and the file has {len(schema.names)}.",
            mend="Name each column once, in the order of the file.",
        )
    for field in schema:
        check_type(field.type, field.name)
    return names


def _rows(file: Any) -> Iterator[tuple[Any, ...]]:
    """Give the rows as JSON values. Raises InvalidInput for a file that is broken."""
    done = 0
    try:
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata)):
            columns = [json_values(column) for column in batch.columns]
            for row in zip(*columns, strict=True):
                yield row
                done += 1
    except _BROKEN as error:
        raise InvalidInput(
            f"The file is broken after row {done}: {error}.", mend="Make or fetch it again.", line=done + 1
        ) from error


def _batch_rows(metadata: Any) -> int:
    size = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    a_row: int = max(size // max(metadata.num_rows, 1), 1)
    return max(min(_BATCH_BYTES // a_row, _BATCH_ROWS), 1)


def _maker(file: Any, names: list[str], table: Table | None, told: tuple[TableOptions, ReadOptions]) -> _Make:
    """Give what makes the records of a row. Raises InvalidInput when nothing tells what the rows are."""
    settings, options = told
    if table is not None and table.makes:
        return bind(table, names, settings, options.name, None)
    kind = _own_kind(file, names, options.kind)
    if kind is not None:
        fields = [(n, *_field(name, kind)) for n, name in enumerate(names)]
        return lambda row: (from_wire(kind, _shape(fields, row)),)
    make_record = record_maker(read_table_header(names) or _usual_header(names), settings, text=False)
    return lambda row: (make_record(row),)


def _own_kind(file: Any, names: Sequence[str], told: Kind | None) -> Kind | None:
    """Give what the rows are of a file with kgmem's own columns; None for any other file."""
    stated = (file.schema_arrow.metadata or {}).get(KIND, b"").decode(errors="replace")
    kinds: list[Kind] = [kind for kind in KINDS if kind == (stated or told)] or ["relationship", "entity"]
    return next((kind for kind in kinds if stated or set(REQUIRED[kind]) <= set(names)), None)


def _field(name: str, kind: Kind) -> tuple[bool, str]:
    """Give whether a column is a field of the wire, and the name of the field or property that it fills."""
    is_field = name in FIELDS[kind] or (kind == "entity" and name in {"lat", "lon"})
    return is_field, name if is_field else name.removeprefix(PREFIX)


def _shape(fields: Sequence[tuple[int, bool, str]], row: Sequence[Any]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for n, is_field, name in fields:
        if row[n] is not None:
            (shape if is_field else properties)[name] = row[n]
    for name in ("place", "properties"):
        if isinstance(shape.get(name), str):
            shape[name] = read_json(shape[name].encode(), mend=f"Give {name} as JSON.")
    if "lat" in shape or "lon" in shape:
        if not {"lat", "lon"} <= shape.keys():
            raise InvalidInput("lat and lon belong together, and one is empty.", mend="Give both or none.")
        shape["place"] = [shape.pop("lon"), shape.pop("lat")]
    if properties:
        shape["properties"] = {**properties, **shape.get("properties", {})}
    return shape


def _usual_header(names: Sequence[str]) -> TableHeader:
    """Give what a table is whose columns are called as other tools call them. Raises InvalidInput."""
    small = [name.lower() for name in names]
    places = {role: next((small.index(word) for word in words if word in small), None) for role, words in _WORDS}
    edges = places["start"] is not None and places["end"] is not None
    if not edges and places["id"] is None:
        raise InvalidInput(
            f"The columns ({', '.join(names)[:200]}) do not tell what the rows are.",
            mend="Call a node's id id, an edge's ends start and end and its type type, or give a mapping.",
        )
    wanted: Sequence[tuple[Role, str]] = (("id", "id"), ("label", "label"))
    if edges:
        wanted = (("start", "start"), ("end", "end"), ("label", "type"), ("id", "id"))
    roles = {places[word]: role for role, word in reversed(wanted)}
    columns = [TableColumn(roles[n]) if n in roles else TableColumn("property", name) for n, name in enumerate(names)]
    return TableHeader("relationship" if edges else "entity", columns)


def _shown(names: Sequence[str], row: Sequence[Any]) -> str:
    """Give a row that is rejected as JSON."""
    told = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    return orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS).decode()


FORMAT = Format("parquet", (".parquet", ".pq"), read, parts=ParquetWriter, options=GRAPH_OPTIONS)
