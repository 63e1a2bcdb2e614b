"""Every command and every option of the command line stands in docs/cli.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kgmem.cli.console import EXIT_CODES
from kgmem.cli.main import COMMANDS, load

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
SECTIONS = dict(re.findall(r"^## (kgmem [\w-]+)[^\n]*\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that can be run, with its full name."""
    for name in COMMANDS:
        command = load(name)
        inner = getattr(command, "commands", None)
        yield from [(f"{name} {each}", inner[each]) for each in inner] if inner else [(name, command)]


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: str(value) if " " in str(value) else ""
)
def test_every_command_is_documented_with_its_options(name: str, command: Any) -> None:
    section = SECTIONS[f"kgmem {name.split(maxsplit=1)[0]}"]
    if " " in name:
        assert f"`kgmem {name}" in section
    for option in command.params:
        for spelling in (*option.opts, *option.secondary_opts):
            if spelling.startswith("-") and spelling not in {"--help", "-h"}:
                assert re.search(rf"`{spelling}\b", section), f"docs/cli.md, kgmem {name}: {spelling}"


def test_no_section_is_of_a_command_that_is_gone() -> None:
    assert set(SECTIONS) == {f"kgmem {name}" for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    assert COMMANDS[name][1].endswith(".")
    assert load(name).help


def test_every_exit_code_is_documented() -> None:
    for code in {0, 1, 130, *(code for _, code in EXIT_CODES)}:
        assert f"\n| {code} | " in DOCUMENT
