"""From the name of an extractor to the extractor; its module is loaded when it is asked for, not before."""

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.text.extraction import Extractor
from kgmem.extraction.choice import ExtractorChoice

GROUP: Final = "kgmem.extractors"


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
