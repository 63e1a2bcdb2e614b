"""Feedback: callers say which hits were useful or wrong, and recall takes it into account."""

from collections.abc import Sequence
from dataclasses import dataclass

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.recall.feedback import MOST_ITEMS, Feedback, factors, moved
from kgmem.domain.recall.fusion import Ranked
from kgmem.domain.recall.question import Question
from kgmem.services.ports import Ports


@dataclass(frozen=True, slots=True)
class GivenFeedback:
    """A verdict as it is stored; `created` is false where it takes the place of an earlier one."""

    feedback: Feedback
    created: bool


class FeedbackOnHits:
    """Verdicts on what recall found. They count for questions that see the scope in which they are given."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def give(self, graph: str, feedback: Feedback) -> GivenFeedback:
        """Store a caller's verdict on an item for a question, in place of the one that it gave before.

        Raises InvalidInput, and NotFound for an item that questions in this scope do not find.
        """
        await self._ports.graphs.get(graph)
        given = GivenFeedback(*await self._ports.feedback.put(graph, feedback.checked()))
        await self._ports.followed_answers.hurry(graph, feedback.scope)
        return given

    async def list(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        item: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Feedback]:
        """Return a page of the verdicts given in this scope only, the newest first."""
        await self._ports.graphs.get(graph)
        return await self._ports.feedback.list(graph, check_scope(scope), item, cursor, limit)

    async def withdraw(self, graph: str, item: int, *, question: str | None = None, scope: str = SHARED) -> None:
        """Withdraw the caller's own verdict: hits are ranked as if it had not been given. Raises NotFound."""
        await self._ports.graphs.get(graph)
        if not await self._ports.feedback.delete(graph, item, question, check_scope(scope)):
            raise NotFound(
                f"You have given no feedback on {item} for this question here.", hint="List the feedback.", field="item"
            )
        await self._ports.followed_answers.hurry(graph, scope)


async def with_feedback(
    ports: Ports, graph: str, question: Question, ranked: Sequence[Ranked[int]]
) -> tuple[Sequence[Ranked[int]], str | None]:
    """Return candidates ranked with what callers said of them, and what to tell of that; None: nobody said anything.

    The past is ranked as it is: feedback is not known at earlier times.
    """
    if question.when.known_at is not None:
        return ranked, None
    best = [each.id for each in ranked[:MOST_ITEMS] if each.id > 0]
    found = await ports.feedback.of_items(graph, question.scope, best) if best else []
    by = factors(question.what.text, found)
    if not by:
        return ranked, None
    told = ", ".join(f"{item} x {factor:.2f}" for item, factor in sorted(by.items())[:10])
    return moved(ranked, by), f"on: {len(by)} candidates have verdicts ({told})."
