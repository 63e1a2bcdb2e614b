"""Pages, help, API descriptions and messages use the terms of the field, and no private words or riddles."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from kgmem.cli.main import COMMANDS, load
from tests.house.sources import nodes
from tests.rest_app import bare_app

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

# What is not written, as a pattern without regard to case, and what is written instead. Each pattern names a wrong
# use and not the ordinary English word beside it.
BANNED: Final[dict[str, str]] = {
    r"\blikeness(?:es)?\b": "similarity",
    r"\balike\b": "similar",
    r"\bmend(?:s|ed|ing)?\b": "fix, hint",
    r"\btold\b": "shown, reported, returned",
    r"\bis asked\b|\bare asked\b|\bwas asked\b|\basks? for it\b|\bif asked\b": "requested",
    r"\bheld\b(?![ -]back)": "stored, existing, current, true",
    r"\bwhat stands\b|\bas it stands\b|\bstands? against\b|\bstands? beside\b|\bstands? in the text\b": "current, is",
    r"\barms? of (?:a |the )?(?:recall|question|search)|\bretrieval arms?\b": "retriever",
    r"\bgraph walks?\b|\bwalk(?:s|ing)? (?:the|along|over|from) ": "graph expansion, traversal",
    r"\bwould bring\b|\bbrought\b(?! (?:in line|up to date|about))": "extract, create",
    r"\bunder way\b": "in progress",
    r"\bleft out\b|\bleaves? out\b|\bleaving out\b": "omitted, default",
    r"\b(?:take|takes|taken|taking|took) (?:\w+ )?back\b": "undo, withdraw",
    r"\bof exactly\b|\bexactly (?:this|that|its|one) scope\b": "in this scope only",
    r"\bdoors?\b": "interface",
    r"\b(?:are|is|be) one thing\b|\b(?:tell|told|tells|telling) \w*\s?apart\b": "duplicates, mark as distinct",
    r"\bweigh(?:s|ed|ing)? (?:anew|claims|its facts|a fact|facts)\b": "resolve, compute consensus",
    r"\bin short what\b|\bsay in short\b|\bsums? (?:them |it |an entity )?up\b": "summarise",
    r"\bsigns? of life\b": "heartbeat",
    r"\d well\b": "checks passed",
    r"\bthere is no such\b|\bno such thing\b": "Not found: ...",
    r"\bis not expected here\b": "Unexpected ...: expected ...",
    r"\bunless given\b|\bunless it is given\b|\bwhere none is given\b": "default",
    r"\bthis once\b": "cannot be shown again",
    r"\banew\b": "again, rebuild",
    r"\bat the most\b": "at most",
    r"\bat the least\b": "at least",
    r"\bhangs? together\b": "connected, correlated",
    r"\bruling\b|\bruled\b": "adjudication",
    r"\bwhat came of\b|\bwhat is so\b|\bsaid of it\b|\btold of it\b": "state, result",
    r"\bmakes? of it\b|\bbore out\b|\bbears? out\b": "a plain verb",
    r"\bthe like of\b|\bruns? the like\b": "similar",
    r"\bof (?:its|their|your) own making\b": "your own",
}
# True names in which a pattern occurs.
NAMES: Final = ("Aldrin and Armstrong walked on the Moon",)

_ANY: Final = re.compile("|".join(BANNED), re.IGNORECASE)


def found(text: str) -> list[str]:
    """Return what is wrong in a text: each banned word with the words around it, and what to write."""
    for name in NAMES:
        text = text.replace(name, "")
    if not _ANY.search(text):
        return []
    return [
        f"...{text[max(match.start() - 40, 0) : match.end() + 40]!r}...: write {instead}"
        for pattern, instead in BANNED.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_written_in_the_field_s_words(page: Path) -> None:
    assert not found(_prose(page))


def _prose(page: Path) -> str:
    """Return a page; of the list of changes what is unreleased."""
    text = page.read_text()
    return text.partition("## [Unreleased]")[2] if page.name == "CHANGELOG.md" else text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_commands_is_written_in_the_field_s_words(name: str) -> None:
    command = load(name)
    texts = [COMMANDS[name][1], *_helps(command)]
    assert not [each for text in texts for each in found(text)]


def _helps(command: Any) -> Iterator[str]:
    yield command.help or ""
    yield from (str(getattr(each, "help", "") or "") for each in command.params)
    for each in getattr(command, "commands", {}).values():
        yield from _helps(each)


def test_the_openapi_document_is_written_in_the_field_s_words() -> None:
    assert not {each for text in _described(bare_app().openapi()) for each in found(text)}


def _described(part: Any) -> Iterator[str]:
    """Yield all summaries and descriptions of an OpenAPI document, and the names of its schemas."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in {"summary", "description"} and isinstance(value, str):
                yield value
            else:
                yield from _described(value)
    elif isinstance(part, list):
        for each in part:
            yield from _described(each)


def test_schemas_of_the_openapi_document_are_nouns() -> None:
    names = bare_app().openapi()["components"]["schemas"]
    assert not [name for name in names if re.search(r"[a-z](?:In|Out|Asked|Made|Told|Held|Given)$", name)]


# Rooms whose messages and docstrings are held to the words.
ROOMS: Final = (
    "kgmem/bolt",
    "kgmem/bridges",
    "kgmem/cli",
    "kgmem/consensus",
    "kgmem/documents",
    "kgmem/domain",
    "kgmem/embedding",
    "kgmem/extraction",
    "kgmem/formats",
    "kgmem/query",
    "kgmem/resolution",
    "kgmem/services",
    "kgmem/store",
    "api/kgmem_api",
)


def _modules() -> list[tuple[str, tuple[ast.AST, ...]]]:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [(str(path.relative_to(ROOT)), nodes(path)) for path in paths]


def test_messages_and_hints_are_written_in_the_field_s_words() -> None:
    wrong = [
        (name, node.lineno, each)
        for name, module in _modules()
        for node in module
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
        if not node.value.startswith(r"\b")  # A pattern of words in texts.
        for each in found(node.value)
    ]
    assert not wrong


def test_errors_of_all_rooms_are_written_in_the_field_s_words() -> None:
    paths = [path for room in ("kgmem", "api") for path in sorted((ROOT / room).rglob("*.py"))]
    wrong = [
        (str(path.relative_to(ROOT)), text.lineno, each)
        for path in paths
        for text in _messages(path)
        for each in found(str(text.value))
    ]
    assert not wrong


def _messages(path: Path) -> Iterator[ast.Constant]:
    """Yield the texts of what is raised, and of hints."""
    for node in nodes(path):
        part: ast.AST | None = None
        if isinstance(node, ast.Raise):
            part = node.exc
        elif isinstance(node, ast.keyword) and node.arg in {"hint", "message", "detail"}:
            part = node.value
        for each in ast.walk(part) if part else ():
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each


def test_docstrings_begin_with_what_is_returned_or_done() -> None:
    wrong = [
        (name, node.name, doc.splitlines()[0])
        for name, module in _modules()
        for node in module
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and (doc := ast.get_docstring(node))
        and re.match(r"(?:Give|Gives|Tell|Tells|Say|Says|Ask|Asks|Let|Lets) ", doc)
    ]
    assert not wrong
