"""Types of answers: which hits have the type that a question word asks for, so that they come before others.

"Who flew on Apollo 8?" asks for a person. "Frank Borman was commander of Apollo 8" shares only the name of the flight
with it, as "Apollo 8 was followed by Apollo 9" does, but of these only the first leads from Apollo 8 to a person. The
words are English; labels count with their ancestors in the schema of the graph.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.recall.answer import End, Hit
from kgmem.domain.recall.expansion import falling
from kgmem.domain.recall.selection import content

LOOKED_AT: Final = 20  # Of the best hits: those that are ordered.
_BEGINNING: Final = (
    4  # Words at the beginning of a question among which its question word is: "Tell me who", "On which".
)
_LONGEST: Final = 2000  # Characters of a question, and of a text of a hit, that are looked at.
_LONGEST_LABEL: Final = 3  # Words.
_WORD: Final = re.compile(r"\w+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_WHO: Final = frozenset({"who", "whom", "whose"})
_NOUN: Final = frozenset({"which", "what"})
_OTHER: Final = frozenset({"when", "why", "how", "where"})
_ACTING: Final = ("Agent", "Person", "Organization")
_UNTYPED: Final = frozenset({None, "Thing"})  # What may be of any type.

Line = Callable[[str], Sequence[str]]  # Returns a label and its ancestors.


@dataclass(frozen=True, slots=True)
class AnswerType:
    """What a question asks for ("who", "which mission"), and the labels that are of this type."""

    words: str
    labels: frozenset[str]


def asks_type(text: str) -> bool:
    """Return whether a question word of a text may ask for a type."""
    return _question_word(_words(text)) is not None


def answer_type(text: str, hits: Sequence[Hit], line: Line) -> AnswerType | None:
    """Return the type that a text asks for among the labels of hits; None where no word of it names one.

    "Who" asks for an agent, "which mission" for what has this label, or descends from one that has.
    """
    words = _words(text)
    at = _question_word(words)
    if at is None:
        return None
    labels = {end.label for hit in hits for end in _ends(hit) if end.label is not None}
    labels |= {hit.label for hit in hits if hit.kind == "entity"}
    if words[at] in _WHO:
        return AnswerType(words[at], frozenset(label for label in labels if not {*line(label)}.isdisjoint(_ACTING)))
    for length in range(_LONGEST_LABEL, 0, -1):
        noun = " ".join(words[at + 1 : at + 1 + length])
        fitting = frozenset(label for label in labels if any(_is_named(each, noun) for each in line(label)))
        if fitting:
            return AnswerType(f"{words[at]} {noun}", fitting)
    return None


def typed_first(text: str, hits: Sequence[Hit], asked: AnswerType) -> list[Hit]:
    """Return hits with those that lead from what a text names to something of the type that it asks for first.

    The same as before where the text names nothing that the hits are about, or says nothing but a name. What may answer
    too keeps its place among the first: named entities, passages and entities whose text has the name.
    """
    first, rest = hits[:LOOKED_AT], hits[LOOKED_AT:]
    words = _words(text)
    named = _named(words, first)
    about = content(text) - frozenset().union(*(content(" ".join(name)) for name in named.values()))
    if not named or not about - content(asked.words):
        return list(hits)
    fitting = [hit for hit in first if _fits(hit, named, asked)]
    ordered = [*fitting, *(hit for hit in first if not _fits(hit, named, asked))]
    return falling([*ordered, *rest])


def _question_word(words: Sequence[str]) -> int | None:
    """Return the place of the first question word; None where that asks for no type."""
    at = next((n for n, word in enumerate(words[:_BEGINNING]) if word in _WHO | _NOUN | _OTHER), None)
    return None if at is None or words[at] in _OTHER else at


def _fits(hit: Hit, named: dict[str, tuple[str, ...]], asked: AnswerType) -> bool:
    if hit.kind == "path":
        return True
    if hit.kind == "fact":
        others = [end for end in _ends(hit) if end.key not in named]
        if len(others) == 2:
            return False
        return all(end.label in _UNTYPED or end.label in asked.labels for end in others)
    if hit.key in named and hit.kind == "entity":
        return True
    told = _words(f"{hit.name or ''} {hit.text or ''}")
    of_type = hit.kind == "episode" or hit.label in asked.labels
    return of_type and any(_places(told, name) for name in named.values())


def _named(words: Sequence[str], hits: Sequence[Hit]) -> dict[str, tuple[str, ...]]:
    """Return the entities of hits whose name is in a text, by key, each with its words.

    A name within a longer one is none: "Apollo 8" does not name Apollo.
    """
    names: dict[str, tuple[str, ...]] = {}
    for hit in hits:
        of = _ends(hit) if hit.kind == "fact" else [End(hit.key, hit.name, hit.label)] if hit.kind == "entity" else []
        names |= {end.key: tuple(_words(end.name or end.key)) for end in of}
    spans = {key: [(at, at + len(name)) for at in _places(words, name)] for key, name in names.items() if name}
    everywhere = [span for each in spans.values() for span in each]
    return {key: names[key] for key, each in spans.items() if any(not _within(span, everywhere) for span in each)}


def _within(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end and (start, end) != span for start, end in spans)


def _places(words: Sequence[str], name: tuple[str, ...]) -> list[int]:
    """Return where a name begins among words."""
    length = len(name)
    return [at for at in range(len(words) - length + 1) if tuple(words[at : at + length]) == name]


def _is_named(label: str, noun: str) -> bool:
    """Return whether a noun is a label, in one number or the other: "sailing ships" is SailingShip."""
    name = _CAMEL.sub(" ", label).lower()
    return noun in {name, f"{name}s", f"{name}es", f"{name[:-1]}ies" if name.endswith("y") else name}


def _ends(hit: Hit) -> list[End]:
    return [end for end in (hit.start, hit.end) if end is not None]


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:_LONGEST].lower())
