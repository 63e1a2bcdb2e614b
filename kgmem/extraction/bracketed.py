"""Facts in brackets behind a name: "(1914-1998)", "(born 3 May 1920)", "(EU)", "(formerly Acme)"."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from spacy.tokens import Doc
from spacy.tokens import Span as Words

from kgmem.domain.text.extraction import FoundTime, Span

_ACRONYM: Final = re.compile(r"[A-Z][A-Za-z0-9&.-]{1,9}")
_FORMER: Final = re.compile(
    r"^(?:formerly|also|previously|born|n\u00e9e|aka|a\.k\.a\.)(?:\s+known as|\s+called)?\s+"
    r"(?P<name>[A-Z][^,;()\d]{1,60})$"
)
_BORN: Final = re.compile(r"\b(?:born|b\.)", re.IGNORECASE)
_DIED: Final = re.compile(r"\b(?:died|d\.)", re.IGNORECASE)
_LIFE: Final = re.compile(r"\s*(?:-|\u2013|\u2014|to)\s*")
_FURTHEST: Final = 4  # Characters between a name and its bracket.


@dataclass(frozen=True, slots=True)
class Bracketed:
    """What a bracket says of the name before it: a predicate with its object's stretch; or another name for it."""

    about: Words
    predicate: str
    object: Span
    rule: str
    time: FoundTime | None = None


def bracketed(
    doc: Doc, text: str, brackets: Sequence[tuple[int, int]], times: Sequence[FoundTime]
) -> Iterator[Bracketed]:
    """Return what the brackets of a text say."""
    for start, end in brackets:
        about = next((ent for ent in reversed(doc.ents) if 0 <= start - ent.end_char <= _FURTHEST), None)
        if about is None:
            continue
        inside = Span(start + 1, end - 1)
        yield from _names(about, text, inside)
        if about.label_ == "PERSON":
            yield from _life(about, text, inside, [time for time in times if time.span.within(inside)])


def _names(about: Words, text: str, inside: Span) -> Iterator[Bracketed]:
    words = text[inside.start : inside.end]
    bare = words.strip()
    if _ACRONYM.fullmatch(bare) and sum(letter.isupper() for letter in bare) >= 2 and _initials(about.text, bare):
        start = inside.start + words.index(bare)
        yield Bracketed(about, "also known as", Span(start, start + len(bare)), "alias")
    elif former := _FORMER.match(bare):
        start = inside.start + words.index(former["name"])
        yield Bracketed(about, "also known as", Span(start, start + len(former["name"].rstrip())), "alias")


def _initials(name: str, short: str) -> bool:
    """Say whether letters may stand for a name: its words begin with the first of them, in any of their orders."""
    letters = [letter.lower() for letter in short if letter.isalpha()]
    return letters[0] in {word[0].lower() for word in re.findall(r"\w+", name)}


def _life(about: Words, text: str, inside: Span, times: Sequence[FoundTime]) -> Iterator[Bracketed]:
    words = text[inside.start : inside.end]
    if len(times) == 1 and times[0].granularity == "range" and times[0].interval.end is not None:
        ends = _LIFE.split(times[0].text)
        if len(ends) == 2:
            cut = times[0].span.start + times[0].text.index(ends[1], len(ends[0]))
            yield Bracketed(
                about, "born in", Span(times[0].span.start, times[0].span.start + len(ends[0])), "life-dates"
            )
            yield Bracketed(about, "died in", Span(cut, times[0].span.end), "life-dates")
        return
    for number, time in enumerate(times[:2]):
        before = words[: time.span.start - inside.start]
        dead = _DIED.search(before) is not None or number == 1
        if dead or _BORN.search(before) or len(times) == 2:
            yield Bracketed(about, "died on" if dead else "born on", time.span, "life-dates", time)
