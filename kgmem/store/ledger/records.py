"""The records of a ledger in exports of a graph, of one scope or of all, and their import into another ledger."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import asyncpg

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.ledger.amounts import exact, text_of
from kgmem.domain.ledger.book import Book, spec_of
from kgmem.domain.ledger.chain import GENESIS, Record, make_record
from kgmem.domain.ledger.records import LEDGER, import_key, ledger_record, sealed_record
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.ledger.batch import load_accounts
from kgmem.store.ledger.rows import FILE, append, hold_row, open_account, record_of

_PAGE: Final = 500
_WHOLE: Final = "Import the whole file, as the export wrote it."


async def ledger_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the records of one scope, or of all, in their order, in pages."""
    cursor = await connection.cursor(layout.sql(FILE, "records_of_scope"), scope)
    latest: dict[str, bytes] = {}
    while rows := await cursor.fetch(_PAGE):
        page = []
        for row in rows:
            record = record_of(row)
            after = latest.get(record.scope)
            page.append(BeliefRecord(LEDGER, ledger_record(record, row["previous"] or GENESIS, after)))
            latest[record.scope] = record.hash
        yield page


@dataclass(slots=True)
class ImportedRecords:
    """What became of the records of a file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def kinds(self) -> dict[str, int]:
        """How many records of each kind the file had."""
        return {LEDGER: self.created + self.updated + self.unchanged}


async def import_records(
    connection: asyncpg.Connection, layout: Layout, records: AsyncIterator[BeliefRecord]
) -> ImportedRecords:
    """Append the records of a file that the ledger does not have, in their order, in the caller's transaction.

    A record keeps its time where the ledger has no later one, and else comes at the ledger's end. Limits were checked
    when it was written, and are not checked again. Raises InvalidInput and Conflict, and then nothing was imported.
    """
    head = await connection.fetchrow(layout.sql(FILE, "lock_head"))
    run = _Run(connection, layout, Book(head["records"], head["hash"] or GENESIS, head["at"] or 0), head["now"])
    waiting: list[Record] = []
    latest: dict[str, str] = {}
    async for each in records:
        record = sealed_record(each.told)
        before = latest.get(record.scope)
        if before == record.hash.hex():  # The file, or another one of the same import, has it twice.
            run.done.unchanged += 1
            continue
        if before != each.told.get("after"):
            raise InvalidInput(f"The file lacks the record before {record.seq} of its scope.", hint=_WHOLE)
        latest[record.scope] = record.hash.hex()
        waiting.append(record)
        if len(waiting) == _PAGE:
            await run.take(waiting)
            waiting = []
    await run.take(waiting)
    run.book.lapse(head["now"])
    await append(connection, layout, [], run.book, run.scopes)
    return run.done


@dataclass(slots=True)
class _Run:
    connection: asyncpg.Connection
    layout: Layout
    book: Book
    now: int
    scopes: dict[str, int] = field(default_factory=dict)
    # By scope and number in the file: the number here, and the hash there.
    numbers: dict[tuple[str, int], tuple[int, bytes]] = field(default_factory=dict)
    opened: set[int] = field(default_factory=set)  # Accounts that the file brought.
    done: ImportedRecords = field(default_factory=ImportedRecords)

    async def take(self, records: Sequence[Record]) -> None:
        """Append a page of records."""
        if not records:
            return
        await self._load(records)
        made = []
        for record in records:
            known = self.book.keys.get((record.scope, import_key(record)))
            if known is not None or (record.scope, record.seq) in self.numbers:
                self._pass(record, known)
                continue
            try:
                with exact():
                    body = self._body(record)
                if body is None:
                    self.done.unchanged += 1
                    continue
                made.append(self._append(record, body))
            except (KeyError, ValueError, ArithmeticError) as error:
                raise InvalidInput(f"Record {record.seq} does not follow: {error}.", hint=_WHOLE) from error
        if made:
            await append(self.connection, self.layout, made, self.book, self.scopes)
        self.done.created += len(made)
        self._forget()

    def _pass(self, record: Record, known: Record | None) -> None:
        """Note a record that the ledger has."""
        if known is not None and known.stated != record.stated:
            raise Conflict(
                f"Record {record.seq}: the idempotency key {import_key(record)[:80]!r} was used for something else.",
                hint="Import into a graph or scope without a ledger.",
            )
        if known is not None:
            self._note(record, known.seq)
        elif self.numbers[record.scope, record.seq][1] != record.hash:
            raise Conflict(
                f"There are two records {record.seq} of the ledger.", hint="Import the files of two graphs one by one."
            )
        self.done.unchanged += 1

    def _append(self, record: Record, body: Mapping[str, Any]) -> Record:
        frame = {
            "scope": record.scope, "kind": record.kind, "key": import_key(record), "author": record.author,
            "stated": record.stated,
        }  # fmt: skip
        book = self.book
        at = max(min(record.at, self.now), book.at + 1)
        new = make_record(book.hash, book.seq + 1, at, frame, body)
        book.take(new)
        if new.kind == "account" and new.seq in book.by_id:
            self.opened.add(new.seq)
        self._note(record, new.seq)
        return new

    def _body(self, record: Record) -> Mapping[str, Any] | None:
        """Return the body of a record for this ledger; None for one that changes nothing here."""
        origin = {"seq": record.seq, "at": record.at, "hash": record.hash.hex()}
        body: dict[str, Any] = {"origin": origin, **record.body}
        if record.kind == "account":
            return self._account(record, body)
        if record.kind == "transaction":
            body["entries"] = self._entries(record)
            if body["reverses"] is not None:
                body["reverses"] = self._number(record, body["reverses"])
        if body.get("hold") is not None:
            hold = self.book.holds.get(self._number(record, body["hold"]))
            is_open = hold is not None and hold.state == "open"
            if not is_open and record.kind == "release":
                return None
            # What this ledger let expire meanwhile reserves nothing any more; the entries are posted all the same.
            body["hold"] = hold.id if hold is not None and is_open else None
        return body

    def _account(self, record: Record, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the body of what opens or changes an account; one that the ledger had before stays as it is."""
        spec = spec_of(body)
        known = self.book.accounts.get((record.scope, spec.name))
        if known is None or known.id in self.opened:
            return body
        if (known.spec.kind, known.spec.unit, known.spec.scale) != (spec.kind, spec.unit, spec.scale):
            raise Conflict(
                f"The account {spec.name!r} has another kind, unit or scale here.",
                hint="Import into a graph or scope where it is the same, or is not there.",
            )
        return None

    def _entries(self, record: Record) -> list[list[str]]:
        running: dict[str, Decimal] = {}
        entries = []
        for name, unit, amount, _ in record.body["entries"]:
            account = self.book.accounts[record.scope, name]
            balance = running.get(name, account.posted) + Decimal(amount)
            running[name] = balance
            entries.append([name, unit, amount, text_of(balance)])
        return entries

    def _number(self, record: Record, number: int) -> int:
        known = self.numbers.get((record.scope, number))
        if known is None:
            raise InvalidInput(f"Record {record.seq} names record {number}, which the file lacks.", hint=_WHOLE)
        return known[0]

    async def _load(self, records: Sequence[Record]) -> None:
        """Read into the book what records need: which of them are there, accounts, and their holds that are open."""
        missing = {each.scope for each in records} - self.scopes.keys()
        if missing:
            self.scopes |= await scope_ids(self.connection, self.layout, missing, make=True)
        held = await self._known(records)
        rows = await self._fetch("holds_by_id", sorted(held)) if held else []
        paths = {number: path for path, number in self.scopes.items()}
        rows = [row for row in rows if row["state"] == "open" and row["scope"] in paths]
        wanted = {(each.scope, name) for each in records for name in _accounts(each.body)} - self.book.accounts.keys()
        if wanted:
            columns = [[self.scopes[scope] for scope, _ in wanted], [name for _, name in wanted]]
            for row in await self._fetch("accounts_named", *columns):
                self.book.add_account(open_account(row, paths[row["scope"]]))
        await load_accounts(self.connection, self.layout, self.book, rows, paths)
        for row in rows:
            self.book.holds.setdefault(row["id"], hold_row(row, paths[row["scope"]]))

    async def _known(self, records: Sequence[Record]) -> set[int]:
        """Note which records the ledger has; returns the numbers of the holds among them."""
        keys = [[self.scopes[each.scope] for each in records], [import_key(each) for each in records]]
        found = [record_of(row) for row in await self._fetch("records_by_key", *keys)]
        self.book.keys |= {(each.scope, each.key): each for each in found if each.key is not None}
        for row in await self._fetch("records_by_seq", [each.seq for each in records]):
            own = record_of(row)
            if any(each.hash == own.hash for each in records):
                found.append(own)
                self._note(own, own.seq)
        return {each.seq for each in found if each.kind == "hold"}

    def _note(self, record: Record, number: int) -> None:
        """Remember under which number a record of the file is here."""
        self.numbers[record.scope, record.seq] = (number, record.hash)

    async def _fetch(self, name: str, *arguments: Any) -> list[Any]:
        return list(await self.connection.fetch(self.layout.sql(FILE, name), *arguments))

    def _forget(self) -> None:
        """Drop from the book what later records do not need."""
        book = self.book
        for kept in (book.entries, book.touched, book.changed_holds, book.keys):
            kept.clear()
        book.holds = {id_: hold for id_, hold in book.holds.items() if hold.state == "open"}


def _accounts(body: Mapping[str, Any]) -> list[str]:
    """Return the names of the accounts in the body of a record."""
    names = [name for name, *_ in body.get("entries", ())]
    return [*names, *(body[part] for part in ("from", "to", "name") if part in body)]
