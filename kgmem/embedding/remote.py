"""Embedding by a provider elsewhere: prefixes, batches, texts that are too long, and the check of what comes back."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from kgmem.domain.agents.tokens import estimate
from kgmem.domain.errors import EmbedderUnavailable
from kgmem.domain.graph.embedding import EmbeddingSpace, Role, Vector
from kgmem.domain.ledger.model_calls import (
    NO_METER,
    Booking,
    CallMeter,
    ModelCall,
    OpenCall,
    Payer,
    Usage,
    current_payers,
)
from kgmem.embedding.check import unit_rows
from kgmem.embedding.endpoint import Endpoint, Reply

# What Ollama, OpenAI, vLLM, llama.cpp and TEI write when a text has more tokens than the model takes.
_TOO_LONG: Final = re.compile(
    r"context.(length|window|size)|input length|too (long|large|many tokens)|maximum.{0,40}tokens", re.IGNORECASE
)
# No language packs more than this many characters into a token on average; what lies beyond is cut before sending.
_CHARACTERS_A_TOKEN: Final = 8
_SHORTEN_TO: Final = 0.7
_SHORTEST: Final = 64


class Dialect(Protocol):
    """How one kind of provider wants to be asked, and how it answers."""

    path: str

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the request's body."""

    def vectors(self, data: Any) -> Sequence[Any] | None:
        """Return the vectors in the order of the texts, or None where the answer has none."""

    def adapts_to(self, body: dict[str, Any], problem: str) -> bool:
        """Return whether, after this refused request, the next one differs, so that another try is worth it."""

    def hint(self, status: int) -> str:
        """Return what a person can do about a refusal."""


class _Sent(NamedTuple):
    """A text as it is sent, and who pays for it."""

    text: str
    payer: Payer | None


class RemoteEmbedder:
    """Embeds by asking an endpoint, in batches, several at once."""

    def __init__(
        self, space: EmbeddingSpace, endpoint: Endpoint, dialect: Dialect, *, batch: int, parallel: int
    ) -> None:
        """Take the most texts in one request, and the most requests in progress at once."""
        self._space = space
        self._endpoint = endpoint
        self._dialect = dialect
        self._batch = batch
        self._turns = asyncio.Semaphore(parallel)
        self._meter: CallMeter = NO_METER
        self._call = ModelCall("embedding", f"{space.provider}:{space.model}")

    def book(self, booking: Booking) -> None:
        """Book the calls from now on."""
        self._meter = booking.meter
        self._call = ModelCall("embedding", self._call.model, booking.prices)

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return self._space

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        """Return one vector of length 1 a text. Raises EmbedderUnavailable, EmbeddingMismatch, LimitReached."""
        prefix = self._space.query_prefix if role == "query" else self._space.document_prefix
        payers = current_payers()
        sent = [_Sent(self._prepared(prefix, text), payers.of(text)) for text in texts]
        batches = [sent[start : start + self._batch] for start in range(0, len(sent), self._batch)]
        requests = [asyncio.ensure_future(self._in_turn(batch)) for batch in batches]
        try:
            answers = await asyncio.gather(*requests)
        finally:
            # When one request fails, or the caller has gone, nobody waits for the others.
            for request in requests:
                request.cancel()
        return [vector for answer in answers for vector in answer]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._endpoint.aclose()

    def _prepared(self, prefix: str, text: str) -> str:
        # Lone surrogates are not UTF-8. An empty text is refused by most providers: a dot stands in for it.
        clean = text.encode("utf-8", "replace").decode() if text.strip() else "."
        return prefix + clean[: self._space.max_tokens * _CHARACTERS_A_TOKEN]

    async def _in_turn(self, texts: Sequence[_Sent]) -> list[Vector]:
        async with self._turns:
            return await self._embedded(texts)

    async def _embedded(self, texts: Sequence[_Sent]) -> list[Vector]:
        body = self._dialect.body([each.text for each in texts])
        async with self._meter.metered(self._call, _reserve(texts) if self._meter is not NO_METER else {}) as call:
            reply = await self._endpoint.post(self._dialect.path, body, final=_is_too_long)
            if reply.ok:
                _count(call, reply.data, texts)
        if reply.ok:
            vectors = self._dialect.vectors(reply.data)
            return unit_rows(vectors if vectors is not None else [], len(texts), self._space)
        if _is_too_long(reply.problem):
            return await self._shortened(texts, reply)
        if self._dialect.adapts_to(body, reply.problem):
            return await self._embedded(texts)
        raise self._refused(reply)

    async def _shortened(self, texts: Sequence[_Sent], reply: Reply) -> list[Vector]:
        """Send again with less: half the texts at a time until one is found too long, then with less of that one."""
        if len(texts) > 1:
            middle = len(texts) // 2
            return [*await self._embedded(texts[:middle]), *await self._embedded(texts[middle:])]
        text = texts[0].text
        if len(text) <= _SHORTEST:
            raise self._refused(reply)
        return await self._embedded([_Sent(text[: int(len(text) * _SHORTEN_TO)], texts[0].payer)])

    def _refused(self, reply: Reply) -> EmbedderUnavailable:
        return EmbedderUnavailable(
            f"The embedder {self._space.provider}:{self._space.model} refused ({reply.status}): {reply.problem}.",
            hint=self._dialect.hint(reply.status),
            retry_after=60,
            provider=self._space.provider,
            model=self._space.model,
            status=reply.status,
        )


def _is_too_long(problem: str) -> bool:
    return _TOO_LONG.search(problem) is not None


def _reserve(texts: Sequence[_Sent]) -> Mapping[Payer, Usage]:
    """Return what texts may take, by payer; a text that nobody pays for is not booked."""
    tokens: dict[Payer, int] = {}
    for text, payer in texts:
        if payer is not None:
            tokens[payer] = tokens.get(payer, 0) + max(1, estimate(text))
    return {payer: Usage(count) for payer, count in tokens.items()}


def _count(call: OpenCall, data: Any, texts: Sequence[_Sent]) -> None:
    """Note the tokens of an answer: as OpenAI or Ollama count them, or else an estimate."""
    usage = data.get("usage") if isinstance(data, dict) else None
    counts = [usage.get("prompt_tokens"), usage.get("total_tokens")] if isinstance(usage, dict) else []
    counts += [data.get("prompt_eval_count")] if isinstance(data, dict) else []
    known = [count for count in counts if type(count) is int and count >= 0]
    if known:
        call.usage = Usage(known[0])
    else:
        call.usage = Usage(sum(max(1, estimate(text)) for text, _ in texts), estimated=True)
