"""A process that distils a scope and is killed while it moves originals, or while it verifies."""

import asyncio
import os
import signal
import sys
from typing import Any

from kgmem.services.distillation import execute
from tests.memories import hashing, opened_memory


def killed_at(name: str, turn: int) -> None:
    """Let the process be killed at the so manieth call of a function of the execution."""
    real, left = getattr(execute, name), [turn]

    def counted(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(execute, name, counted)


async def run(url: str, graph: str, scope: str, name: str, turn: str) -> None:
    """Distil until the end comes."""
    killed_at(name, int(turn))
    async with opened_memory(url, size=2, embedder=hashing()) as memory:
        await memory.distillation.run(graph, scope=scope)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
