"""Keeping the keyword index whole across restarts, promotions and restores of Postgres.

pg_textsearch before 1.5 is not in the WAL. What was written last is in shared memory; after a restart the extension
recovers it from a list of its own: after kill -9 some of it is missing, and an index that was never written to disk
even answers nothing. On a standby, and so after a promotion or a restore, the index is stale as a whole: it answers
without what came after the base backup, or raises errors, also from an INSERT into its table. So before the first
statement of this process on a server that it has not seen (another start, or another timeline), each graph's index is
checked, and rebuilt where it is not whole: about 10 us a passage. On a standby nothing can be built: there, and
where the disk is full, Postgres full text answers for words.
"""

import asyncio
import re
from dataclasses import dataclass

import asyncpg

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.log import EventLog
from kgmem.store.db.codecs import set_codecs
from kgmem.store.db.connection import Connection, release_latches
from kgmem.store.db.hosts import connect
from kgmem.store.db.sql import identifier
from kgmem.store.db.statements import statement
from kgmem.store.graph.layout import Layout

log = EventLog(__name__)

_SEGMENTS = re.compile(r"^\s*Total: .*?(\d+) docs\b", re.MULTILINE)
_IN_MEMORY = re.compile(r"^\s*(?:documents|docids): (\d+)", re.MULTILINE)
_SETTINGS = {"search_path": "ag_catalog,public", "application_name": "kgmem words", "kgmem.own": "on"}
_PATIENCE = 8.0  # Seconds that a request waits for indexes that are rebuilt.
_AGAIN = 20.0  # Seconds until what could not be built is tried again.


@dataclass(frozen=True, slots=True)
class ServerLife:
    """One life of a server: since when it runs, and on which timeline; a standby's ends with its promotion."""

    started: int
    timeline: int | None
    standby: bool


class KeywordIndexGuard:
    """Checks the keyword indexes of all graphs of one database, once in each life of its server."""

    def __init__(self, url: str, *, again: float = _AGAIN) -> None:
        """Take the database's URL, and the seconds until what could not be built is tried again.

        The checks run on a connection of their own, before any other is lent.
        """
        self._url = url
        self._pause = again
        self._life: ServerLife | None = None  # The life for which all graphs were checked.
        self._work: asyncio.Task[None] | None = None
        self._again: asyncio.Task[None] | None = None
        self._stale: set[int] = set()  # Graphs whose index could not be built.
        self._needed = True

    async def open(self) -> None:
        """Check before the first request, however long it takes, and learn whether this server needs it at all.

        A server that cannot be reached is left to whoever opens the connections for requests.
        """
        try:
            connection = await _connect(self._url)
        except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return
        try:
            self._needed = await connection.fetchval(statement("keyword_index", "loses_memory"))
            if self._needed:
                await self._look(await _life_of(connection))
        finally:
            await connection.close()

    @property
    def standby(self) -> bool:
        """Whether the server is a standby, by the last look; its indexes are not to be trusted."""
        return self._life is not None and self._life.standby

    @property
    def in_memory(self) -> bool:
        """Whether the indexes are not in the WAL, so that no replica has them."""
        return self._needed

    def usable(self, graph: int) -> bool:
        """Return whether BM25 answers correctly for a graph."""
        return not self.standby and graph not in self._stale

    async def ready(self, connection: asyncpg.Connection) -> None:
        """Return once the indexes are whole on the server of this connection, which is new or of a standby.

        Raises DatabaseUnavailable when that takes longer than a request can wait; the work goes on meanwhile.
        """
        if not self._needed:
            return
        life = await _life_of(connection)
        if life == self._life:
            return
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._look(life), name="kgmem keyword indexes")
        try:
            await asyncio.wait_for(asyncio.shield(self._work), _PATIENCE)
        except TimeoutError as error:
            raise DatabaseUnavailable(
                "Keyword indexes are being rebuilt, because Postgres was restarted or promoted.",
                hint="Try again in some seconds.",
                retry_after=5,
            ) from error

    async def aclose(self) -> None:
        """End the work that is in progress; what is not built is built by the next process."""
        tasks = [task for task in (self._work, self._again) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, life: ServerLife) -> None:
        self._stale = set() if life.standby else await self._check_all(life)
        self._life = life
        if self._stale:
            self._again = asyncio.create_task(self._try_again(life), name="kgmem keyword indexes, again")

    async def _try_again(self, life: ServerLife) -> None:
        """Build what could not be built, until it can: when the disk has room again."""
        while self._stale and self._life == life:
            await asyncio.sleep(self._pause)
            try:
                self._stale = await self._check_all(life)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.info("keyword_indexes_wait", error=error)

    async def _check_all(self, life: ServerLife) -> set[int]:
        """Check every graph that was not checked in this life; return those whose index could not be built."""
        connection = await _connect(self._url)
        try:
            stale = set()
            for row in await connection.fetch(statement("keyword_index", "unchecked"), life.started, life.timeline):
                moved = row["words_timeline"] is not None and row["words_timeline"] != life.timeline
                try:
                    await _make_whole(connection, row["id"], row["index_name"], life, force=moved)
                except asyncpg.UndefinedTableError:
                    continue  # The graph was dropped meanwhile.
                except (asyncpg.InsufficientResourcesError, asyncpg.InternalServerError) as error:
                    log.warning("keyword_index_stale", graph_id=row["id"], error=error)
                    stale.add(row["id"])
            return stale
        finally:
            await connection.close()


async def _connect(url: str) -> Connection:
    """Make a connection that no statement is stopped on."""
    connection: Connection = await connect(url, connection_class=Connection, server_settings=_SETTINGS, timeout=10)
    try:
        await set_codecs(connection)
        await connection.prepare_rollback()
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _life_of(connection: asyncpg.Connection) -> ServerLife:
    return ServerLife(*await connection.fetchrow(statement("keyword_index", "life")))


async def _make_whole(connection: asyncpg.Connection, graph: int, index: str, life: ServerLife, *, force: bool) -> None:
    """Rebuild a graph's keyword index unless it is whole; in one process at a time."""
    async with connection.transaction():
        await connection.execute(statement("keyword_index", "one_at_a_time"), graph)
        row = await connection.fetchrow(statement("keyword_index", "checked"), graph)
        if row is None or (row["words_checked"], row["words_timeline"]) == (life.started, life.timeline):
            return
        if force or not await _is_whole(connection, index):
            await _build(connection, index)
        await connection.execute(statement("keyword_index", "note"), graph, life.started, life.timeline)


async def build_keyword_index(connection: asyncpg.Connection, graph: int, index: str) -> None:
    """Rebuild a graph's keyword index after a restore, and note that it is whole in this life of the server."""
    life = await _life_of(connection)
    async with connection.transaction():
        await connection.execute(statement("keyword_index", "one_at_a_time"), graph)
        await _build(connection, index)
        await connection.execute(statement("keyword_index", "note"), graph, life.started, life.timeline)


async def build_anew(connection: asyncpg.Connection, layout: Layout) -> None:
    """Rebuild a graph's keyword index, in the caller's transaction.

    Not by REINDEX: sessions of pg_textsearch before 1.5 keep what belonged to the index under its number, and one that
    wrote before a REINDEX would go on writing where no other session looks. A new index has a new number.
    """
    await _build(connection, layout.index_name)


async def _build(connection: asyncpg.Connection, index: str) -> None:
    # Whatever looked at the index in this transaction, a summary too, holds its latch. DROP INDEX frees the memory that
    # the latch lies in, and its release at the end would write into what the new index has there: the next search would
    # wait without end for a lock that nobody holds.
    await release_latches(connection)
    await connection.execute(statement("retrieval_index", "drop_words", index=index))
    await connection.execute(statement("graph", "words_bm25", index=index))


async def _is_whole(connection: asyncpg.Connection, schema: str) -> bool:
    """Return whether all passages are in segments on disk, none in memory."""
    index = f"{identifier(schema)}.passage_words"
    try:
        async with connection.transaction():
            told: str = await connection.fetchval(statement("keyword_index", "summary"), index)
    except asyncpg.PostgresError:
        return False  # An index that cannot even be summed up is rebuilt.
    passages: int = await connection.fetchval(statement("keyword_index", "passages", index=schema))
    segments = _SEGMENTS.search(told)
    held = int(segments[1]) if segments else 0
    return held == passages and all(int(number) == 0 for number in _IN_MEMORY.findall(told))
