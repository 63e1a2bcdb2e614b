"""How long causes, effects and paths take beside a raw recursive query over the same edges.

A graph of 200k entities and five causal relationships to each, with strengths, all written through the façade. Ours is
memory.recall of the 20 strongest causes of an entity to depth 4, the effects of one, and the paths between two: walk,
order in time, noisy-or, and the hits with all that they say. The baseline is one recursive query over the same edges
that multiplies strengths along simple paths in the order of time, and gives 20 ids; for paths the same walk as far as
the end. p50 of interleaved repetitions. Besides, the effects of one entity that has 100,000.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg

from bench.contract import Figure, alone, compared, within
from bench.rig.clock import Times, interleave
from bench.rig.database import GRAPH, memory_and_raw
from bench.rig.rows import batches
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, Why
from kgmem.memory import Memory

ROWS = 200_000
SHORT = 3_000
DEPTH = 4
K = 20
_DEGREE, _QUESTIONS, _BATCH = 5, 200, 5000
_WALK = """
WITH RECURSIVE walk (items, item, bound, strength) AS (
    SELECT ARRAY[i.id], i.id, lower(i.valid), 1::float8
    FROM {index}.item i WHERE i.scope = 0 AND i.key = $1 AND i.kind = 1
    UNION ALL
    SELECT w.items || e.{far}, e.{far}, {tighter}(w.bound, lower(i.valid)), w.strength * e.strength
    FROM walk w JOIN {index}.edge e ON e.{near} = w.item JOIN {index}.item i ON i.id = e.{far}
    WHERE cardinality(w.items) <= {depth} AND NOT e.{far} = ANY (w.items)
      AND (w.bound IS NULL OR lower(i.valid) IS NULL OR lower(i.valid) {order} w.bound)
)
"""
_STRONGEST = """
SELECT item, 1 - exp(sum(ln(greatest(1 - strength, 1e-300)))) FROM walk WHERE cardinality(items) > 1
GROUP BY item ORDER BY 2 DESC, 1 LIMIT 20
"""
_PATHS = """
SELECT items, strength FROM walk WHERE item = (SELECT id FROM {index}.item WHERE scope = 0 AND key = $2 AND kind = 1)
ORDER BY strength DESC LIMIT 20
"""
_BACK = {"near": "target", "far": "source", "tighter": "least", "order": "<="}
_FORTH = {"near": "source", "far": "target", "tighter": "greatest", "order": ">="}
_WAYS = {"causes": _BACK, "effects": _FORTH}
Asked = tuple[str, str]  # The keys of an entity and of an effect of it.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of causes, effects and paths, and the time of a hub."""
    async with memory_and_raw() as (memory, raw, _):
        asked = await _load(memory, raw, rows)
        index = await raw.fetchval("SELECT index_name FROM kgmem.graph WHERE name = $1", GRAPH)
        for side, way in _WAYS.items():
            base = _raw(raw, (_WALK + _STRONGEST).format(index=index, depth=DEPTH, **way), keys=1)
            times = await interleave(asked, _ours(memory, side), base)
            yield _compared(f"{side} to depth {DEPTH}, p50", times)
        base = _raw(raw, (_WALK + _PATHS).format(index=index, depth=DEPTH, **_FORTH), keys=2)
        yield _compared(f"paths to depth {DEPTH}, p50", await interleave(asked, _ours(memory, "paths"), base))
        hub = Times()
        for _ in range(3):
            await hub.of(memory.recall(GRAPH, Question(why=Why(effects_of=["hub"], depth=DEPTH), k=K)))
        told = alone("effects of an entity that has half as many as there are entities", hub.p50, "ms", "it is a bound")
        yield within(told, 2000)


async def _load(memory: Memory, raw: asyncpg.Connection, rows: int) -> list[Asked]:
    dice = random.Random(1)
    for keys in batches(iter(range(rows)), _BATCH):
        await memory.entities.put(GRAPH, [Entity(f"n{n}", "Event", f"Event {n}") for n in keys])
    await memory.entities.put(GRAPH, [Entity("hub", "Event", "The hub")])
    pairs = [(dice.randrange(rows), dice.randrange(rows)) for _ in range(rows * _DEGREE)]
    for batch in batches(iter(sorted({pair for pair in pairs if pair[0] != pair[1]})), _BATCH):
        await memory.relationships.put(GRAPH, [_link(dice, f"n{start}", f"n{end}") for start, end in batch])
    for ends in batches(iter(range(rows // 2)), _BATCH):
        await memory.relationships.put(GRAPH, [_link(dice, "hub", f"n{end}") for end in ends])
    await raw.execute("VACUUM ANALYZE")
    after: dict[int, int] = {}
    for start, end in pairs:
        after.setdefault(start, end)
    starts = dice.sample(sorted(after), min(_QUESTIONS, len(after)))
    return [(f"n{start}", f"n{_beyond(after, start)}") for start in starts]


def _link(dice: random.Random, start: str, end: str) -> Relationship:
    return Relationship("CAUSES", start, end, strength=round(dice.uniform(0.05, 0.95), 2))


def _beyond(after: dict[int, int], start: int) -> int:
    """Return what three links lead to."""
    at = start
    for _ in range(3):
        at = after.get(at, at)
    return at if at != start else after[start]


def _ours(memory: Memory, side: str) -> Callable[[Asked], Awaitable[Any]]:
    async def recall(asked: Asked) -> Any:
        why = {
            "causes": Why(causes_of=[asked[0]], depth=DEPTH),
            "effects": Why(effects_of=[asked[0]], depth=DEPTH),
            "paths": Why(start=asked[0], end=asked[1], depth=DEPTH),
        }[side]
        return await memory.recall(GRAPH, Question(why=why, k=K))

    return recall


def _raw(raw: asyncpg.Connection, sql: str, *, keys: int) -> Callable[[Asked], Awaitable[Any]]:
    async def walk(asked: Asked) -> Any:
        return await raw.fetch(sql, *asked[:keys])

    return walk


def _compared(figure: str, times: list[Times]) -> Figure:
    return compared(figure, times[0].p50, times[1].p50, "ms", at_most=3)
