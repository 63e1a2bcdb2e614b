"""Reranks by a cross-encoder elsewhere: one request to the `/rerank` of TEI, vLLM, llama.cpp, Infinity, Cohere or Jina.

The answer is untrusted: its size is limited, no redirect is followed, and one score that is missing, doubled or not a
finite number makes all of it useless. What the endpoint writes gets into no log and no error, and neither does the key.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

from kgmem.domain.agents.tokens import estimate
from kgmem.domain.errors import InvalidInput
from kgmem.domain.ledger.model_calls import NO_BOOKING, NO_METER, Booking, ModelCall, Usage, current_payers
from kgmem.domain.recall.reranking import Outage, Reranker
from kgmem.embedding.endpoint import authorization, checked_key, checked_url, continue_trace, is_local
from kgmem.log import EventLog

log = EventLog(__name__)

# Scores of 100 texts take 5 kB; some servers send the texts back, which are 400 kB at most.
_LARGEST_ANSWER: Final = 2 * 1024 * 1024
# Cross-encoders read some 512 tokens of a text; what lies behind this is not sent.
_MOST_CHARACTERS: Final = 4_000
# The address of each kind of endpoint where the settings give none; None: they must.
_URLS: Final[dict[str, str | None]] = {
    "tei": "http://127.0.0.1:8080",
    "openai": None,
    "cohere": "https://api.cohere.com/v2",
    "jina": "https://api.jina.ai/v1",
}
_NAMES: Final = "none, tei, openai:<model>, cohere:<model> or jina:<model>"


@dataclass(frozen=True, slots=True)
class RerankerChoice:
    """What the settings say about the reranker: the URL that /rerank follows, the key, the budget in milliseconds."""

    url: str | None = None
    key: str | None = field(default=None, repr=False)
    budget_ms: int = 500
    booking: Booking = NO_BOOKING


def make_reranker(name: str, choice: RerankerChoice) -> Reranker | None:
    """Return the reranker of that name; None for `none`. Nothing is sent yet. Raises InvalidInput."""
    provider, _, model = name.strip().partition(":")
    if provider == "none" and not model:
        return None
    if provider not in _URLS or bool(model) == (provider == "tei"):
        raise InvalidInput(f"There is no reranker {name!r}.", hint=f"Set KGMEM_RERANKER to {_NAMES}.")
    url = choice.url or _URLS[provider]
    if url is None:
        raise InvalidInput(
            f"The reranker {name} needs a URL.",
            hint="Set KGMEM_RERANKER_URL to the URL that /rerank follows, such as http://127.0.0.1:8000/v1.",
        )
    reranker = EndpointReranker(provider, model, url=url, key=choice.key, budget_ms=choice.budget_ms)
    reranker.book(choice.booking)
    return reranker


class EndpointReranker:
    """Reranks by one endpoint, each time within the budget; a failure is not tried again."""

    def __init__(self, provider: str, model: str, *, url: str, key: str | None, budget_ms: int) -> None:
        """Take the kind of endpoint, its model and its base URL. Raises InvalidInput for a bad URL or key."""
        base = checked_url(url, "KGMEM_RERANKER_URL", "KGMEM_RERANKER_KEY")
        self._url = base.copy_with(path=base.path.rstrip("/") + "/rerank")
        self._provider = provider
        self._model = model
        self._budget = budget_ms / 1000
        self.book(NO_BOOKING)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(
            headers=headers | authorization(checked_key(key, "KGMEM_RERANKER_KEY")),
            timeout=None,  # noqa: S113  The budget limits the whole request.
            follow_redirects=False,
            event_hooks={"request": [continue_trace]},
            trust_env=not is_local(base.host),
        )

    def book(self, booking: Booking) -> None:
        """Book the calls from now on."""
        name = f"{self._provider}:{self._model}" if self._model else self._provider
        self._meter, self._call = booking.meter, ModelCall("reranking", name, booking.prices)

    async def scores(self, query: str, texts: Sequence[str]) -> Sequence[float] | Outage:
        """Return one score a text, 0 to 1, in the order of the texts; or why there are none. Raises LimitReached."""
        if not texts:
            return []
        payer = current_payers().usual
        if self._meter is NO_METER or payer is None:
            return (await self._scored(query, texts))[0]
        # A cross-encoder reads the question with each text.
        asked = estimate(_sendable(query))
        tokens = sum(asked + estimate(_sendable(text)) for text in texts)
        async with self._meter.metered(self._call, {payer: Usage(tokens)}) as call:
            scores, counted = await self._scored(query, texts)
            if not isinstance(scores, str):
                call.usage = Usage(tokens, estimated=True) if counted is None else Usage(counted)
        return scores

    async def _scored(self, query: str, texts: Sequence[str]) -> tuple[Sequence[float] | Outage, int | None]:
        """Return the scores, or why there are none; and the tokens, where the endpoint counts them."""
        try:
            async with asyncio.timeout(self._budget):
                status, content = await self._answered(self._body(query, texts))
        except TimeoutError:
            log.warning("rerank_failed", host=self._url.host, reason="time_over")
            return "time_over", None
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return self._failed(type(exc).__name__), None
        if status != 200:
            return self._failed(f"status {status}"), None
        if content is None:
            return self._failed("the answer is too long"), None
        scores = _scores(content, len(texts))
        if scores is None:
            return self._failed("the answer is not one finite score a text"), None
        return scores, _tokens(content)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _body(self, query: str, texts: Sequence[str]) -> bytes:
        sent = [_sendable(text) for text in texts]
        if self._provider == "tei":
            return orjson.dumps({"query": _sendable(query), "texts": sent, "raw_scores": False, "truncate": True})
        body = {"model": self._model, "query": _sendable(query), "documents": sent, "top_n": len(sent)}
        return orjson.dumps(body | ({"return_documents": False} if self._provider == "jina" else {}))

    async def _answered(self, body: bytes) -> tuple[int, bytes | None]:
        """Return the status and the body; None for a body that is too long or of no use."""
        async with self._client.stream("POST", self._url, content=body) as response:
            if response.status_code != 200:
                return response.status_code, None
            content = bytearray()
            # Raw bytes: a small compressed answer could unpack to gigabytes.
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > _LARGEST_ANSWER:
                    return response.status_code, None
            return response.status_code, bytes(content)

    def _failed(self, reason: str) -> Outage:
        log.warning("rerank_failed", host=self._url.host, reason=reason)
        return "endpoint_failed"


def _sendable(text: str) -> str:
    # Lone surrogates are not UTF-8, and some servers refuse an empty text.
    return text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode() or "."


def _scores(content: bytes, count: int) -> list[float] | None:
    """Return the scores of an answer in the order of the texts; None where it is not exactly one number a text."""
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    rows = data.get("results", data.get("data")) if isinstance(data, dict) else data
    if not isinstance(rows, list) or len(rows) != count:
        return None
    scores: dict[int, float] = {}
    for row in rows:
        index, score = _scored(row)
        if index is None or score is None or not 0 <= index < count:
            return None
        scores[index] = score
    if len(scores) != count:
        return None
    return _fractions([scores[index] for index in range(count)])


def _tokens(content: bytes) -> int | None:
    """Return the tokens of an answer, as Jina (usage.total_tokens) and others count them; None where it has none."""
    data = orjson.loads(content)
    usage = data.get("usage") if isinstance(data, dict) else None
    count = usage.get("total_tokens") if isinstance(usage, dict) else None
    return count if type(count) is int and count >= 0 else None


def _scored(row: Any) -> tuple[int | None, float | None]:
    """Return the index and the score of one entry, as Cohere and Jina name it (relevance_score) or as TEI (score)."""
    if not isinstance(row, dict):
        return None, None
    index, score = row.get("index"), row.get("relevance_score", row.get("score"))
    # JSON's true and false are whole numbers to Python.
    if type(index) is not int or isinstance(score, bool) or not isinstance(score, int | float):
        return None, None
    if not math.isfinite(score):
        return None, None
    return index, float(score)


def _fractions(scores: list[float]) -> list[float]:
    """Return scores of 0 to 1: as they are, or through the logistic function where the endpoint gives raw logits."""
    if all(0 <= score <= 1 for score in scores):
        return scores
    # From tanh, which does not overflow.
    return [0.5 * (1 + math.tanh(score / 2)) for score in scores]
