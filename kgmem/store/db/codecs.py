"""How values cross the wire: instants as integers, vectors as halves, ids as 64-bit integers, agtype as text."""

import struct
from collections.abc import Sequence

import asyncpg
import numpy as np

from kgmem.domain.time.interval import Interval
from kgmem.store.db.sql import SQL

# Postgres counts timestamps from 2000-01-01; kgmem from 1970-01-01.
POSTGRES_EPOCH = 946_684_800_000_000
_FOREVER = 2**63 - 1
_GRAPHID = struct.Struct("!q")


async def set_codecs(connection: asyncpg.Connection) -> None:
    """Teach a connection the types that kgmem uses; pgvector's only where it is installed."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple", encoder=_encode_instant, decoder=_decode_instant
    )
    await connection.set_type_codec(
        "graphid",
        schema="ag_catalog",
        format="binary",
        encoder=_GRAPHID.pack,
        decoder=lambda data: _GRAPHID.unpack(data)[0],
    )
    # Like jsonb: a version byte, then the text.
    await connection.set_type_codec(
        "agtype",
        schema="ag_catalog",
        format="binary",
        encoder=lambda text: b"\x01" + text.encode(),
        decoder=lambda data: data[1:].decode(),
    )
    schema = await connection.fetchval(
        SQL("SELECT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = 'halfvec'")
    )
    if schema:
        await connection.set_type_codec(
            "halfvec", schema=schema, format="binary", encoder=encode_halfvec, decoder=_decode_halfvec
        )


def encode_halfvec(vector: Sequence[float] | bytes) -> bytes:
    """Return pgvector's binary form of a halfvec: dimension, a reserved zero, then big-endian halves.

    In an array parameter give elements that are encoded already: asyncpg takes a list in a list for a dimension.
    """
    if isinstance(vector, bytes):
        return vector
    halves = np.asarray(vector, dtype=">f2")
    return struct.pack("!hh", halves.shape[0], 0) + halves.tobytes()


def range_of(interval: Interval) -> asyncpg.Range:
    """Return the interval as a range parameter, open ends included."""
    return asyncpg.Range(interval.start, interval.end, lower_inc=interval.start is not None)


def _decode_halfvec(data: bytes) -> list[float]:
    return [float(x) for x in np.frombuffer(data, dtype=">f2", offset=4)]


def _encode_instant(instant: int) -> tuple[int]:
    return (instant - POSTGRES_EPOCH,)


def _decode_instant(value: tuple[int]) -> int | None:
    return None if abs(value[0]) >= _FOREVER else value[0] + POSTGRES_EPOCH
