"""Random interleavings of writers in two processes: money is kept, limits hold, and the ledger verifies."""

import asyncio
from collections import Counter
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.ledger.ledger import AccountLimits, AccountSpec, Reservation
from kgmem.memory import Memory
from tests.memories import new_graph, opened_memory
from tests.sizes import examples, sized

NUMBERS = count()
NAMES = ("a", "b", "c")
D = Decimal
AMOUNT = st.decimals(min_value="0.01", max_value=30, places=2)
STEP = st.one_of(
    st.tuples(st.just("post"), st.sampled_from(NAMES), st.sampled_from(NAMES), AMOUNT),
    st.tuples(st.just("keyed"), st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from([D(1), D(2)])),
    st.tuples(st.just("hold"), st.sampled_from(NAMES), st.sampled_from(NAMES), AMOUNT),
    st.tuples(st.just("settle"), st.none(), st.none(), AMOUNT),
    st.tuples(st.just("release"), st.none(), st.none(), AMOUNT),
    st.tuples(st.just("reverse"), st.none(), st.none(), AMOUNT),
    st.tuples(st.just("expire"), st.none(), st.none(), AMOUNT),
    st.tuples(st.just("pause"), st.none(), st.none(), AMOUNT),
)
WRITERS = st.lists(st.lists(STEP, min_size=1, max_size=8), min_size=2, max_size=8)


async def run_step(memory: Memory, graph: str, step: Any, made: dict[str, list[int]]) -> None:
    kind, source, to, amount = step
    ledger = memory.ledger
    match kind:
        case "post" | "keyed":
            key = f"{source}{to}" if kind == "keyed" else None
            done = await ledger.post(graph, {source: amount.copy_negate(), to: amount}, idempotency_key=key)
            made["transactions"].append(done.id)
        case "hold":
            held = await ledger.hold(graph, Reservation(source, to, amount, seconds=3600))
            made["holds"].append(held.id)
        case "settle" if made["holds"]:
            await ledger.settle(graph, made["holds"][-1], min(amount, D("0.5")))
        case "release" if made["holds"]:
            await ledger.release(graph, made["holds"][0])
        case "reverse" if made["transactions"]:
            await ledger.reverse(graph, made["transactions"][-1])
        case "expire":
            await memory.tasks.expire_holds(graph)
        case _:
            await asyncio.sleep(0)


@sized
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writers=WRITERS)
async def test_random_interleavings_keep_the_money(memory: Memory, writers: list[list[Any]]) -> None:
    graph = await new_graph(memory, f"mixed_{next(NUMBERS)}")
    async with opened_memory(memory.ports.graphs.database.url) as other:  # type: ignore[attr-defined]
        for name in NAMES:
            limits = AccountLimits(hard_min=D(-20) if name == "a" else None)
            await memory.ledger.put_account(graph, AccountSpec(name, "budget", "USD", limits=limits))
        made: dict[str, list[int]] = {"transactions": [], "holds": []}
        outcomes: Counter[str] = Counter()

        async def write(through: Memory, steps: list[Any]) -> None:
            for step in steps:
                try:
                    await run_step(through, graph, step, made)
                    outcomes["done"] += 1
                except (Conflict, InvalidInput, NotFound) as error:
                    outcomes[error.code] += 1

        await asyncio.gather(*(write((memory, other)[n % 2], steps) for n, steps in enumerate(writers)))
        accounts = [await memory.ledger.account(graph, name) for name in NAMES]
        assert sum((each.balance.posted for each in accounts), D(0)) == 0
        assert accounts[0].balance.available >= -20
        report = await other.ledger.verify(graph)
        assert report.ok, report.broken
        head = await memory.ledger.head(graph)
        assert head.records == report.records
