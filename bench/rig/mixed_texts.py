"""Texts of many kinds with the facts that they state, judged by hand: how the file is read, and what is right.

A block begins with `== name | speaker=...; listener=...; title=...`, then comes the text, then its facts, one a line:
`subject > object : KIND KIND`. A stored fact is right if its two ends are those of a line, in this direction, and its
kind is one of the line's; STATES, in the text's own words, is right for every line. All else that is stored is wrong.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.domain.text.extraction_result import brought, spoken_of
from kgmem.formats.toml_schema import load_schema
from kgmem.resources import resource

FOLDER = Path(__file__).parents[2] / "tests" / "data" / "mixed"
SAID = "2024-05-01T12:00:00Z"
_FACT = re.compile(r"^(.+?) > (.+?)(?: : ([A-Z_ ]+))?$")
_LEAST_SAME = 0.5  # Of the words of an end that the judged one has.


@dataclass(frozen=True)
class Judged:
    """One true fact: the names of its ends, and the kinds beside STATES that say it."""

    subject: str
    object: str
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mixed:
    """A text with what is true of it."""

    name: str
    text: str
    facts: Sequence[Judged]
    speaker: str | None = None
    listener: str | None = None
    title: str | None = None


@dataclass(frozen=True)
class Stored:
    """A fact as it is stored."""

    subject: str
    kind: str
    words: str
    object: str


def mixed_texts(part: str) -> list[Mixed]:
    """Return the texts of a part: the name of a file in the folder."""
    found = []
    for block in re.split(r"^== ", (FOLDER / f"{part}.txt").read_text(), flags=re.MULTILINE)[1:]:
        head, _, rest = block.partition("\n")
        name, _, options = head.partition(" | ")
        text, _, facts = rest.partition("\n--\n")
        told = dict(each.strip().split("=", 1) for each in options.split(";") if "=" in each)
        judged = [_judged(line) for line in facts.splitlines() if line.strip()]
        found.append(Mixed(name.strip(), text, judged, **told))
    return found


def read(each: Mixed) -> TextToRead:
    """Return a text as an extractor takes it."""
    return TextToRead(each.text, SAID, each.speaker, each.listener, each.title)


def stored(each: Mixed, found: Extraction) -> list[Stored]:
    """Return the facts that would be stored of what was found in a text; what ends is none."""
    episode = Episode(each.text, each.name, SAID, speaker=each.speaker, title=each.title)
    keys: Mapping[str, str] = {mention.name: mention.name for mention in spoken_of(found)}
    what = brought(episode, found, keys, load_schema(resource("graph_schema")))
    told = [
        Stored(claim.subject, claim.predicate, "", claim.object) for claim in what.claims if claim.object is not None
    ]
    return told + [_of_relationship(stated) for stated, _ in what.relationships]


def wrong(each: Mixed, facts: Iterable[Stored]) -> list[Stored]:
    """Return the facts that the text does not state."""
    return [fact for fact in facts if not any(_is(fact, judged) for judged in each.facts)]


def missed(each: Mixed, facts: Sequence[Stored]) -> list[Judged]:
    """Return what the text states and no fact says; of lines that are one fact in two directions one is enough."""
    said = {(judged.subject, judged.object) for judged in each.facts if any(_is(fact, judged) for fact in facts)}
    return [
        judged
        for judged in each.facts
        if (judged.subject, judged.object) not in said and (judged.object, judged.subject) not in said
    ]


def _judged(line: str) -> Judged:
    found = _FACT.match(line.strip())
    if found is None:
        raise ValueError(f"{line!r} is no fact.")
    return Judged(found[1], found[2], frozenset((found[3] or "").split()))


def _of_relationship(stated: Relationship) -> Stored:
    return Stored(stated.start, stated.kind, str(stated.properties.get("predicate", "")), stated.end)


def _is(fact: Stored, judged: Judged) -> bool:
    if fact.kind != "STATES" and fact.kind not in judged.kinds:
        return False
    return _same(fact.subject, judged.subject) and _same(fact.object, judged.object)


def _same(name: str, judged: str) -> bool:
    """Say whether a name has all words of the judged one, and few besides."""
    one, other = (re.findall(r"\w+", each.casefold()) for each in (name, judged))
    return set(other) <= set(one) and len(other) >= _LEAST_SAME * len(one)
