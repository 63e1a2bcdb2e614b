"""Rows of the ledger's tables, and what they stand for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.ledger.book import Book, HoldRow, OpenAccount
from kgmem.domain.ledger.chain import Record, parse_record
from kgmem.domain.ledger.ledger import AccountLimits, AccountSpec
from kgmem.store.graph.layout import Layout

FILE: Final = "ledger"
TAG_END: Final = "\x1f"  # Between tags on their way into the database; no tag has it.


def open_account(row: asyncpg.Record, scope: str) -> OpenAccount:
    """Return an account of a row."""
    limits = AccountLimits(row["hard_min"], row["hard_max"], row["soft_min"], row["soft_max"])
    spec = AccountSpec(row["name"], row["kind"], row["unit"], row["scale"], limits, row["description"], row["closed"])
    return OpenAccount(row["id"], scope, spec, row["opened_at"], row["posted"], row["held"], row["incoming"])


def hold_row(row: asyncpg.Record, scope: str) -> HoldRow:
    """Return a hold of a row."""
    return HoldRow(
        row["id"], row["at"], scope, row["source"], row["destination"], row["amount"], row["expires"], row["state"],
        row["closed_at"], row["closed_by"], row["settled"],
    )  # fmt: skip


def record_of(row: asyncpg.Record) -> Record:
    """Return a record of a row."""
    return parse_record(row["content"], row["hash"])


def columns_of(record: Record) -> tuple[Any, ...]:
    """Return what of a record is in columns of its own: agent, session, tags, reverses, noted."""
    body = record.body
    tags = body.get("tags") or None
    return body.get("agent"), body.get("session"), tags, body.get("reverses"), bool(body.get("notices"))


async def append(
    connection: asyncpg.Connection, layout: Layout, records: Sequence[Record], book: Book, scopes: Mapping[str, int]
) -> None:
    """Write records and what they changed in the book, in the caller's transaction."""
    await _put_accounts(connection, layout, records, book, scopes)
    own = [columns_of(each) for each in records]
    touched = [book.by_id[id_] for id_ in sorted(book.touched)]
    entries = book.entries
    await connection.execute(
        layout.sql(FILE, "append"),
        [each.seq for each in records], [each.at for each in records], [each.kind for each in records],
        [scopes[each.scope] for each in records], [each.key for each in records], [agent for agent, *_ in own],
        [session for _, session, *_ in own], [TAG_END.join(tags) if tags else None for _, _, tags, _, _ in own],
        [reverses for *_, reverses, _ in own], [noted for *_, noted in own], [each.content for each in records],
        [each.hash for each in records],
        [each.seq for each in entries], [each.position for each in entries], [each.account for each in entries],
        [each.amount for each in entries], [each.balance for each in entries],
        [each.id for each in touched], [each.posted for each in touched], [each.held for each in touched],
        [each.incoming for each in touched],
        book.seq, book.hash, book.at,
    )  # fmt: skip
    await put_holds(connection, layout, book, scopes)


async def _put_accounts(
    connection: asyncpg.Connection, layout: Layout, records: Sequence[Record], book: Book, scopes: Mapping[str, int]
) -> None:
    addresses = {(each.scope, each.body["name"]) for each in records if each.kind == "account"}
    if not addresses:
        return
    rows = [
        (
            each.id, scopes[each.scope], each.spec.name, each.spec.kind, each.spec.unit, each.spec.scale,
            each.spec.limits.hard_min, each.spec.limits.hard_max, each.spec.limits.soft_min,
            each.spec.limits.soft_max, each.spec.description, each.spec.closed, each.opened_at, each.posted,
            each.held, each.incoming,
        )
        for each in (book.accounts[address] for address in sorted(addresses))
    ]  # fmt: skip
    await connection.execute(layout.sql(FILE, "put_accounts"), *map(list, zip(*rows, strict=True)))


async def put_holds(connection: asyncpg.Connection, layout: Layout, book: Book, scopes: Mapping[str, int]) -> None:
    """Write the holds that are new or changed in a book."""
    if not book.changed_holds:
        return
    rows = [
        (
            each.id, each.at, scopes[each.scope], each.source, each.destination, each.amount, each.expires_at,
            each.state, each.closed_at, each.closed_by, each.settled,
        )
        for each in (book.holds[id_] for id_ in sorted(book.changed_holds))
    ]  # fmt: skip
    await connection.execute(layout.sql(FILE, "put_holds"), *map(list, zip(*rows, strict=True)))
