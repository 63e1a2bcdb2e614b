"""What reading from a replica costs, beside the same reads on the primary.

Two servers of Postgres on this machine, the second a standby; two servers of kgmem in this process, one with
KGMEM_READ_URL. Entities with a vector each; recalls of 20 hits by a vector, and Cypher reads by a key, in turns: at
rest, and each right after a write of the same server, which the replica has to replay first. p50; the baseline reads
from the primary. Also the share of the reads that the replica answered. Both servers share one machine's processor, so
that what a further machine adds is not measured here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.contract import Figure, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, SPACE, settings_for
from bench.rig.recalling import QUESTIONS, Asked, K
from bench.rig.rows import Corpus, batches
from kgmem import Entity
from kgmem.bootstrap import open_memory
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from tests.replicas import pair_of_servers

ROWS = 50_000
SHORT = 3_000
_BY_KEY = "MATCH (n {key: $key}) RETURN n"

Read = Callable[[Asked], Awaitable[Any]]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of reads with a replica beside those without, and who answered."""
    corpus = Corpus(rows)
    with TemporaryDirectory(prefix="kgb-") as folder:
        async with pair_of_servers(Path(folder)) as pair:
            await pair.follow(synchronous=False)
            own = settings_for(pair.first.url)
            reading = settings_for(pair.first.url, read_url=pair.second.url)
            async with open_memory(own) as plain, open_memory(reading) as memory:
                await plain.graphs.create(GRAPH, space=SPACE)
                for batch in batches(corpus.rows(), 2_000):
                    await plain.entities.put(GRAPH, [row.entity(placed=False) for row in batch])
                async for figure in _measured(plain, memory, corpus):
                    yield figure


async def _measured(plain: Memory, memory: Memory, corpus: Corpus) -> AsyncIterator[Figure]:
    questions = corpus.questions(QUESTIONS)
    for name, read in (("recall of 20 by a vector", _recall), ("a node by its key in Cypher", _by_key)):
        ours, base = await interleave(questions, read(memory), read(plain))
        yield compared(f"{name}, p50", ours.p50, base.p50, "ms", at_most=1.5)
        ours, base = await interleave(questions[:100], _after_write(memory, read), _after_write(plain, read))
        yield compared(f"a write, then {name}, p50", ours.p50, base.p50, "ms")
    counts = (await memory.server.metrics()).reads
    total = sum(counts.values())
    yield Figure("reads that the replica answered", counts.get("replica", 0) / total, "share", reason="of all of them")


def _recall(memory: Memory) -> Read:
    async def read(asked: Asked) -> Any:
        return await memory.recall(GRAPH, Question(What(vector=asked[1]), k=K))

    return read


def _by_key(memory: Memory) -> Read:
    async def read(asked: Asked) -> Any:
        return await memory.cypher(GRAPH, _BY_KEY, {"key": f"e{len(asked[0])}"})

    return read


def _after_write(memory: Memory, read: Callable[[Memory], Read]) -> Read:
    reading, number = read(memory), 0

    async def both(asked: Asked) -> Any:
        nonlocal number
        number += 1
        await memory.entities.put(GRAPH, [Entity(f"written{number}", "Thing", text="a note")])
        return await reading(asked)

    return both
