"""Evaluation: questions with known answers, and the faults of actual answers. No model is involved."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question

LOADED = "loaded"  # The moment at which the sample was there, and nothing of its history had come about.
_CLOSE = 1e-6  # Values are kept as 32 or 64 bit floats, and their expected ones are told in decimals.


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """Conditions on a correct answer; hits are named by their keys."""

    exactly: Sequence[str] | None = None  # All hits and no others, in any order.
    first: Sequence[str] = ()  # The first hits, in this order.
    within: int | None = None  # How many of the first hits count for `holds` and `one_of`; None: all.
    holds: Sequence[str] = ()  # All of these are there.
    one_of: Sequence[str] = ()  # One of these is there.
    order: Sequence[str] = ()  # These are there and follow each other, with or without others between.
    never: Sequence[str] = ()  # None of these is there.
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # Retriever -> key -> its raw value.
    texts: Mapping[str, str] = field(default_factory=dict)  # Key -> what its text holds.


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """One question with its known answer."""

    asks: str  # In words, for people.
    tests: Sequence[str]  # The dimensions of recall that it takes.
    question: Question
    right: ExpectedAnswer
    moment: str | None = None  # Asked as it was known then: LOADED, or the name of a step of the history.


@dataclass(frozen=True, slots=True)
class Step:
    """What changes in the graph after the sample is loaded: deletions first, then entities, links, and episodes.

    The moment that bears its name is that at which its last episode is known; without episodes it gives none.
    """

    name: str
    entities: Sequence[Entity] = ()
    relationships: Sequence[Relationship] = ()
    episodes: Sequence[Episode] = ()
    deleted_entities: Sequence[str] = ()
    deleted_episodes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one question: no faults, faults, or why it was skipped."""

    asks: str
    tests: Sequence[str]
    faults: Sequence[str]
    skipped: str | None
    milliseconds: float

    @property
    def right(self) -> bool:
        """Return whether the question was answered and has no faults."""
        return not self.faults and self.skipped is None


def faults_of(answer: Answer, right: ExpectedAnswer) -> list[str]:
    """Return the faults of an answer, in words; empty for a correct one."""
    keys = [hit.key for hit in answer.hits]
    near = keys[: right.within]
    found = [
        *_wrong_set(keys, right.exactly),
        *(f"missing {key}" for key in right.holds if key not in near),
        *(f"must not hold {key}" for key in right.never if key in keys),
    ]
    if right.first and keys[: len(right.first)] != [*right.first]:
        found.append(f"begins with {', '.join(keys[: len(right.first)]) or 'nothing'}")
    if right.one_of and not set(right.one_of) & set(near):
        found.append(f"none of {', '.join(right.one_of)} among {', '.join(near) or 'no hits'}")
    if right.order and [key for key in keys if key in right.order] != [*right.order]:
        found.append(f"order is {', '.join(key for key in keys if key in right.order) or 'nothing'}")
    return [*found, *_wrong_values(answer, right), *_wrong_texts(answer, right)]


def _wrong_set(keys: Sequence[str], exactly: Sequence[str] | None) -> list[str]:
    if exactly is None:
        return []
    missing, beside = sorted(set(exactly) - set(keys)), sorted(set(keys) - set(exactly))
    twice = sorted({key for key in keys if keys.count(key) > 1})
    told = (("missing", missing), ("must not hold", beside), ("twice", twice))
    return [f"{what} {', '.join(which)}" for what, which in told if which]


def _wrong_values(answer: Answer, right: ExpectedAnswer) -> list[str]:
    found = []
    hits = {hit.key: hit for hit in answer.hits}
    for retriever, expected in right.values.items():
        for key, value in expected.items():
            share = hits[key].retrievers.get(retriever) if key in hits else None
            if share is None or not math.isclose(share.value, value, rel_tol=_CLOSE, abs_tol=_CLOSE):
                told = f"{share.value:.6g}" if share else "nothing"
                found.append(f"{retriever} of {key} is {told} rather than {value:.6g}")
    return found


def _wrong_texts(answer: Answer, right: ExpectedAnswer) -> list[str]:
    texts = {hit.key: hit.text or "" for hit in answer.hits}
    return [
        f"the text of {key} does not hold {part!r}"
        for key, part in right.texts.items()
        if part not in texts.get(key, "")
    ]
