"""Large Parquet files with kgmem's own columns, read in columns; rows that are not plain are read one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from kgmem.domain.graph.batch import BatchKind, Columns
from kgmem.formats.kgmem import parquet
from kgmem.formats.kgmem.parquet_file import open_parquet, read_batches
from kgmem.formats.kgmem.parquet_values import json_values
from kgmem.formats.property_graph.neo4j_columns import GraphColumns
from kgmem.formats.records import Located, ReadOptions, Rejected
from kgmem.formats.tables.columns import FIELDS, NUMBERS, Property, is_plain_property
from kgmem.formats.tables.typed_columns import chosen_columns, special, typed_values

Found: TypeAlias = Columns | Located | Rejected


def read_columns(stream: BinaryIO, options: ReadOptions) -> Iterator[Found]:
    """The records of a stream as `parquet.read` does, plain ones in columns. Raises InvalidInput as that does."""
    with open_parquet(stream) as file:
        rows, number = parquet.Rows(file, options), 1
        graph = GraphColumns(rows.header, rows.settings) if rows.header and not rows.settings.labels else None
        for batch in read_batches(file):
            if graph is not None:
                lines = pa.array(range(number, number + batch.num_rows), pa.int64())
                columns, others = graph.columns(lines, [typed_values(column) for column in batch.columns])
                if columns:
                    yield replace(columns, until=number + batch.num_rows - 1)
                yield from _one_by_one(rows, batch, others, number)
            elif rows.kind in FIELDS:
                yield from _read(rows, batch, number)
            else:
                yield from _one_by_one(rows, batch, range(batch.num_rows), number)
            number += batch.num_rows


def _read(rows: parquet.Rows, batch: Any, first: int) -> Iterator[Found]:
    """Return the records of a batch, of which the first row has this number."""
    kind = cast(BatchKind, rows.kind)
    plain = pa.repeat(pa.scalar(value=True), batch.num_rows)
    fields: dict[str, Any] = {}
    properties: list[Property] = []
    for title, column in zip(rows.names, batch.columns, strict=True):
        is_field, name = parquet.column_field(title, kind)
        told = typed_values(column) if _may_be_plain(column, kind, name, is_field) else special(column)
        plain = pc.and_(plain, told.good)
        if told.type and is_field:
            fields[name] = told.texts
        elif told.type:
            properties.append((name, told.property_type, told.texts))
    for name in {"lat", "lon"} & fields.keys() if not {"lat", "lon"} <= fields.keys() else ():
        plain = pc.and_(plain, fields.pop(name).is_null())
    lines = pa.array(range(first, first + batch.num_rows), pa.int64())
    columns, others = chosen_columns(kind, lines, fields, properties, plain)
    if columns:
        yield replace(columns, until=first + batch.num_rows - 1)
    yield from _one_by_one(rows, batch, others, first)


def _one_by_one(rows: parquet.Rows, batch: Any, places: Sequence[int], first: int) -> Iterator[Found]:
    """Return the records of some rows, each read by itself."""
    if not places:
        return
    chosen = batch if len(places) == batch.num_rows else batch.take(pa.array(places, pa.int64()))
    for n, row in zip(places, zip(*map(json_values, chosen.columns), strict=True), strict=True):
        yield from rows.records(first + n, row)


def _may_be_plain(column: Any, kind: BatchKind, name: str, is_field: bool) -> bool:
    if not is_field:
        return bool(name) and is_plain_property(name)
    number = NUMBERS[kind].get(name)
    if number is None:
        return name in FIELDS[kind] and bool(types.is_string(column.type))
    return bool(types.is_int64(column.type) if number.type == "integer" else types.is_float64(column.type))


FORMAT = replace(parquet.FORMAT, columns=read_columns)
