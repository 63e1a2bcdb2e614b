"""How many single-entity upserts a second REST takes, beside an empty route of the same app.

16 callers, each on a kept connection with one request at a time, in a process of their own, against a server process:
PUT /v1/graphs/{graph}/entities with one entity (of five labels; a name, a text, two properties), of keys that are new,
then of the same keys with another text; and PUT .../entities/{key}. synchronous_commit is on, so an answer means that
the write is on disk. The baseline is GET /health/live of the same server, which does nothing. In turns, the median of
the rounds. The server's embedder is off; with the default embedder, whose worker shares the cores, the same stands
beside it for orientation.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from statistics import median
from typing import Any

from bench.contract import Figure, compared
from bench.rig.client import Door, Load, LoadMaker
from bench.rig.database import fresh_database, memory_on
from bench.rig.rows import Corpus, Row
from bench.rig.server import serving

ROWS = 20_000
SHORT = 2_000
CALLERS = 16
ROUNDS = 10


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return upserts a second: of new keys, of held keys, and of new keys by their own addresses."""
    corpus = Corpus(rows)
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.create("quiet", space=None)
        async with serving(url, memory, EMBEDDER="none") as door:
            for figure in _figures(door, corpus, "quiet", ""):
                yield figure
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        await memory.graphs.create("embedded")
        async with serving(url, memory, EMBEDDER="minilm") as door:
            for figure in _figures(door, corpus, "embedded", ", default embedder"):
                yield replace(figure, bar=None, holds=True)


def _figures(door: Door, corpus: Corpus, graph: str, how: str) -> Iterator[Figure]:
    load = LoadMaker(door)
    share = corpus.count // ROUNDS
    empty = [door.message("GET", "/health/live")] * share
    warm = range(min(200, share))
    load.hammer(_one_in_a_batch(door, corpus, graph, warm, "warm"), CALLERS)
    load.hammer(empty[:200], CALLERS)
    rounds: dict[str, list[Load]] = {"nothing": [], "new keys": [], "held keys": [], "new keys, by address": []}
    for turn in range(ROUNDS):
        keys = range(turn * share, (turn + 1) * share)
        for what, messages in (
            ("nothing", empty),
            ("new keys", _one_in_a_batch(door, corpus, graph, keys, "first")),
            ("held keys", _one_in_a_batch(door, corpus, graph, keys, "second")),
            ("nothing", empty),
            ("new keys, by address", _by_address(door, corpus, graph, keys)),
        ):
            rounds[what].append(load.hammer(messages, CALLERS))
    load.close()
    busiest = max(each.busy for measured in rounds.values() for each in measured)
    print(f"The load maker used {busiest:.0%} of a core at the most.", file=sys.stderr)
    rates = {what: median(each.rate for each in measured) for what, measured in rounds.items()}
    base = rates.pop("nothing")
    for what, rate in rates.items():
        yield compared(f"upserts of {what}{how}", rate, base, "requests/s", at_least=0.4)


def _one_in_a_batch(door: Door, corpus: Corpus, graph: str, keys: range, version: str) -> list[bytes]:
    path = f"/v1/graphs/{graph}/entities"
    return [door.message("PUT", path, {"entities": [_stated(corpus.row(at), version)]}) for at in keys]


def _by_address(door: Door, corpus: Corpus, graph: str, keys: range) -> list[bytes]:
    messages = []
    for at in keys:
        stated = {**_stated(corpus.row(at), "first"), "key": f"own{at}"}
        messages.append(door.message("PUT", f"/v1/graphs/{graph}/entities/own{at}", stated))
    return messages


def _stated(row: Row, version: str) -> dict[str, Any]:
    return {
        "key": row.key,
        "label": row.label,
        "name": row.name,
        "text": f"{row.text} ({version})",
        "properties": {"year": row.year, "version": version},
    }
