"""Feedback on hits: whether what recall found was useful or wrong, and what that does to its rank.

Verdicts move the score of an item by less than `MOST_MOVED` of itself, so that they never remove one: u useful and w
wrong ones by p = (1 + u) / (2 + u + w), the mean of a beta distribution that begins even. A verdict on a question
counts as far as that question has the words of the new one; one without a question always counts whole. Of
each caller the verdict that counts most counts alone, so that nobody moves an item by many.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import LONGEST_TEXT
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.recall.fusion import Ranked
from kgmem.domain.recall.selection import overlap, words_of

VerdictOnHit = Literal["useful", "wrong"]
MOST_MOVED: Final = 0.5
MOST_ITEMS: Final = 100  # The best candidates, of which verdicts are looked up.
_LONGEST_REASON: Final = 1000
_LONGEST_QUESTION: Final = min(LONGEST_TEXT, 2000)


@dataclass(frozen=True, slots=True)
class Feedback:
    """A caller's verdict on one item: an entity, a relationship or an episode, by the id that its hit has."""

    item: int
    verdict: VerdictOnHit
    question: str | None = None  # The text of the question; None: any.
    reason: str | None = None
    scope: str = SHARED
    by: str | None = None  # The id of the API key; None: no key.
    at: str | None = None  # ISO 8601.

    def checked(self) -> "Feedback":
        """Return itself where all of it is valid. Raises InvalidInput."""
        check_scope(self.scope)
        if self.verdict not in ("useful", "wrong"):
            raise InvalidInput(f"verdict is {self.verdict!r}.", hint="Give useful or wrong.", field="verdict")
        if type(self.item) is not int or not 0 < self.item < 2**63:
            raise InvalidInput(f"item is {self.item!r}.", hint="Give the id of a hit.", field="item")
        for name, value, most in (
            ("question", self.question, _LONGEST_QUESTION),
            ("reason", self.reason, _LONGEST_REASON),
        ):
            if value is not None and (not value.strip() or len(value) > most or "\0" in value):
                raise InvalidInput(
                    f"{name} is no text.", hint=f"Give 1 to {most:,} characters, or omit it.", field=name
                )
        return self


class FeedbackStore(Protocol):
    """Stores verdicts; every write is one transaction."""

    async def put(self, graph: str, feedback: Feedback) -> tuple[Feedback, bool]:
        """Store a verdict in place of the caller's earlier one; tells whether it had none. Raises NotFound."""

    async def list(self, graph: str, scope: str, item: int | None, cursor: str | None, limit: int) -> Page[Feedback]:
        """Return verdicts given in this scope only, the newest first; of all items or of one."""

    async def delete(self, graph: str, item: int, question: str | None, scope: str) -> bool:
        """Withdraw the caller's verdict; returns whether there was one."""

    async def of_items(self, graph: str, scope: str, items: Sequence[int]) -> Sequence[Feedback]:
        """Return the verdicts on items that a question in this scope sees; none costs nothing where there are none."""


def factors(question: str | None, found: Sequence[Feedback]) -> Mapping[int, float]:
    """Return by what the scores of items are multiplied, as verdicts on them tell; items without any are not in it."""
    counted: dict[tuple[int, str | None], tuple[float, bool]] = {}
    words = words_of(question or "")
    alike: dict[str | None, float] = {None: 1.0}  # Many verdicts are on one question.
    for each in found:
        if each.question not in alike:
            alike[each.question] = 1.0 if question is None else overlap(words_of(each.question or ""), words)
        weight = alike[each.question]
        before = counted.get((each.item, each.by))
        if weight and (before is None or weight > before[0]):
            counted[each.item, each.by] = (weight, each.verdict == "useful")
    votes: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (item, _), (weight, useful) in counted.items():
        votes[item][not useful] += weight
    return {item: 1 + MOST_MOVED * ((1 + u) / (2 + u + w) * 2 - 1) for item, (u, w) in votes.items()}


def moved(ranked: Sequence[Ranked[int]], by: Mapping[int, float]) -> list[Ranked[int]]:
    """Return candidates in the order of their scores times what verdicts make of them."""
    told = [replace(each, score=min(each.score * by[each.id], 1.0)) if each.id in by else each for each in ranked]
    return sorted(told, key=lambda each: -each.score)
