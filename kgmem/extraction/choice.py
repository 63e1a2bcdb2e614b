"""What may be set about an extractor."""

from dataclasses import dataclass, field, replace
from typing import Final, Self

RULES: Final = "rules:2"  # The offline rules, with a number that changes when what they find does.


@dataclass(frozen=True, slots=True)
class ExtractorChoice:
    """Where the model is, what it may take, and what its tokens cost; and how the offline rules run."""

    processes: int = 0  # That read texts beside this one; 0: this one does, on a thread.

    model: str = ""
    url: str | None = None
    key: str | None = field(default=None, repr=False)
    timeout: float = 120.0  # Seconds for one text, all tries included.
    parallel: int = 4  # Requests under way at once.
    per_minute: int = 0  # Requests begun within a minute; 0: no limit.
    most_tokens: int = 0  # That the extractor may use in its life; 0: no limit.
    most_cost: float = 0.0  # In the currency of the prices; 0: no limit.
    price_in: float = 0.0  # A million tokens of questions.
    price_out: float = 0.0  # A million tokens of answers.

    def of_model(self, model: str) -> Self:
        """Return the same choice of another model, where one is named."""
        return replace(self, model=model) if model else self
