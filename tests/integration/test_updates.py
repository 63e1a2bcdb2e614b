"""What ends, is corrected or handed on in texts: the state of the facts after each turn."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from bench.rig.update_cases import dialogues, sentences
from bench.rig.update_model import understanding
from bench.rig.update_runs import played, stale_first
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.extraction import TextToRead
from kgmem.embedding.endpoint import Endpoint
from kgmem.extraction.chat import ChatExtractor
from kgmem.extraction.offline import OfflineExtractor
from kgmem.extraction.registry import ExtractorChoice
from kgmem.extraction.rules import read_texts
from tests.embedding_server import Request, Scripted, embedding_server
from tests.memories import hashing, opened_memory

LEAST = {"develop": 0.95, "held_out": 0.85}  # Of each half; `python -m bench updates` shows the share of each kind.


@pytest.mark.parametrize(
    "part", [pytest.param("develop", marks=pytest.mark.slow), pytest.param("held_out", marks=pytest.mark.slow)]
)
async def test_sentences_and_dialogues_change_the_facts_as_they_say(
    shared_database_url: str, graph: str, part: str
) -> None:
    cases = [*sentences(part), *dialogues(part)]
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        outcomes = await played(memory, graph, cases)
        stale = await stale_first(memory, graph, cases)

    assert sum(each.right for each in outcomes) / len(outcomes) >= LEAST[part]
    assert stale == []


@pytest.mark.long
async def test_no_fact_of_the_last_turns_that_a_reply_ends_is_current(shared_database_url: str, graph: str) -> None:
    cases = dialogues("replies")
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        outcomes = await played(memory, graph, cases)
        stale = await stale_first(memory, graph, cases)

    assert [each.wrong for each in outcomes if not each.right] == []
    assert stale == []


@pytest.mark.long
async def test_what_a_text_ends_is_no_longer_current_and_what_it_corrects_is_withdrawn(
    shared_database_url: str, graph: str
) -> None:
    texts = [
        "I work at Acme.", "I live in Hamburg.", "I quit Acme last week.", "I meant Hanover, not Hamburg.",
        "I own a boat.", "I sold the boat to Tom.", "The standup is on Monday.", "Never mind, it's Tuesday.",
    ]  # fmt: skip
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        await memory.episodes.put(
            graph,
            [
                Episode(text, f"e{n}", f"2024-05-{n + 1:02}T12:00:00Z", speaker="Ada", session="talk", extract=True)
                for n, text in enumerate(texts)
            ],
        )
        await memory.extraction.run(graph)
        facts = (await memory.relationships.list(graph, limit=200)).items
        withdrawn = (
            await memory.claims.list(graph, ClaimFilter(subject="Ada", predicate="LIVES_IN", withdrawn=True))
        ).items

    names = {(each.start, each.kind, each.end.lower()) for each in facts if each.valid_to is None}
    assert ("Ada", "LIVES_IN", "hanover") in names
    assert ("Tom", "OWNS", "boat") in names
    assert any(kind == "SCHEDULED_FOR" and end == "tuesday" for _, kind, end in names)
    assert not names & {("Ada", "WORKS_FOR", "acme"), ("Ada", "LIVES_IN", "hamburg"), ("Ada", "OWNS", "boat")}
    assert not any(kind == "SCHEDULED_FOR" and end == "monday" for _, kind, end in names)
    ended = {each.end: each.valid_to for each in facts if each.kind == "WORKS_FOR"}
    assert (ended["Acme"] or "").startswith("2024-05")
    assert any(each.object == "Hamburg" and each.known_to is not None for each in withdrawn)


@pytest.mark.parametrize(
    ("texts", "question", "first"),
    [
        (["Tom works at Bosch.", "No, he quit."], "Where does Tom work?", "Tom no longer works for Bosch"),
        (["Ada drives a Skoda.", "Ada sold the Skoda."], "What does Ada drive?", "Ada no longer drives Skoda"),
        (["Tom likes jazz.", "Tom can't stand jazz."], "Does Tom like jazz?", "Tom no longer likes jazz"),
        (["Tom lives in Pune.", "He moved to Delhi last month."], "Where does Tom live?", "Tom lives in Delhi"),
        (["I'm vegan.", "I'm not vegan any more."], "Is Bo vegan?", "Bo is no longer vegan"),
        (["I am engaged to Greta.", "We got married in May."], "Who is Bo married to?", "Bo married to Greta"),
        (
            ["I live in Rome.", "I no longer live in Rome.", "I live in Rome again."],
            "Where does Bo live?",
            "Bo lives in Rome",
        ),
    ],
)
async def test_recall_tells_first_what_holds_now(
    shared_database_url: str, graph: str, texts: list[str], question: str, first: str
) -> None:
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        for n, text in enumerate(texts):
            said = Episode(text, f"e{n}", f"2024-05-{n + 1:02}T12:00:00Z", speaker="Bo", session="talk", extract=True)
            await memory.episodes.put(graph, [said])
            await memory.extraction.run(graph)
        answer = await memory.recall(graph, Question(What(text=question, kinds=("fact",))))

    told = [hit for hit in answer.hits if hit.state == "current"]
    assert answer.hits[0].text is not None
    assert answer.hits[0].text.startswith(first)
    assert (answer.hits[0].state, len([hit for hit in told if "no longer" in (hit.text or "")])) == (
        "current",
        int("no longer" in first),
    )


async def test_a_change_dated_before_what_was_said_undated_is_told_in_any_order_and_goes_with_its_text(
    shared_database_url: str, graph: str
) -> None:
    said = [
        Episode("Eva lives in Pune.", "a", "2024-05-01T12:00:00Z", speaker="Bo", session="talk", extract=True),
        Episode(
            "Eva moved to Delhi in April.", "b", "2024-05-02T12:00:00Z", speaker="Bo", session="talk", extract=True
        ),
    ]

    async def homes() -> dict[str, tuple[str | None, str | None]]:
        page = await memory.relationships.list(graph, scope=scope, limit=100)
        return {each.end: (each.valid_from, each.valid_to) for each in page.items if each.kind == "LIVES_IN"}

    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        for scope, order in (("one", (0, 1)), ("other", (1, 0))):
            for n in order:
                await memory.episodes.put(graph, [replace(said[n], scope=scope)])
                await memory.extraction.run(graph)
            april = "2024-04-01T00:00:00Z"
            assert await homes() == {"Pune": (None, april), "Delhi": (april, None)}
            await memory.episodes.forget(graph, ["b"], scope=scope)
            assert await homes() == {"Pune": ("2024-05-01T12:00:00Z", None)}


async def test_facts_in_the_words_of_a_text_are_named_by_their_sentence(shared_database_url: str, graph: str) -> None:
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        await memory.episodes.put(graph, [Episode("Ada left Acme in May 2023.", "e", speaker="Bo", extract=True)])
        await memory.extraction.run(graph)
        answer = await memory.recall(graph, Question(What(text="Who left Acme?", kinds=("fact",))))

    assert [(hit.label, hit.name) for hit in answer.hits] == [("STATES", "Ada left Acme")]


def answered(request: Request) -> Scripted:
    """Answer as a model that states the facts of a text in its own words, and knows nothing of endings."""
    told = "\n".join(each["content"] for each in request.body["messages"] if each["role"] == "system")
    text = request.body["messages"][-1]["content"]
    known = dict(line.split(": ", 1) for line in told.splitlines() if line.startswith(("speaker", "listener", "said")))
    asked = TextToRead(text, known.get("said at"), known.get("speaker (I)"), known.get("listener (you)"))
    facts: list[dict[str, Any]] = [
        {
            "subject": fact.subject.name, "predicate": fact.predicate, "object": fact.object.name, "words": text,
            "when": fact.time.text if fact.time else None, "denied": fact.denied, "uncertain": fact.hedged,
        }
        for fact in read_texts([asked], changes=False)[0].facts
    ]  # fmt: skip
    content = orjson.dumps({"entities": [], "facts": facts, "causes": []}).decode()
    return Scripted(body={"choices": [{"message": {"role": "assistant", "content": content}}], "usage": {}})


@pytest.mark.parametrize(
    ("step", "least"), [pytest.param(1, 0.75, marks=pytest.mark.slow), pytest.param(12, 0.7)], ids=["whole", "some"]
)
async def test_what_a_model_reads_is_ended_and_corrected_as_what_the_rules_read(
    shared_database_url: str, graph: str, step: int, least: float
) -> None:
    cases = [each for each in sentences("develop") if each.kind not in {"preferences", "allergies", "advice", "times"}]
    async with embedding_server() as server:
        server.rule = answered
        endpoint = Endpoint(server.url + "/v1", key="secret", timeout=30, name="openai")
        model = ChatExtractor("openai:small", endpoint, ExtractorChoice("small"), OfflineExtractor())
        async with opened_memory(shared_database_url, embedder=hashing(), extractor=model) as memory:
            outcomes = await played(memory, graph, cases[::step])
        await model.aclose()

    assert sum(each.right for each in outcomes) / len(outcomes) >= least


@pytest.mark.parametrize(
    ("part", "step"),
    [
        pytest.param("develop", 1, marks=pytest.mark.slow),
        pytest.param("held_out", 1, marks=pytest.mark.slow),
        ("held_out", 9),
    ],
    ids=["develop", "held-out", "some"],
)
async def test_what_a_model_understands_of_talk_is_what_holds_after_each_turn(
    shared_database_url: str, graph: str, part: str, step: int
) -> None:
    cases = [*sentences(part), *dialogues(part)][::step]
    async with (
        understanding(cases) as model,
        opened_memory(shared_database_url, embedder=hashing(), extractor=model) as memory,
    ):
        outcomes = await played(memory, graph, cases)
        stale = await stale_first(memory, graph, cases)

    assert sum(each.right for each in outcomes) / len(outcomes) >= 0.95
    assert stale == []


async def test_what_was_ended_and_is_said_again_holds_again(shared_database_url: str, graph: str) -> None:
    said = [
        ("Cork", "2024-05-01", "2024-06-01"), ("Cork", None, "2024-06-01"), ("Dublin", "2024-06-01", "2024-07-01"),
        ("Dublin", None, "2024-07-01"), ("Cork", "2024-07-01", None),
    ]  # fmt: skip
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as memory:
        await memory.entities.put(graph, [Entity("Ada", "Person"), Entity("Cork", "Place"), Entity("Dublin", "Place")])
        for place, start, end in said:
            claim = ClaimStatement("Ada", "Ada", "LIVES_IN", object=place, valid_from=start, valid_to=end)
            await memory.claims.put(graph, [claim])
        facts = (await memory.relationships.list(graph, limit=200)).items

    assert [(each.end, each.valid_from) for each in facts if each.kind == "LIVES_IN" and each.valid_to is None] == [
        ("Cork", "2024-07-01")
    ]
