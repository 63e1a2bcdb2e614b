"""Extraction by a model behind an OpenAI-compatible endpoint (Ollama, vLLM, llama.cpp, ...), within a budget.

Each text is one request with a JSON schema for the answer. What the text does not support is refused, and where the
model is away, too dear or talks nonsense, the offline rules read the text instead and say why. The same model words
summaries, by the same budget.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from kgmem.domain.agents.tokens import estimate
from kgmem.domain.derived.summaries import Sentence, WordedSummary
from kgmem.domain.errors import EmbedderUnavailable, InvalidInput, LimitReached
from kgmem.domain.ledger.model_calls import NO_METER, ModelCall, Payer, Prices, Purpose, Usage, current_payers
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.embedding.endpoint import Endpoint
from kgmem.extraction import wording
from kgmem.extraction.answers import Checked, messages_of, schema_of
from kgmem.extraction.offline import OfflineExtractor
from kgmem.extraction.registry import ExtractorChoice
from kgmem.extraction.updates.letters import letter

_URLS: Final = {"openai": "https://api.openai.com/v1", "ollama": "http://127.0.0.1:11434/v1"}
_MINUTE: Final = 60.0
_Shape = tuple[str, Mapping[str, Any]]  # The name and the JSON schema of an answer.
_FEWEST: Final = 4  # Characters of a token, at the least, where the endpoint counts none.
_ANSWER: Final = 1024  # Tokens that are reserved for an answer in the ledger, as its length is not known before.


def chat_extractor(provider: str, choice: ExtractorChoice) -> "ChatExtractor":
    """Return the extractor that asks a model of a provider. Raises InvalidInput for a choice that cannot work."""
    if not choice.model:
        raise InvalidInput(f"{provider} needs a model.", hint=f"Say {provider}:<model> in KGMEM_EXTRACTOR.")
    try:
        endpoint = Endpoint(choice.url or _URLS[provider], key=choice.key, timeout=choice.timeout, name=provider)
    except InvalidInput as error:
        raise InvalidInput(_told(error.message), hint=_told(error.hint)) from error
    return ChatExtractor(f"{provider}:{choice.model}", endpoint, choice, OfflineExtractor(choice.processes))


class ChatExtractor:
    """A model is requested, checks what it says by the parse, and falls back on the offline rules."""

    def __init__(self, name: str, endpoint: Endpoint, choice: ExtractorChoice, offline: OfflineExtractor) -> None:
        """Take the name, where the model is, what it may take, and what reads in its place and checks its answers."""
        self._name = name
        self._endpoint = endpoint
        self._choice = choice
        self._offline = offline
        self._turns = asyncio.Semaphore(choice.parallel)
        self._begun: deque[float] = deque()
        self._prices = Prices(choice.price_in, choice.price_out)
        self._plain = False  # The endpoint knows no JSON schemas, only JSON.
        self.tokens = 0
        self.cost = 0.0

    @property
    def name(self) -> str:
        """The value of `extractor`."""
        return self._name

    async def extract(self, texts: Sequence[TextToRead]) -> list[Extraction]:
        """Return what was found in each text, in their order. Raises ExtractorUnavailable.

        A text whose payer has reached a limit of the ledger is not extracted: `unpaid` of its answer says why.
        """
        answers = await asyncio.gather(*(self._asked(text) for text in texts))
        failed = {at: answer for at, answer in enumerate(answers) if isinstance(answer, str)}
        read = await self._offline.extract([texts[at] for at in failed])
        instead = {
            at: replace(found, problem=problem) for (at, problem), found in zip(failed.items(), read, strict=True)
        }
        instead |= {
            at: Extraction(unpaid=answer) for at, answer in enumerate(answers) if isinstance(answer, LimitReached)
        }
        told = {at: answer for at, answer in enumerate(answers) if isinstance(answer, Extraction)}
        # A model tells what is denied as a fact, too: the parse has the last word.
        checked = await self._offline.check([texts[at] for at in told], list(told.values()))
        instead |= dict(zip(told, checked, strict=True))
        return [instead[at] for at in range(len(texts))]

    async def aclose(self) -> None:
        """Close the connections and end the processes of the fallback."""
        await self._endpoint.aclose()
        await self._offline.aclose()

    async def word(self, sentences: Sequence[Sentence], *, every: bool = False) -> WordedSummary:
        """Return sentences in a model's words, as far as they bear these out; else as they are."""
        length = sum(len(each.text) for each in sentences)
        try:
            found = await self._ask(
                wording.messages_of(sentences, every=every), ("summary", wording.SCHEMA), length, current_payers().usual
            )
        except LimitReached as error:
            return WordedSummary(sentences, problem=error.message)
        if isinstance(found, str):
            return WordedSummary(sentences, problem=found)
        kept = wording.checked(found[0], sentences)
        if not kept:
            return WordedSummary(sentences, problem=f"{self._name} said nothing that the facts support.")
        return WordedSummary(kept, self._name)

    async def _asked(self, text: TextToRead) -> Extraction | LimitReached | str:
        """Return what a model finds in a text that the text supports; else why there is nothing."""
        text = letter(text).text
        try:
            found = await self._ask(messages_of(text), ("extraction", schema_of(text)), len(text.text), text.payer)
        except LimitReached as error:
            return error
        if isinstance(found, str):
            return found
        answer, tokens, cost = found
        return Checked(text, self._name).extraction(answer, tokens=tokens, cost=cost)

    async def _ask(
        self, messages: Sequence[Mapping[str, str]], shape: _Shape, length: int, payer: Payer | None
    ) -> tuple[Mapping[str, Any], int, float] | str:
        """Return a model's answer, its tokens and cost; else why there is none. `length` is that of the request.

        Raises LimitReached before the request where the payer's ledger refuses it.
        """
        async with self._turns:
            if spent := self._spent():
                return spent
            await self._wait_for_rate()
            try:
                status, data, problem = await self._booked(messages, shape, length, payer)
            except EmbedderUnavailable as error:
                return _told(error.message)
        if status >= 400:
            return f"{self._name} refused the request: {problem}"
        usage = _usage(length, data)
        tokens, cost = usage.tokens, float(self._prices.of(usage))
        self.tokens += tokens
        self.cost += cost
        answer = _answer(data)
        if answer is None:
            return f"{self._name} answered without the requested JSON."
        return answer, tokens, cost

    async def _booked(
        self, messages: Sequence[Mapping[str, str]], shape: _Shape, length: int, payer: Payer | None
    ) -> tuple[int, Any, str]:
        meter = self._choice.meter
        if meter is NO_METER or payer is None:
            return await self._post(messages, shape)
        purpose: Purpose = "extraction" if shape[0] == "extraction" else "summary"
        sent = sum(estimate(each["content"]) for each in messages) + estimate(orjson.dumps(shape[1]).decode())
        async with meter.metered(ModelCall(purpose, self._name, self._prices), {payer: Usage(sent, _ANSWER)}) as call:
            status, data, problem = await self._post(messages, shape)
            if status < 400:
                call.usage = _usage(length, data)
        return status, data, problem

    async def _post(self, messages: Sequence[Mapping[str, str]], shape: _Shape) -> tuple[int, Any, str]:
        body: dict[str, Any] = {"model": self._choice.model, "messages": list(messages), "temperature": 0}
        name, schema = shape
        if not self._plain:
            described = {"name": name, "strict": True, "schema": schema}
            form: dict[str, Any] = {"type": "json_schema", "json_schema": described}
            reply = await self._endpoint.post("/chat/completions", {**body, "response_format": form}, _never)
            if reply.status != 400 or ("response_format" not in reply.problem and "schema" not in reply.problem):
                return reply.status, reply.data, reply.problem
            self._plain = True
        hint = {"role": "system", "content": f"The schema: {orjson.dumps(schema).decode()}"}
        body["messages"] = [hint, *messages]
        reply = await self._endpoint.post(
            "/chat/completions", {**body, "response_format": {"type": "json_object"}}, _never
        )
        return reply.status, reply.data, reply.problem

    def _spent(self) -> str | None:
        choice = self._choice
        if choice.most_tokens and self.tokens >= choice.most_tokens:
            return f"The budget of {choice.most_tokens} tokens is spent."
        if choice.most_cost and self.cost >= choice.most_cost:
            return f"The budget of {choice.most_cost:g} is spent."
        return None

    async def _wait_for_rate(self) -> None:
        """Wait until another request may begin within the minute."""
        most, clock = self._choice.per_minute, asyncio.get_running_loop().time
        while most:
            while self._begun and clock() - self._begun[0] >= _MINUTE:
                self._begun.popleft()
            if len(self._begun) < most:
                break
            await asyncio.sleep(_MINUTE - (clock() - self._begun[0]))
        self._begun.append(clock())


def _usage(length: int, data: Any) -> Usage:
    """Return the tokens as the endpoint counts them, or else estimated by the length of both texts."""
    usage = data.get("usage") if isinstance(data, Mapping) else None
    counted = usage if isinstance(usage, Mapping) else {}
    counts = [counted.get(name) for name in ("prompt_tokens", "completion_tokens")]
    sent, answered = (count if type(count) is int and count >= 0 else None for count in counts)
    return Usage(
        length // _FEWEST if sent is None else sent,
        len(str(data)) // _FEWEST if answered is None else answered,
        estimated=sent is None or answered is None,
    )


def _answer(data: Any) -> Mapping[str, Any] | None:
    """Return the JSON object of a completion, also where a model fenced it; None where there is none."""
    try:
        content = data["choices"][0]["message"]["content"]
        begin, end = content.find("{"), content.rfind("}")
        told = orjson.loads(content[begin : end + 1])
    except (KeyError, IndexError, TypeError, AttributeError, orjson.JSONDecodeError):
        return None
    return told if isinstance(told, Mapping) else None


def _never(_: str) -> bool:
    return False


def _told(text: str) -> str:
    return text.replace("embedding provider", "model").replace("KGMEM_EMBEDDER", "KGMEM_EXTRACTOR")
