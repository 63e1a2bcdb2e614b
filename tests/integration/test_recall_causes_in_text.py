"""Why without keys: texts that ask for causes or effects, on the sample graph and on small ones."""

import secrets

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.cause_in_text import cause_in
from kgmem.domain.recall.question import Question, What, Why
from kgmem.formats.kgmem.sample import read_sample
from kgmem.memory import Memory
from kgmem.resources import resource
from tests.memories import new_graph

CAUSES = {
    "Why did Apollo 13 give up its landing?": ("apollo-13-landing-aborted", "apollo-13-fuel-cells-lost"),
    "What led towards an abort of Apollo 12?": ("apollo-12-abort", "apollo-12-telemetry-lost"),
    "What led to Kennedy's speech before Congress?": ("kennedy-speech-congress", "gagarin-flight"),
    "What caused the 1202 alarms?": ("alarm-1202", "radar-steals-cycles"),
    "What made Aurora 7 overshoot?": ("aurora-7-overshoot", "horizon-scanner-fault"),
    "Why did Gemini 8 spin out of control?": ("gemini-8-spin", "gemini-8-thruster-stuck"),
    "Because of what did the tank of Apollo 13 explode?": ("apollo-13-explosion", "apollo-13-insulation-damage"),
    "Why was there gas in the cabin of Apollo-Soyuz?": ("apollo-soyuz-gas", "apollo-soyuz-switches"),
    "Why was Apollo 14 sent to Fra Mauro?": ("fra-mauro-retargeted", "apollo-13-explosion"),
}
EFFECTS = {
    "What came of the fire in Apollo 1?": ("apollo-1-fire", "apollo-program-stopped"),
    "What did the lightning strike on Apollo 12 cause?": ("apollo-12-lightning", "apollo-12-telemetry-lost"),
    "What happened as a result of the explosion of Apollo 13?": ("apollo-13-explosion", "apollo-13-fuel-cells-lost"),
}


async def sample_graph(memory: Memory) -> str:
    sample = read_sample(resource("sample") / "apollo", resource("graph_schema") / "apollo.toml")
    graph = await new_graph(memory, f"why_{secrets.token_hex(6)}", schema=sample.schema)
    await memory.sources.put(graph, sample.sources)
    await memory.entities.put(graph, sample.entities)
    await memory.relationships.put(graph, sample.relationships)
    return graph


@pytest.mark.long
async def test_causes_and_effects_are_followed_from_text_alone(memory: Memory) -> None:
    graph = await sample_graph(memory)
    await check_events_and_causes(memory, graph)
    await check_root_cause_and_pages(memory, graph)
    await check_other_questions(memory, graph)


async def check_events_and_causes(memory: Memory, graph: str) -> None:
    for side, asked in (("causes_of", CAUSES), ("effects_of", EFFECTS)):
        for text, (event, right) in asked.items():
            answer = await memory.recall(graph, Question(What(text=text), k=5))
            assert answer.understood["why"][side] == event, (text, answer.understood)
            found = {hit.key: hit for hit in answer.hits}
            assert right in found, (text, list(found))
            assert found[right].retrievers["why"].share > 0
    # Without it words and meaning find hardly one of the causes.
    off = {"why": 0.0}
    first = [
        right in {hit.key for hit in (await memory.recall(graph, Question(What(text=text), k=5, weights=off))).hits}
        for text, (_, right) in CAUSES.items()
    ]
    assert sum(first) <= len(CAUSES) // 3


async def check_root_cause_and_pages(memory: Memory, graph: str) -> None:
    text = "What was the root cause of the explosion of Apollo 13?"
    answer = await memory.recall(graph, Question(What(text=text), k=20, explain=True))
    assert answer.understood["why"]["causes_of"] == "apollo-13-explosion"
    assert "apollo-13-heater-specification" in answer.understood["why"]["root_causes"]
    cause = next(hit for hit in answer.hits if hit.key == "apollo-13-insulation-damage")
    assert [path.entities[-1].key for path in cause.paths] == ["apollo-13-explosion"]

    whole = [hit.id for hit in answer.hits]
    page = await memory.recall(graph, Question(What(text=text), k=6))
    assert page.cursor is not None
    rest = await memory.recall(graph, Question(What(text=text), k=14, cursor=page.cursor))
    assert [hit.id for hit in (*page.hits, *rest.hits)] == whole


async def check_other_questions(memory: Memory, graph: str) -> None:
    for question in (
        Question(What(text="Who commanded Apollo 11?")),
        Question(What(text="fire"), why=Why(causes_of=["apollo-1-fire"])),
        Question(What(text="Why did Apollo 13 give up its landing?"), weights={"why": 0.0}),
    ):
        assert (await memory.recall(graph, question)).understood == {}


async def test_a_graph_without_causes_answers_by_the_text(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("ada", "Person", "Ada"), Entity("move", "Event", "Ada moves to Rome")])
    await memory.relationships.put(graph, [Relationship("TOOK_PART_IN", "ada", "move", text="Ada moved to Rome.")])
    answer = await memory.recall(graph, Question(What(text="Why did Ada move to Rome?")))
    assert answer.understood == {}
    assert "move" in {hit.key for hit in answer.hits}
    assert "why" not in answer.hits[0].retrievers


async def test_a_scope_follows_its_own_causes_only(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("outage", "Event", "The outage of the shop"), Entity("bug", name="A bug")])
    own = Relationship("CAUSES", "bug", "outage", scope="user/1")
    await memory.relationships.put(graph, [own])
    text = "Why was there an outage of the shop?"
    mine = await memory.recall(graph, Question(What(text=text), scope="user/1"))
    assert mine.understood["why"]["causes_of"] == "outage"
    assert "bug" in {hit.key for hit in mine.hits}
    others = await memory.recall(graph, Question(What(text=text), scope="user/2"))
    assert others.understood == {}


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("Why did it fail?", "causes"),
        ("how come the server went down", "causes"),
        ("What's behind the delay?", "causes"),
        ("the reason for the delay", "causes"),
        ("What did the delay lead to?", "effects"),
        ("What are the consequences of the delay?", "effects"),
        ("What happened because of the delay?", "effects"),
        ("Who leads the team?", None),
        ("Why not meet at noon?", None),
        ("Which parts are made of steel?", None),
        ("What did Ada lead?", None),
        ("why " * 200, None),
    ],
)
def test_texts_that_ask_for_causes_or_effects(text: str, side: str | None) -> None:
    asked = cause_in(text)
    assert (asked.side if asked else None) == side
