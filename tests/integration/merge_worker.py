"""A process that merges pairs of entities and parts them again until it is killed; it tells when it has begun."""

import asyncio
import sys

from kgmem.domain.text.resolution import NewMerge
from tests.memories import opened_memory


async def run(url: str, graph: str) -> None:
    """Merge b into a, and undo it, again and again."""
    async with opened_memory(url, size=2) as memory:
        for turn in range(10_000):
            merged = await memory.resolution.merge(graph, NewMerge("a", "b", "worker", "They are one."))
            await memory.resolution.undo_merge(graph, merged.id or 0, by="worker", reason="They are two.")
            if turn == 0:
                sys.stdout.write("begun\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
