"""Large Parquet files with kgmem's own columns, read in columns; rows that are not plain are read one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from kgmem.domain.batch import BatchKind, Columns
from kgmem.formats import parquet
from kgmem.formats.columns import FIELDS, Property, is_plain_property, number_texts, plain_columns
from kgmem.formats.parquet_file import open_parquet, read_batches
from kgmem.formats.parquet_values import json_values
from kgmem.formats.records import Located, ReadOptions, Rejected

Found: TypeAlias = Columns | Located | Rejected
_NUMBERS = ("lon", "lat", "strength", "confidence")


def read_columns(stream: BinaryIO, options: ReadOptions) -> Iterator[Found]:
    """Give the records of a stream as `parquet.read` does, plain ones in columns. Raises InvalidInput as that does."""
    with open_parquet(stream) as file:
        rows, number = parquet.Rows(file, options), 1
        for batch in read_batches(file):
            if rows.kind in FIELDS:
                yield from _read(rows, batch, number)
            else:
                yield from _one_by_one(rows, batch, range(batch.num_rows), number)
            number += batch.num_rows


def _read(rows: parquet.Rows, batch: Any, first: int) -> Iterator[Found]:
    """Give the records of a batch, of which the first row has this number."""
    kind = cast(BatchKind, rows.kind)
    plain = pa.repeat(pa.scalar(value=True), batch.num_rows)
    fields: dict[str, Any] = {}
    properties: list[Property] = []
    for title, column in zip(rows.names, batch.columns, strict=True):
        is_field, name = parquet.column_field(title, kind)
        told = _texts(column, kind, name, is_field)
        if told is None:
            plain = pc.and_(plain, column.is_null())
            continue
        type_, texts, good = told
        plain = pc.and_(plain, good)
        if is_field:
            fields[name] = texts
        else:
            properties.append((name, type_, texts))
    for name in {"lat", "lon"} & fields.keys() if not {"lat", "lon"} <= fields.keys() else ():
        plain = pc.and_(plain, fields.pop(name).is_null())
    simple = [n for n, is_plain in enumerate(plain.to_pylist()) if is_plain]
    taken: set[int] = set()
    if simple:
        lines = pa.array([first + n for n in simple], pa.int64())
        chosen = {name: texts.filter(plain) for name, texts in fields.items()}
        others = [(name, type_, texts.filter(plain)) for name, type_, texts in properties]
        columns, good = plain_columns(kind, lines, chosen, others, exact=True)
        taken = {n for n, is_good in zip(simple, good.to_pylist(), strict=True) if is_good}
        if len(columns):
            yield columns
    if len(taken) < batch.num_rows:
        yield from _one_by_one(rows, batch, [n for n in range(batch.num_rows) if n not in taken], first)


def _one_by_one(rows: parquet.Rows, batch: Any, places: Sequence[int], first: int) -> Iterator[Found]:
    """Give the records of some rows, each read by itself."""
    chosen = batch if len(places) == batch.num_rows else batch.take(pa.array(places, pa.int64()))
    for n, row in zip(places, zip(*map(json_values, chosen.columns), strict=True), strict=True):
        yield from rows.records(first + n, row)


def _texts(column: Any, kind: BatchKind, name: str, is_field: bool) -> tuple[str, Any, Any] | None:
    """Give how a column's texts are to be taken, the texts, and which of them may be; None where values are more."""
    type_, always = column.type, pa.scalar(value=True)
    if not (name in FIELDS[kind] if is_field else bool(name) and is_plain_property(name)):
        return None
    if is_field and types.is_float64(type_) != (name in _NUMBERS):
        return None
    if types.is_string(type_):
        return "string", column, always
    if types.is_float64(type_):
        return "json", number_texts(column), pc.fill_null(pc.invert(pc.is_inf(column)), True)
    if not is_field and (types.is_signed_integer(type_) or types.is_boolean(type_)):
        return "json", column.cast(pa.string()), always
    return None


FORMAT = replace(parquet.FORMAT, columns=read_columns)
