"""The Python in README.md and docs/python.md runs as it stands."""

import ast
import asyncio
import inspect
import os
import re
from pathlib import Path
from typing import Any

import pytest

import kgmem

ROOT = Path(__file__).parents[2]


def blocks(document: Path) -> list[str]:
    """The Python blocks of a document."""
    return re.findall(r"^```python\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


def is_program(block: str) -> bool:
    """Whether a block runs alone, or inside of an open memory."""
    return "asyncio.run(" in block


@pytest.fixture(autouse=True)
def fresh(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh database for what the documents open, and a folder for what they write."""
    for name in [name for name in os.environ if name.startswith("KGMEM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KGMEM_DATABASE_URL", database_url)
    monkeypatch.setenv("KGMEM_EMBEDDER", "hash")
    monkeypatch.chdir(tmp_path)
    return database_url


@pytest.mark.parametrize("name", ["README.md", "docs/python.md"])
def test_every_program_runs_and_prints_something(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    programs = [block for block in blocks(ROOT / name) if is_program(block)]
    assert programs, f"{name} shows no program"
    for program in [*programs, *programs]:  # What a reader runs a second time finds what the first run stored.
        exec(compile(program, name, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


def test_the_other_blocks_run_one_after_the_other_on_one_memory() -> None:
    async def run() -> None:
        async with kgmem.open() as memory:
            names: dict[str, Any] = {"kgmem": kgmem, "memory": memory}
            page = [block for block in blocks(ROOT / "docs" / "python.md") if not is_program(block)]
            for block in [*page, *page]:
                code = compile(block, "docs/python.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                pending = eval(code, names)
                if inspect.isawaitable(pending):
                    await pending

    asyncio.run(run())


def test_every_error_that_can_be_caught_is_in_the_table() -> None:
    told = (ROOT / "docs" / "python.md").read_text()
    for name in kgmem.__all__:
        kind = getattr(kgmem, name)
        if isinstance(kind, type) and issubclass(kind, kgmem.KgmemError) and kind is not kgmem.KgmemError:
            assert f"`{name}`" in told
