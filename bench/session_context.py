"""What the context of a session costs: its p50 beside one recall with the same question.

A session of 2,000 messages whose words are extracted and embedded. Contexts of 2,000 tokens and recalls with the last
three turns as the question (24 hits) take turns, now one first and now the other, without the cache: each turn of a
conversation is a new question. The tokens are counted by the estimate. Then the same context comes from the cache,
beside the recall without one. Then two people become hubs with 50 relationships a message, the last turn mentions both,
and the same is measured again.
"""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Entity, Memory, Message, Question, Relationship, SessionAddress, SessionDetails, What

ROWS = 2_000
SHORT = 200
_ROUNDS = 100
_WARM = 6  # Rounds that are not measured; a graph gets its epoch when it is asked again.
_HUB = 50  # Relationships of a hub, for each message.
_PEOPLE = ["Ada", "Bob", "Clara", "Dora", "Emil", "Fred", "Gina", "Hugo"]
_PLACES = ["Hamburg", "Lisbon", "Oslo", "Rome", "Vienna", "Porto", "Bergen"]
_SAYINGS = (
    "{a} lives in {p} and works for Acme.",
    "{a} met {b} in {p} on Monday.",
    "The train to {p} leaves at {n}.",
    "I would rather pay {n} euros than fly to {p}.",
    "{a} moved to {p} last month, and {b} is not happy about it.",
    "Could you remind {b} of the meeting with {a}?",
)


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of contexts and of recalls, in milliseconds."""
    messages = _conversation(rows)
    chat = SessionAddress("chat")
    question = Question(What("\n".join(str(each.content) for each in messages[:-4:-1])), k=24)
    async with fresh_database() as url, memory_on(url, cache=False) as memory:
        await memory.graphs.create("main")
        await memory.sessions.open("main", chat, SessionDetails("planner", ("Clara",)))
        for first in range(0, rows, 500):
            await memory.sessions.append("main", chat, messages[first : first + 500])
        await memory.extraction.run("main")
        await memory.embeddings.run("main")
        yield await _compared(memory, chat, question, "context, p50")
        async with memory_on(url, cache=True) as cached:
            yield await _compared(memory, chat, question, "context from the cache, p50", of=cached)
        hubs = (await memory.entities.list("main", label="Person", limit=len(_PEOPLE))).items[:2]
        things = [Entity(f"thing{number}", "Thing") for number in range(_HUB * rows)]
        for first in range(0, len(things), 5_000):
            some = things[first : first + 5_000]
            await memory.entities.put("main", some)
            await memory.relationships.put(
                "main", [Relationship("OWNS", hub.key, each.key) for each in some for hub in hubs]
            )
        last = f"What do {hubs[0].name} and {hubs[1].name} own?"
        await memory.sessions.append("main", chat, [Message("user", last, "hubs")])
        await memory.extraction.run("main")
        turns = [last, *(str(each.content) for each in messages[:-3:-1])]
        asked = Question(What("\n".join(turns)), k=24)
        yield await _compared(memory, chat, asked, "context with hubs, p50")


async def _compared(
    memory: Memory, chat: SessionAddress, question: Question, name: str, *, of: Memory | None = None
) -> Figure:
    """Return the p50 of the context of one memory beside that of a recall by `memory`."""

    async def context() -> None:
        found = await (of or memory).sessions.context("main", chat, budget=2000)
        if not (found.sections["messages"] and found.sections["summaries"] and found.tokens <= 2000):
            raise AssertionError("the context is not what it should be")

    async def recall() -> None:
        await memory.recall("main", question)

    times: dict[Callable[[], Awaitable[None]], list[float]] = {context: [], recall: []}
    for turn in range(_WARM + _ROUNDS):
        for request in (context, recall) if turn % 2 else (recall, context):
            started = time.perf_counter()
            await request()
            if turn >= _WARM:
                times[request].append(time.perf_counter() - started)
    return compared(name, 1000 * median(times[context]), 1000 * median(times[recall]), "ms", at_most=2.0)


def _conversation(rows: int) -> list[Message]:
    """Return what a user and an assistant say in turns."""
    chance = random.Random(1)
    made = []
    for number in range(rows):
        one, other = chance.sample(_PEOPLE, 2)
        text = chance.choice(_SAYINGS).format(a=one, b=other, p=chance.choice(_PLACES), n=chance.randint(1, 900))
        made.append(Message("assistant" if number % 2 else "user", text, f"m{number}"))
    return made
