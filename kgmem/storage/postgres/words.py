"""Keeping the text index whole across restarts of Postgres.

pg_textsearch before 1.5 holds what was written last in shared memory. After a restart it recovers that from a list of
its own which is not in the WAL: after kill -9 some of it is missing, and an index that was never spilled even answers
nothing. So the first recall of a graph after each start of Postgres looks whether its index is on disk as a whole, and
builds it anew where it is not: about 10 us a passage.
"""

import re

import asyncpg

from kgmem.storage.postgres.database import Database
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.statements import quote, statement

_SEGMENTS = re.compile(r"^\s*Total: .*?(\d+) docs\b", re.MULTILINE)
_IN_MEMORY = re.compile(r"^\s*(?:documents|docids): (\d+)", re.MULTILINE)


class Words:
    """Knows for which graphs this process has seen to the text index since Postgres started."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self.database = database
        self._whole: dict[int, int] = {}  # Graph -> the start of Postgres since which its index is whole.

    async def ensure_whole(self, layout: Layout, started: int) -> None:
        """Return once the graph's text index holds every passage, building it anew where a restart broke it."""
        if self._whole.get(layout.id) == started:
            return

        async def look(connection: asyncpg.Connection) -> None:
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute(statement("words", "one_at_a_time"), layout.id)
            checked = await connection.fetchval(statement("words", "checked"), layout.id)
            if checked != started:
                if not await _is_whole(connection, layout):
                    await build_anew(connection, layout)
                await connection.execute(statement("words", "note"), layout.id, started)

        await self.database.transact(look)
        self._whole[layout.id] = started


async def build_anew(connection: asyncpg.Connection, layout: Layout) -> None:
    """Build a graph's text index anew, in the caller's transaction.

    Not by REINDEX: sessions of pg_textsearch before 1.5 keep what belonged to the index under its number, and one that
    wrote before a REINDEX would go on writing where no other session looks. A new index has a new number.
    """
    await connection.execute(layout.sql("index", "drop_words"))
    await connection.execute(layout.sql("graph", "words_bm25"))


async def _is_whole(connection: asyncpg.Connection, layout: Layout) -> bool:
    """Say whether all passages stand in segments on disk, none in memory."""
    index = f"{quote(layout.index_name)}.passage_words"
    try:
        async with connection.transaction():
            told: str = await connection.fetchval(statement("words", "summary"), index)
    except asyncpg.PostgresError:
        return False  # An index that cannot even be summed up is built anew.
    passages: int = await connection.fetchval(layout.sql("words", "passages"))
    segments = _SEGMENTS.search(told)
    held = int(segments[1]) if segments else 0
    return held == passages and all(int(number) == 0 for number in _IN_MEMORY.findall(told))
