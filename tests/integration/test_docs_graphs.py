"""The Python in docs/formats-graphs.md runs as it stands, and the document names every graph format and option."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import kgmem
from kgmem.formats.registry import format_of
from kgmem.memory import Memory

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats-graphs.md"
NAMES = ("apoc", "cytoscape", "dot", "gephi", "gexf", "graphml", "mermaid", "node-link")


async def test_every_block_runs(memory: Memory) -> None:
    names: dict[str, Any] = {"kgmem": kgmem, "memory": memory}
    for block in re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL):
        pending = eval(compile(block, DOCUMENT.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(pending):
            await pending
    assert len(names["central"]) == 34
    await memory.graphs.delete("club")


@pytest.mark.parametrize("name", NAMES)
def test_every_format_its_files_and_its_options_are_documented(name: str) -> None:
    told = DOCUMENT.read_text()
    format_ = format_of("", name)
    assert f"`{name}`" in told
    assert [extension for extension in format_.extensions if f"`{extension}`" not in told] == []
    assert [option for option in format_.options if not re.search(rf"`{option}[=`]", told)] == []
