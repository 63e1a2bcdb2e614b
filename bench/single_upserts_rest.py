"""How many single-entity upserts a second REST takes, beside an empty route of the same app.

16 callers, each on a kept connection with one request at a time, in a process of their own, against a server process:
PUT /v1/graphs/{graph}/entities/{key} with a name, a text and two properties, once for keys that are new and once for
keys that are held with another text. synchronous_commit is on, so an answer means that the write is on disk. The
baseline is GET /health/live of the same server, which does nothing. In turns, the median of the rounds. The server's
embedder is off; with the default embedder, whose worker shares the cores, stands beside it for orientation.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from statistics import median

from bench.contract import Figure, compared
from bench.rig.client import Door, Load, LoadMaker
from bench.rig.database import fresh_database, memory_on
from bench.rig.rows import Corpus
from bench.rig.server import serving

ROWS = 20_000
SHORT = 2_000
CALLERS = 16
ROUNDS = 10


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Give upserts a second, of new keys and of held ones."""
    corpus = Corpus(rows)
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.create_graph("quiet", space=None)
        async with serving(url, memory, EMBEDDER="none") as door:
            for figure in _figures(door, corpus, "quiet", "embedder off"):
                yield figure
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        await memory.create_graph("embedded")
        async with serving(url, memory, EMBEDDER="minilm") as door:
            for figure in _figures(door, corpus, "embedded", "default embedder"):
                yield Figure(figure.figure, figure.value, figure.unit, figure.baseline, figure.ratio)


def _figures(door: Door, corpus: Corpus, graph: str, how: str) -> Iterator[Figure]:
    load = LoadMaker(door)
    share = corpus.count // ROUNDS
    empty = [door.message("GET", "/health/live")] * share
    load.hammer(_upserts(door, corpus, graph, range(200), "warming up"), CALLERS)
    load.hammer(empty[:200], CALLERS)
    created, updated, nothing = [], [], []
    for turn in range(ROUNDS):
        keys = range(turn * share, (turn + 1) * share)
        nothing.append(load.hammer(empty, CALLERS))
        created.append(load.hammer(_upserts(door, corpus, graph, keys, "first"), CALLERS))
        nothing.append(load.hammer(empty, CALLERS))
        updated.append(load.hammer(_upserts(door, corpus, graph, keys, "second"), CALLERS))
    load.close()
    busiest = max(each.busy for each in (*created, *updated, *nothing))
    print(f"The load maker used {busiest:.0%} of a core at the most.", file=sys.stderr)
    base = _rate(nothing)
    yield compared(f"upserts of new keys, {CALLERS} callers, {how}", _rate(created), base, "requests/s", at_least=0.4)
    yield compared(f"upserts of held keys, {CALLERS} callers, {how}", _rate(updated), base, "requests/s", at_least=0.4)


def _rate(rounds: list[Load]) -> float:
    return median(each.rate for each in rounds)


def _upserts(door: Door, corpus: Corpus, graph: str, keys: range, version: str) -> list[bytes]:
    messages = []
    for at in keys:
        row = corpus.row(at)
        stated = {
            "label": row.label,
            "name": row.name,
            "text": f"{row.text} ({version})",
            "properties": {"year": row.year, "version": version},
        }
        messages.append(door.message("PUT", f"/v1/graphs/{graph}/entities/{row.key}", stated))
    return messages
