"""Extractors by name, each loaded when it is first used; and their settings."""

import importlib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Self

from kgmem.domain.errors import InvalidInput
from kgmem.domain.ledger.model_calls import NO_METER, CallMeter
from kgmem.domain.text.extraction import Extractor

GROUP: Final = "kgmem.extractors"
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
    price_in: Decimal = Decimal(0)  # A million tokens of questions.
    price_out: Decimal = Decimal(0)  # A million tokens of answers.
    meter: CallMeter = NO_METER  # Books the requests.

    def of_model(self, model: str) -> Self:
        """Return the same choice of another model, where one is named."""
        return replace(self, model=model) if model else self


def make_extractor(name: str, choice: ExtractorChoice | None = None) -> Extractor | None:
    """Return the extractor of that name; None for `none`.

    `name` is rules, none, openai:<model>, ollama:<model>, or that of an entry point of the group `kgmem.extractors`,
    which names a function that takes an ExtractorChoice. Nothing is ever downloaded. Raises InvalidInput, which lists
    what there is.
    """
    provider, _, model = name.strip().partition(":")
    chosen = (choice or ExtractorChoice()).of_model(model)
    if provider == "none" and not model:
        return None
    if provider == "rules" and not model:
        extractor: Extractor = importlib.import_module("kgmem.extraction.offline").OfflineExtractor(chosen.processes)
        return extractor
    if provider in {"openai", "ollama"}:
        made: Extractor = importlib.import_module("kgmem.extraction.chat").chat_extractor(provider, chosen)
        return made
    point = _plugins().get(provider)
    if point is None:
        there = extractor_names()
        raise InvalidInput(f"There is no extractor {name!r}.", hint=f"Take one of {', '.join(there)}.", there=there)
    try:
        plugged: Extractor = point.load()(chosen)
    except (ImportError, AttributeError) as exc:
        raise InvalidInput(
            f"The extractor {provider} ({point.value}) could not be loaded: {exc}.",
            hint="Reinstall the package that brings it, or take another one.",
        ) from exc
    return plugged


def extractor_names() -> list[str]:
    """Return the names that `make_extractor` takes, those of other packages included."""
    return ["rules", "none", "openai:<model>", "ollama:<model>", *sorted(_plugins())]


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
