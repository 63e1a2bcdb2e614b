"""Answers that are followed: the best k hits of a question, and the events by which one answer becomes the next."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.scope import SHARED
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.question_checks import check_question
from kgmem.domain.recall.question_record import question_of, record_of

MOST_FOLLOWED: Final = 100  # Hits of an answer that is followed.
MOST_ANSWERS: Final = 100  # Subscriptions to answers, of a scope.
LARGEST_RECORD: Final = 20_000  # Characters of a question as JSON.
MOST_LOGGED: Final = 10_000  # Events of an answer that are kept; the older half becomes the answer as it was then.

Change = Literal["entered", "left", "moved"]
CHANGES: Final[tuple[Change, ...]] = ("entered", "left", "moved")


class Ranked(NamedTuple):
    """An item of an answer: its id and kind (as hits have them), its scope, and its relevance to the question."""

    id: int
    kind: str
    scope: str
    relevance: float | None


class Moved(NamedTuple):
    """How one item changes an answer: its rank (from 1) before and after the event."""

    change: Change
    item: Ranked
    rank: int | None
    previous_rank: int | None


class Moment(NamedTuple):
    """Up to which change a graph can be read; and in how many seconds an answer is evaluated again, whatever changes.

    By then an item may begin, end or expire, or a text that waits may have its vector.
    """

    settled: int
    again: float
    waits: bool  # Whether texts wait for their vectors.


@dataclass(frozen=True, slots=True)
class Followed:
    """A question whose answer may have changed."""

    subscription: int
    question: Question  # In the scope of the subscription.
    version: int  # Of the last evaluation: who stores the next one under it is the only one.
    moment: Moment  # Before the question is asked.


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a question answers, evaluated at a moment; without hits `problem` says why there is no answer."""

    hits: Sequence[Ranked] | None
    moment: Moment
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """An item of a followed answer. It names the item and holds nothing of its content."""

    rank: int
    item: int
    kind: str
    scope: str
    key: str | None  # Null for what is not there any more.
    labels: Sequence[str]
    relevance: float | None


@dataclass(frozen=True, slots=True)
class FollowedAnswer:
    """The best k as they were evaluated last; events behind `cursor` change them."""

    items: Sequence[AnswerItem]
    cursor: str
    evaluated_at: str | None
    problem: str | None  # Why the last evaluation failed; it is tried again.


def check_followed(question: Question | None, scope: str | None = None) -> Question:
    """Return a question that can be followed, in a scope. Raises InvalidInput."""
    if question is None:
        raise InvalidInput(
            "answer is missing, but the subscription is by answer.",
            hint='Give the question, such as {"what": {"text": "Who drinks tea?"}, "k": 5}.',
            field="answer",
        )
    if scope is not None and question.scope not in {SHARED, scope}:
        raise InvalidInput(
            f"answer.scope is {question.scope[:80]!r}, but the subscription is in {scope[:80]!r}.",
            hint="Omit it: the question is evaluated in the scope of the subscription.",
            field="answer.scope",
        )
    if not 1 <= question.k <= MOST_FOLLOWED:
        raise InvalidInput(f"answer.k is {question.k}.", hint=f"Give 1 to {MOST_FOLLOWED}.", field="answer.k")
    for field, wrong, hint in _refused(question):
        if wrong:
            raise InvalidInput(f"answer.{field} cannot be followed.", hint=hint, field=f"answer.{field}")
    check_question(question)
    record = record_of(question)
    if len(json.dumps(record)) > LARGEST_RECORD:
        raise InvalidInput(
            "answer is too long.", hint=f"Give at most {LARGEST_RECORD:,} characters of JSON.", field="answer"
        )
    return replace(question_of(record), scope=question.scope if scope is None else scope)


def _refused(question: Question) -> Iterable[tuple[str, bool, str]]:
    """Return what of a question has no answer that changes, or none that kgmem may ask for by itself."""
    return (
        ("what.vector", question.what.vector is not None, "Give what.text: its vector follows the graph's embedder."),
        ("when.known_at", question.when.known_at is not None, "Omit it: the past does not change."),
        ("why.from", question.why.start is not None, "Follow causes_of or effects_of: paths have no ids that last."),
        ("superposition", question.superposition is not None, "Omit it: it changes how hits are shown."),
        ("rerank", question.rerank, "Omit it: each evaluation would call the reranker."),
        ("cursor", question.cursor is not None, "Omit it, and raise k."),
    )


def moves(before: Sequence[int], after: Sequence[Ranked]) -> list[Moved]:
    """Return the events by which one answer becomes the next, when each is applied to what those before it made.

    First what left, then by rank what entered or moved: such an item is taken out and put behind the one that it
    follows. What keeps its order among the others has no event, though its rank may change.
    """
    now = [each.id for each in after]
    staying = set(now)
    made: list[Moved] = []
    current = list(before)
    for place in range(len(before) - 1, -1, -1):
        if before[place] not in staying:
            del current[place]
            made.append(Moved("left", Ranked(before[place], "", "", None), None, place + 1))
    still = _longest_increasing(current, now)
    present = set(current)
    for place, item in enumerate(after):
        if item.id in still:
            continue
        previous = current.index(item.id) if item.id in present else None
        if previous is not None:
            del current[previous]
        at = current.index(now[place - 1]) + 1 if place else 0
        current.insert(at, item.id)
        if previous is None:
            made.append(Moved("entered", item, at + 1, None))
        else:
            made.append(Moved("moved", item, at + 1, previous + 1))
    return made


def _longest_increasing(before: Sequence[int], now: Sequence[int]) -> set[int]:
    """Return the most items that have the same order in both (the longest increasing subsequence, by patience)."""
    place_of = {id_: place for place, id_ in enumerate(before)}
    order = [place_of[id_] for id_ in now if id_ in place_of]
    ends: list[int] = []  # The smallest end of a subsequence of each length.
    chains: list[tuple[int, ...]] = []
    for value in order:
        at = bisect_left(ends, value)
        chain = (*(chains[at - 1] if at else ()), value)
        ends[at : at + 1] = [value]
        chains[at : at + 1] = [chain]
    return {before[place] for place in chains[-1]} if chains else set()


def replayed(events: Iterable[tuple[str, int, int | None]], before: Sequence[int] = ()) -> list[int]:
    """Return the ids of an answer after events (change, item, rank), the best first."""
    current = list(before)
    for change, item, rank in events:
        if change != "entered":
            current.remove(item)
        if change != "left":
            current.insert((rank or 1) - 1, item)
    return current
