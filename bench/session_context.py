"""What the context of a session costs: its p50 beside one recall with the same question.

A session of 2,000 messages whose words are extracted and embedded. Contexts of 2,000 tokens and recalls with the last
three turns as the question (24 hits) take turns, without the cache: each turn of a conversation is a new question. The
tokens are counted by the estimate. Then two people become hubs with 50 relationships a message, the last turn mentions
both, and the same is measured again.
"""

import random
import time
from collections.abc import AsyncIterator
from statistics import median

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Entity, Memory, Message, Question, Relationship, SessionAddress, SessionDetails, What

ROWS = 2_000
SHORT = 200
_ROUNDS = 60
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


async def _compared(memory: Memory, chat: SessionAddress, question: Question, name: str) -> Figure:
    contexts, recalls = [], []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        found = await memory.sessions.context("main", chat, budget=2000)
        contexts.append(time.perf_counter() - started)
        started = time.perf_counter()
        await memory.recall("main", question)
        recalls.append(time.perf_counter() - started)
    if not (found.sections["messages"] and found.sections["summaries"] and found.tokens <= 2000):
        raise AssertionError("the context is not what it should be")
    return compared(name, 1000 * median(contexts), 1000 * median(recalls), "ms", at_most=2.0)


def _conversation(rows: int) -> list[Message]:
    """Return what a user and an assistant say in turns."""
    chance = random.Random(1)
    made = []
    for number in range(rows):
        one, other = chance.sample(_PEOPLE, 2)
        text = chance.choice(_SAYINGS).format(a=one, b=other, p=chance.choice(_PLACES), n=chance.randint(1, 900))
        made.append(Message("assistant" if number % 2 else "user", text, f"m{number}"))
    return made
