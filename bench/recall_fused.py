"""How long a recall takes that asks what, where, when and why at once, beside the slowest raw retriever alone.

A graph of entities with words, a 384-d vector, a place and a year each, and five causal relationships to each. Each
question has four words and a vector, a point, five years and an entity whose effects are asked for; where, when and why
rank and do not filter. Ours is memory.recall of 20 hits with all that they say. The baselines are raw statements over
the same rows, each giving 40 ids and nothing else: HNSW, BM25, the nearest points, the rows valid then, the effects to
depth 2; the figure is held to the slowest of them, and to the floor: one statement that fuses HNSW 40 and BM25 40 by
RRF and gives 20 ids. Besides, the CPU of a recall in Python and in Postgres, the same with graph expansion, and by how
much both take longer than in a graph of a fifth of the entities: `--rows 1000000` measures 1M entities and 5M
relationships with vectors beside 200,000 and 1M. p50 and p95 of interleaved repetitions.
"""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from bench.contract import Figure, alone, compared, within
from bench.rig import plain
from bench.rig.clock import interleave
from bench.rig.database import EXTERNAL_URL, GRAPH, SPACE, hnsw_set_aside, memory_and_raw
from bench.rig.machine import cpu_seconds
from bench.rig.rows import Corpus, batches
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Links, Question, Spot, What, When, Where, Why
from kgmem.domain.time.interval import parse_time
from kgmem.memory import Memory

ROWS = 200_000
SHORT = 4_000
K = 20
_QUESTIONS, _DEGREE, _BATCH, _PART = 150, 5, 5000, 5
_SMALL = "fifth"
_RAW = {
    "HNSW": "SELECT id FROM public.plain ORDER BY embedding <#> $1 LIMIT 40",
    "BM25": "SELECT id FROM public.plain ORDER BY body <@> to_bm25query($1, 'public.plain_words') LIMIT 40",
    "nearest points": "SELECT id FROM {index}.item WHERE place IS NOT NULL ORDER BY place <-> point($1, $2) LIMIT 40",
    "valid then": """
        SELECT id FROM {index}.item
        WHERE valid && tstzrange($1, $2) AND NOT (lower_inf(valid) AND upper_inf(valid)) LIMIT 40""",
    "effects": """
        WITH RECURSIVE w (id, steps, strength) AS (
            SELECT id, 0, 1::float8 FROM {index}.item WHERE scope = 0 AND key = $1 AND kind = 1
            UNION ALL
            SELECT e.target, w.steps + 1, w.strength * e.strength
            FROM w JOIN {index}.edge e ON e.source = w.id WHERE w.steps < 2)
        SELECT id, max(strength) FROM w GROUP BY id ORDER BY 2 DESC LIMIT 40""",
}
_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'kgmem'"
_FLOOR = """
WITH near AS (SELECT id, row_number() OVER () AS place FROM (
         SELECT id FROM public.plain ORDER BY embedding <#> $1 LIMIT 40) n),
     words AS (SELECT id, row_number() OVER () AS place FROM (
         SELECT id FROM public.plain ORDER BY body <@> to_bm25query($2, 'public.plain_words') LIMIT 40) w)
SELECT coalesce(n.id, w.id), coalesce(1.0 / (60 + n.place), 0) + coalesce(1.0 / (60 + w.place), 0) AS score
FROM near n FULL JOIN words w ON w.id = n.id ORDER BY 2 DESC LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: for kgmem, and as the raw statements take it."""

    question: Question
    values: dict[str, Sequence[Any]]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the times of the fused recall, alone and with graph expansion."""
    corpus = Corpus(rows)
    async with memory_and_raw() as (memory, raw, _):
        await _load(memory, raw, corpus, GRAPH, rows, into_plain=True)
        index = await raw.fetchval("SELECT index_name FROM kgmem.graph WHERE name = $1", GRAPH)
        asked = _questions(corpus)
        retrievers = await interleave(asked, *(_raw(raw, name, sql.format(index=index)) for name, sql in _RAW.items()))
        slowest = max(retrievers, key=lambda times: times.p50)
        name = list(_RAW)[retrievers.index(slowest)]
        ours, expanded, floor = await interleave(
            asked, _ours(memory), _ours(memory, expand=True), _raw(raw, "floor", _FLOOR), warm_up=_QUESTIONS
        )
        yield compared(f"what, where, when, why, p50 beside {name} alone", ours.p50, slowest.p50, "ms", at_most=2)
        yield compared(f"the same, p95 beside {name}'s", ours.p95, slowest.p95, "ms", at_most=3.5)
        yield compared("the same beside the floor", ours.p50, floor.p50, "ms", at_most=2)
        async for figure in _cpu(raw, asked, _ours(memory)):
            yield figure
        yield compared(f"with graph expansion, p50 beside {name} alone", expanded.p50, slowest.p50, "ms", at_most=6)
        yield compared("the same beside the floor", expanded.p50, floor.p50, "ms", at_most=4)
        await memory.graphs.create(_SMALL, space=SPACE)
        await _load(memory, raw, corpus, _SMALL, rows // _PART, into_plain=False)
        few = [each for each in asked if int(_effects(each.question)[1:]) < rows // _PART]
        for told, expand, bar in (("of the recall", False, 1.3), ("with graph expansion", True, 1.5)):
            large, small = await interleave(
                few, _ours(memory, expand=expand), _ours(memory, graph=_SMALL, expand=expand)
            )
            yield compared(f"growth {told} in a graph five times as large", large.p50, small.p50, "ms", at_most=bar)


async def _cpu(
    raw: asyncpg.Connection, asked: Sequence[_Asked], recall: Callable[[_Asked], Awaitable[Any]]
) -> AsyncIterator[Figure]:
    """Return the milliseconds of CPU that a recall takes in this process and in the sessions of kgmem, where told."""
    pids = [row["pid"] for row in await raw.fetch(_SESSIONS)]
    python, postgres = time.process_time(), cpu_seconds(pids)
    for each in asked:
        await recall(each)
    python, after = (time.process_time() - python) / len(asked) * 1000, cpu_seconds(pids)
    if EXTERNAL_URL is None and postgres is not None and after is not None:
        sessions = (after - postgres) / len(asked) * 1000
        told = f"CPU of a recall: {python:.1f} in Python, {sessions:.1f} in Postgres"
        yield within(alone(told, python + sessions, "ms", "it is a time on a core."), 11)


async def _load(
    memory: Memory, raw: asyncpg.Connection, corpus: Corpus, graph: str, rows: int, *, into_plain: bool
) -> None:
    dice = random.Random(1)
    if into_plain:
        await plain.make_table(raw)
    async with hnsw_set_aside(raw):
        for places in batches(iter(range(rows)), 2000):
            batch = [corpus.row(at) for at in places]
            await memory.entities.put(graph, [row.entity() for row in batch])
            if into_plain:
                await plain.copy(raw, plain.records(batch, places[0]))
    pairs = {(dice.randrange(rows), dice.randrange(rows)) for _ in range(rows * _DEGREE)}
    for links in batches(iter(sorted(pair for pair in pairs if pair[0] != pair[1])), _BATCH):
        stated = [
            Relationship("CAUSES", f"e{start}", f"e{end}", strength=round(dice.uniform(0.05, 0.95), 2))
            for start, end in links
        ]
        await memory.relationships.put(graph, stated)
    if into_plain:
        await plain.make_indexes(raw)
    await raw.execute("VACUUM ANALYZE")


def _questions(corpus: Corpus) -> list[_Asked]:
    dice = random.Random(2)
    found = []
    for text, vector, _ in corpus.questions(_QUESTIONS):
        lon, lat = dice.uniform(-180, 180), dice.uniform(-80, 80)
        year, key = dice.randint(1900, 2010), f"e{dice.randrange(corpus.count)}"
        question = Question(
            What(text=text, vector=vector),
            When(between=(str(year), str(year + 4))),
            Where(near=Spot((lon, lat)), half_km=300),
            Why(effects_of=[key], depth=2, any_order=True),
            modes={"where": "should", "when": "should", "why": "should"},
            k=K,
        )
        values = {
            "HNSW": [vector],
            "BM25": [text],
            "nearest points": [lon, lat],
            "valid then": [_new_year(year), _new_year(year + 5)],
            "effects": [key],
            "floor": [vector, text],
        }
        found.append(_Asked(question, values))
    return found


def _new_year(year: int) -> int | None:
    return parse_time(str(year)).start


def _effects(question: Question) -> str:
    return question.why.effects_of[0]


def _ours(memory: Memory, graph: str = GRAPH, *, expand: bool = False) -> Callable[[_Asked], Awaitable[Any]]:
    async def recall(asked: _Asked) -> Any:
        return await memory.recall(graph, replace(asked.question, graph=Links(expand=expand)))

    return recall


def _raw(raw: asyncpg.Connection, name: str, sql: str) -> Callable[[_Asked], Awaitable[Any]]:
    async def run(asked: _Asked) -> Any:
        return await raw.fetch(sql, *asked.values[name])

    return run
