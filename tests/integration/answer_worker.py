"""A worker in a process of its own, to be killed: it evaluates the followed answers of a graph again and again."""

import asyncio
import sys

from tests.memories import hashing, opened_memory


async def main(url: str, graph: str) -> None:
    """Print a line, and follow answers until the process is killed."""
    async with opened_memory(url, embedder=hashing()) as memory:
        sys.stdout.write("at work\n")
        sys.stdout.flush()
        while True:
            await memory.tasks.follow_answers(graph)
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
