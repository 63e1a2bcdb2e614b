"""Extraction by a model, against a server on loopback that answers as OpenAI-compatible ones do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.text.extraction import TextToRead
from kgmem.domain.time.interval import iso
from kgmem.embedding.endpoint import Backoff, Endpoint
from kgmem.extraction.chat import ChatExtractor, chat_extractor
from kgmem.extraction.offline import OfflineExtractor
from kgmem.extraction.registry import ExtractorChoice
from tests.embedding_server import EmbeddingServer, Request, Scripted, embedding_server

TEXT = TextToRead(
    "Clara moved to  Hamburg last year. Coffee does not cause cancer.", "2024-06-10", labels=("Person", "Place"),
    kinds=("LIVES_IN",),
)  # fmt: skip
FACT = {
    "subject": "Clara", "predicate": "lives in", "object": "Hamburg", "words": "Clara moved to Hamburg last year",
    "when": "last year", "denied": False, "uncertain": False,
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "entities": [
        {"name": "Clara", "label": "Person", "words": "Clara"},
        {"name": "Hamburg", "label": "Place", "words": "Hamburg"},
    ],
    "facts": [FACT],
    "causes": [
        {"cause": "Coffee", "effect": "cancer", "words": "does not cause", "denied": True, "kind": "CAUSES"},
    ],
}
CHOICE = ExtractorChoice("small", price_in=Decimal(1), price_out=Decimal(2))


def said(answer: Any, *, fenced: bool = False, **more: Any) -> Scripted:
    content = orjson.dumps(answer).decode()
    content = f"Here it is:\n```json\n{content}\n```" if fenced else content
    usage = {"prompt_tokens": 100, "completion_tokens": 50}
    return Scripted(body={"choices": [{"message": {"role": "assistant", "content": content}}], "usage": usage, **more})


@asynccontextmanager
async def asking(choice: ExtractorChoice = CHOICE) -> AsyncIterator[tuple[ChatExtractor, EmbeddingServer]]:
    async with embedding_server() as server:
        server.rule = lambda _: said(ANSWER)
        endpoint = Endpoint(server.url + "/v1", key="secret", timeout=5, name="openai", backoff=Backoff(3, 0.01, 0.02))
        extractor = ChatExtractor("openai:small", endpoint, choice, OfflineExtractor())
        yield extractor, server
        await extractor.aclose()


async def test_what_the_text_bears_out_is_found_with_its_words() -> None:
    async with asking() as (extractor, _):
        found = (await extractor.extract([TEXT]))[0]
    fact = found.facts[0]
    assert (fact.subject.name, fact.predicate, fact.object.name) == ("Clara", "lives in", "Hamburg")
    assert TEXT.text[fact.predicate_span.start : fact.predicate_span.end] == "Clara moved to  Hamburg last year"
    assert fact.time is not None
    assert iso(fact.time.interval.start or 0)[:4] == "2023"
    assert [(cause.denied, cause.cause.name) for cause in found.causes] == [(True, "Coffee")]
    assert (found.extractor, found.refused, found.problem) == ("openai:small", 0, None)
    assert (found.tokens, found.cost) == (150, pytest.approx(200 / 1e6))


@pytest.mark.parametrize(
    "wrong",
    [
        {"words": "Clara moved to Rome"},
        {"object": "Rome"},
        {"subject": "She"},
        {"predicate": ""},
        {"words": 3},
        {"object": None},
    ],
)
async def test_what_the_text_does_not_say_is_refused(wrong: dict[str, Any]) -> None:
    async with asking() as (extractor, server):
        server.rule = lambda _: said({**ANSWER, "facts": [FACT, {**FACT, **wrong}, "nonsense"]})
        found = (await extractor.extract([TEXT]))[0]
    assert (len(found.facts), found.refused) == (1, 1)


async def test_label_that_the_graph_has_not_is_refused() -> None:
    async with asking() as (extractor, server):
        server.rule = lambda _: said({**ANSWER, "entities": [{"name": "Clara", "label": "Robot", "words": "Clara"}]})
        found = (await extractor.extract([TEXT]))[0]
    assert (list(found.entities), found.refused) == ([], 1)


async def test_model_is_told_the_schema_of_the_graph_and_of_the_answer() -> None:
    async with asking() as (extractor, server):
        await extractor.extract([TEXT])
        body = server.requests[0].body
    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].headers["authorization"] == "Bearer secret"
    assert "lives in" in body["messages"][0]["content"]
    assert body["messages"][1]["content"] == TEXT.text
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["entities"]["items"]["properties"]["label"]["enum"] == ["Person", "Place"]


async def test_endpoint_without_json_schemas_is_asked_for_json() -> None:
    def rule(request: Request) -> Scripted:
        if request.body["response_format"]["type"] == "json_schema":
            return Scripted(400, {"error": {"message": "response_format json_schema is not supported"}})
        return said(ANSWER, fenced=True)

    async with asking() as (extractor, server):
        server.rule = rule
        found = await extractor.extract([TEXT])
        await extractor.extract([TEXT])
    assert found[0].facts
    assert len(server.requests) == 3


async def test_passing_fault_is_tried_again() -> None:
    async with asking() as (extractor, server):
        server.script.append(Scripted(503, {"error": "loading"}))
        assert (await extractor.extract([TEXT]))[0].problem is None
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Scripted(503, {"error": "loading"}), "503"),
        (Scripted(401, {"error": {"message": "no such key"}}), "no such key"),
        (Scripted(200, {"choices": []}), "without the requested JSON"),
        (Scripted(200, b"not json"), "without the requested JSON"),
        (Scripted(200, {"choices": [{"message": {"content": "I cannot help."}}]}), "without the requested JSON"),
    ],
)
async def test_rules_stand_in_where_the_model_gives_nothing(reply: Scripted, says: str) -> None:
    async with asking() as (extractor, server):
        server.rule = lambda _: reply
        found = (await extractor.extract([TEXT]))[0]
    assert found.extractor.startswith("rules:")
    assert any(fact.object.name == "Hamburg" for fact in found.facts)
    assert found.problem is not None
    assert says in found.problem
    assert "secret" not in found.problem


@pytest.mark.parametrize("budget", [{"most_tokens": 100}, {"most_cost": 0.0001}])
async def test_budget_that_is_spent_leaves_the_rest_to_the_rules(budget: dict[str, Any]) -> None:
    async with asking(replace(CHOICE, parallel=1, **budget)) as (extractor, server):
        found = await extractor.extract([TEXT, TEXT, TEXT])
        assert len(server.requests) == 1
    assert [each.extractor.split(":")[0] for each in found] == ["openai", "rules", "rules"]
    assert "budget" in (found[1].problem or "")


async def test_rate_is_kept() -> None:
    async with asking(replace(CHOICE, per_minute=2)) as (extractor, server):
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            extractor._begun.clear()  # As if the minute were over.

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("kgmem.extraction.chat.asyncio.sleep", sleep)
            await extractor.extract([TEXT, TEXT, TEXT])
        assert len(server.requests) == 3
    assert len(waits) == 1
    assert 59 < waits[0] <= 60


@pytest.mark.parametrize(
    "choice", [ExtractorChoice(""), ExtractorChoice("m", url="ftp://x"), ExtractorChoice("m", url="http://a:b@x")]
)
def test_choice_that_cannot_work_is_refused(choice: ExtractorChoice) -> None:
    with pytest.raises(InvalidInput) as refused:
        chat_extractor("openai", choice)
    assert "KGMEM_EXTRACTOR" in refused.value.hint


TURN = TextToRead(
    "He quit. She might follow.", "2024-06-10", "Bob", before=("Tom works for Bosch.",), before_by=("Eva",)
)
OVER = {
    "subject": "Tom", "predicate": "works for", "object": "Bosch", "words": "He quit.", "when": None, "wrong": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({}, True),
        ({"object": None}, True),
        ({"words": "She might follow."}, False),  # Only what is so ends something.
        ({"words": "He resigned."}, False),
        ({"subject": "Max"}, False),
        ({"object": "Siemens"}, False),
        ({"predicate": ""}, False),
    ],
)
async def test_model_may_end_what_the_conversation_names(change: dict[str, Any], ends: bool) -> None:
    async with asking() as (extractor, server):
        server.rule = lambda _: said({"entities": [], "facts": [], "ended": [{**OVER, **change}], "causes": []})
        found = (await extractor.extract([TURN]))[0]
        request = server.requests[0].body["messages"][0]["content"]
    mine = [each for each in found.endings if each.found_by == "openai:small" and not each.otherwise]
    assert [each.subject.name if each.subject else None for each in mine] == (["Tom"] if ends else [])
    assert bool(found.refused) is not ends
    assert '{"speaker": "Eva", "text": "Tom works for Bosch."}' in request


async def test_what_takes_the_place_of_what_a_model_ends_is_believed_and_the_rest_is_checked() -> None:
    text = "I left Acme and joined Globex."
    asked = TextToRead(text, "2024-06-10", "Ada")
    fact = {
        "subject": "Ada",
        "predicate": "works for",
        "words": text,
        "when": None,
        "denied": False,
        "uncertain": False,
    }
    ended = {**OVER, "subject": "Ada", "object": "Acme", "words": text}

    async def holding(*over: dict[str, Any]) -> list[str]:
        async with asking() as (extractor, server):
            facts = [{**fact, "object": name} for name in ("Acme", "Globex")]
            server.rule = lambda _: said({"entities": [], "facts": facts, "ended": list(over), "causes": []})
            found = (await extractor.extract([asked]))[0]
        return [each.object.name for each in found.facts if not each.denied]

    assert await holding(ended) == ["Globex"]
    assert "Acme" not in await holding()


async def test_time_of_what_has_happened_is_none_to_come() -> None:
    asked = TextToRead("Clara moved to Hamburg in August.", "2024-06-10", "Ada")
    words = {"words": "Clara moved to Hamburg in August", "when": "August"}
    async with asking() as (extractor, server):
        server.rule = lambda _: said({**ANSWER, "facts": [{**FACT, **words}], "causes": []})
        found = (await extractor.extract([asked]))[0]
    assert found.facts[0].time is not None
    assert iso(found.facts[0].time.interval.start or 0)[:7] == "2023-08"


@pytest.mark.parametrize(("answer", "ends"), [({"ended": []}, False), ({}, True)])
async def test_endings_of_the_rules_count_where_a_model_returns_no_list_of_them(
    answer: dict[str, Any], ends: bool
) -> None:
    async with asking() as (extractor, server):
        server.rule = lambda _: said({"entities": [], "facts": [], "causes": [], **answer})
        found = (await extractor.extract([TextToRead("I quit Acme.", "2024-06-10", "Ada")]))[0]
    assert bool(found.endings) is ends
