"""A ledger in a file: its records as they were sealed, and a file's records in the place where they belong."""

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.ledger.book import Book
from kgmem.domain.ledger.chain import Record, SealedText, parse_record, seal
from kgmem.store.graph.layout import Layout
from kgmem.store.ledger.rows import FILE, append

PAGE: Final = 2000
_UNREADABLE: Final = (ValueError, KeyError, TypeError, ArithmeticError, IndexError, AttributeError)


def checked_records(sealed: Sequence[SealedText]) -> list[Record]:
    """Return the records of a file from the first on. Raises InvalidInput at the first that is not what was written."""
    book, records = Book(), []
    for number, each in enumerate(sealed, start=1):
        try:
            if seal(book.hash, each.content).hex() != each.hash:
                raise ValueError("its hash is not that of its content after the record before it")
            record = parse_record(each.content, bytes.fromhex(each.hash))
            if record.seq != number or record.at <= book.at:
                raise ValueError("it is not the next record")
            book.take(record)
        except _UNREADABLE as error:
            raise InvalidInput(
                f"Record {number} of the ledger is broken: {error}.",
                hint="Import the file as it was exported; nothing was imported.",
                record=number,
            ) from error
        records.append(record)
    return records


async def restore(
    connection: asyncpg.Connection, layout: Layout, records: Sequence[Record], scopes: Mapping[str, int]
) -> int:
    """Append the records that the ledger does not have yet, in the caller's transaction; returns how many.

    Raises Conflict where the ledger has other records than these.
    """
    head = await connection.fetchrow(layout.sql(FILE, "lock_head"))
    count: int = head["records"]
    common = min(count, len(records))
    if common:
        stored = await connection.fetchrow(layout.sql(FILE, "hash_of"), common)
        if stored is None or stored["hash"] != records[common - 1].hash:
            raise Conflict(
                f"The graph has a ledger of its own: its {count} records are not those of the file.",
                hint="Import it into a graph without a ledger.",
            )
    book = Book()
    for record in records[:common]:
        book.take(record)
    for first in range(common, len(records), PAGE):
        book.entries.clear()
        book.touched.clear()
        book.changed_holds.clear()
        page = records[first : first + PAGE]
        for record in page:
            book.take(record)
        await append(connection, layout, page, book, scopes)
    return len(records) - common
