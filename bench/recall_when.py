"""How long questions of time take beside raw SQL that asks the same of one table.

A graph of entities, each with words, a 384-d vector and some years of validity; the same times in a plain table with a
GiST index. Questions ask for what was valid on a day, and for what stands in a relation to a decade; both sides give
the 20 that lie nearest in time. The baseline gives ids and nothing else. Then a part of the graph is changed, and it is
asked by words and vector as it was known before; the baseline is the same question asked of the present.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg

from bench.contract import Figure, alone, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, hnsw_set_aside, memory_and_raw
from bench.rig.rows import Corpus, Row, batches
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, Relation, What, When
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory

ROWS = 200_000
SHORT = 3_000
_K = 20
_CHANGED = 20  # One of so many changes.
_RAW = """
    SELECT id FROM public.times WHERE valid {operator} tstzrange($1, $2)
    ORDER BY abs(date_part('epoch', lower(valid) - $1)) + abs(date_part('epoch', upper(valid) - $2)), id LIMIT 20
"""


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of each kind of question."""
    corpus = Corpus(rows)
    async with memory_and_raw() as (memory, raw, _):
        await _load(memory, raw, corpus)
        years = [1500 + 5 * n % 500 for n in range(60)]
        for name, ours, base in (
            ("valid at a day", _recall(memory, _on_a_day), _raw(raw, "&&", _day)),
            ("during a decade", _recall(memory, _in_a_decade), _raw(raw, "<@", _decade)),
        ):
            mine, theirs = await interleave(years, ours, base, warm_up=8)
            yield compared(f"{name}, nearest {_K}, p50", mine.p50, theirs.p50, "ms", at_most=5)
        async for figure in _known_at(memory, corpus):
            yield figure


async def _load(memory: Memory, raw: asyncpg.Connection, corpus: Corpus) -> None:
    await raw.execute("CREATE TABLE public.times (id integer PRIMARY KEY, valid tstzrange NOT NULL)")
    at = 0
    async with hnsw_set_aside(raw):
        for batch in batches(corpus.rows(), 2000):
            await memory.entities.put(GRAPH, [_entity(row, at + n) for n, row in enumerate(batch)])
            records = [(at + n, *_years(at + n)) for n in range(len(batch))]
            await raw.executemany("INSERT INTO public.times SELECT $1, tstzrange($2, $3)", _instants(records))
            at += len(batch)
    await raw.execute("CREATE INDEX ON public.times USING gist (valid)")
    await raw.execute("VACUUM ANALYZE")


def _instants(records: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    return [(at, _start(first), _start(last + 1)) for at, first, last in records]


def _start(year: int) -> int:
    return (year - 1970) * 31_556_952_000_000


def _years(at: int) -> tuple[int, int]:
    first = 1500 + at * 7919 % 500
    return first, first + at % 30


def _entity(row: Row, at: int) -> Entity:
    first, last = _years(at)
    return replace(row.entity(placed=False), valid_from=str(first), valid_to=str(last))


def _on_a_day(year: int) -> When:
    return When(valid_at=f"{year}-07-20")


def _in_a_decade(year: int) -> When:
    return When(relation=Relation("during", of=(str(year), str(year + 9))))


def _day(year: int) -> tuple[int, int]:
    return _start(year) + 200 * 86_400_000_000, _start(year) + 201 * 86_400_000_000


def _decade(year: int) -> tuple[int, int]:
    return _start(year), _start(year + 10)


def _recall(memory: Memory, when: Callable[[int], When]) -> Callable[[int], Awaitable[Any]]:
    async def ask(year: int) -> Any:
        return await memory.recall(GRAPH, Question(What(), when(year), k=_K))

    return ask


def _raw(
    raw: asyncpg.Connection, operator: str, span: Callable[[int], tuple[int, int]]
) -> Callable[[int], Awaitable[Any]]:
    sql = _RAW.format(operator=operator)

    async def ask(year: int) -> Any:
        return await raw.fetch(sql, *span(year))

    return ask


async def _known_at(memory: Memory, corpus: Corpus) -> AsyncIterator[Figure]:
    """Change a part of the graph, and ask as of before."""
    moment = iso(now())
    changed = [Entity(f"e{at}", text=f"changed {at}") for at in range(0, corpus.count, _CHANGED)]
    for at in range(0, len(changed), 2000):
        await memory.entities.put(GRAPH, changed[at : at + 2000])

    async def then(asked: Any) -> Any:
        text, vector, _ = asked
        return await memory.recall(
            GRAPH, Question(What(text=text, vector=vector), When(any_time=True, known_at=moment))
        )

    async def present(asked: Any) -> Any:
        text, vector, _ = asked
        return await memory.recall(GRAPH, Question(What(text=text, vector=vector), When(any_time=True)))

    mine, theirs = await interleave(corpus.questions(10), then, present, warm_up=2)
    yield compared("words and vector as known then, p50", mine.p50, theirs.p50, "ms")
    yield alone("words and vector as known then, slowest", max(mine.seconds), "s", "exact over all that was known then")
