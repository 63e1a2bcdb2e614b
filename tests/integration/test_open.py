"""`kgmem.open()` against a real Postgres."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import kgmem
from kgmem.store.embedded.postmaster import processes_of
from tests.embedded import home_folder


async def test_a_memory_is_opened_by_url_and_vectors_follow_by_themselves(database_url: str) -> None:
    async with kgmem.open(url=database_url, embedder="hash") as memory:
        await memory.graphs.create("notes")
        await memory.entities.put("notes", [kgmem.Entity("bern", "City", "Bern", text="The capital of Switzerland.")])
        answer = await memory.recall("notes", kgmem.Question(kgmem.What(text="capital of Switzerland"), k=1))
        assert [hit.key for hit in answer.hits] == ["bern"]
        async with asyncio.timeout(20):
            while not (await memory.graphs.stats("notes")).vectors:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.mark.long
async def test_the_embedded_database_is_made_when_it_is_missing_and_kept(short_folder: Path) -> None:
    async with kgmem.open(home=short_folder, embedder="none", worker=False) as memory:
        await memory.graphs.create("notes")
    async with kgmem.open(home=str(short_folder), embedder="none", worker=False) as memory:
        assert [graph.name for graph in await memory.graphs.list()] == ["notes"]


@pytest.mark.parametrize(
    ("settings", "says"), [({"embeder": "none"}, "no setting 'embeder'"), ({"pool_size": 0}, "pool_size is invalid")]
)
async def test_a_wrong_setting_is_refused_by_name(settings: dict[str, object], says: str) -> None:
    with pytest.raises(kgmem.InvalidInput, match=says):
        async with kgmem.open(url="postgresql://nowhere", **settings):
            pass


async def test_an_unreachable_database_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(kgmem.DatabaseUnavailable):
        async with kgmem.open(url="postgresql://nobody@127.0.0.1:1/none", embedder="none"):
            pass


PROGRAM = """
import asyncio, pathlib, sys
import kgmem
async def main():
    async with kgmem.open(home=sys.argv[1], embedder="none", worker=False) as memory:
        await memory.graphs.create("notes")
        print("ready", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.long
@pytest.mark.crash
def test_a_program_that_is_told_to_end_leaves_no_postgres_behind(short_folder: Path) -> None:
    with home_folder(short_folder) as home:
        program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(home)], stdout=subprocess.PIPE, text=True)
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
            assert processes_of(home.resolve() / "postgres")
            program.send_signal(signal.SIGTERM)
            assert program.wait(timeout=30) == -signal.SIGTERM
            assert processes_of(home.resolve() / "postgres") == []
        finally:
            program.kill()
            program.communicate()
