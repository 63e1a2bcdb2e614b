"""Baselines in plain SQL: tables without kgmem, with indexes of the same kinds."""

from array import array
from collections.abc import Iterable, Sequence

import asyncpg
import numpy as np

from bench.contract import SkippedError
from bench.rig.rows import Row
from kgmem.store.db.codecs import encode_halfvec

COLUMNS = ("id", "key", "label", "name", "body", "place", "valid", "embedding")
_TABLE = """
CREATE TABLE public.plain (
    id bigint, key text COLLATE "C" NOT NULL, label text, name text, body text, place point, valid tstzrange,
    embedding halfvec(384)
)
"""
INDEXES = {
    "btree": "CREATE UNIQUE INDEX ON public.plain (key)",
    "gist place": "CREATE INDEX ON public.plain USING gist (place)",
    "gist valid": "CREATE INDEX ON public.plain USING gist (valid)",
    "bm25": "CREATE INDEX plain_words ON public.plain USING bm25 (body) WITH (text_config = 'english')",
    "hnsw": "CREATE INDEX plain_hnsw ON public.plain USING hnsw (embedding halfvec_ip_ops)",
}


async def need_bm25(raw: asyncpg.Connection) -> None:
    """Raise SkippedError where pg_textsearch is not installed: the baseline would be another kind of index."""
    if not await raw.fetchval("SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_textsearch')"):
        raise SkippedError("it compares BM25 indexes, and this Postgres has no pg_textsearch.")


async def make_table(raw: asyncpg.Connection) -> None:
    """Make the one plain table, without indexes."""
    await need_bm25(raw)
    await raw.execute(_TABLE)


async def make_indexes(raw: asyncpg.Connection) -> None:
    """Make its indexes."""
    for statement in INDEXES.values():
        await raw.execute(statement)


def records(rows: Iterable[Row], first: int = 0) -> list[tuple[object, ...]]:
    """Return rows as COPY takes them."""
    return [
        (
            first + n,
            row.key,
            row.label,
            row.name,
            row.body,
            asyncpg.Point(row.lon, row.lat),
            asyncpg.Range(_instant(row.year), None),
            encode_halfvec(array("f", row.vector)),
        )
        for n, row in enumerate(rows)
    ]


async def copy(raw: asyncpg.Connection, made: Sequence[tuple[object, ...]]) -> None:
    """COPY rows into the plain table, in one transaction and in binary form."""
    await raw.copy_records_to_table("plain", schema_name="public", columns=COLUMNS, records=made)


def _instant(year: int) -> int:
    """Return the first microsecond of a year, counted from 1970 as kgmem's codecs take it."""
    return int(np.datetime64(f"{year}-01-01", "us").astype(np.int64))
