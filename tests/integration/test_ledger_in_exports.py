"""The ledger in exports of a graph and of a scope: a round trip keeps accounts, transactions, holds and times."""

import io
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.errors import Conflict
from kgmem.domain.ledger.ledger import (
    AccountLimits,
    AccountSpec,
    LedgerNote,
    Reservation,
    StatementQuery,
)
from kgmem.formats.ledger import account_wire, hold_wire, statement_wire, transaction_wire
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import new_graph

SCOPES = ("", "user/1", "user/2")
D = Decimal


class Graphs:
    """The graphs of the running test: the one that is exported, and an empty one."""

    old = new = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


async def fill(memory: Memory, graph: str) -> None:
    """Write accounts with limits, transactions, a reversal, and holds in all states, in turn in several scopes."""
    for scope in SCOPES:
        limits = AccountLimits(hard_min=D("-10"), soft_min=D("-4"))
        await memory.ledger.put_account(graph, AccountSpec("budget", "budget", "USD", 6, limits), scope=scope)
        await memory.ledger.put_account(graph, AccountSpec("spent", "expense", "USD", 6), scope=scope)
    holds = {}
    for n in range(4):
        for scope in SCOPES:
            note = LedgerNote(f"Call {n}.", "planner", "chat-1", ("model", f"n:{n}"), {"n": n, "of": "😀"})
            cost = {"budget": f"-{n + 1}.25", "spent": f"{n + 1}.25"} if n < 2 else {"budget": "-0.5", "spent": "0.5"}
            posted = await memory.ledger.post(graph, cost, scope=scope, note=note, idempotency_key=f"call-{n}")
            holds[scope, n] = await memory.ledger.hold(
                graph, Reservation("budget", "spent", "0.4", seconds=3600 if n < 3 else None), scope=scope
            )
            if n == 1:
                await memory.ledger.reverse(graph, posted.id, scope=scope)
    for scope in SCOPES:
        await memory.ledger.settle(graph, holds[scope, 0].id, "0.15", scope=scope)
        await memory.ledger.release(graph, holds[scope, 1].id, scope=scope)
        raised = AccountSpec("budget", "budget", "USD", 6, AccountLimits(hard_min=D(-20)), "Raised.")
        await memory.ledger.put_account(graph, raised, scope=scope)


def without(value: Any, *names: str) -> Any:
    """Return a value without what is of one chain: numbers and hashes."""
    if isinstance(value, dict):
        return {name: without(each, *names) for name, each in value.items() if name not in names}
    return [without(each, *names) for each in value] if isinstance(value, list | tuple) else value


async def seen(memory: Memory, graph: str, scope: str, *, times: bool = True) -> Any:
    """All that the ledger shows of a scope, but for what belongs to the chain."""
    own = ["id", "hash", "hold", "reverses", "transaction", "record", "cursor", "idempotency_key"]
    own += [] if times else ["at", "opened_at", "closed_at", "expires_at"]
    accounts = [account_wire(each) for each in (await memory.ledger.accounts(graph, scope=scope)).items]
    made = [transaction_wire(each) for each in (await memory.ledger.transactions(graph, scope=scope)).items]
    holds = [hold_wire(each) for each in (await memory.ledger.holds(graph, scope=scope)).items]
    statements = [
        statement_wire(await memory.ledger.statement(graph, query, scope=scope))
        for query in (StatementQuery(agent="planner"), StatementQuery(session="chat-1"), StatementQuery(tag="n:1"))
    ]
    named = [each["idempotency_key"] or "import-" for each in made]
    keys = [each for each in named if not each.startswith("import-")]
    return without([accounts, made, holds, statements], *own), keys


@pytest.mark.long
@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet", "nquads"])
async def test_an_export_of_a_graph_keeps_its_ledger(memory: Memory, tmp_path: Path, format_: str) -> None:
    await fill(memory, Graphs.old)
    target = tmp_path / {"jsonl": "all.jsonl.gz", "nquads": "all.nq"}.get(format_, "all.zip")
    written = await memory.exports.write(Graphs.old, target, ExportOptions(format=format_))
    assert not written.lost
    for created in (True, False):
        done = await memory.imports.run(Graphs.new, [target], ImportOptions())
        assert (not done.rejections, done.created > 0) == (True, created)
        for scope in SCOPES:
            assert await seen(memory, Graphs.new, scope) == await seen(memory, Graphs.old, scope)
        assert (await memory.ledger.verify(Graphs.new)).ok
    # The same file changes nothing where it came from, and a client that repeats a request gets what it had made.
    assert (await memory.imports.run(Graphs.old, [target], ImportOptions())).created == 0
    again = await memory.ledger.post(
        Graphs.new, {"budget": "-0.5", "spent": "0.5"}, scope="user/1", idempotency_key="call-3",
        note=LedgerNote("Call 3.", "planner", "chat-1", ("model", "n:3"), {"n": 3, "of": "😀"}),
    )  # fmt: skip
    assert not again.created


@pytest.mark.long
async def test_an_export_of_a_scope_has_its_accounts_and_no_others(memory: Memory, tmp_path: Path) -> None:
    await fill(memory, Graphs.old)
    target = tmp_path / "one.jsonl"
    await memory.exports.write(Graphs.old, target, ExportOptions(scope="user/1"))
    assert "user/2" not in target.read_text()
    # A ledger that is in use takes it at its end.
    await memory.ledger.put_account(Graphs.new, AccountSpec("other", "asset", "EUR", 2))
    done = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert not done.rejections
    assert await seen(memory, Graphs.new, "user/1", times=False) == await seen(
        memory, Graphs.old, "user/1", times=False
    )
    assert not (await memory.ledger.accounts(Graphs.new, scope="user/2")).items
    assert [each.spec.name for each in (await memory.ledger.accounts(Graphs.new)).items] == ["other"]
    assert (await memory.ledger.verify(Graphs.new)).ok

    # What is spent later at the origin follows by a later export, a settlement of a hold that was open among it.
    (open_hold, *_) = (await memory.ledger.holds(Graphs.old, scope="user/1", state="open")).items
    await memory.ledger.settle(Graphs.old, open_hold.id, "0.1", scope="user/1")
    await memory.exports.write(Graphs.old, target, ExportOptions(scope="user/1"))
    assert (await memory.imports.run(Graphs.new, [target], ImportOptions())).created == 1
    assert await seen(memory, Graphs.new, "user/1", times=False) == await seen(
        memory, Graphs.old, "user/1", times=False
    )
    # The limits hold from then on.
    with pytest.raises(Conflict, match="limit"):
        await memory.ledger.post(Graphs.new, {"budget": "-30", "spent": "30"}, scope="user/1")


async def test_a_record_that_was_changed_is_refused_and_nothing_of_the_ledger_is_imported(memory: Memory) -> None:
    await fill(memory, Graphs.old)
    stream = io.BytesIO()
    await memory.exports.write(Graphs.old, stream, ExportOptions(format="jsonl", kind="ledger_record"))
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    place = next(n for n, each in enumerate(lines) if '"transaction"' in each["content"])
    more = {**lines[place], "content": lines[place]["content"].replace("1.25", "0.25")}
    moved = {**lines[0], "scope": "user/2"}
    for changed in ([*lines[:place], more, *lines[place + 1 :]], lines[1:], [moved, *lines[1:]]):
        file = io.BytesIO(b"\n".join(map(orjson.dumps, changed)))
        done = await memory.imports.run(Graphs.new, [file], ImportOptions(format="jsonl"))
        assert done.rejections
        assert any("The ledger was not imported" in each.reason for each in done.rejections)
        assert [(await memory.ledger.accounts(Graphs.new, scope=scope)).items for scope in SCOPES] == [[], [], []]
    # An account of the same name that is another stops it.
    await memory.ledger.put_account(Graphs.new, AccountSpec("budget", "budget", "tokens", 0), scope="user/1")
    done = await memory.imports.run(Graphs.new, [io.BytesIO(stream.getvalue())], ImportOptions(format="jsonl"))
    assert "another kind, unit or scale" in done.rejections[0].reason
    assert not (await memory.ledger.transactions(Graphs.new, scope="user/2")).items
    assert (await memory.ledger.verify(Graphs.new)).ok
