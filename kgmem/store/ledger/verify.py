"""Verification: every record is hashed and takes effect again on an empty book, and every row is compared with that."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import asyncpg

from kgmem.domain.ledger.amounts import exact, text_of
from kgmem.domain.ledger.book import Book, EntryRow, HoldRow
from kgmem.domain.ledger.chain import GENESIS, Record, parse_record, seal
from kgmem.domain.ledger.ledger import Broken, Head, Verification
from kgmem.domain.time.interval import iso
from kgmem.store.graph.layout import Layout
from kgmem.store.ledger.rows import FILE, columns_of, hold_row, open_account

_PAGE: Final = 2000
_UNREADABLE: Final = (ValueError, KeyError, TypeError, ArithmeticError, IndexError, AttributeError)


class _Found(Exception):
    """A row that is not what was written."""

    def __init__(self, table: str, row: str, problem: str) -> None:
        self.broken = Broken(f"ledger_{table}", row, problem)
        super().__init__(problem)


@dataclass(slots=True)
class _Replay:
    """The book after the records so far, what may be kept of them, and the hashes that are awaited."""

    book: Book = field(default_factory=Book)
    anchors: dict[int, str] = field(default_factory=dict)
    entries: int = 0


async def check_ledger(
    connection: asyncpg.Connection, layout: Layout, anchors: Sequence[tuple[int, str]]
) -> Verification:
    """Return what is true of a ledger, with the first broken row. The caller's transaction is repeatable read.

    `anchors` are record numbers and their hashes, as somebody kept them elsewhere: what shows that the end of the
    ledger was cut off together with the head.
    """
    row = await connection.fetchrow(layout.sql(FILE, "head"))
    if row is None:
        head = Head(0, GENESIS.hex(), None)
    else:
        head = Head(row["records"], row["hash"].hex(), None if row["at"] is None else iso(row["at"]))
    replay = _Replay(anchors={seq: hash_.lower() for seq, hash_ in anchors if seq > 0})
    broken = None
    try:
        await _check_records(connection, layout, replay)
        _check_head(replay, head)
        await _check_stray(connection, layout, replay)
        await _check_accounts(connection, layout, replay.book, await _check_holds(connection, layout, replay.book))
    except _Found as found:
        broken = found.broken
    book = replay.book
    return Verification(book.seq, replay.entries, len(book.accounts), len(book.holds), head, broken)


async def _check_records(connection: asyncpg.Connection, layout: Layout, replay: _Replay) -> None:
    after = -(2**62)
    while rows := await connection.fetch(layout.sql(FILE, "page_of_records"), after, _PAGE):
        after = rows[-1]["seq"]
        stored: Mapping[int, list[EntryRow]] = defaultdict(list)
        for row in await connection.fetch(layout.sql(FILE, "page_of_entries"), rows[0]["seq"], after):
            stored[row["seq"]].append(EntryRow(*row))
        await asyncio.to_thread(_check_page, replay, rows, stored)


def _check_page(replay: _Replay, rows: Sequence[asyncpg.Record], stored: Mapping[int, Sequence[EntryRow]]) -> None:
    book = replay.book
    for row in rows:
        place = f"record {row['seq']}"
        if row["seq"] != book.seq + 1:
            raise _Found("record", f"record {book.seq + 1}", f"It is missing; the next one is {row['seq']}.")
        if seal(book.hash, row["content"]) != row["hash"]:
            raise _Found("record", place, "Its hash is not that of its content after the record before it.")
        try:
            record = parse_record(row["content"], row["hash"])
            _compare_columns(row, record, place)
            if record.at <= book.at:
                raise _Found("record", place, "It is not later than the record before it.")
            book.take(record)
        except _UNREADABLE as error:
            raise _Found("record", place, f"It does not follow from the records before it: {error}.") from error
        expected = replay.anchors.pop(record.seq, None)
        if expected is not None and expected != record.hash.hex():
            raise _Found("record", place, f"Its hash is {record.hash.hex()}, not {expected} as it was kept.")
        _compare_entries(stored.get(record.seq, ()), book.entries, place)
        replay.entries += len(book.entries)
        book.entries.clear()
        book.keys.clear()
        book.touched.clear()
        book.changed_holds.clear()


def _compare_columns(row: asyncpg.Record, record: Record, place: str) -> None:
    agent, session, tags, reverses, noted = columns_of(record)
    pairs = {
        "seq": record.seq, "at": record.at, "kind": record.kind, "scope": record.scope, "key": record.key,
        "agent": agent, "session": session, "tags": tags, "reverses": reverses, "noted": noted,
    }  # fmt: skip
    for name, value in pairs.items():
        if row[name] != value:
            raise _Found("record", place, f"Its column {name} is {row[name]!r}, not {value!r}.")


def _compare_entries(stored: Sequence[EntryRow], expected: Sequence[EntryRow], place: str) -> None:
    have, want = ({each.position: each for each in rows} for rows in (stored, expected))
    for position in sorted(have.keys() | want.keys()):
        one, other = have.get(position), want.get(position)
        if one != other:
            problem = f"It has {_entry(one)}; the record has {_entry(other)}." if one else "It is missing."
            raise _Found("entry", f"{place}, position {position}", problem)


def _entry(entry: EntryRow | None) -> str:
    if entry is None:
        return "none"
    return f"{text_of(entry.amount)} for account {entry.account} with the balance {text_of(entry.balance)}"


def _check_head(replay: _Replay, head: Head) -> None:
    book = replay.book
    if head.records > book.seq:
        raise _Found("record", f"record {book.seq + 1}", f"It is missing; the head counts {head.records} records.")
    if head.records < book.seq:
        raise _Found("record", f"record {head.records + 1}", f"The head counts {head.records} records only.")
    if head.hash != book.hash.hex():
        raise _Found("head", "the head", f"Its hash is not that of record {book.seq}.")
    if book.seq and head.at != iso(book.at):
        raise _Found("head", "the head", f"Its time is {head.at}; record {book.seq} is of {iso(book.at)}.")
    for seq in sorted(replay.anchors):
        raise _Found("record", f"record {min(seq, book.seq + 1)}", f"It is missing; the hash of {seq} was kept.")


async def _check_stray(connection: asyncpg.Connection, layout: Layout, replay: _Replay) -> None:
    stray = await connection.fetchrow(layout.sql(FILE, "stray_entry"), replay.book.seq)
    if stray is not None:
        raise _Found("entry", f"record {stray['seq']}, position {stray['position']}", "It belongs to no record.")


async def _check_holds(connection: asyncpg.Connection, layout: Layout, book: Book) -> set[int]:
    """Compare the holds; returns those that were closed since their time was over."""
    expired, seen = set[int](), set[int]()
    after = 0
    while rows := await connection.fetch(layout.sql(FILE, "page_of_holds"), after, _PAGE):
        after = rows[-1]["id"]
        for row in rows:
            place = f"hold {row['id']}"
            stored, expected = hold_row(row, row["path"]), book.holds.get(row["id"])
            if expected is None:
                raise _Found("hold", place, "No record made it.")
            seen.add(row["id"])
            if stored.state == "expired" and expected.state == "open" and _may_expire(stored):
                expired.add(stored.id)
                expected = replace(expected, state="expired", closed_at=expected.expires_at)
            if stored != expected:
                raise _Found("hold", place, f"It is {_shown(stored)}; the records have {_shown(expected)}.")
    for missing in sorted(book.holds.keys() - seen)[:1]:
        raise _Found("hold", f"hold {missing}", f"It is missing; the records have {_shown(book.holds[missing])}.")
    return expired


def _may_expire(hold: HoldRow) -> bool:
    return hold.expires_at is not None and hold.closed_at == hold.expires_at


def _shown(hold: HoldRow) -> str:
    until = "" if hold.expires_at is None else f" until {iso(hold.expires_at)}"
    settled = "" if hold.settled is None else f", {text_of(hold.settled)} settled"
    return f"{hold.state} with {text_of(hold.amount)} of account {hold.source} for {hold.destination}{until}{settled}"


async def _check_accounts(connection: asyncpg.Connection, layout: Layout, book: Book, expired: set[int]) -> None:
    with exact():
        for id_ in expired:
            hold = book.holds[id_]
            book.by_id[hold.source].held -= hold.amount
            book.by_id[hold.destination].incoming -= hold.amount
    seen = set[int]()
    for row in await connection.fetch(layout.sql(FILE, "all_accounts")):
        place = f"account {row['id']} ({row['name']})"
        stored, expected = open_account(row, row["path"]), book.by_id.get(row["id"])
        if expected is None:
            raise _Found("account", place, "No record opened it.")
        seen.add(row["id"])
        for name in ("posted", "held", "incoming"):
            have, want = getattr(stored, name), getattr(expected, name)
            if have != want:
                raise _Found("account", place, f"{name} is {text_of(have)}; the records sum to {text_of(want)}.")
        if stored != expected:
            raise _Found("account", place, "Its description, limits, unit or scope are not those of its records.")
    for missing in sorted(book.by_id.keys() - seen)[:1]:
        name = book.by_id[missing].spec.name
        raise _Found("account", f"account {missing} ({name})", f"It is missing; record {missing} opened it.")
