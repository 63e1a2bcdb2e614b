"""Texts read into a graph by the offline rules: how fast, whether again grows it, whether their order matters.

2WikiMultihopQA's passages and turns of two of LoCoMo's conversations (KGMEM_DATA: hipporag, locomo). Passages a second
count all with two processes that read: storing, reading, resolving, claims and relationships, but no vectors; the
baseline is bare spaCy on the same texts in one process, before and after. What the same passages bring when they are
sent and read again is set against what they brought first; what turns tell that came in any order, against what they
tell in theirs. The same is asked of the sample's texts, without the entities that they come with. The rows
are passages; a third as many turns are read of each conversation.
"""

import json
import lzma
import random
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from bench.contract import Figure, alone, compared, within
from bench.rig.database import data_folder, fresh_database, memory_on
from bench.rig.multi_hop import read
from kgmem.domain.claims.claim import FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.extraction.rules import language
from kgmem.formats.kgmem.sample import read_sample
from kgmem.memory import Memory
from kgmem.resources import resource

ROWS = 600
SHORT = 60
_CONVERSATIONS = 2
_LEAST = 0.6  # Of bare spaCy's speed.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return passages a second, growth by the same texts, and facts that another order changes."""
    passages = read("2wiki").passages[:rows]
    episodes = [
        Episode(f"{each.title}\n{each.text}", str(n), title=each.title, extract=True) for n, each in enumerate(passages)
    ]
    texts = [each.text for each in episodes]
    async with fresh_database() as url, memory_on(url, extractor_processes=2) as memory:
        await memory.graphs.create("warm")
        await _read(memory, "warm", episodes[:4])
        before = _bare(texts)
        await memory.graphs.create("passages")
        rate = await _read(memory, "passages", episodes)
        bare = (before + _bare(texts)) / 2
        yield compared("passages read into the graph", rate, bare, "passages/s", at_least=_LEAST)
        yield await _again(memory, "passages", episodes)
        for name, stream in [*_conversations(rows // 3), ("sample", _sample())]:
            ordered = await _told(memory, f"{name}-ordered", stream)
            yield await _again(memory, f"{name}-ordered", stream)
            shuffled = await _told(memory, f"{name}-shuffled", random.Random(7).sample(stream, len(stream)))
            note = f"of {len(ordered)} entities, relationships and facts of {name}, none may."
            changed = max(len(ordered - shuffled), len(shuffled - ordered))
            told = alone(f"{name}: what another order changes", changed, "items", note)
            yield within(told, 0)


async def _again(memory: Memory, graph: str, episodes: Sequence[Episode]) -> Figure:
    """Send and read texts again; gives what the graph holds then beside what it held."""
    first = await _size(memory, graph)
    await memory.extraction.repeat(graph, [each.key or "" for each in episodes])
    await _read(memory, graph, episodes)
    name = f"{graph}: items after the same texts again"
    return compared(name, await _size(memory, graph), first, "items", at_most=1)


async def _read(memory: Memory, graph: str, episodes: Sequence[Episode]) -> float:
    started = time.perf_counter()
    await memory.episodes.put(graph, episodes)
    await memory.extraction.run(graph)
    return len(episodes) / (time.perf_counter() - started)


async def _size(memory: Memory, graph: str) -> int:
    stats = await memory.graphs.stats(graph)
    return stats.entities + stats.relationships + stats.episodes


def _bare(texts: Sequence[str]) -> float:
    language()
    started = time.perf_counter()
    for _ in language().pipe(texts, batch_size=32):
        pass
    return len(texts) / (time.perf_counter() - started)


async def _told(memory: Memory, graph: str, stream: Sequence[Episode]) -> set[tuple[object, ...]]:
    """What a graph tells of texts that come ten at a time, by names; these are spelled as the first text does."""
    await memory.graphs.create(graph)
    for at in range(0, len(stream), 10):
        await _read(memory, graph, stream[at : at + 10])
    held = [each async for each in memory.exports.items(graph, embeddings="none")]
    named = {each.key: (each.name or each.key).casefold() for each in held if isinstance(each, Entity)}
    told: set[tuple[object, ...]] = {(each.label, named[each.key]) for each in held if isinstance(each, Entity)}
    told |= {
        (each.kind, named.get(each.start, each.start), named.get(each.end, each.end), each.valid_from, each.valid_to)
        for each in held
        if isinstance(each, Relationship)
    }
    cursor = None
    while True:
        page = await memory.facts.list(graph, FactFilter(limit=1000, cursor=cursor))
        told |= {
            (named.get(f.subject, f.subject), f.predicate, str(f.value).casefold(), f.state, f.valid_from, f.valid_to)
            for f in page.items
        }
        cursor = page.cursor
        if cursor is None:
            return told


def _sample() -> list[Episode]:
    """Return the texts of the sample as if nothing were known of them but when they were said."""
    told = read_sample(resource("sample") / "apollo", resource("graph_schema") / "apollo.toml").episodes
    return [Episode(each.text, each.key, each.occurred_at, title=each.title, extract=True) for each in told]


def _conversations(turns: int) -> list[tuple[str, list[Episode]]]:
    file = min(data_folder("locomo").glob("*.json.xz"))
    told = json.loads(lzma.decompress(file.read_bytes()))[:_CONVERSATIONS]
    return [(f"locomo-{n}", _turns(each["conversation"])[:turns]) for n, each in enumerate(told)]


def _turns(conversation: dict[str, object]) -> list[Episode]:
    found = []
    for name, session in conversation.items():
        if isinstance(session, list):
            said = str(conversation[f"{name}_date_time"])
            at = datetime.strptime(said, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).isoformat()
            found += [
                Episode(turn["text"], turn["dia_id"], at, session=name, speaker=turn["speaker"], extract=True)
                for turn in session
            ]
    return found
