"""Episodes: texts as they arrived, and the passages that they are searched by."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# About 200 tokens of English, so that a passage fits the 256 tokens of the default embedder.
PASSAGE_CHARACTERS = 900
_SPACE = re.compile(r"\s*")
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?])[\"')\]]*\s+"), re.compile(r"\s+"))


@dataclass(frozen=True, slots=True)
class Episode:
    """One text with when, where from and by whom, or one as it is held (then with id, version and known_from)."""

    text: str
    key: str | None = None  # Without one, the hash of what it says, so that a repeated text is the same episode.
    occurred_at: str | None = None
    source: str | None = None
    session: str | None = None
    speaker: str | None = None
    title: str | None = None
    mentions: Sequence[str] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""
    extract: bool = False
    version: int | None = None
    id: int | None = None
    known_from: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a text that is searched as one: its place in the text is text[start : start + len(body)]."""

    ordinal: int
    start: int
    body: str


def passages(text: str, limit: int = PASSAGE_CHARACTERS) -> Iterator[Passage]:
    """Cut a text into passages of at most `limit` characters, at paragraphs, lines, sentences or words.

    The passages cover everything but the white space between them, in order, and depend on the text alone.
    """
    start, ordinal = 0, 0
    while start < len(text):
        start = _SPACE.match(text, start).end()  # type: ignore[union-attr]  # It matches nothing too.
        end = _cut(text, start, limit)
        body = text[start:end].rstrip()
        if body:
            yield Passage(ordinal, start, body)
            ordinal += 1
        start = end


def _cut(text: str, start: int, limit: int) -> int:
    """Give where the passage that begins at `start` ends: at the last break of the coarsest kind past its half."""
    if len(text) - start <= limit:
        return len(text)
    window = text[start : start + limit]
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(window) if found.end() > limit // 2]
        if ends:
            return start + ends[-1]
    return start + limit
