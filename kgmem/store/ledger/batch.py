"""One batch of requests: decided in turn on what the database holds, and written in one transaction."""

from collections.abc import Iterable, Mapping, Sequence

import asyncpg

from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.ledger.book import Book
from kgmem.domain.ledger.chain import GENESIS
from kgmem.domain.ledger.decide import decide
from kgmem.domain.ledger.ledger import Account, Post, PutAccount, Release, Request, Reserve, Reverse, Settle
from kgmem.domain.ledger.ports import Outcome
from kgmem.domain.ledger.views import account_of
from kgmem.store.graph.layout import Layout
from kgmem.store.ledger.rows import FILE, append, hold_row, open_account, record_of

Result = Outcome | InvalidInput | NotFound | Conflict


async def run_batch(
    connection: asyncpg.Connection, layout: Layout, requests: Sequence[Request], scopes: Mapping[str, int]
) -> list[Result]:
    """Decide requests one after the other, and write what they make; one that is refused changes nothing.

    The head is locked first, so that batches of all processes follow one another and see what the others wrote.
    """
    head = await connection.fetchrow(layout.sql(FILE, "lock_head"))
    book = Book(head["records"], head["hash"] or GENESIS, head["at"] or 0)
    await _load(connection, layout, book, requests, scopes=scopes, now=head["now"])
    at = max(head["now"], book.at + 1)
    book.lapse(at)
    results: list[Result] = []
    records = []
    for request in requests:
        try:
            record, created = decide(book, request, max(at, book.at + 1))
        except (InvalidInput, NotFound, Conflict) as error:
            results.append(error)
            continue
        if record is not None and created:
            records.append(record)
        results.append(Outcome(record, created, _account(book, request, created=created)))
    if records:
        await append(connection, layout, records, book, scopes)
    return results


def _account(book: Book, request: Request, *, created: bool) -> Account | None:
    if not isinstance(request, PutAccount):
        return None
    account = book.accounts[request.scope, request.spec.name]
    opened = created and account.id == book.seq
    return account_of(account, created=opened, changed=created and not opened)


async def _load(
    connection: asyncpg.Connection,
    layout: Layout,
    book: Book,
    requests: Sequence[Request],
    *,
    scopes: Mapping[str, int],
    now: int,
) -> None:
    """Read into the book what requests name: known keys, transactions, holds, accounts, and holds that lapsed."""
    paths = {number: path for path, number in scopes.items()}
    keys = [(scopes[each.scope], each.key) for each in requests if each.key is not None]
    if keys:
        for row in await connection.fetch(layout.sql(FILE, "records_by_key"), *_columns(keys)):
            record = record_of(row)
            if record.key is not None:
                book.keys[record.scope, record.key] = record
    names = {address for each in requests for address in _addresses(each)}
    reversals = [each.transaction for each in requests if isinstance(each, Reverse)]
    if reversals:
        for row in await connection.fetch(layout.sql(FILE, "records_by_seq"), reversals):
            record = record_of(row)
            book.records[record.seq] = record
            names |= {(record.scope, name) for name, *_ in record.body.get("entries", ())}
        for row in await connection.fetch(layout.sql(FILE, "reversals"), reversals):
            book.reversed_by[row["reverses"]] = row["seq"]
    holds = [each.hold for each in requests if isinstance(each, Settle | Release)]
    held = await connection.fetch(layout.sql(FILE, "holds_by_id"), holds) if holds else []
    if names:
        wanted = [(scopes[scope], name) for scope, name in names if scope in scopes]
        for row in await connection.fetch(layout.sql(FILE, "accounts_named"), *_columns(wanted)):
            book.add_account(open_account(row, paths[row["scope"]]))
    await _load_holds(connection, layout, book, held, paths=paths, now=now)


async def _load_holds(
    connection: asyncpg.Connection,
    layout: Layout,
    book: Book,
    held: Sequence[asyncpg.Record],
    *,
    paths: Mapping[int, str],
    now: int,
) -> None:
    held = [row for row in held if row["scope"] in paths]  # Of another scope: as if there were none.
    await load_accounts(connection, layout, book, held, paths)
    busy = [id_ for id_, account in book.by_id.items() if account.held or account.incoming]
    lapsed = []
    if busy:
        found = await connection.fetch(layout.sql(FILE, "lapsed_holds"), busy, now)
        lapsed = [row for row in found if row["scope"] in paths]
        await load_accounts(connection, layout, book, lapsed, paths)
    for row in [*held, *lapsed]:
        book.holds[row["id"]] = hold_row(row, paths[row["scope"]])


async def load_accounts(
    connection: asyncpg.Connection,
    layout: Layout,
    book: Book,
    holds: Iterable[asyncpg.Record],
    paths: Mapping[int, str],
) -> None:
    """Read the accounts of holds that the book does not know."""
    missing = {id_ for row in holds for id_ in (row["source"], row["destination"]) if id_ not in book.by_id}
    if missing:
        for row in await connection.fetch(layout.sql(FILE, "accounts_by_id"), sorted(missing)):
            book.add_account(open_account(row, paths[row["scope"]]))


def _addresses(request: Request) -> list[tuple[str, str]]:
    if isinstance(request, Post):
        return [(request.scope, each.account) for each in request.postings]
    if isinstance(request, Reserve):
        return [(request.scope, request.source), (request.scope, request.destination)]
    return [(request.scope, request.spec.name)] if isinstance(request, PutAccount) else []


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(each) for each in zip(*rows, strict=True)] if rows else [[], []]
