"""Runs blocks of Python one after another inside of an open memory: FILE holds [name, text] of each as JSON."""

import ast
import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import kgmem


async def main(blocks: list[list[str]]) -> None:
    """Run the blocks; each sees the names that those before it made."""
    async with kgmem.open() as memory:
        names: dict[str, Any] = {"kgmem": kgmem, "memory": memory}
        for name, text in blocks:
            pending = eval(compile(text, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
            if inspect.isawaitable(pending):
                await pending


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
