"""An import as a process of its own, which tells as one JSON line what it took: python -m bench.rig.importing."""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from bench.rig.database import memory_on

_UNIT = 1024**2 if sys.platform == "darwin" else 1024  # What the system counts the peak in, by the megabyte.


async def import_apart(url: str, graph: str, files: list[Path]) -> dict[str, Any]:
    """Import files in a process of its own; gives its peak of resident memory (MB), its seconds and records."""
    command = ("-m", "bench.rig.importing", url, graph, *map(str, files))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the import ended with {process.returncode}")
    taken: dict[str, Any] = json.loads(told)
    return taken


async def _import(url: str, graph: str, files: list[Path]) -> None:
    async with memory_on(url) as memory:
        await memory.graphs.create(graph)
        began = time.perf_counter()
        result = await memory.imports.run(graph, files)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNIT
    print(json.dumps({"peak": peak, "seconds": seconds, "created": result.created, "rejected": result.rejected}))


if __name__ == "__main__":
    asyncio.run(_import(sys.argv[1], sys.argv[2], [Path(name) for name in sys.argv[3:]]))
