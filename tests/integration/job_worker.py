"""A worker as a process of its own, for tests to kill: it notes a job's progress, says so, and never ends."""

import asyncio
import sys

import asyncpg

from kgmem.domain.slices import slice_over
from kgmem.store.jobs.queue import open_queue
from kgmem.store.jobs.worker import WorkerOptions


async def main(url: str) -> None:
    """Work on the database of the URL until killed."""

    async def hang(graph: str) -> None:
        await slice_over({"after": 2**62})
        connection = await asyncpg.connect(url)
        await connection.execute("INSERT INTO public.begun (graph) VALUES ($1)", graph)
        await connection.close()
        await asyncio.Event().wait()

    async with open_queue(url) as queue:
        await queue.work({"rebuild": hang}, WorkerOptions(heartbeat=0.2, poll=0.2, slice=0))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
