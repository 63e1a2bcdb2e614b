"""An import as a process of its own, for tests to kill: it takes its orders as one JSON text."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from kgmem.domain.errors import KgmemError
from kgmem.services.imports.options import ImportOptions
from kgmem.store.load import deferred_indexes
from tests.memories import opened_memory


def say(text: str) -> None:
    """Tell the test a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(orders: dict[str, Any]) -> None:
    """Import the files, and print what came of it."""
    deferred_indexes.LARGE = orders["large"]
    async with opened_memory(orders["url"]) as memory:
        say("ready")
        try:
            result = await memory.imports.run(
                orders["graph"], [Path(file) for file in orders["files"]], ImportOptions(**orders["options"])
            )
        except KgmemError as error:
            say(f"{type(error).__name__}: {error}")
            sys.exit(1)
        say(f"done {result.read} {result.created} {result.rejected}")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
