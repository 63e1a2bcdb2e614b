"""The port by which followed answers are stored."""

from collections.abc import Sequence
from typing import Protocol

from kgmem.domain.subscriptions.answer import Evaluation, Followed, FollowedAnswer, Moment
from kgmem.domain.subscriptions.subscription import Scorers, SubscriptionAddress


class AnswerStore(Protocol):
    """Stores the answers that subscriptions follow."""

    async def graphs(self) -> Sequence[str]:
        """Return the graphs in which answers are followed."""

    async def is_due(self, graph: str) -> bool:
        """Return whether an answer of a graph may have changed since it was evaluated."""

    async def due(self, graph: str, limit: int) -> Sequence[int]:
        """Return subscriptions whose answers may have changed, the longest waiting first."""

    async def number_of(self, graph: str, scope: str, name: str) -> int | None:
        """Return the number of a subscription by its name; None where it follows no answer."""

    async def moment(self, graph: str, scope: str) -> Moment:
        """Return up to which change a graph can be read, and when the passing of time may change an answer."""

    async def followed(self, graph: str, subscription: int, scorers: Scorers, *, eager: bool) -> Followed | None:
        """Return an answer to evaluate; None where nothing that its scope sees has changed.

        Unless `eager`, what cannot enter the answer waits for some seconds, so that such changes share an evaluation.
        """

    async def record(self, graph: str, followed: Followed, evaluation: Evaluation) -> bool:
        """Store an evaluation and the events that it means, in one transaction; False where another came first."""

    async def answer(self, graph: str, address: SubscriptionAddress) -> FollowedAnswer:
        """Return an answer as it was evaluated last. Raises NotFound."""

    async def hurry(self, graph: str, scope: str) -> None:
        """Make the answers of scopes that see this one due, since something beside the feed has changed."""
