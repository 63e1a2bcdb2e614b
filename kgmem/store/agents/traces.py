"""Where texts are in the database: in rows, in compressed values, and in what the planner keeps of tables."""

import asyncio
import gzip
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import orjson
import zstandard

from kgmem.domain.erasure.sought import Redactor, Sought
from kgmem.domain.graph.scope_contents import Trace
from kgmem.store.agents.packing import unpack
from kgmem.store.db.database import Database
from kgmem.store.db.statements import statement
from kgmem.store.graph.layout import Layout

_FILE: Final = "traces"
SCHEMAS: Final = ("kgmem", "kgmem_jobs")  # Of the server: keys, imports, jobs.
_PAGES: Final = 16_384  # Of 8 kB, that one statement of a search reads.
_PACKED_PAGES: Final = 256
_ROWS: Final = 1000
_VERSIONS: Final = 200
_BASES: Final = 64  # Contents of versions that others may be the difference from.
STATES: Final = "agent_state_version"
_END: Final = 2**32 - 2  # A page that no table has: the last slice takes what came meanwhile.
_LARGEST: Final = 256 * 1024 * 1024  # Bytes that one value may have unpacked.


@dataclass(frozen=True, slots=True)
class SearchedTable:
    """A table that has texts or bytes."""

    schema: str
    name: str
    pages: int
    types: dict[str, str] = field(default_factory=dict)  # By column.
    bytes: Sequence[str] = ()  # Columns of bytes.


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row that has one of the texts: its place in the table, and its values."""

    place: str
    values: dict[str, Any]


async def tables_of(connection: asyncpg.Connection, schemas: Sequence[str]) -> list[SearchedTable]:
    """Return the tables of schemas that have columns with text or bytes."""
    rows = await connection.fetch(statement(_FILE, "tables"), list(schemas))
    return [
        SearchedTable(
            row["schema"],
            row["table"],
            row["pages"],
            dict(zip(row["columns"], row["types"], strict=True)),
            row["bytes"],
        )
        for row in rows
    ]  # fmt: skip


def schemas_of(layout: Layout, *, server: bool) -> list[str]:
    """Return the schemas in which a graph's contents are, with `server` also those of the server."""
    return [layout.age_name, layout.index_name, *(SCHEMAS if server else ())]


class TextSearch:
    """Searches tables for texts."""

    def __init__(self, database: Database, texts: Sequence[Sought]) -> None:
        """Take the database and the texts."""
        self.database = database
        self.redactor = Redactor(texts)
        self._wanted = _as_stored(texts)
        self._plain = list(dict.fromkeys(form.encode() for each in texts for form in each.forms()))

    async def traces(
        self, layout: Layout, *, server: bool, progress: Callable[[int, int], None] | None = None
    ) -> tuple[int, list[Trace]]:
        """Return how many tables were searched, and those that have one of the texts."""
        schemas, found = schemas_of(layout, server=server), []
        async with self.database.connection() as connection:
            tables = await tables_of(connection, schemas)
        for place, table in enumerate(tables):
            if progress:
                progress(place, len(tables))
            rows, unread = await self.count(layout, table)
            if rows or unread:
                found.append(Trace(f"{table.schema}.{table.name}", rows, unread))
        async with self.database.connection() as connection:
            kept = await connection.fetchval(statement(_FILE, "statistics"), schemas, self._wanted[0])
        if kept:
            found.append(Trace("pg_catalog.pg_statistic", kept))
        return len(tables), found

    async def count(self, layout: Layout, table: SearchedTable) -> tuple[int, int]:
        """Return how many rows of a table have one of the texts, and how many values cannot be unpacked."""
        sql, count, unread = statement(_FILE, "count", schema=table.schema, table=table.name), 0, 0
        for first, end in _slices(table, _PAGES):
            async with self.database.connection() as connection:
                try:
                    found = await connection.fetchval(sql, *self._wanted, (first, 0), (end, 0))
                except asyncpg.UndefinedTableError:  # Dropped meanwhile.
                    return count, unread
            count += int(found)
        if table.name == STATES:
            return count + len([each async for each in self.states(layout)]), unread
        for column in table.bytes:
            rows, odd = await self._in_bytes(table, column)
            count, unread = count + rows, unread + odd
        return count, unread

    async def rows(self, table: SearchedTable) -> AsyncIterator[FoundRow]:
        """Yield the rows of a table that have one of the texts in a column that is no bytes."""
        sql = statement(_FILE, "rows", schema=table.schema, table=table.name)
        for first, end in _slices(table, _PAGES):
            place = (first, 0)
            while True:
                async with self.database.connection() as connection:
                    found = await connection.fetch(sql, *self._wanted, place, (end, 0), _ROWS)
                for row in found:
                    yield FoundRow(row["place"], orjson.loads(row["row"]))
                if len(found) < _ROWS:
                    break
                page, _, item = found[-1]["place"].strip("()").partition(",")
                place = (int(page), int(item) + 1)

    async def states(self, layout: Layout) -> AsyncIterator[tuple[int, int]]:
        """Yield the versions (state, version) of agents' states that have one of the texts, unpacked."""
        if "agent_states" not in layout.subsystems.made:
            return
        sql, after = layout.sql(_FILE, "state_versions"), (0, 0)
        bases: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        while True:
            async with self.database.connection() as connection:
                rows = await connection.fetch(sql, *after, _VERSIONS)
            for row in rows:
                content = await self._content(layout, row, bases)
                bases[row["state"], row["version"]] = content
                if len(bases) > _BASES:
                    bases.popitem(last=False)
                if self.redactor.finds(content.decode(errors="replace")):
                    yield row["state"], row["version"]
            if len(rows) < _VERSIONS:
                return
            after = rows[-1]["state"], rows[-1]["version"]

    async def _content(self, layout: Layout, row: Any, bases: OrderedDict[tuple[int, int], bytes]) -> bytes:
        if row["base"] is None:
            return await asyncio.to_thread(unpack, [row["packed"]])
        base = bases.get((row["state"], row["base"]))
        if base is None:
            async with self.database.connection() as connection:
                chain = await connection.fetch(layout.sql("agent_states", "chain"), row["state"], row["version"])
            return await asyncio.to_thread(unpack, [each["packed"] for each in chain])
        return await asyncio.to_thread(unpack, [row["packed"]], base)

    async def _in_bytes(self, table: SearchedTable, column: str) -> tuple[int, int]:
        """Return how many values of a column of bytes have a text, plain or compressed; and how many are unreadable."""
        names = {"schema": table.schema, "table": table.name, "column": column}
        plain, packed = statement(_FILE, "plain", **names), statement(_FILE, "packed", **names)
        count = unread = 0
        for first, end in _slices(table, _PAGES):
            async with self.database.connection() as connection:
                count += await connection.fetchval(plain, self._plain, (first, 0), (end, 0))
        for first, end in _slices(table, _PACKED_PAGES):
            async with self.database.connection() as connection:
                rows = await connection.fetch(packed, (first, 0), (end, 0))
            for row in rows:
                content = await asyncio.to_thread(unpacked_bytes, row["packed"])
                unread += content is None
                count += content is not None and self.redactor.finds(content.decode(errors="replace"))
        return count, unread


def _slices(table: SearchedTable, pages: int) -> list[tuple[int, int]]:
    """Return the first and the last page of each statement's part of a table."""
    begins = list(range(0, max(table.pages, 1), pages))
    return list(zip(begins, [*begins[1:], _END], strict=True))


def unpacked_bytes(packed: bytes) -> bytes | None:
    """Return what zstd, gzip or zlib has compressed; None where it is nothing of that, or too large."""
    try:
        if packed.startswith(b"\x28\xb5\x2f\xfd"):
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=_LARGEST)
        if packed.startswith(b"\x1f\x8b"):
            return gzip.decompress(packed)
        return zlib.decompress(packed)
    except (zstandard.ZstdError, OSError, EOFError, zlib.error):
        return None


def _as_stored(texts: Sequence[Sought]) -> tuple[list[str], list[str | None]]:
    """Return texts as they are in rows that are cast to text (themselves, escaped in JSON, in a row, in both).

    With them the patterns of those that have to be whole words.
    """
    wanted: dict[str, str | None] = {}
    for each in texts:
        plain = list(dict.fromkeys([*each.forms(), *(orjson.dumps(form).decode()[1:-1] for form in each.forms())]))
        for form in (*plain, *(text.replace("\\", "\\\\").replace('"', '""') for text in plain)):
            wanted[form] = _pattern(form, each) if each.whole else None
    return list(wanted), list(wanted.values())


def _pattern(form: str, text: Sought) -> str:
    """Return a regular expression of Postgres for a form of a text that has to be whole words."""
    escaped = "".join(each if each.isalnum() else f"\\{each}" for each in form)
    before = r"(?:(?<=\\[nrtbf])|(?<![[:alnum:]]))" if _cased(text.text[0]) else ""
    after = "(?![[:alnum:]])" if _cased(text.text[-1]) else ""
    return f"{before}{escaped}{after}"


def _cased(character: str) -> bool:
    return character.isdigit() or character.lower() != character.upper()
