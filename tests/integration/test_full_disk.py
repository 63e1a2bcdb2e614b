"""A full disk: writes are refused with a reason, the server says that it is degraded, and recall goes on."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kgmem.bootstrap import open_memory
from kgmem.domain.errors import OutOfSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.store.jobs.metrics import PostgresMetrics
from kgmem.store.sync.keyword_index_repair import KeywordIndexGuard
from kgmem_api.app import create_app
from tests.embedded import kill_all
from tests.memories import index_schema, opened_memory, until
from tests.postgres import run_on

FULL = """
    CREATE FUNCTION kgmem.full() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''could not extend file: No space left on device'' USING ERRCODE = ''disk_full''; END'
"""


async def fill(memory: Memory) -> None:
    """Make a graph with a few texts."""
    await memory.graphs.create("main", space=None)
    await memory.entities.put("main", [Entity(f"k{n}", "Note", text=f"apple number{n}") for n in range(20)])


async def keys(memory: Memory, text: str) -> list[str]:
    """What recall finds by words."""
    return [hit.key for hit in (await memory.recall("main", Question(What(text=text)))).hits]


@pytest.fixture
async def full(database_url: str) -> AsyncIterator[Memory]:
    """A memory whose server raises SQLSTATE 53100 at every new passage."""
    settings = Settings(database_url=database_url, embedder="none", pool_size=2)
    async with open_memory(settings) as memory:
        await fill(memory)
        schema = await index_schema(memory, "main")
        trigger = f"CREATE TRIGGER full_disk BEFORE INSERT ON {schema}.passage EXECUTE FUNCTION kgmem.full()"
        await run_on(database_url, FULL, trigger)
        yield memory


async def test_a_write_is_refused_the_server_is_degraded_and_recall_goes_on(full: Memory) -> None:
    _, secret = await full.keys.create("tests", "admin")
    transport = httpx.ASGITransport(create_app(full, settings=Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        assert (await client.get("/health/ready")).json() == {"status": "ready"}
        written = await client.put("/v1/graphs/main/entities", json={"entities": [{"key": "new", "text": "pear"}]})
        assert written.status_code == 507, written.text
        assert "The disk of the database is full" in written.json()["detail"]
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "degraded", "reasons": ["out-of-space"]})
        asked = await client.post("/v1/graphs/main/recall", json={"what": {"text": "number7"}})
        assert [hit["key"] for hit in asked.json()["hits"]] == ["k7"]


async def test_an_index_that_cannot_be_built_for_want_of_room_leaves_words_to_full_text(database_url: str) -> None:
    async with opened_memory(database_url) as memory:
        catalog: Any = memory.ports.graphs
        if not catalog.words:
            pytest.skip("only pg_textsearch has such an index")
        await fill(memory)
        full = FULL.replace("trigger", "event_trigger", 1).replace("kgmem.full", "kgmem.full_for_indexes")
        on_index = "ON ddl_command_start WHEN TAG IN ('CREATE INDEX', 'DROP INDEX')"
        await run_on(
            database_url,
            full,
            f"CREATE EVENT TRIGGER full_disk {on_index} EXECUTE FUNCTION kgmem.full_for_indexes()",
            "UPDATE kgmem.graph SET words_timeline = words_timeline + 1",
        )
        guard = KeywordIndexGuard(database_url, again=0.05)
        graph = (await catalog.layout("main")).id
        try:
            async with catalog.database.connection() as connection:
                await guard.ready(connection)
            assert not guard.usable(graph)
            memory.ports.index._guard = guard  # type: ignore[attr-defined]
            assert await keys(memory, "number7") == ["k7"]
            await run_on(database_url, "DROP EVENT TRIGGER full_disk")

            async def built() -> bool:
                return guard.usable(graph)

            await until(built)
            assert await keys(memory, "number7") == ["k7"]
        finally:
            await guard.aclose()


@pytest.fixture
def small_disk(short_folder: Path) -> Iterator[Path]:
    """A file system of 420 MB; making one takes the rights of root."""
    folder = short_folder / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=420m,mode=755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("only root may mount a file system, and not everywhere")
    try:
        yield folder
    finally:
        kill_all(folder / "home")
        subprocess.run(["umount", str(folder)], check=True)


def fill_up(file: Path) -> None:
    """Write zeros until nothing is left."""
    with file.open("wb", buffering=0) as opened:
        try:
            while True:
                opened.write(b"\0" * 65536)
        except OSError:
            return


async def write_on(memory: Memory) -> None:
    """Write on, since what fits into the last pages is still taken."""
    for n in range(500):
        await memory.entities.put("main", [Entity(f"w{n}", "Note", text=os.urandom(2000).hex())])


@pytest.mark.slow
async def test_on_a_disk_that_is_really_full_recall_goes_on_and_writes_do_when_there_is_room(small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home", embedder="none")
    async with open_memory(settings, owner=True, migrating=True) as memory:
        await fill(memory)
        assert (await memory.server.health()).status == "ready"
        fill_up(small_disk / "filling")
        with pytest.raises(OutOfSpace):
            await write_on(memory)
        assert (await memory.server.health()).reasons == ("out-of-space",)
        assert await keys(memory, "number7") == ["k7"]
        # Another server, that has seen no write fail, notices by itself.
        catalog: Any = memory.ports.graphs
        fill_up(small_disk / "more")  # Postgres may have removed logs meanwhile.
        assert (await PostgresMetrics(catalog.database, {}).health()).status == "degraded"
        assert await keys(memory, "number7") == ["k7"]
        (small_disk / "filling").unlink()
        assert (await PostgresMetrics(catalog.database, {}).health()).status == "ready"
        assert (await memory.entities.put("main", [Entity("again", "Note", text="pear")])).created == 1
        assert await keys(memory, "pear") == ["again"]
