"""What the context of a session costs: its p50 beside one recall with the same question.

A session of 2,000 messages whose words are extracted and embedded. Contexts of 2,000 tokens and recalls with the last
three turns as the question (24 hits) take turns. The tokens are counted by the estimate.
"""

import random
import time
from collections.abc import AsyncIterator
from statistics import median

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Message, Question, SessionAddress, SessionDetails, What

ROWS = 2_000
SHORT = 200
_ROUNDS = 60
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
    contexts, recalls = [], []
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.create("main")
        await memory.sessions.open("main", chat, SessionDetails("planner", ("Clara",)))
        for first in range(0, rows, 500):
            await memory.sessions.append("main", chat, messages[first : first + 500])
        await memory.extraction.run("main")
        await memory.embeddings.run("main")
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            found = await memory.sessions.context("main", chat, budget=2000)
            contexts.append(time.perf_counter() - started)
            started = time.perf_counter()
            await memory.recall("main", question)
            recalls.append(time.perf_counter() - started)
        if not (found.sections["messages"] and found.sections["summaries"] and found.tokens <= 2000):
            raise AssertionError("the context is not what it should be")
    yield compared("context, p50", 1000 * median(contexts), 1000 * median(recalls), "ms", at_most=2.0)


def _conversation(rows: int) -> list[Message]:
    """Return what a user and an assistant say in turns."""
    chance = random.Random(1)
    made = []
    for number in range(rows):
        one, other = chance.sample(_PEOPLE, 2)
        text = chance.choice(_SAYINGS).format(a=one, b=other, p=chance.choice(_PLACES), n=chance.randint(1, 900))
        made.append(Message("assistant" if number % 2 else "user", text, f"m{number}"))
    return made
