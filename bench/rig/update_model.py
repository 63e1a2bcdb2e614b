"""A scripted model that reads talk as the set about change judges it, for the extractor by model.

It answers a request about a turn with what the case expects of that turn, as a model would that understands all of it:
what a turn states is a fact, and what must not hold after it has ended. What it shows is that the memory has after each
turn what a model understood of it, and nothing else.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson

from bench.rig.update_cases import Case, Expectation, Turn
from kgmem.domain.text.extraction import TextToRead
from kgmem.embedding.endpoint import Endpoint
from kgmem.extraction.chat import ChatExtractor
from kgmem.extraction.offline import OfflineExtractor
from kgmem.extraction.registry import ExtractorChoice
from kgmem.extraction.rules import read_texts
from kgmem.extraction.updates.letters import letter
from tests.embedding_server import Request, Scripted, embedding_server

# How a model words each relation; those not named here are worded by the relation itself.
_WORDS: Final = {
    "works": "works for", "lives": "lives in", "married": "married to", "partner": "is dating",
    "engaged": "engaged to", "friend": "is friends with", "when": "scheduled for", "where": "takes place in",
    "answer": "wants answers in", "favorite": "favorite is", "diet": "is", "allergic": "allergic to", "role": "is",
    "responsible": "responsible for", "amount": "is", "named": "is called", "born": "born in", "member": "member of",
    "studies": "studies at", "goes": "goes to", "subscribes": "subscribes to", "stored": "is stored in",
    "located": "located in",
}  # fmt: skip
_VOWED: Final = {"married": "marri", "engaged": "engaged"}  # What the naming of two people alone does not say.
_SAID: Final = "2024-05-01T12:00:00Z"


def answers_of(cases: Sequence[Case]) -> Mapping[tuple[str, str], bytes]:
    """Return the answer of a model to each turn of cases, by its speaker and text."""
    answers: dict[tuple[str, str], bytes] = {}
    for case in cases:
        for at, turn in enumerate(case.turns):
            answer = {"entities": [], "facts": [], "ended": [], "causes": [], **_read(case, at)}
            read = _body(turn)
            answers[read.speaker or "", read.text.strip()] = orjson.dumps(answer)
    return answers


def _body(turn: Turn) -> TextToRead:
    """Return a turn as a model is shown it: of a mail, its writer and its body."""
    return letter(TextToRead(turn.text, _SAID, turn.speaker)).text


def _read(case: Case, at: int) -> dict[str, Any]:
    """Return what is stated and what is ended by a turn of a case."""
    turn = case.turns[at]
    facts = [_said(each, turn) for each in _stated(case, at)]
    before = {_about(each) for n in range(at) for each in _stated(case, n)}
    ended = [_said(each, turn) for each in turn.expected if not each.holds and _about(each) in before]
    return {"facts": [{**each, "denied": False, "uncertain": False} for each in facts], "ended": [
        {**each, "wrong": False} for each in ended
    ]}  # fmt: skip


def _stated(case: Case, at: int) -> list[Expectation]:
    """Return what a turn states: what must hold after it and is new, and in the first what later turns end of it."""
    before = {_about(each) for n in range(at) for each in _stated(case, n)}
    gone = {_about(each) for turn in case.turns[:at] for each in turn.expected if not each.holds}
    found = {
        _about(each): each
        for each in case.turns[at].expected
        if each.holds and (_about(each) not in before or _about(each) in gone)
    }
    if at == 0:
        first = case.turns[0]
        for each in (one for turn in case.turns[1:] for one in turn.expected):
            tied = each.relation not in _VOWED or _VOWED[each.relation] in first.text
            tied = tied and (each.subject == first.speaker or _names(first.text, each.subject))
            if tied and _names(first.text, each.object):
                found.setdefault(_about(each), each)
    return list(found.values())


def _about(each: Expectation) -> tuple[str, str, str]:
    return each.relation, each.subject, each.object


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}", text, re.IGNORECASE) is not None


def _said(each: Expectation, turn: Turn) -> dict[str, Any]:
    read = _body(turn)
    sentence = _sentence(each.object, read.text.strip())
    times = read_texts([read])[0].times if each.since else []
    return {
        "subject": each.subject, "predicate": _WORDS.get(each.relation, each.relation),
        "object": _whole(each.object, turn.text), "words": sentence,
        "when": next((time.text for time in times if time.text in sentence), None),
    }  # fmt: skip


def _whole(name: str, text: str) -> str:
    """Return a name with the word behind it where it is a number: an amount has a unit."""
    found = re.search(rf"(?<!\w){re.escape(name)}(?: \w+)?", text) if name[-1].isdigit() else None
    return found[0] if found is not None else name


def _sentence(name: str, text: str) -> str:
    """Return the sentence of a text that has a name, or else the last one: what a model would quote."""
    sentences = [each for each in re.split(r"(?<=[.!?])\s+", text) if each]
    return next((each for each in sentences if _names(each, name)), sentences[-1])


def asked_of(messages: Sequence[Mapping[str, str]]) -> tuple[str, str]:
    """Return the speaker and the text that a request to a model is about."""
    told = "\n".join(each["content"] for each in messages if each["role"] == "system")
    found = re.search(r"^speaker \(I\): (.*)$", told, re.MULTILINE)
    return found[1] if found is not None else "", messages[-1]["content"]


@asynccontextmanager
async def understanding(cases: Sequence[Case]) -> AsyncIterator[ChatExtractor]:
    """Run an endpoint on loopback whose model understands all turns of cases; yield the extractor that requests it."""
    answers = answers_of(cases)

    def understood(request: Request) -> Scripted:
        content = answers[asked_of(request.body["messages"])].decode()
        return Scripted(body={"choices": [{"message": {"role": "assistant", "content": content}}], "usage": {}})

    async with embedding_server() as server:
        server.rule = understood
        endpoint = Endpoint(server.url + "/v1", key="secret", timeout=30, name="openai")
        model = ChatExtractor("openai:scripted", endpoint, ExtractorChoice("scripted"), OfflineExtractor())
        try:
            yield model
        finally:
            await model.aclose()
