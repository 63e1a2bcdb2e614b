"""By how much recalls that walk along the graph take longer when the graph is five times as large.

People and five times as many acquaintances, without embeddings, imported from CSV into two graphs of one database. The
questions are people whom both graphs have: a walk from the person's key, a walk from what the words of the name find,
and the words without a walk. The baseline is the same question of the small graph; beside it, by raw SQL over both, how
BM25 alone grows, as a walk begins where words are found. p50 and p95 of interleaved repetitions.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg

from bench.contract import Figure, compared
from bench.rig import graph_files
from bench.rig.clock import Timed, interleave
from bench.rig.database import memory_and_raw, temporary_home
from bench.rig.plain import need_bm25
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ROWS = 1_000_000
SHORT = 20_000
_PART, _DEGREE, _QUESTIONS, _K = 5, 5, 150, 20
_GRAPHS = ("large", "small")
_WORDS = "SELECT id FROM {index}.passage ORDER BY body <@> to_bm25query($1, '{index}.passage_words') LIMIT 40"
_Person = tuple[str, str]  # Key and name.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the times in both graphs, with graph expansion and without it, and those of raw BM25."""
    async with temporary_home() as folder, memory_and_raw() as (memory, raw, _):
        await need_bm25(raw)
        for graph, count in zip(_GRAPHS, (rows, rows // _PART), strict=True):
            await memory.graphs.create(graph)
            for file in graph_files.write(folder, "csv", count, count * _DEGREE):
                await memory.imports.run(graph, [file])
                file.unlink()
        await raw.execute("VACUUM ANALYZE")
        people = [(key, name) for key, _, name, _, _ in graph_files.people(rows // _PART)]
        asked = random.Random(4).choices(people, k=_QUESTIONS)
        for told, way, bar in (
            ("a walk from a key", _walk_from_key, 1.5),
            ("words and a walk from what they find", _words_and_walk, 1.5),
            ("words alone", _words, None),
        ):
            large, small = await interleave(asked, *(_recall(memory, graph, way) for graph in _GRAPHS))
            yield compared(
                f"{told}, {rows:,} entities beside {rows // _PART:,}", large.p50, small.p50, "ms", at_most=bar
            )
            yield compared("the same, p95", large.p95, small.p95, "ms")
        large, small = await interleave(asked, *[await _raw(raw, graph) for graph in _GRAPHS])
        yield compared("BM25 by raw SQL", large.p50, small.p50, "ms")


def _walk_from_key(person: _Person) -> Question:
    return Question(What(start=[person[0]]), graph=Links(expand=True), k=_K)


def _words_and_walk(person: _Person) -> Question:
    return Question(What(text=person[1]), graph=Links(expand=True), k=_K)


def _words(person: _Person) -> Question:
    return Question(What(text=person[1]), k=_K)


def _recall(memory: Memory, graph: str, way: Callable[[_Person], Question]) -> Timed[_Person]:
    def ask(person: _Person) -> Awaitable[Any]:
        return memory.recall(graph, way(person))

    return ask


async def _raw(raw: asyncpg.Connection, graph: str) -> Timed[_Person]:
    index = await raw.fetchval("SELECT index_name FROM kgmem.graph WHERE name = $1", graph)

    def ask(person: _Person) -> Awaitable[Any]:
        return raw.fetch(_WORDS.format(index=index), person[1])

    return ask
