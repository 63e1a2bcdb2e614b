"""A producer or a consumer of a stream as a process of its own, to be killed: it prints what was acknowledged to it."""

import asyncio
import sys
from contextlib import AsyncExitStack

from kgmem.domain.streams.stream import NewMessage, StreamAddress, StreamRead
from kgmem.memory import Memory
from tests.memories import opened_memory
from tests.redis_servers import streams_in_redis

TASKS = StreamAddress("tasks")
NAMESPACE = "crashes"


async def produce(memory: Memory, graph: str, first: int) -> None:
    """Append messages to three keys in turns from a number on, until killed."""
    n = first
    while True:
        await memory.streams.append(graph, TASKS, NewMessage(n, f"k{n % 3}", str(n)))
        _show(f"{n}")
        n += 1
        await asyncio.sleep(0.005)


async def consume(memory: Memory, graph: str, name: str) -> None:
    """Process messages until killed: print each, then acknowledge it."""
    while True:
        for message in await memory.streams.read(graph, TASKS, StreamRead("g", name, 3, 1.0), wait=1):
            _show(f"{message.key} {message.body}")
            await memory.streams.acknowledge(graph, TASKS, "g", message.receipt or "")


async def main(role: str, url: str, graph: str, more: str, redis: str = "") -> None:
    """Run as a producer from a number on, or as a consumer of a name; with streams in Redis where one is given."""
    async with opened_memory(url, size=4) as postgres, AsyncExitStack() as stack:
        memory = postgres
        if redis:
            memory = await stack.enter_async_context(streams_in_redis(postgres, redis, namespace=NAMESPACE))
        await (produce(memory, graph, int(more)) if role == "produce" else consume(memory, graph, more))


def _show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
