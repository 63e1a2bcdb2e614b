"""The port of a reranker: a model that reads the question and a text together and scores how well the text answers."""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

# Why there are no scores: the budget was over, or the endpoint failed or gave an answer of no use.
Outage = Literal["time_over", "endpoint_failed"]
MOST_RERANKED: Final = 100  # Hits of one question that are reranked, those with the highest fused scores.


class Reranker(Protocol):
    """Scores texts for a question."""

    async def scores(self, query: str, texts: Sequence[str]) -> Sequence[float] | Outage:
        """Return one score a text, 0 to 1, in the order of the texts; or why there are none."""

    async def aclose(self) -> None:
        """Release what it uses."""
