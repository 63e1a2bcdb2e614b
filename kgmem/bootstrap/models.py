"""The models that the settings name: embedders, the extractor, the reranker."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace
from kgmem.domain.ledger.model_calls import Booking, CallMeter, Prices
from kgmem.domain.recall.reranking import Reranker
from kgmem.domain.text.extraction import Extractor
from kgmem.embedding.cached import CachedEmbedder
from kgmem.embedding.registry import make_embedder
from kgmem.embedding.reranker import RerankerChoice, make_reranker
from kgmem.extraction.registry import ExtractorChoice, make_extractor
from kgmem.redis.opening import shared_vectors
from kgmem.settings import Settings

if TYPE_CHECKING:
    from kgmem.redis.connection import RedisConnection


_REMOTE = ("ollama", "openai")


def extractor_of(settings: Settings, stack: AsyncExitStack, meter: CallMeter) -> Extractor | None:
    """Return the extractor, closed with the stack; its model is loaded with the first text."""
    choice = ExtractorChoice(
        processes=settings.extractor_processes,
        url=settings.extractor_url,
        key=settings.extractor_key.get_secret_value() if settings.extractor_key else None,
        timeout=settings.extractor_timeout,
        parallel=settings.extractor_parallel,
        per_minute=settings.extractor_per_minute,
        most_tokens=settings.extractor_tokens,
        most_cost=settings.extractor_cost,
        price_in=settings.extractor_price_in,
        price_out=settings.extractor_price_out,
        meter=meter,
    )
    extractor = make_extractor(settings.extractor, choice)
    if extractor:
        stack.push_async_callback(extractor.aclose)
    return extractor


def reranker_of(settings: Settings, stack: AsyncExitStack, meter: CallMeter) -> Reranker | None:
    """Return the reranker, closed with the stack; None where the settings name none."""
    key = settings.reranker_key.get_secret_value() if settings.reranker_key else None
    booking = Booking(meter, Prices(settings.reranker_price))
    choice = RerankerChoice(settings.reranker_url, key, settings.reranker_budget_ms, booking)
    reranker = make_reranker(settings.reranker, choice)
    if reranker:
        stack.push_async_callback(reranker.aclose)
    return reranker


class Embedders:
    """Creates embedders by name or by space, each once, and closes them with the stack."""

    def __init__(
        self, settings: Settings, stack: AsyncExitStack, meter: CallMeter, redis: "RedisConnection | None"
    ) -> None:
        self._settings = settings
        self._shared = shared_vectors(redis) if redis else None
        self._booking = Booking(meter, Prices(settings.embedder_price))
        self._stack = stack
        self._made: dict[str, Embedder | None] = {}

    def named(self, name: str, dimension: int | None) -> Embedder | None:
        """Return the embedder of a name such as minilm or ollama:nomic-embed-text; None for none."""
        settings = self._settings
        key = settings.embedder_key.get_secret_value() if settings.embedder_key else None
        embedder = make_embedder(
            name,
            url=settings.embedder_url,
            key=key,
            dimension=dimension,
            timeout=settings.embedder_timeout,
            folder=settings.home / "models",
            booking=self._booking,
        )
        if embedder:
            self._stack.push_async_callback(embedder.aclose)
        if isinstance(embedder, CachedEmbedder) and self._shared is not None:
            embedder.share(self._shared)
        return embedder

    def of(self, space: EmbeddingSpace) -> Embedder | None:
        """Return the embedder of an embedding space; None where its vectors cannot be made here."""
        if space.id not in self._made:
            remote = space.provider in _REMOTE
            name = f"{space.provider}:{space.model}" if remote else space.provider
            try:
                embedder = self.named(name, space.dimension if remote else None)
            except InvalidInput:  # A provider of vectors that callers give, or one that is no longer installed.
                embedder = None
            self._made[space.id] = embedder if embedder and embedder.space.id == space.id else None
        return self._made[space.id]
