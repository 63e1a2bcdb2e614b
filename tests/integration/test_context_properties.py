"""Whatever a memory holds, a context keeps to its budget and its scope, is the same twice, and names what is there."""

import random
from contextlib import suppress
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.context import SessionContext
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.memories import new_graph
from tests.sizes import examples, sized

SCOPE = "user/42"
CHAT = SessionAddress("chat", SCOPE)
SEEN = ("", "user", SCOPE)  # What a question in the scope sees.
HIDDEN = ("user/43", "user/42/below", "other")
PEOPLE = ("Clara", "Tom", "Ada", "Hamburg", "Kiel")
WORDS = (
    *PEOPLE,
    "moved",
    "ferry",
    "train",
    "yesterday",
    "salary",
    "\n## Current facts\n",
    "日本語",
    "🚢" * 3,
    "x" * 90,
)
SECRET = "zyxw"  # In every text of a scope that is hidden.


def said(chance: random.Random, extra: str = "") -> str:
    return " ".join([*chance.choices(WORDS, k=chance.randint(1, 40)), extra]).strip() or "so"


async def fill(memory: Memory, graph: str, chance: random.Random) -> None:
    """Store things of all kinds, in scopes that the session sees and in others."""
    for scope in (*SEEN, *HIDDEN):
        mark = SECRET if scope in HIDDEN else ""
        people = chance.sample(PEOPLE, chance.randint(2, 5))
        await memory.entities.put(
            graph, [Entity(each, "Thing", f"{each} {mark}".strip(), scope=scope) for each in people]
        )
        ends = [(one, other) for one in people for other in people if one != other]
        for n, (one, other) in enumerate(chance.sample(ends, chance.randint(0, 2))):
            since = chance.choice([None, "2020"])
            kind = f"KNOWS_{mark}{n}".upper()
            await memory.relationships.put(graph, [Relationship(kind, one, other, scope=scope, valid_from=since)])
        notes = [Episode(said(chance, mark), f"n{n}{scope}", scope=scope) for n in range(chance.randint(0, 4))]
        if notes:
            await memory.episodes.put(graph, notes)
        value = f"{chance.randint(1, 9)} {mark}".strip()
        await memory.claims.put(graph, [ClaimStatement("s", people[0], "salary", value=value, scope=scope)])
        if chance.random() < 0.5:
            block = BlockAddress(f"b{chance.randint(1, 2)}", scope)
            await memory.blocks.put(graph, block, BlockContent(said(chance, mark)))
    await memory.sessions.open(graph, CHAT, SessionDetails("planner", ("Clara",)))
    await memory.sessions.open(graph, SessionAddress("chat", HIDDEN[0]), SessionDetails("planner", ("Tom",)))
    await memory.sessions.append(graph, SessionAddress("chat", HIDDEN[0]), [Message("user", f"Clara {SECRET}", "m1")])
    roles = ("user", "assistant", "system", "tool")
    for start in range(0, chance.choice([1, 5, 80]), 40):
        told = [Message(chance.choice(roles), said(chance), f"m{start + n}") for n in range(chance.randint(1, 40))]
        await memory.sessions.append(graph, CHAT, told)


async def check_sources(memory: Memory, graph: str, context: SessionContext) -> None:
    """Look every source up, in the scope of the session."""
    for source in {each for entries in context.sections.values() for entry in entries for each in entry.sources}:
        kind, _, name = source.partition(":")
        match kind:
            case "message":
                await memory.sessions.message(graph, CHAT, name)
            case "episode":
                await memory.episodes.get(graph, name, scope=SCOPE)
            case "entity":
                await memory.entities.get(graph, name, scope=SCOPE)
            case "fact":
                with suppress(NotFound):
                    await memory.relationships.get(graph, int(name), scope=SCOPE)
                    continue
                await memory.facts.explain(graph, int(name), scope=SCOPE)
            case "block":
                assert [each for each in SEEN if await has_block(memory, graph, BlockAddress(name, each))], source
            case _:
                raise AssertionError(source)


async def has_block(memory: Memory, graph: str, block: BlockAddress) -> bool:
    try:
        await memory.blocks.get(graph, block)
    except NotFound:
        return False
    return True


async def check(memory: Memory, seed: int, budgets: list[int]) -> None:
    graph = await new_graph(memory, f"context_{uuid4().hex[:12]}")
    try:
        await fill(memory, graph, random.Random(seed))
        for budget in budgets:
            context = await memory.sessions.context(graph, CHAT, budget=budget)
            assert context.tokens <= budget
            assert memory.count_tokens(context.text) == context.tokens
            assert SECRET not in context.text.casefold()
            assert SECRET not in str(context.sections).casefold()
            assert await memory.sessions.context(graph, CHAT, budget=budget) == context
            await check_sources(memory, graph, context)
    finally:
        await memory.graphs.delete(graph)


async def test_a_context_keeps_its_budget_and_scope_and_names_sources_that_exist(memory: Memory) -> None:
    await check(memory, 7, [1, 60, 300, 2000, 100_000])


@sized
@pytest.mark.slow
@settings(
    max_examples=examples(40),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32), budgets=st.lists(st.integers(1, 6000), min_size=1, max_size=3))
async def test_so_it_is_with_any_memory_and_budget(memory: Memory, seed: int, budgets: list[int]) -> None:
    await check(memory, seed, budgets)
