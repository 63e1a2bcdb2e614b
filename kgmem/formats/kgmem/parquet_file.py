"""A Parquet file, opened with bounds on what a small file may claim to hold, and read in batches."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyarrow import parquet

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.formats.io.compression import MOST_SWELLING
from kgmem.formats.kgmem.parquet_values import check_type

MOST_COLUMNS = 10_000
# Bytes of values in one batch, and rows; a file may not claim more rows than these for each of its bytes and some.
_BATCH_BYTES, _BATCH_ROWS = 8 * 1024 * 1024, 20_000
_FREE_BYTES, _FREE_ROWS, _ROWS_A_BYTE = 64 * 1024 * 1024, 10_000_000, 1000
_BUFFER = 1024 * 1024
_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, ValueError)


@contextmanager
def open_parquet(stream: BinaryIO) -> Iterator[Any]:
    """Return a Parquet file of a stream, by way of a temporary file where the stream cannot be read anywhere.

    Raises InvalidInput when it is none, and TooLarge when it claims to hold more than it can.
    """
    with tempfile.TemporaryFile() as spooled:
        source = stream
        if not stream.seekable():
            shutil.copyfileobj(stream, spooled, _BUFFER)
            source = cast(BinaryIO, spooled)
        try:
            file = parquet.ParquetFile(source, buffer_size=_BUFFER)
        except _BROKEN as error:
            raise InvalidInput(f"The file is not Parquet: {error}.", hint="Make or fetch it again.") from error
        _check_columns(file.schema_arrow)
        _check_size(file.metadata, source.seek(0, os.SEEK_END))
        yield file


def read_batches(file: Any) -> Iterator[Any]:
    """Return the rows in batches of bounded size. Raises InvalidInput for a file that is broken."""
    done = 0
    try:
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata)):
            yield batch
            done += batch.num_rows
    except _BROKEN as error:
        raise InvalidInput(
            f"The file is broken after row {done}: {error}.", hint="Make or fetch it again.", line=done + 1
        ) from error


def _check_columns(schema: Any) -> None:
    if not schema.names or len(schema.names) > MOST_COLUMNS:
        raise InvalidInput(f"The file has {len(schema.names)} columns.", hint=f"Give 1 to {MOST_COLUMNS}.")
    for field in schema:
        check_type(field.type, field.name)


def _check_size(metadata: Any, size: int) -> None:
    """Raise TooLarge when a small file claims to hold so much that it can only be made to fill memories."""
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    claimed = sum(group.column(n).total_uncompressed_size for group in groups for n in range(group.num_columns))
    if claimed > max(_FREE_BYTES, size * MOST_SWELLING) or metadata.num_rows > _FREE_ROWS + size * _ROWS_A_BYTE:
        raise TooLarge(
            f"The file has {size} bytes and claims {metadata.num_rows} rows of {claimed} bytes.",
            hint="If you trust it, write it again without compression.",
        )


def _batch_rows(metadata: Any) -> int:
    size = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    a_row: int = max(size // max(metadata.num_rows, 1), 1)
    return max(min(_BATCH_BYTES // a_row, _BATCH_ROWS), 1)
