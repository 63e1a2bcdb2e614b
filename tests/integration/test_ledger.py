"""The ledger in the database: double entry, holds, limits, balances as of a time, and who may change a row."""

import asyncio
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from kgmem.domain.errors import Conflict, InvalidInput, LimitReached, NotFound
from kgmem.domain.ledger.ledger import (
    AccountLimits,
    AccountSpec,
    LedgerNote,
    Posting,
    Reservation,
    StatementQuery,
)
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, until

GRAPH = "books"
D = Decimal


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def opened(memory: Memory, *names: str, scope: str = "", **of: Any) -> None:
    for name in names:
        await memory.ledger.put_account(GRAPH, AccountSpec(name, "budget", "USD", **of), scope=scope)


async def post(memory: Memory, amount: str, *, source: str = "fund", to: str = "spent", **of: Any) -> Any:
    value = D(amount)
    return await memory.ledger.post(GRAPH, {source: value.copy_negate(), to: value}, **of)


async def balances(memory: Memory, name: str, at: str | None = None, scope: str = "") -> tuple[str, str, str]:
    found = (await memory.ledger.account(GRAPH, name, at=at, scope=scope)).balance
    return str(found.posted), str(found.held), str(found.available)


async def clean(memory: Memory) -> Any:
    found = await memory.ledger.verify(GRAPH)
    assert found.ok, found.broken
    return found


async def test_a_transaction_moves_exact_amounts_and_sums_to_zero_per_unit(memory: Memory) -> None:
    await opened(memory, "fund", "spent")
    for name in ("fund-t", "spent-t"):
        await memory.ledger.put_account(GRAPH, AccountSpec(name, "expense", "tokens", scale=0))
    made = await memory.ledger.post(
        GRAPH,
        [Posting("fund", "-0.1"), Posting("spent", "0.1", "USD"), Posting("fund-t", -1200), Posting("spent-t", "1200")],
        note=LedgerNote("one call", "planner", "s1", ["llm"], {"model": "m", "cents": 1.5}),
    )
    assert [(each.account, each.unit, str(each.amount), str(each.balance)) for each in made.entries] == [
        ("fund", "USD", "-0.1", "-0.1"),
        ("spent", "USD", "0.1", "0.1"),
        ("fund-t", "tokens", "-1200", "-1200"),
        ("spent-t", "tokens", "1200", "1200"),
    ]
    for _ in range(2):
        await post(memory, "0.1")
    assert await balances(memory, "spent") == ("0.3", "0", "0.3")
    await post(memory, "12345678901234567890.000000001")
    await post(memory, "0.000000001", source="spent", to="fund")
    assert (await balances(memory, "spent"))[0] == "12345678901234567890.300000000"
    assert await memory.ledger.transaction(GRAPH, made.id) == await memory.ledger.transaction(GRAPH, made.id)
    assert (await memory.ledger.transaction(GRAPH, made.id)).note.metadata == {"model": "m", "cents": 1.5}
    report = await clean(memory)
    assert (report.records, report.entries, report.accounts) == (9, 12, 4)


BAD: list[tuple[list[Posting], str, type[Exception]]] = [
    ([Posting("fund", "-1"), Posting("nobody", "1")], "entries[1].account", InvalidInput),
    ([Posting("fund", "-1"), Posting("spent", "2")], "entries", InvalidInput),
    ([Posting("fund", "-1"), Posting("tokens", "1")], "entries", InvalidInput),
    ([Posting("fund", "-1"), Posting("spent", "1", "EUR")], "entries[1].unit", InvalidInput),
    ([Posting("fund", "-1"), Posting("shut", "1")], "entries[1].account", Conflict),
    ([Posting("fund", "NaN"), Posting("spent", "1")], "entries[0].amount", InvalidInput),
    ([Posting("fund", "-Infinity"), Posting("spent", "1")], "entries[0].amount", InvalidInput),
    ([Posting("fund", "one"), Posting("spent", "1")], "entries[0].amount", InvalidInput),
    ([Posting("fund", "1e400"), Posting("spent", "1")], "entries[0].amount", InvalidInput),
    ([Posting("fund", "-0.0000000001"), Posting("spent", "0.0000000001")], "entries[0].amount", InvalidInput),
    ([Posting("fund", "0"), Posting("spent", "0")], "entries[0].amount", InvalidInput),
    ([Posting("fund", -0.5), Posting("spent", "0.5")], "entries[0].amount", InvalidInput),  # type: ignore[arg-type]
    ([Posting("fund", "-1")], "entries", InvalidInput),
    ([Posting("f und", "-1"), Posting("spent", "1")], "entries[0].account", InvalidInput),
]


@pytest.mark.parametrize(("postings", "field", "kind"), BAD)
async def test_a_bad_transaction_is_refused_by_the_field_and_changes_nothing(
    memory: Memory, postings: list[Posting], field: str, kind: type[Exception]
) -> None:
    await opened(memory, "fund", "spent")
    await opened(memory, "shut", closed=True)
    await memory.ledger.put_account(GRAPH, AccountSpec("tokens", "expense", "tokens"))
    before = await memory.ledger.head(GRAPH)
    with pytest.raises(kind) as caught:
        await memory.ledger.post(GRAPH, postings)
    error: Any = caught.value
    assert error.facts["field"] == field
    assert error.hint
    assert await memory.ledger.head(GRAPH) == before


async def test_a_repeated_key_returns_what_was_stored_and_another_content_is_refused(memory: Memory) -> None:
    await opened(memory, "fund", "spent")
    first = await post(memory, "5.00", idempotency_key="k")
    assert first.created
    again = await post(memory, "5", idempotency_key="k")
    assert (again.id, again.created, again.hash) == (first.id, False, first.hash)
    for other in ({"amount": "6"}, {"amount": "5", "note": LedgerNote("else")}):
        with pytest.raises(Conflict) as caught:
            await post(memory, **other, idempotency_key="k")  # type: ignore[arg-type]
        assert caught.value.facts["field"] == "idempotency_key"
    with pytest.raises(Conflict):
        await memory.ledger.hold(GRAPH, Reservation("fund", "spent", "5"), idempotency_key="k")
    several = await asyncio.gather(*(post(memory, "1", idempotency_key="many") for _ in range(20)))
    assert len({each.id for each in several}) == 1
    assert sum(each.created for each in several) == 1
    assert (await balances(memory, "spent"))[0] == "6"
    await clean(memory)


async def test_a_hold_is_settled_in_part_or_whole_or_released_once(memory: Memory) -> None:
    await opened(memory, "fund", "spent")
    await post(memory, "100", source="spent", to="fund")
    hold = await memory.ledger.hold(GRAPH, Reservation("fund", "spent", "30"), note=LedgerNote("call", "planner"))
    assert (hold.state, hold.unit, hold.expires_at) == ("open", "USD", None)
    assert await balances(memory, "fund") == ("100", "30", "70")
    with pytest.raises(InvalidInput, match="reserves 30"):
        await memory.ledger.settle(GRAPH, hold.id, "30.01")
    made = await memory.ledger.settle(GRAPH, hold.id, "12.5", idempotency_key="done")
    assert (made.hold, made.note.agent) == (hold.id, "planner")
    assert await balances(memory, "fund") == ("87.5", "0", "87.5")
    assert (await memory.ledger.settle(GRAPH, hold.id, "12.5", idempotency_key="done")).id == made.id
    with pytest.raises(Conflict, match="settled"):
        await memory.ledger.settle(GRAPH, hold.id)
    with pytest.raises(Conflict, match="settled"):
        await memory.ledger.release(GRAPH, hold.id)
    closed = await memory.ledger.get_hold(GRAPH, hold.id)
    assert (closed.state, closed.settled, closed.transaction) == ("settled", D("12.5"), made.id)

    other = await memory.ledger.hold(GRAPH, Reservation("fund", "spent", "80"))
    with pytest.raises(Conflict, match="holds are open"):
        await opened(memory, "fund", closed=True)
    assert (await memory.ledger.release(GRAPH, other.id)).state == "released"
    assert await balances(memory, "fund") == ("87.5", "0", "87.5")
    for bad in (Reservation("fund", "fund", "1"), Reservation("fund", "spent", "-1"), Reservation("fund", "x", "1")):
        with pytest.raises(InvalidInput):
            await memory.ledger.hold(GRAPH, bad)
    with pytest.raises(NotFound):
        await memory.ledger.settle(GRAPH, 999)
    await clean(memory)


@pytest.mark.long
async def test_a_lapsed_hold_counts_no_more_before_a_job_closes_it(memory: Memory) -> None:
    await opened(memory, "fund", "spent", limits=AccountLimits(hard_min=D(-100)))
    hold = await memory.ledger.hold(GRAPH, Reservation("fund", "spent", "100", seconds=1))
    kept = await memory.ledger.hold(GRAPH, Reservation("spent", "fund", "7", seconds=3600))
    with pytest.raises(LimitReached):
        await post(memory, "1")

    async def lapsed() -> bool:
        return (await memory.ledger.get_hold(GRAPH, hold.id)).state == "expired"

    await until(lapsed, 10)
    during = hold.at
    assert await balances(memory, "fund") == ("0", "0", "0")
    assert [each.balance.held for each in (await memory.ledger.accounts(GRAPH)).items] == [D(0), D(7)]
    assert (await balances(memory, "fund", at=during))[1] == "100"
    with pytest.raises(Conflict, match="expired"):
        await memory.ledger.settle(GRAPH, hold.id)
    await clean(memory)
    await post(memory, "60")  # Which closes it by the way.
    assert await balances(memory, "fund") == ("-60", "0", "-60")
    assert not await memory.ports.ledger.has_lapsed(GRAPH)

    await memory.ledger.hold(GRAPH, Reservation("spent", "fund", "1", seconds=1))

    async def waits() -> bool:
        return await memory.ports.ledger.has_lapsed(GRAPH)

    await until(waits, 10)
    assert await memory.tasks.expire_holds(GRAPH) == 1
    assert [each.id for each in (await memory.ledger.holds(GRAPH, state="open")).items] == [kept.id]
    assert len((await memory.ledger.holds(GRAPH, state="expired")).items) == 2
    await clean(memory)


async def test_a_hard_limit_refuses_with_the_balance_and_a_soft_one_is_noted(memory: Memory) -> None:
    await memory.ledger.put_account(
        GRAPH, AccountSpec("fund", "budget", "USD", limits=AccountLimits(hard_min=D(0), soft_min=D(20)))
    )
    await memory.ledger.put_account(GRAPH, AccountSpec("spent", "expense", "USD", limits=AccountLimits(hard_max=D(95))))
    await opened(memory, "source")
    await post(memory, "100", source="source", to="fund")
    assert not (await post(memory, "80")).notices
    first = await post(memory, "5")
    (notice,) = first.notices
    assert (notice.limit, notice.balance, notice.crossed) == ("soft_min", D(15), True)
    hold = await memory.ledger.hold(GRAPH, Reservation("fund", "spent", "10"))
    assert [each.crossed for each in hold.notices] == [False]
    before = await memory.ledger.head(GRAPH)
    with pytest.raises(LimitReached) as caught:
        await post(memory, "5.01", to="source")
    facts = caught.value.facts
    assert (facts["account"], facts["limit"], facts["posted"], facts["held"], facts["available"]) == (
        "fund", "hard_min", "15", "10", "5",
    )  # fmt: skip
    assert "5 USD are available" in caught.value.message
    with pytest.raises(LimitReached) as caught:
        await post(memory, "1")
    assert (caught.value.facts["account"], caught.value.facts["incoming"]) == ("spent", "10")
    assert await memory.ledger.head(GRAPH) == before
    await memory.ledger.settle(GRAPH, hold.id)
    await post(memory, "50", source="spent", to="fund")  # Toward the inside of both.
    listed = (await memory.ledger.notices(GRAPH)).items
    assert [(each.record, each.crossed) for each in listed[-2:]] == [(hold.id, False), (first.id, True)]

    await memory.ledger.put_account(GRAPH, AccountSpec("fund", "budget", "USD", limits=AccountLimits(hard_min=D(500))))
    await post(memory, "1", source="source", to="fund")  # Still beyond it, but on the way back.
    with pytest.raises(LimitReached):
        await post(memory, "1", to="source")
    await clean(memory)


async def test_a_reversal_is_a_new_transaction_and_comes_once(memory: Memory) -> None:
    await opened(memory, "fund", "spent")
    made = await post(memory, "9")
    back = await memory.ledger.reverse(GRAPH, made.id, note=LedgerNote("mistake"))
    assert back.reverses == made.id
    assert await balances(memory, "spent") == ("0", "0", "0")
    with pytest.raises(Conflict, match=f"reversed already, by {back.id}"):
        await memory.ledger.reverse(GRAPH, made.id)
    with pytest.raises(NotFound):
        await memory.ledger.reverse(GRAPH, 1)
    await memory.ledger.reverse(GRAPH, back.id)
    assert (await balances(memory, "spent"))[0] == "9"
    await clean(memory)


async def test_balances_and_statements_are_of_any_time(memory: Memory) -> None:
    await opened(memory, "fund", "spent", "other")
    made = []
    for n in range(1, 8):
        note = LedgerNote(
            f"call {n}", "planner" if n % 2 else "writer", f"s{n % 3}", ["odd"] if n % 2 else ["even", "x"]
        )
        made.append(await post(memory, str(n), note=note, to="spent" if n != 4 else "other"))
    for n, each in enumerate(made, 1):
        assert (await balances(memory, "fund", at=each.at))[0] == str(-sum(range(1, n + 1)))
    assert await balances(memory, "fund", at="2001-01-01") == ("0", "0", "0")
    assert (await balances(memory, "fund", at="2200-01-01"))[0] == "-28"

    whole = await memory.ledger.statement(GRAPH, StatementQuery(account="spent"))
    assert [str(each.amount) for each in whole.lines] == ["1", "2", "3", "5", "6", "7"]
    assert (whole.opening, whole.closing) == (D(0), D(24))
    part = await memory.ledger.statement(
        GRAPH, StatementQuery(account="spent", start=made[1].at, end=made[5].at), limit=2
    )
    assert ([each.transaction for each in part.lines], part.opening, part.closing) == (
        [made[1].id, made[2].id], D(1), D(11),
    )  # fmt: skip
    rest = await memory.ledger.statement(
        GRAPH, StatementQuery(account="spent", start=made[1].at, end=made[5].at), limit=2, cursor=part.cursor
    )
    assert ([each.transaction for each in rest.lines], rest.cursor) == ([made[4].id], None)
    assert part.totals == rest.totals
    assert (part.totals[0].entries, part.totals[0].added) == (3, D(10))
    planner = await memory.ledger.statement(GRAPH, StatementQuery(agent="planner"))
    assert {each.account: each.added - each.deducted for each in planner.totals} == {"fund": D(-16), "spent": D(16)}
    tagged = await memory.ledger.statement(GRAPH, StatementQuery(tag="x", account="fund"))
    assert [str(each.amount) for each in tagged.lines] == ["-2", "-4", "-6"]
    session = await memory.ledger.statement(GRAPH, StatementQuery(session="s0"))
    assert {each.transaction for each in session.lines} == {made[2].id, made[5].id}
    with pytest.raises(NotFound):
        await memory.ledger.statement(GRAPH, StatementQuery(account="nobody"))
    pages, cursor = [], None
    while True:
        page = await memory.ledger.transactions(GRAPH, cursor=cursor, limit=3)
        pages += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert [each.id for each in pages] == [each.id for each in reversed(made)]


async def test_accounts_belong_to_a_scope_and_change_only_where_they_may(memory: Memory) -> None:
    await opened(memory, "fund", "spent", scope="user/1")
    await opened(memory, "fund", scope="user/2")
    with pytest.raises(InvalidInput, match="no account 'spent'"):
        await post(memory, "1", scope="user/2")
    made = await post(memory, "1", scope="user/1", idempotency_key="k")
    for wrong in ("", "user", "user/2"):
        with pytest.raises(NotFound):
            await memory.ledger.transaction(GRAPH, made.id, scope=wrong)
        with pytest.raises(NotFound):
            await memory.ledger.reverse(GRAPH, made.id, scope=wrong)
    assert [each.spec.name for each in (await memory.ledger.accounts(GRAPH, scope="user/2")).items] == ["fund"]
    hold = await memory.ledger.hold(GRAPH, Reservation("fund", "spent", "1"), scope="user/1")
    with pytest.raises(NotFound):
        await memory.ledger.settle(GRAPH, hold.id, scope="user/2")

    again = await memory.ledger.put_account(GRAPH, AccountSpec("fund", "budget", "USD"), scope="user/1")
    assert (again.created, again.changed) == (False, False)
    changed = await memory.ledger.put_account(
        GRAPH, AccountSpec("fund", "budget", "USD", description="more"), scope="user/1"
    )
    assert (changed.created, changed.changed, changed.balance.posted) == (False, True, D(-1))
    for wrong_spec in (AccountSpec("fund", "asset", "USD"), AccountSpec("fund", "budget", "EUR")):
        with pytest.raises(Conflict):
            await memory.ledger.put_account(GRAPH, wrong_spec, scope="user/1")
    await clean(memory)


@pytest.mark.parametrize("table", ["record", "entry", "account", "hold", "head"])
async def test_the_database_refuses_to_change_or_delete_rows(memory: Memory, table: str) -> None:
    await opened(memory, "fund", "spent")
    await post(memory, "1")
    schema = await index_schema(memory, GRAPH)
    refused = [f"DELETE FROM {schema}.ledger_{table}", f"TRUNCATE {schema}.ledger_{table}"]
    if table in {"record", "entry"}:
        column = "agent" if table == "record" else "position"
        refused.append(f"UPDATE {schema}.ledger_{table} SET {column} = {column}")
    database = memory.ports.graphs.database  # type: ignore[attr-defined]
    for statement in refused:
        for role in ("SELECT 1", "SET LOCAL session_replication_role = replica"):
            async with database.connection() as connection:
                attempt = connection.transaction()
                await attempt.start()
                await connection.execute(role)
                with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                    await connection.execute(statement)
                await attempt.rollback()
    await clean(memory)


async def test_many_writers_of_one_hot_account_keep_every_invariant(memory: Memory) -> None:
    await memory.ledger.put_account(GRAPH, AccountSpec("fund", "budget", "USD", limits=AccountLimits(hard_min=D(0))))
    await opened(memory, "source", *(f"spent-{n}" for n in range(8)))
    await post(memory, "500", source="source", to="fund")

    async def spend(who: int) -> int:
        done = 0
        for n in range(10):
            try:
                if n % 3:
                    await post(memory, "1", to=f"spent-{who % 8}")
                else:
                    hold = await memory.ledger.hold(GRAPH, Reservation("fund", f"spent-{who % 8}", "2"))
                    await memory.ledger.settle(GRAPH, hold.id, "1")
                done += 1
            except LimitReached:
                pass
        return done

    done = sum(await asyncio.gather(*(spend(n) for n in range(64))))
    spent = sum([(await memory.ledger.account(GRAPH, f"spent-{n}")).balance.posted for n in range(8)], D(0))
    assert spent == done <= 500
    assert (await balances(memory, "fund"))[0] == str(500 - done)
    assert done > 480  # Holds take two for a moment.
    await clean(memory)


async def test_a_writer_waits_for_the_head_that_another_session_has_locked(memory: Memory) -> None:
    await opened(memory, "fund", "spent")
    schema = await index_schema(memory, GRAPH)
    async with memory.ports.graphs.database.connection() as connection:  # type: ignore[attr-defined]
        lock = connection.transaction()
        await lock.start()
        await connection.execute(f"SELECT * FROM {schema}.ledger_head FOR UPDATE")
        waiting = asyncio.create_task(post(memory, "1"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await lock.rollback()
    await waiting
    await clean(memory)


async def test_the_scale_of_an_account_stays_where_none_is_given(memory: Memory) -> None:
    await memory.ledger.put_account(GRAPH, AccountSpec("coins", "asset", "USD", scale=2))
    changed = await memory.ledger.put_account(GRAPH, AccountSpec("coins", "asset", "USD", description="more"))
    assert (changed.changed, changed.spec.scale, changed.spec.description) == (True, 2, "more")
    assert (await memory.ledger.put_account(GRAPH, AccountSpec("new", "asset", "USD"))).spec.scale == 9
    with pytest.raises(Conflict, match="scale"):
        await memory.ledger.put_account(GRAPH, AccountSpec("coins", "asset", "USD", scale=9))


async def test_a_statement_that_ends_before_it_starts_is_refused(memory: Memory) -> None:
    query = StatementQuery(start="2026-02-01", end="2026-01-01")
    with pytest.raises(InvalidInput, match="after the end"):
        await memory.ledger.statement(GRAPH, query)
