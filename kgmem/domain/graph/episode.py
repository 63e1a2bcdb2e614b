"""Episodes: texts as they arrived, and the passages that they are searched by."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from kgmem.domain.fields import (
    DERIVED_FROM,
    EXPIRES_AT,
    ID,
    KEY,
    MOMENT,
    NAME,
    PROPERTIES,
    SCOPE,
    SOURCE,
    TEXT,
    TIME,
    TTL,
    VERSION,
    Field,
    stored,
)

# About 200 tokens of English, so that a passage fits the 256 tokens of the default embedder.
PASSAGE_CHARACTERS = 900
# The property of an episode whose lines are of several subjects, and how long its passages are, so that each has few.
SHORT_PASSAGES: Final = "short_passages"
SHORT_PASSAGE_CHARACTERS: Final = 300
_SPACE = re.compile(r"\s*")
_CLOSING = "\"')]"
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?])[\"')\]]*\s+"), re.compile(r"\s+"))


@dataclass(frozen=True, slots=True)
class Episode:
    """A text with time, place and source, to write or as it is stored (then with id, version and known_from)."""

    text: Annotated[str, stored(TEXT, least=1)]
    # Without one, the hash of what it says, so that a repeated text is the same episode.
    key: Annotated[
        str | None, stored(KEY, role="identity", always=True, doc="Derived from the episode when omitted.")
    ] = None
    occurred_at: Annotated[str | None, stored(TIME)] = None
    source: Annotated[str | None, stored(SOURCE)] = None
    session: Annotated[str | None, stored(KEY)] = None
    speaker: Annotated[str | None, stored(NAME)] = None
    title: Annotated[str | None, stored(NAME)] = None
    mentions: Annotated[Sequence[str], Field("texts", most=1000, item=KEY, doc="Keys of entities.")] = ()
    properties: Annotated[Mapping[str, Any], PROPERTIES] = field(default_factory=dict)
    scope: Annotated[str, stored(SCOPE)] = ""
    extract: Annotated[
        bool, Field("boolean", role="action", doc="Whether to extract entities, facts, times, places and causes.")
    ] = False
    derived_from: Annotated[Sequence[str], stored(DERIVED_FROM)] = ()
    expires_at: Annotated[str | None, stored(EXPIRES_AT)] = None
    ttl: Annotated[str | float | None, TTL] = None
    version: Annotated[int | None, replace(VERSION, role="known")] = None
    id: Annotated[int | None, ID] = None
    known_from: Annotated[str | None, MOMENT] = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text that is searched as one unit: text[start : start + len(body)]."""

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
    """Return where the passage that begins at `start` ends: at the last break of the coarsest kind past its half."""
    if len(text) - start <= limit:
        return len(text)
    window, half = text[start : start + limit], limit // 2
    first = _run_before(window, half)
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(window, first) if found.end() > half]
        if ends:
            return start + ends[-1]
    return start + limit


def _run_before(text: str, place: int) -> int:
    """Where the run of what breaks are made of begins that leads up to a place: no break there begins earlier."""
    before = text[:place]
    while (shorter := before.rstrip().rstrip(_CLOSING)) != before:
        before = shorter
    return len(before)
