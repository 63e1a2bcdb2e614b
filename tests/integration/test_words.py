"""The text index is whole after Postgres has restarted, however it ended."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kgmem.bootstrap import open_memory
from kgmem.domain.errors import DatabaseUnavailable, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.store.db.codecs import set_codecs
from kgmem.store.db.database import Database
from kgmem.store.db.extensions import Capabilities, read_capabilities
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.sync.keyword_index_repair import KeywordIndexGuard
from tests.embedded import kill_all
from tests.memories import opened_memory, until
from tests.postgres import run_on
from tests.replicas import base_backup

pytestmark = pytest.mark.server

COUNT = 40
SEEN = "Number {} was seen beside moon{}, in the light of the morning, by all who were there to see it."


async def found(memory: Memory, text: str) -> list[str]:
    """Return the keys of the hits for some words, in the order of the answer."""
    answer = await memory.recall("words", Question(What(text=text), k=COUNT))
    return [hit.key for hit in answer.hits if "words" in hit.retrievers]


async def found_at_last(memory: Memory, text: str) -> list[str]:
    """Ask again until Postgres takes connections."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await found(memory, text)
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)


async def fill(memory: Memory) -> None:
    """Store entities one by one, so that the text index keeps them in memory."""
    await memory.graphs.create("words", space=None)
    for n in range(COUNT):
        await memory.entities.put("words", [Entity(f"e{n}", "Note", name=f"note number{n}", text="a common word")])


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.crash
async def test_words_find_everything_after_a_restart(short_folder: Path, sign: signal.Signals) -> None:
    settings = Settings(home=short_folder, embedder="none")
    async with open_memory(settings, owner=True, migrating=True) as memory:
        await fill(memory)
        before = await found(memory, "common")
        status = await EmbeddedPostgres(short_folder, attach=True).status()
        assert status.pid is not None
        os.kill(status.pid, sign)
        await wait_for_another(short_folder, status.pid)

        assert sorted(await found_at_last(memory, "common")) == sorted(before)
        assert len(before) == COUNT
        assert await found(memory, "number33") == ["e33"]

    async with open_memory(settings, owner=True) as memory:
        assert sorted(await found(memory, "common")) == sorted(before)


@pytest.mark.slow
async def test_words_of_many_texts_find_everything_each_time_the_server_was_stopped_and_started(
    short_folder: Path,
) -> None:
    settings = Settings(home=short_folder, embedder="none")
    texts = [Entity(f"e{n}", "Note", name=f"note number{n}", text=SEEN.format(n, n % 50)) for n in range(3_000)]
    async with open_memory(settings, owner=True, migrating=True) as memory:
        await memory.graphs.create("words", space=None)
        await memory.entities.put("words", texts)
    builds = []
    for _ in range(3):
        # A search that waits for a lock of the extension heeds no time limit of Postgres.
        async with asyncio.timeout(30), open_memory(settings, owner=True) as memory:
            assert await found(memory, "number2033") == ["e2033"]
            assert len(await found(memory, "moon17")) == COUNT
            builds.append(await index_number(memory))
    # The first start finds texts in memory alone, which the extension does not find again; then they are on disk.
    assert builds[1:] == builds[1:2] * 2


async def index_number(memory: Memory) -> int:
    """Which keyword index it is: one that is built again has another number."""
    catalog: Any = memory.ports.graphs
    async with catalog.database.connection() as connection:
        number: int = await connection.fetchval("SELECT 'kgm_1.passage_words'::regclass::oid::bigint")
        return number


async def wait_for_another(home: Path, former: int) -> None:
    """Wait until the owner has started Postgres again."""
    async with asyncio.timeout(30):
        while True:
            status = await EmbeddedPostgres(home, attach=True).status()
            if status.running and status.pid != former:
                return
            await asyncio.sleep(0.05)


async def kill_session(memory: Memory, settings: Settings) -> None:
    """Kill a session of Postgres, which ends all others and empties its shared memory."""
    catalog: Any = memory.ports.graphs
    async with catalog.database.connection() as connection:
        pid = connection.get_server_pid()
    os.kill(pid, signal.SIGKILL)


async def kill_server(memory: Memory, settings: Settings) -> None:
    """Kill Postgres, and wait until its owner has started it again."""
    status = await EmbeddedPostgres(settings.home, attach=True).status()
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    await wait_for_another(settings.home, status.pid)


async def written_at_last(memory: Memory, key: str) -> None:
    """Write until Postgres takes connections."""
    async with asyncio.timeout(30):
        while True:
            try:
                await memory.entities.put("words", [Entity(key, "Note", text="a common word written first")])
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.long
@pytest.mark.parametrize("crash", [kill_session, kill_server], ids=["a session killed", "the server killed"])
@pytest.mark.crash
async def test_a_write_that_comes_first_after_a_crash_finds_a_whole_index(
    short_folder: Path, crash: Callable[[Memory, Settings], Awaitable[None]]
) -> None:
    settings = Settings(home=short_folder, embedder="none")
    async with open_memory(settings, owner=True, migrating=True) as memory:
        await fill(memory)
        await crash(memory, settings)
        await written_at_last(memory, "first")
        assert len(await found(memory, "common")) == COUNT
        assert await found(memory, "first") == ["first"]
        assert await found(memory, "number33") == ["e33"]


async def test_a_stale_index_is_built_anew_before_the_first_write(database_url: str) -> None:
    """As after a promotion or a restore: the server's timeline is another one than that of the last check."""
    guard = KeywordIndexGuard(database_url)
    async with Database(database_url) as database:
        if not (await capabilities_of(database)).bm25:
            pytest.skip("only pg_textsearch has such an index")
    async with opened_memory(database_url) as memory:
        await fill(memory)
    await run_on(
        database_url,
        "DROP INDEX kgm_1.passage_words",
        "CREATE INDEX passage_words ON kgm_1.passage USING bm25 (body) WITH (text_config = 'english')",
        "UPDATE kgmem.graph SET words_timeline = words_timeline + 1",
    )
    connection = await asyncpg.connect(database_url)
    try:
        await set_codecs(connection)
        before = await connection.fetchval("SELECT 'kgm_1.passage_words'::regclass::oid")
        await guard.ready(connection)
        after = await connection.fetchval("SELECT 'kgm_1.passage_words'::regclass::oid")
        assert after != before
        await guard.ready(connection)
        assert await connection.fetchval("SELECT 'kgm_1.passage_words'::regclass::oid") == after
    finally:
        await connection.close()
        await guard.aclose()


async def capabilities_of(database: Database) -> Capabilities:
    """What the database offers."""
    async with database.connection() as connection:
        return await read_capabilities(connection)


@pytest.mark.slow
@pytest.mark.crash
async def test_a_standby_answers_words_rightly_and_takes_writes_when_it_is_promoted(short_folder: Path) -> None:
    first, second = short_folder / "a", short_folder / "b"
    try:
        async with open_memory(Settings(home=first, embedder="none"), owner=True, migrating=True) as primary:
            await fill(primary)
            await base_backup(first, second)
            # Built and written after the backup: what a standby of pg_textsearch before 1.5 does not have.
            await primary.index.rebuild("words")
            await primary.entities.put("words", [Entity("late", "Note", text="a latecomer")])
            async with EmbeddedPostgres(second) as standby:
                settings = Settings(database_url=standby.url, home=second, embedder="none")
                async with open_memory(settings) as memory:
                    await until(lambda: _has(memory, "late"))
                    assert sorted(await found(memory, "common")) == sorted(await found(primary, "common"))
                    assert await found(memory, "latecomer") == ["late"]
                    await run_on(standby.url, "SELECT pg_promote()")
                    await written_at_last(memory, "promoted")
                    assert await found(memory, "latecomer") == ["late"]
                    assert await found(memory, "first") == ["promoted"]
                    assert len(await found(memory, "common")) == COUNT
    finally:
        kill_all(first)
        kill_all(second)


async def _has(memory: Memory, key: str) -> bool:
    try:
        await memory.entities.get("words", key)
    except NotFound:
        return False
    return True
