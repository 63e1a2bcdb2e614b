"""A consumer in a process of its own, to be killed: reads, prints the ids of its events, and never acknowledges."""

import asyncio
import sys

from kgmem.domain.subscriptions.subscription import GroupRead, SubscriptionAddress
from tests.memories import hashing, opened_memory


async def main(url: str, graph: str) -> None:
    """Lease events of the group g, print their ids, and wait to be killed."""
    async with opened_memory(url, embedder=hashing()) as memory:
        found = await memory.subscriptions.read(graph, SubscriptionAddress("all"), GroupRead("g", 2, 5.0))
        sys.stdout.write(" ".join(event.id for event in found.events) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
