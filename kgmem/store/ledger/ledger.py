"""The ledger in the tables of each graph: batches of requests, balances, statements."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import asyncpg

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.ledger.amounts import ZERO, exact
from kgmem.domain.ledger.book import Book, OpenAccount
from kgmem.domain.ledger.chain import GENESIS, Record, SealedText
from kgmem.domain.ledger.ledger import (
    Account,
    AccountKind,
    Balance,
    Head,
    Hold,
    HoldState,
    Notice,
    Request,
    Statement,
    StatementLine,
    StatementQuery,
    StatementTotal,
    Transaction,
    Verification,
)
from kgmem.domain.ledger.ports import Outcome
from kgmem.domain.ledger.views import account_of, hold_of, note_of, notices_of, transaction_of
from kgmem.domain.time.interval import iso, now, parse_time
from kgmem.store.db.sql import SQL
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.ledger.batch import run_batch
from kgmem.store.ledger.queue import RequestQueue, Results
from kgmem.store.ledger.rows import FILE, hold_row, open_account, put_holds, record_of
from kgmem.store.ledger.transfer import checked_records, restore
from kgmem.store.ledger.verify import check_ledger

_READS: Final = ("ledger",)
_HIGHEST: Final = 2**63 - 1
_PLACE: Final = re.compile(r"\d{1,18}", re.ASCII)
_JUST_NOW: Final = 60_000_000  # Microseconds: a batch in progress may have a time that is so long ago.
_END: Final = 9_000_000_000_000_000_000  # After every time that Postgres stores.
_CUSTOM: Final = SQL("SET LOCAL plan_cache_mode = force_custom_plan")


class PostgresLedger:
    """Ledgers by graph."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database
        self._queue = RequestQueue(self._batch)

    async def submit(self, graph: str, request: Request) -> Outcome:
        """Decide and store a request. Raises InvalidInput, NotFound, Conflict, LimitReached."""
        return await self._queue.submit(graph, request)

    async def _batch(self, graph: str, requests: Sequence[Request]) -> Results:
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("ledger")
            paths = {each.scope for each in requests}
            async with self.database.connection() as connection:
                scopes = await scope_ids(connection, layout, paths, make=True)
            return await self.database.transact(lambda c: run_batch(c, layout, requests, scopes))

    async def account(self, graph: str, scope: str, name: str, at: int | None) -> Account:
        """Return an account with its balance, now or as of a time. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> Account:
                number = await _scope(connection, layout, scope)
                row = await connection.fetchrow(layout.sql(FILE, "accounts_named"), [number], [name])
                if row is None:
                    raise _no_account(name)
                return account_of(*await self._as_of(connection, layout, [open_account(row, scope)], at))

            if at is not None and at > now() - _JUST_NOW:
                async with self.database.connection() as connection:
                    await connection.fetchval(layout.sql(FILE, "settle_head"))
            return await self.database.transact(work, isolation="repeatable_read")

    async def accounts(
        self, graph: str, scope: str, *, kind: AccountKind | None, unit: str | None, cursor: str | None, limit: int
    ) -> Page[Account]:
        """Return accounts of this scope only, by name."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> Page[Account]:
                number = await _scope(connection, layout, scope)
                rows = await connection.fetch(
                    layout.sql(FILE, "list_accounts"), number, cursor or "", kind, unit, limit + 1
                )
                found = [open_account(row, scope) for row in rows[:limit]]
                current = await self._as_of(connection, layout, found, None)
                return Page([account_of(each) for each in current], found[-1].spec.name if len(rows) > limit else None)

            return await self.database.transact(work, isolation="repeatable_read")

    async def _as_of(
        self, connection: asyncpg.Connection, layout: Layout, accounts: Sequence[OpenAccount], at: int | None
    ) -> list[OpenAccount]:
        """Return accounts with their balances at a time, without the holds that had lapsed then."""
        if at is None:
            busy = [each.id for each in accounts if each.held or each.incoming]
            if busy:
                by_id = {each.id: each for each in accounts}
                rows = await connection.fetch(layout.sql(FILE, "lapsed_holds"), busy, now())
                with exact():
                    for row in rows:
                        if row["source"] in by_id:
                            by_id[row["source"]].held -= row["amount"]
                        if row["destination"] in by_id:
                            by_id[row["destination"]].incoming -= row["amount"]
            return list(accounts)
        last = await connection.fetchval(layout.sql(FILE, "seq_at"), at) or 0
        ids = [each.id for each in accounts]
        rows = await connection.fetch(layout.sql(FILE, "balances_at"), ids, at, last)
        balances = {row["id"]: Balance(row["posted"], row["held"], row["incoming"]) for row in rows}
        return [
            replace(each, posted=found.posted, held=found.held, incoming=found.incoming)
            for each in accounts
            for found in (balances[each.id],)
        ]

    async def transaction(self, graph: str, scope: str, id_: int) -> Transaction:
        """Return a transaction. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            row = await connection.fetchrow(layout.sql(FILE, "record"), id_, number, "transaction")
        if row is None:
            raise NotFound(
                f"There is no transaction {id_} in this scope.", hint="List the transactions, or a statement."
            )
        return transaction_of(record_of(row), created=False)

    async def find_transaction(
        self, graph: str, scopes: Sequence[str], *, number: int | None = None, key: str | None = None
    ) -> Record | None:
        """Return the record of a transaction by its number or idempotency key; of several, that of the last scope."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            known = await scope_ids(connection, layout, set(scopes), make=False)
            numbers = [known[scope] for scope in scopes if scope in known]
            row = await connection.fetchrow(layout.sql(FILE, "find_transaction"), numbers, number, key)
        return record_of(row) if row is not None else None

    async def transactions(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Transaction]:
        """Return transactions, the newest first."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            rows = await connection.fetch(layout.sql(FILE, "list_transactions"), number, _before(cursor), limit + 1)
        found = [transaction_of(record_of(row), created=False) for row in rows[:limit]]
        return Page(found, str(found[-1].id) if len(rows) > limit else None)

    async def hold(self, graph: str, scope: str, id_: int) -> Hold:
        """Return a hold. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            row = await connection.fetchrow(layout.sql(FILE, "hold"), id_, number)
        if row is None:
            raise NotFound(f"There is no hold {id_} in this scope.", hint="List the holds.")
        return hold_of(record_of(row), hold_row(row, scope), now(), created=False)

    async def holds(
        self, graph: str, scope: str, *, state: HoldState | None, account: str | None, cursor: str | None, limit: int
    ) -> Page[Hold]:
        """Return holds, the newest first."""
        moment = now()
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            owner = await _account_id(connection, layout, number, account)
            rows = await connection.fetch(
                layout.sql(FILE, "list_holds"), number, _before(cursor), state, moment, owner, limit + 1
            )
        found = [hold_of(record_of(row), hold_row(row, scope), moment, created=False) for row in rows[:limit]]
        return Page(found, str(found[-1].id) if len(rows) > limit else None)

    async def statement(
        self, graph: str, scope: str, query: StatementQuery, cursor: str | None, limit: int
    ) -> Statement:
        """Return a page of entries, the oldest first. Raises NotFound for an unknown account."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> Statement:
                await connection.execute(_CUSTOM)
                number = await _scope(connection, layout, scope)
                owner = await _account_id(connection, layout, number, query.account)
                start, end = [None if each is None else parse_time(each).start for each in (query.start, query.end)]
                conditions = (number, owner, query.agent, query.session, query.tag, start, end)
                rows = await connection.fetch(
                    layout.sql(FILE, "statement_lines"), *conditions, *_after(cursor), limit + 1
                )
                totals = await connection.fetch(layout.sql(FILE, "statement_totals"), *conditions)
                opening = closing = None
                if owner is not None:
                    opening, closing = [await _balance_before(connection, layout, owner, time) for time in (start, end)]
                    opening = opening if start is not None else ZERO
                lines = [_line(row) for row in rows[:limit]]
                last = rows[limit - 1] if len(rows) > limit else None
                return Statement(
                    lines, [StatementTotal(*row) for row in totals], opening, closing,
                    f"{last['seq']}.{last['position']}" if last else None,
                )  # fmt: skip

            return await self.database.transact(work, isolation="repeatable_read")

    async def notices(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Notice]:
        """Return notices of soft limits, those of the newest record first; a page ends with a whole record."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            rows = await connection.fetch(layout.sql(FILE, "notices"), number, _before(cursor), limit + 1)
        records = [record_of(row) for row in rows[:limit]]
        found = [each for record in records for each in notices_of(record)]
        return Page(found, str(records[-1].seq) if len(rows) > limit else None)

    async def head(self, graph: str) -> Head:
        """Return where the chain ends."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql(FILE, "head"))
        if row is None:
            return Head(0, GENESIS.hex(), None)
        return Head(row["records"], row["hash"].hex(), None if row["at"] is None else iso(row["at"]))

    async def has_lapsed(self, graph: str) -> bool:
        """Return whether there are holds to close."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return bool(await connection.fetchval(layout.sql(FILE, "any_lapsed_hold")))

    async def expire(self, graph: str) -> int:
        """Close the holds whose time is over; returns how many."""
        closed = 0
        async with self.catalog.on(graph, reads=_READS) as layout:
            while part := await self.database.transact(lambda c: _expire(c, layout)):
                closed += part
        return closed

    async def sealed(self, graph: str, after: int, limit: int) -> Sequence[SealedText]:
        """Return records as they were sealed, in their order, after a number."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(FILE, "sealed"), after, limit)
        return [SealedText(row["content"], row["hash"]) for row in rows]

    async def restore(self, graph: str, sealed: Sequence[SealedText]) -> int:
        """Append the records of a file that are not there yet, all or none. Raises InvalidInput, Conflict."""
        records = await asyncio.to_thread(checked_records, sealed)
        if not records:
            return 0
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("ledger")
            async with self.database.connection() as connection:
                scopes = await scope_ids(connection, layout, {each.scope for each in records}, make=True)
            return await self.database.transact(lambda c: restore(c, layout, records, scopes))

    async def verify(self, graph: str, anchors: Sequence[tuple[int, str]]) -> Verification:
        """Check sums, chain and balances, and that records have the hashes that somebody kept."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            return await self.database.transact(lambda c: check_ledger(c, layout, anchors), isolation="repeatable_read")


async def _expire(connection: asyncpg.Connection, layout: Layout) -> int:
    head = await connection.fetchrow(layout.sql(FILE, "lock_head"))
    if head is None:
        return 0
    rows = await connection.fetch(layout.sql(FILE, "some_lapsed_holds"), head["now"])
    if not rows:
        return 0
    numbers = sorted({row["scope"] for row in rows})
    paths = {each["id"]: each["path"] for each in await connection.fetch(layout.sql(FILE, "scope_names"), numbers)}
    book = Book()
    owners = sorted({id_ for row in rows for id_ in (row["source"], row["destination"])})
    for row in await connection.fetch(layout.sql(FILE, "accounts_by_id"), owners):
        book.add_account(open_account(row, paths[row["scope"]]))
    for row in rows:
        book.holds[row["id"]] = hold_row(row, paths[row["scope"]])
    book.lapse(head["now"])
    await put_holds(connection, layout, book, {path: number for number, path in paths.items()})
    accounts = [book.by_id[id_] for id_ in owners]
    await connection.execute(
        layout.sql(FILE, "set_reserved"), owners, [each.held for each in accounts],
        [each.incoming for each in accounts],
    )  # fmt: skip
    return len(rows)


async def _scope(connection: asyncpg.Connection, layout: Layout, scope: str) -> int:
    return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def _account_id(connection: asyncpg.Connection, layout: Layout, scope: int, name: str | None) -> int | None:
    """Return the id of an account, None where none is named. Raises NotFound."""
    if name is None:
        return None
    row = await connection.fetchrow(layout.sql(FILE, "accounts_named"), [scope], [name])
    if row is None:
        raise _no_account(name)
    return int(row["id"])


async def _balance_before(connection: asyncpg.Connection, layout: Layout, account: int, time: int | None) -> Decimal:
    found = await connection.fetchval(layout.sql(FILE, "balance_before"), account, _END if time is None else time)
    return ZERO if found is None else Decimal(found)


def _line(row: asyncpg.Record) -> StatementLine:
    record = record_of(row)
    name, unit, *_ = record.body["entries"][row["position"]]
    return StatementLine(row["seq"], iso(row["at"]), name, unit, row["amount"], row["balance"], note_of(record.body))


def _before(cursor: str | None) -> int:
    if cursor is None:
        return _HIGHEST
    if not _PLACE.fullmatch(cursor):
        raise _no_cursor(cursor)
    return int(cursor)


def _after(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return -1, 0
    seq, _, position = cursor.partition(".")
    if not _PLACE.fullmatch(seq) or not _PLACE.fullmatch(position):
        raise _no_cursor(cursor)
    return int(seq), min(int(position), 32_767)


def _no_cursor(cursor: str) -> InvalidInput:
    return InvalidInput(
        f"cursor: {cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.", field="cursor"
    )


def _no_account(name: str) -> NotFound:
    return NotFound(f"There is no account {name[:80]!r} in this scope.", hint="List the accounts of the scope.")
