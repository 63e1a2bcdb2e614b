"""Answers: ranked hits, each with what every retriever contributed to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kgmem.domain.claims.claim import Option
from kgmem.domain.recall.path import CausalPath
from kgmem.domain.recall.question import HitKind, TimeState


@dataclass(frozen=True, slots=True)
class RetrieverShare:
    """How one retriever ranks one hit: its rank (from 1), its raw value, and its share of the score (0 to 1)."""

    rank: int
    value: float
    share: float


@dataclass(frozen=True, slots=True)
class End:
    """What a fact starts from or leads to."""

    key: str
    name: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked item with its reasons."""

    kind: HitKind
    id: int
    key: str
    label: str
    name: str | None
    text: str | None
    score: float
    confidence: float | None = None
    relevance: float | None = None  # The probability that it answers the question's text; None without a text.
    valid_from: str | None = None
    valid_to: str | None = None
    scope: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    place: Mapping[str, Any] | None = None
    retrievers: Mapping[str, RetrieverShare] = field(default_factory=dict)
    provenance: Sequence[Mapping[str, Any]] = ()
    paths: Sequence[CausalPath] = ()  # Of a path itself; of what causes or effects are, when it is to be explained.
    start: End | None = None  # Of a fact, as its end and its strength; its label is the relationship's kind.
    end: End | None = None
    strength: float | None = None
    state: TimeState | None = None  # As of now, or of when.known_at; of an entity or a fact.
    alternatives: Sequence[Option] = ()  # Of a fact that sources disagree on, when the question asks for them.


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one question, best first, and what was held back (reason -> how many candidates)."""

    hits: Sequence[Hit]
    suppressed: Mapping[str, int] = field(default_factory=dict)
    profile: Mapping[str, float] = field(default_factory=dict)  # Milliseconds a stage, when it was asked for.
    understood: Mapping[str, Any] = field(default_factory=dict)  # What was made of the text: the times in it.
    # Whether no hit is likely to answer the question's text, whatever its score; None without a text.
    nothing_relevant: bool | None = None
    cursor: str | None = None  # Goes on behind these hits; None when there are no more.


def current_first(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits with no past fact before a current one of its kind that shares a subject or an object with it.

    "Ada works for Acme", which has ended, comes behind "Ada works for Globex". What holds now moves up and takes the
    score of the first that it passes; all else keeps its place, so that history is found where nothing replaced it.
    """
    ordered = list(hits)
    at = 0
    while at < len(ordered):
        past = ordered[at]
        if past.kind == "fact" and past.state == "past":
            behind = range(at + 1, len(ordered))
            found = next((n for n in behind if _takes_place_of(ordered[n], past)), None)
            if found is not None:
                ordered.insert(at, replace(ordered.pop(found), score=past.score))
        at += 1
    return ordered


def _takes_place_of(hit: Hit, past: Hit) -> bool:
    if hit.kind != "fact" or hit.state != "current" or hit.label != past.label or hit.scope != past.scope:
        return False
    ends = [each.key if each is not None else None for each in (hit.start, hit.end, past.start, past.end)]
    return ends[0] == ends[2] or ends[1] == ends[3]
