"""The floor: raw SQL over plain tables of an embedded Postgres; it fuses HNSW 40 and BM25 40 by RRF, no more."""

from pathlib import Path

import asyncpg

from bench.rig.database import raw_connection
from bench.rig.peers.adapters.loop import Loop
from bench.rig.peers.data import K, Shared
from kgmem.store.db.codecs import encode_halfvec
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.embedded.postmaster import processes_of

_CALLERS = 8
_EXTENSIONS = """
CREATE EXTENSION IF NOT EXISTS age; CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_textsearch;
"""
_TABLES = """
CREATE TABLE public.row (id bigint, key text, label text, body text, embedding halfvec(384));
CREATE TABLE public.fact (source text, target text, body text);
"""
_INDEXES = """
CREATE UNIQUE INDEX ON public.row (key);
CREATE INDEX row_words ON public.row USING bm25 (body) WITH (text_config = 'english');
CREATE INDEX ON public.row USING hnsw (embedding halfvec_ip_ops);
"""
_HYBRID = """
WITH near AS (SELECT key, row_number() OVER () AS place FROM (
         SELECT key FROM public.row ORDER BY embedding <#> $1 LIMIT 40) n),
     words AS (SELECT key, row_number() OVER () AS place FROM (
         SELECT key FROM public.row ORDER BY body <@> to_bm25query($2, 'public.row_words') LIMIT 40) w)
SELECT coalesce(n.key, w.key) AS key FROM near n FULL JOIN words w ON w.key = n.key
ORDER BY coalesce(1.0 / (60 + n.place), 0) + coalesce(1.0 / (60 + w.place), 0) DESC LIMIT 20
"""
_VECTOR = "SELECT key FROM public.row ORDER BY embedding <#> $1 LIMIT 20"
_FILTERED = "SELECT key FROM public.row WHERE label = $2 ORDER BY embedding <#> $1 LIMIT 20"
_HOPS = """SELECT count(DISTINCT b.target) FROM public.fact a JOIN public.fact b ON b.source = a.target
    WHERE a.source = $1"""


class Adapter:
    """Two plain tables, and as many connections as there are callers."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared, self._loop, self._home = shared, Loop(), folder / "data"
        self._postgres = self._loop.enter(EmbeddedPostgres(self._home))
        self._loop.run(self._extend())
        self._free: list[asyncpg.Connection] = []
        self._connect(_CALLERS)

    async def _extend(self) -> None:
        # Connections learn the types of extensions when they are opened, so these are there before.
        raw = await asyncpg.connect(self._postgres.url)
        await raw.execute(_EXTENSIONS)
        await raw.close()

    def _connect(self, count: int) -> None:
        while len(self._free) < count:
            self._free.append(self._loop.enter(raw_connection(self._postgres.url)))

    def load_entities(self) -> None:
        self._loop.run(self._entities(self._free[0]))

    async def _entities(self, raw: asyncpg.Connection) -> None:
        await raw.execute(_TABLES)
        rows = [
            (at, row["key"], row["label"], f"{row['name']}\n{row['text']}", encode_halfvec(self._shared.vectors[at]))
            for at, row in enumerate(self._shared.rows)
        ]
        await raw.copy_records_to_table("row", schema_name="public", records=rows)
        await raw.execute(_INDEXES)
        await raw.execute("VACUUM ANALYZE")

    def load_facts(self) -> None:
        self._loop.run(self._facts(self._free[0]))

    async def _facts(self, raw: asyncpg.Connection) -> None:
        records = [(fact["start"], fact["end"], fact["text"]) for fact in self._shared.facts]
        await raw.copy_records_to_table("fact", schema_name="public", records=records)
        await raw.execute("CREATE INDEX ON public.fact (source); ANALYZE public.fact")

    def hybrid(self, at: int) -> list[str]:
        return self._keys(_HYBRID, self._shared.asked[at].tolist(), self._shared.questions[at]["text"])

    def vector(self, at: int) -> list[str]:
        return self._keys(_VECTOR, self._shared.asked[at].tolist())

    def filtered(self, at: int) -> list[str]:
        return self._keys(_FILTERED, self._shared.asked[at].tolist(), self._shared.questions[at]["label"])

    def two_hops(self, at: int) -> int:
        return int(self._fetch(_HOPS, self._shared.questions[at]["key"])[0][0])

    def _keys(self, query: str, *values: object) -> list[str]:
        return [row["key"] for row in self._fetch(query, *values)][:K]

    def _fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        raw = self._free.pop()
        try:
            return self._loop.run(raw.fetch(query, *values))
        finally:
            self._free.append(raw)

    def processes(self) -> list[int]:
        return list(processes_of(self._home.resolve() / "postgres"))

    def end(self) -> None:
        self._loop.close()
