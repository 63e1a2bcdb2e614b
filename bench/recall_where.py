"""How long questions about places take beside the raw statements they stand on.

A graph of entities all over the earth, each with a 384-d vector, written through the façade; the same rows in a plain
table with a GiST index on their points and an HNSW one. Ours is the candidate statement alone, since a raw statement
fetches nothing either. The baselines: the index scan in the order of degrees (which is not that of distances), the
haversine over a bounding box, a polygon as Postgres' own type (which knows no holes), and the vector scan. p50 of
interleaved repetitions. Also how many of the 20 truly nearest vectors are found within distances that leave little.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg
import numpy as np

from bench.contract import Figure, alone, compared
from bench.rig import plain
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, hnsw_set_aside, memory_and_raw
from bench.rig.rows import Corpus, batches
from kgmem.domain.recall.question import Question, Spot, What, Where
from kgmem.domain.space.geometry import haversine_km
from kgmem.memory import Memory

ROWS = 200_000
SHORT = 3_000
K = 20
QUESTIONS = 100
Asked = tuple[float, float, Any]  # Longitude, latitude and a vector.

NEAREST = f"SELECT id FROM public.plain ORDER BY place <-> point($1, $2) LIMIT {K}"
RADIUS = f"""
    SELECT id FROM (
        SELECT id, 12742.0176 * asin(sqrt(sin(radians(place[1] - $2) / 2) ^ 2
            + cos(radians($2)) * cos(radians(place[1])) * sin(radians(place[0] - $1) / 2) ^ 2)) AS km
        FROM public.plain WHERE place <@ box(point($1 - 6, $2 - 3), point($1 + 6, $2 + 3))
    ) near WHERE km <= 300 ORDER BY km LIMIT {K}
"""
POLYGON = f"SELECT id FROM public.plain WHERE place <@ $1::polygon LIMIT {K}"
VECTORS = f"SELECT id FROM public.plain ORDER BY embedding <#> $1 LIMIT {K}"


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of each kind of question, and what a filter costs the vector retriever."""
    corpus = Corpus(rows)
    async with memory_and_raw() as (memory, raw, _):
        await plain.make_table(raw)
        at = 0
        async with hnsw_set_aside(raw):
            for batch in batches(corpus.rows(), 2000):
                await memory.entities.put(GRAPH, [row.entity() for row in batch])
                await plain.copy(raw, plain.records(batch, at))
                at += len(batch)
        await plain.make_indexes(raw)
        await raw.execute("VACUUM ANALYZE")
        chance = np.random.default_rng(3)
        spots = zip(chance.uniform(-170, 170, QUESTIONS), chance.uniform(-60, 60, QUESTIONS), strict=True)
        asked = [
            (float(lon), float(lat), vector)
            for (lon, lat), (_, vector, _) in zip(spots, corpus.questions(QUESTIONS), strict=True)
        ]
        for name, ours, base, bar in _pairs(memory, raw):
            mine, theirs = await interleave(asked, ours, base)
            yield compared(f"{name}, p50", mine.p50, theirs.p50, "ms", at_most=bar)
        yield await _recall_of_filtered(memory, corpus, asked)


def _pairs(memory: Memory, raw: asyncpg.Connection) -> list[tuple[str, Any, Any, float]]:
    """Return kinds of questions: ours, the raw statement, and how many times as long ours may take."""

    def candidates(make: Callable[[Asked], Question]) -> Callable[[Asked], Awaitable[Any]]:
        async def ask(asked: Asked) -> Any:
            question = make(asked)
            return await memory.ports.index.candidates(GRAPH, question, question.what.vector)

        return ask

    def near(asked: Asked, **more: Any) -> Where:
        return Where(near=Spot((asked[0], asked[1])), **more)

    async def nearest(asked: Asked) -> Any:
        return await raw.fetch(NEAREST, *asked[:2])

    async def radius(asked: Asked) -> Any:
        return await raw.fetch(RADIUS, *asked[:2])

    async def polygon(asked: Asked) -> Any:
        return await raw.fetch(POLYGON, asyncpg.Polygon(*_ring(asked)[:-1]))

    async def vectors(asked: Asked) -> Any:
        return await raw.fetch(VECTORS, asked[2])

    def within(asked: Asked) -> Where:
        return Where(within={"type": "Polygon", "coordinates": [_ring(asked)]})

    return [
        (f"the {K} nearest", candidates(lambda a: Question(where=near(a, nearest=K), k=K)), nearest, 6),
        ("within 300 km", candidates(lambda a: Question(where=near(a, km=300), k=K)), radius, 4),
        ("within a polygon of 100 edges", candidates(lambda a: Question(where=within(a), k=K)), polygon, 10),
        ("vector, near ranks", candidates(lambda a: Question(What(vector=a[2]), where=near(a), k=K)), vectors, 3),
        (
            "vector within 300 km",
            candidates(lambda a: Question(What(vector=a[2]), where=near(a, km=300), k=K)),
            vectors,
            3,
        ),
    ]


def _ring(asked: Asked) -> list[tuple[float, float]]:
    """Return a closed ring of 100 edges around a point."""
    turns = np.linspace(0, 2 * np.pi, 101)
    ring = [(asked[0] + 4 * float(np.cos(turn)), asked[1] + 4 * float(np.sin(turn))) for turn in turns]
    return [*ring[:-1], ring[0]]


async def _recall_of_filtered(memory: Memory, corpus: Corpus, asked: list[Asked]) -> Figure:
    """Return how many of the truly nearest vectors within a distance are found, over distances of all sizes."""
    rows = list(corpus.rows())
    found = known = 0
    for at, (lon, lat, vector) in enumerate(asked[:20]):
        km = (300.0, 1000.0, 3000.0, 9000.0)[at % 4]
        held = np.array([haversine_km((lon, lat), (row.lon, row.lat)) <= km for row in rows])
        values = np.where(held, corpus.vectors @ np.asarray(vector, np.float32), -np.inf)
        true = {rows[int(n)].key for n in np.argsort(-values)[:10] if held[n]}
        answer = await memory.recall(GRAPH, Question(What(vector=vector), where=Where(Spot((lon, lat)), km), k=10))
        found, known = found + len(true & {hit.key for hit in answer.hits}), known + len(true)
    figure = alone(
        "recall@10 of vectors within 300 to 9000 km", found / known, "share", "it is compared with the truth"
    )
    return replace(figure, bar=">= 0.95 share", holds=found >= 0.95 * known)
