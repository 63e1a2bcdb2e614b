"""A ledger goes through a file: nothing is lost, the chain goes on, and a broken one is refused as a whole."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.ledger.ledger import AccountLimits, AccountSpec, LedgerNote, Reservation, StatementQuery
from kgmem.memory import Memory
from tests.memories import new_graph

SOURCE, TARGET = "ledger_source", "ledger_target"


@pytest.fixture
async def memory(memory: Memory) -> AsyncIterator[Memory]:
    await new_graph(memory, SOURCE)
    await memory.graphs.create(TARGET, space=None)  # A new one, of which no subsystem has tables.
    limits = AccountLimits(hard_min=Decimal(-100), soft_min=Decimal(-1))
    for scope in ("", "user/1"):
        for name in ("fund", "spent"):
            await memory.ledger.put_account(SOURCE, AccountSpec(name, "budget", "USD", limits=limits), scope=scope)
    note = LedgerNote("über", "planner", "s", ["a", "b"], {"deep": [1.5, None]})
    made = await memory.ledger.post(SOURCE, {"fund": "-2", "spent": "2"}, note=note, idempotency_key="k")
    await memory.ledger.post(SOURCE, {"fund": "-0.000000001", "spent": "0.000000001"}, scope="user/1")
    held = [await memory.ledger.hold(SOURCE, Reservation("fund", "spent", n, seconds=3600)) for n in (1, 2, 3)]
    await memory.ledger.settle(SOURCE, held[0].id, "0.5")
    await memory.ledger.release(SOURCE, held[1].id)
    await memory.ledger.reverse(SOURCE, made.id)
    await memory.ledger.put_account(SOURCE, AccountSpec("fund", "budget", "USD", description="changed"))
    yield memory
    await memory.graphs.delete(TARGET)


async def lines_of(memory: Memory, graph: str) -> list[str]:
    return [line async for line in memory.ledger.export(graph)]


async def test_a_round_trip_loses_nothing_and_the_chain_goes_on(memory: Memory) -> None:
    lines = await lines_of(memory, SOURCE)
    assert await memory.ledger.restore(TARGET, lines) == len(lines) == 13
    assert await lines_of(memory, TARGET) == lines
    head = await memory.ledger.head(TARGET)
    assert head == await memory.ledger.head(SOURCE)
    report = await memory.ledger.verify(TARGET, anchors=[(head.records, head.hash)])
    assert report.ok, report.broken
    for scope in ("", "user/1"):
        assert await memory.ledger.accounts(TARGET, scope=scope) == await memory.ledger.accounts(SOURCE, scope=scope)
        for query in (StatementQuery(), StatementQuery(tag="b"), StatementQuery(account="fund")):
            there = await memory.ledger.statement(TARGET, query, scope=scope)
            assert there == await memory.ledger.statement(SOURCE, query, scope=scope)
    assert await memory.ledger.holds(TARGET) == await memory.ledger.holds(SOURCE)
    assert await memory.ledger.notices(TARGET) == await memory.ledger.notices(SOURCE)

    again = await memory.ledger.post(TARGET, {"fund": "-2", "spent": "2"}, note=(await memory.ledger.transaction(
        SOURCE, 5)).note, idempotency_key="k")  # fmt: skip
    assert not again.created
    await memory.ledger.post(SOURCE, {"fund": "-1", "spent": "1"})
    assert await memory.ledger.restore(TARGET, await lines_of(memory, SOURCE)) == 1
    assert await memory.ledger.restore(TARGET, lines) == 0  # An older export.
    assert (await memory.ledger.verify(TARGET)).ok


@pytest.mark.parametrize("damage", ["altered", "swapped", "first missing", "middle missing", "hash", "no JSON"])
async def test_a_broken_chain_is_refused_and_nothing_imported(memory: Memory, damage: str) -> None:
    lines = await lines_of(memory, SOURCE)
    match damage:
        case "altered":
            lines[4] = lines[4].replace("planner", "plotter")
        case "swapped":
            lines[5], lines[6] = lines[6], lines[5]
        case "first missing":
            del lines[0]
        case "middle missing":
            del lines[6]
        case "hash":
            lines[12] = json.dumps({**json.loads(lines[12]), "hash": "0" * 64})
        case "no JSON":
            lines[3] = "{"
    with pytest.raises(InvalidInput) as caught:
        await memory.ledger.restore(TARGET, lines)
    assert set(caught.value.facts) & {"record", "line"}
    assert (await memory.ledger.head(TARGET)).records == 0


async def test_a_graph_with_other_records_refuses_them(memory: Memory) -> None:
    await memory.ledger.put_account(TARGET, AccountSpec("own", "budget", "USD"))
    with pytest.raises(Conflict, match="ledger of its own"):
        await memory.ledger.restore(TARGET, await lines_of(memory, SOURCE))
    assert (await memory.ledger.head(TARGET)).records == 1
