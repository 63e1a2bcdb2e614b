"""What the cache is worth and costs: a hit beside a computed answer and beside Redis' own GET, and a miss beside both.

Texts of made-up people in one graph, questions drawn by Zipf's law, as repeated questions are, from `rows` different
ones, and a write for every fifty of them into a scope of its own or, one in ten, into that of the questions. The
embedder hashes, so that nothing but the search is computed. The baseline of a hit and of a miss is the same question in
a memory without a cache; of the shared cache, a GET of a value of the same size from the same Valkey.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from statistics import median

from bench.contract import Figure, SkippedError, alone, compared
from bench.rig.clock import Times, interleave
from bench.rig.database import GRAPH, fresh_database, memory_on, temporary_home
from kgmem.domain.cache.ports import KindStats
from kgmem.domain.errors import ServerError
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.redis.connection import RedisConnection
from kgmem.redis.embedded import EmbeddedRedis

ROWS = 500
SHORT = 40
_TEXTS_EACH = 6  # Texts for each question.
_READS_EACH = 4  # Reads of the mixed load for each question.
_WRITE_EVERY = 50
_SIZE = 8_000  # Bytes of a value in Redis, about that of an answer of twenty hits.
_TOPICS = ("harbour", "orchard", "tannery", "observatory", "quarry", "lighthouse", "granary", "foundry")
_SCOPE = "team/7"


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of hits and misses, the hit rate under writes, and the same over Redis."""
    texts = [f"Who worked in the {topic} with number {n}?" for n, topic in zip(range(rows), itertools.cycle(_TOPICS))]
    questions = [Question(What(text), scope=_SCOPE) for text in texts]
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database())
        plain = await stack.enter_async_context(memory_on(url, embedder="hash"))
        cached = await stack.enter_async_context(memory_on(url, embedder="hash", cache=True))
        await plain.graphs.create(GRAPH)
        await _store(plain, rows)
        await _warm(cached, questions)
        hit, computed = await interleave(
            questions, lambda each: cached.recall(GRAPH, each), lambda each: plain.recall(GRAPH, each)
        )
        yield compared("a hit, p50, beside the computed answer", hit.p50, computed.p50, "ms", at_most=0.5)
        fresh = [Question(What(f"{each.what.text} Say it."), scope=_SCOPE) for each in questions]
        miss, without = await interleave(
            fresh, lambda each: cached.recall(GRAPH, each), lambda each: plain.recall(GRAPH, each), warm_up=0
        )
        yield compared("a miss, p50, beside recall without a cache", miss.p50, without.p50, "ms", at_most=1.25)
        yield alone(
            f"hit rate, one write in {_WRITE_EVERY} reads", await _rate(cached, questions), "share",
            "without a cache nothing is a hit",
        )  # fmt: skip
        try:
            async for figure in _shared(url, questions, stack):
                yield figure
        except ServerError as error:
            raise SkippedError(str(error)) from error


async def _shared(url: str, questions: list[Question], stack: AsyncExitStack) -> AsyncIterator[Figure]:
    """Return the p50 of hits that another process computed, beside GET of the same Valkey."""
    home = await stack.enter_async_context(temporary_home())
    server = EmbeddedRedis(home)
    await server.start()
    stack.push_async_callback(server.stop)
    one, other = [
        await stack.enter_async_context(memory_on(url, embedder="hash", cache=True, redis_url=server.url))
        for _ in range(2)
    ]
    connection = RedisConnection(server.url, timeout=5)
    stack.push_async_callback(connection.aclose)
    await connection.call(lambda client: client.set("value", bytes(_SIZE)))
    await _warm(one, questions)
    theirs, get = Times(), Times()
    for question in questions:  # Each once: the second time the other process has it itself.
        await theirs.of(other.recall(GRAPH, question))
        await get.of(connection.call(lambda client: client.get("value")))
    hits = (await _answers(other)).hits
    yield compared("a hit of what another process computed, p50, beside GET", theirs.p50, get.p50, "ms")
    yield alone("share of these that were hits", hits / len(questions), "share", "there is no plain way to compare")


async def _answers(memory: Memory) -> KindStats:
    return next(each for each in (await memory.cache.stats()).kinds if each.kind == "recall")


async def _store(memory: Memory, rows: int) -> None:
    said = [
        Episode(f"Person {n} worked in the {topic} with number {n // _TEXTS_EACH}.", key=f"text-{n}", scope=_SCOPE)
        for n, topic in zip(range(rows * _TEXTS_EACH), itertools.cycle(_TOPICS))
    ]
    for first in range(0, len(said), 1000):
        await memory.episodes.put(GRAPH, said[first : first + 1000])
    await memory.embeddings.run(GRAPH)


async def _warm(memory: Memory, questions: list[Question]) -> None:
    """Ask until all is cached: the first answers make tables for what is noted of them, some seconds later."""
    for _ in range(30):
        before = (await _answers(memory)).hits
        for question in questions:
            await memory.recall(GRAPH, question)
        if (await _answers(memory)).hits - before == len(questions):
            return
        await asyncio.sleep(1.0)
    raise SkippedError("the answers are not cached after 30 rounds.")


async def _rate(memory: Memory, questions: list[Question]) -> float:
    """Return the share of hits of a mixed load, the median of three parts."""
    dice = random.Random(7)
    weights = [1 / (place + 1) for place in range(len(questions))]
    rates = []
    for part in range(3):
        before = await _answers(memory)
        reads = dice.choices(questions, weights, k=len(questions) * _READS_EACH)
        for number, question in enumerate(reads):
            if number % _WRITE_EVERY == 0:
                scope = _SCOPE if dice.random() < 0.1 else f"other/{part}"
                await memory.entities.put(GRAPH, [Entity(f"n{part}-{number}", "Note", "A note", scope=scope)])
            await memory.recall(GRAPH, question)
        after = await _answers(memory)
        rates.append((after.hits - before.hits) / len(reads))
    return median(rates)
