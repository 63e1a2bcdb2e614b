"""What counting the uses of items takes of a recall, and how fast a sweep lowers their tiers.

Three thousand of HotpotQA's passages, and its questions, one after another. Counting takes the time of noting the hits
of a recall, and its share of the statement that stores the uses of some seconds: nobody waits for it, but it takes the
same processors. The baseline is the p50 of a recall. Then all items are unused for long, and a sweep makes them cold;
the baseline is a plain UPDATE of as many rows of a copy of the table. Then they are archived: bytes, recall and time
beside those of the same passages in the indexes. At last the turns of LoCoMo (KGMEM_DATA/locomo), of which nine in ten
are archived: how many of the evidence turns are found, and the time of questions that search all tiers, and of those
that the gate of the archive leaves to what is hot. The rows are questions.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from statistics import median
from typing import Any

from bench import memory_quality
from bench.contract import Figure, compared
from bench.multi_hop import store
from bench.rig.database import GRAPH, fresh_database, memory_on, raw_connection
from bench.rig.multi_hop import part_of, read
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ROWS = 100
SHORT = 20
_ROUNDS = 10
_PASSAGES = 3000
_STORED_EVERY = 4.0  # Seconds: before the counter does it by itself.
_COLD = 0.9  # Of the turns of conversations.
_TALK = "talk"


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return what counting takes of a recall, and the items a second of a sweep."""
    asked = part_of(read("hotpotqa"), rows, _PASSAGES)
    texts = [text for text, _ in asked.questions[:rows]]
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory, raw_connection(url) as raw:
        await memory.graphs.create(GRAPH)
        await store(memory, asked, GRAPH)
        yield await _counted(memory, texts)
        yield await _swept(memory, raw)
        async for figure in _archived(memory, raw, asked):
            yield figure
        async for figure in _conversations(memory, raw):
            yield figure


async def _counted(memory: Memory, texts: list[str]) -> Figure:
    counter: Any = memory.ports.graphs.usage  # type: ignore[attr-defined]
    for text in texts:
        await memory.recall(GRAPH, _question(text))
    await counter.flush()
    note, spent, stored = counter.note, 0.0, 0.0

    def timed(*arguments: Any) -> None:
        nonlocal spent
        began = time.perf_counter()
        note(*arguments)
        spent += time.perf_counter() - began

    counter.note = timed
    times, since = [], time.perf_counter()
    for text in texts * _ROUNDS:
        began = time.perf_counter()
        await memory.recall(GRAPH, _question(text))
        times.append(time.perf_counter() - began)
        if time.perf_counter() - since > _STORED_EVERY:
            stored += await _stored(counter)
            since = time.perf_counter()
    stored += await _stored(counter)
    told = f"milliseconds that counting takes of a recall, {len(times)} recalls"
    return compared(told, 1000 * (spent + stored) / len(times), 1000 * median(times), "ms", at_most=0.02)


async def _stored(counter: Any) -> float:
    began = time.perf_counter()
    await counter.flush()
    return time.perf_counter() - began


async def _swept(memory: Memory, raw: Any) -> Figure:
    await memory.tiers.put(GRAPH, hot_for=0, warm_for=0)
    schema = (await memory.ports.graphs.layout(GRAPH)).index_name  # type: ignore[attr-defined]
    count = await raw.fetchval(f"SELECT count(*) FROM {schema}.item")
    await raw.execute(f"CREATE TABLE {schema}.bench_items (LIKE {schema}.item INCLUDING ALL)")
    await raw.execute(f"INSERT INTO {schema}.bench_items SELECT * FROM {schema}.item")
    await asyncio.sleep(0.1)
    began = time.perf_counter()
    changes = await memory.tiers.sweep(GRAPH)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    await raw.execute(f"UPDATE {schema}.bench_items SET tier = 2")
    plain = time.perf_counter() - began
    return compared(f"items of a sweep that lowers {changes.lowered:,}", count / ours, count / plain, "items/s")


async def _archived(memory: Memory, raw: Any, asked: Any) -> AsyncIterator[Figure]:
    """Return bytes, recall and time of cold episodes in the archive beside the same in the indexes."""
    schema = (await memory.ports.graphs.layout(GRAPH)).index_name  # type: ignore[attr-defined]
    counter: Any = memory.ports.graphs.usage  # type: ignore[attr-defined]
    counter.note = lambda *_: None  # What is found would come back to the indexes.
    episodes = await raw.fetchval(
        f"SELECT avg((i.kind = 2)::integer)::float8 FROM {schema}.passage p JOIN {schema}.item i ON i.id = p.item"
    )
    hot = episodes * await _bytes(raw, schema, "passage", "vector_")
    found, times = await _found(memory, asked.questions)
    await memory.tiers.put(GRAPH, archive=True)
    changes = await memory.tiers.sweep(GRAPH)
    cold = await _bytes(raw, schema, "archived")
    found_cold, times_cold = await _found(memory, asked.questions)
    count = len(times)
    yield compared(f"bytes of {changes.archived:,} archived episodes", cold, hot, "bytes", at_most=0.15)
    yield compared(f"recall@5 of {count} questions, all is cold", found_cold, found, "share", at_least=0.995)
    yield compared("p50 of a recall, all is cold", 1000 * median(times_cold), 1000 * median(times), "ms")


async def _conversations(memory: Memory, raw: Any) -> AsyncIterator[Figure]:
    """Return what recall finds of LoCoMo's evidence with nine in ten turns archived, beside all of them hot."""
    await memory.graphs.create(_TALK)
    talks = memory_quality.read()
    for number, talk in enumerate(talks):
        await memory_quality.store(memory, raw, number, talk, _TALK)
    await memory.embeddings.run(_TALK)
    schema = (await memory.ports.graphs.layout(_TALK)).index_name  # type: ignore[attr-defined]
    hot = await _bytes(raw, schema, "passage", "vector_")
    count = await raw.fetchval(f"SELECT count(*) FROM {schema}.passage")
    found, times = await _evidence(memory, talks)
    cold = [row["id"] for row in await raw.fetch(f"SELECT id FROM {schema}.item WHERE kind = 2 ORDER BY id")]
    random.Random(19).shuffle(cold)
    cold = cold[: int(_COLD * len(cold))]
    for at in range(0, len(cold), 1000):
        await memory.tiers.move(_TALK, cold[at : at + 1000], "cold")
    await memory.tiers.put(_TALK, archive=True, hot_for=10**7, warm_for=10**7)
    changes = await memory.tiers.sweep(_TALK)
    archived = await _bytes(raw, schema, "archived")
    found_cold, times_cold = await _evidence(memory, talks)
    told = f"bytes of {changes.archived:,} archived turns in small scopes"
    yield compared(told, archived, hot * changes.archived / count, "bytes", at_most=0.15)
    for depth, ours in found_cold.items():
        told = f"recall@{depth} of evidence turns, {len(times)} questions, nine in ten turns archived"
        yield compared(told, ours, found[depth], "share", at_least=1 - 0.005 / found[depth])
    yield compared("p50 of these questions", 1000 * median(times_cold), 1000 * median(times), "ms")


async def _evidence(memory: Memory, talks: Any) -> tuple[dict[int, float], list[float]]:
    """Return the share of evidence turns among the first five and ten, and seconds of recalls."""
    asked = [(talk, *question) for talk in talks for question in talk.questions]
    found, times = dict.fromkeys(memory_quality.DEPTHS, 0.0), []
    for talk, text, needed in asked:
        began = time.perf_counter()
        answer = await memory.recall(_TALK, Question(What(text), scope=talk.scope, k=max(found)))
        times.append(time.perf_counter() - began)
        for depth in found:
            keys = {hit.key for hit in answer.hits[:depth]}
            found[depth] += len(needed & keys) / len(needed) / len(asked)
    return found, times


async def _bytes(raw: Any, schema: str, *tables: str) -> float:
    """Return what tables take with their indexes; names may be the beginnings of names."""
    sql = """SELECT sum(pg_total_relation_size(c.oid))::float8 FROM pg_class c
             WHERE c.relkind = 'r' AND c.relnamespace = $1::regnamespace
               AND EXISTS (SELECT FROM unnest($2::text[]) AS n WHERE starts_with(c.relname, n))"""
    return float(await raw.fetchval(sql, schema, list(tables)))


async def _found(memory: Memory, questions: Any) -> tuple[float, list[float]]:
    """Return the share of the passages that questions need that is among the first five, and seconds of recalls."""
    found, times = 0.0, []
    for text, needed in questions:
        began = time.perf_counter()
        answer = await memory.recall(GRAPH, _question(text))
        times.append(time.perf_counter() - began)
        found += len(needed & {int(hit.key) for hit in answer.hits[:5]}) / len(needed)
    return found / len(times), times


def _question(text: str) -> Question:
    return Question(What(text=text, kinds=["episode"]), graph=Links(expand=False))
