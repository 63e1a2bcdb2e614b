"""Backups of a running server: made, verified by a test restore, restored to a moment, never good when they are not."""

import asyncio
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest

from kgmem.bootstrap import open_backups, open_memory
from kgmem.domain.backups.backup import BackupPlan
from kgmem.domain.errors import ChecksumMismatch, Conflict, InvalidInput, KgmemError, NotFound, OutOfSpace
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.backups import Backups
from kgmem.settings import Settings
from kgmem.store.backup.archive import switch_embedded
from kgmem.store.backup.programs import target_of
from kgmem.store.backup.repository import Repository
from kgmem.store.embedded.archiving import Archiving
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from tests import postgres
from tests.embedded import copy_home, kill_all
from tests.memories import until

SPACE = EmbeddingSpace("none", "none", 4)


def settings_of(folder: Path, home: str = "home", **more: Any) -> Settings:
    """Settings of a home below a folder, with its backups beside it."""
    return Settings(
        home=folder / home,
        backup_folder=folder / "backups",
        embedder="none",
        extractor="none",
        database_url=None,
        **more,
    )


def note(key: str, text: str) -> Entity:
    """An entity with a text and a vector."""
    return Entity(key, "Note", name=key, text=text, embedding=[1.0, 0.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def used_home() -> Iterator[Path]:
    """A home with a graph, on which nothing runs."""
    with postgres.short_folder() as folder:

        async def fill() -> None:
            async with open_memory(settings_of(folder), owner=True, migrating=True) as memory:
                await memory.graphs.create("main", space=SPACE)
                await memory.entities.put("main", [note(f"n{n}", f"the common word and number{n}") for n in range(20)])

        asyncio.run(fill())
        yield folder / "home"


@pytest.fixture
def folder(short_folder: Path, used_home: Path) -> Iterator[Path]:
    """A folder with a copy of that home; nothing runs on it in the end."""
    short_folder.chmod(0o711)
    copy_home(used_home, short_folder / "home")
    try:
        yield short_folder
    finally:
        for each in short_folder.iterdir():
            kill_all(each)


@asynccontextmanager
async def serving(folder: Path, home: str = "home") -> AsyncIterator[Memory]:
    """The memory of a home."""
    async with open_memory(settings_of(folder, home), owner=True) as memory:
        yield memory


async def found(memory: Memory, words: str) -> set[str]:
    """The keys that recall finds by words."""
    answer = await memory.recall("main", Question(What(text=words), k=50))
    return {hit.key for hit in answer.hits if "words" in hit.retrievers}


def offline(folder: Path, home: str = "elsewhere", **more: Any) -> Backups:
    """Backups as another machine reads them, where no database runs."""
    return open_backups(settings_of(folder, home, **more))


@pytest.mark.long
async def test_an_incremental_backup_is_verified_by_a_test_restore_and_restored(folder: Path) -> None:
    async with serving(folder) as memory:
        with pytest.raises(InvalidInput, match="no backup"):
            await memory.backups.create("incremental")
        full = await memory.backups.create()
        await memory.entities.put("main", [note("later", "a latecomer with the common word")])
        newest = await memory.backups.create()
        assert (full.kind, newest.kind, newest.parent) == ("full", "incremental", full.id)
        assert newest.size < full.size
        assert not (await memory.backups.get(newest.id)).counts
        verification = await memory.backups.verify(newest.id)
        assert verification.passed, verification.errors
        assert {"start", "counts", "recall", "Cypher"} <= set(verification.checks)
        assert (await memory.backups.get(newest.id)).counts
        state = await memory.backups.state()
        assert state.last_verified is not None
        assert state.last_verified.id == newest.id
    restored = await offline(folder).restore(str(folder / "new"), id_=newest.id)
    assert restored.backup.id == newest.id
    async with serving(folder, "new") as memory:
        # A write comes first: an index that is not in the WAL would refuse it, or lose words.
        await memory.entities.put("main", [note("first", "written first with the common word")])
        assert await found(memory, "common") == {f"n{n}" for n in range(20)} | {"later", "first"}
        assert await found(memory, "latecomer") == {"later"}
    assert_private(folder / "backups")


def names_in(folder: Path, part: str) -> list[str]:
    """The names of what is in a folder that have some part."""
    return [path.name for path in folder.iterdir() if part in path.name]


def assert_private(folder: Path) -> None:
    """Nobody else may read anything; the account of Postgres may pass through a folder."""
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & (0o067 if path.is_dir() else 0o077) == 0, path


async def archived_home(folder: Path, restart: bool = False) -> None:
    """Let a home archive its WAL."""
    repository = Repository(folder / "backups")
    async with EmbeddedPostgres(folder / "home", attach=True) as server:
        change = await switch_embedded(
            server, repository, Archiving(str(repository.archive), (), 60), restart=restart, report=print
        )
        assert change.in_force


async def is_archived(connection: Any, name: str) -> bool:
    """Whether a segment is in the archive."""
    return (await connection.fetchval("SELECT last_archived_wal FROM pg_stat_archiver") or "") >= name


async def hand_over(memory: Memory) -> None:
    """Let Postgres archive what was written."""
    catalog: Any = memory.ports.graphs
    async with catalog.database.connection() as connection:
        await connection.execute("SELECT pg_logical_emit_message(true, 'x', 'y')")
        name = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        async with asyncio.timeout(30):
            await until(lambda: is_archived(connection, name))


@pytest.mark.long
async def test_a_moment_is_restored_from_the_archive_and_a_write_comes_first(folder: Path) -> None:
    await archived_home(folder)
    async with serving(folder) as memory:
        await memory.backups.create("full")
        # Built and written after the backup: pg_textsearch before 1.5 has neither in the WAL.
        await memory.index.rebuild("main")
        await memory.entities.put("main", [note("kept", "the survivor")])
        await asyncio.sleep(1.1)
        moment = datetime.now(UTC)
        await memory.entities.put("main", [note("wrong", "the mistake")])
        await hand_over(memory)
    restored = await offline(folder).restore(str(folder / "new"), at=moment.isoformat())
    assert restored.rebuilt == 1
    async with serving(folder, "new") as memory:
        await memory.entities.put("main", [note("first", "written first")])
        assert await found(memory, "survivor") == {"kept"}
        assert await found(memory, "mistake") == set()
        assert await found(memory, "first") == {"first"}
        # The restored server is another one now: it does not write into the archive.
        catalog: Any = memory.ports.graphs
        async with catalog.database.connection() as connection:
            assert await connection.fetchval("SHOW archive_mode") == "off"
    with pytest.raises(Conflict):
        await offline(folder).restore(str(folder / "new"))
    with pytest.raises(NotFound, match="oldest"):
        await offline(folder).restore(str(folder / "other"), at="2020-01-01T00:00:00Z")
    with pytest.raises(InvalidInput, match="future"):
        await offline(folder).restore(str(folder / "other"), at="2199-01-01T00:00:00Z")


@pytest.mark.slow
async def test_a_gap_in_the_archive_is_not_taken_for_its_end(folder: Path) -> None:
    await archived_home(folder)
    async with serving(folder) as memory:
        await memory.backups.create("full")
        for n in range(4):
            await memory.entities.put("main", [note(f"late{n}", f"late number{n}")])
            await hand_over(memory)
    segments = sorted((folder / "backups" / "wal").glob("0*/*-*.gz"))
    missing = [path for path in segments if ".backup" not in path.name][-2]
    kept = missing.read_bytes()
    missing.unlink()
    with pytest.raises(NotFound, match=missing.name[:24]):
        await offline(folder).restore(str(folder / "new"))
    assert not (folder / "new").exists()
    missing.write_bytes(kept[:-7])
    with pytest.raises(KgmemError):
        await offline(folder).restore(str(folder / "new"))
    assert not (folder / "new").exists()
    missing.write_bytes(kept)
    await offline(folder).restore(str(folder / "new"))
    async with serving(folder, "new") as memory:
        assert {f"late{n}" for n in range(4)} <= await found(memory, "late")


@pytest.mark.long
async def test_a_damaged_backup_is_never_good(folder: Path) -> None:
    async with serving(folder) as memory:
        made = await memory.backups.create("full")
    path = folder / "backups" / "backups" / made.id
    largest = max((path / "data" / "base").rglob("*"), key=lambda each: each.stat().st_size)
    whole = largest.read_bytes()
    largest.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    backups = offline(folder)
    assert not (await backups.verify(made.id, start=False)).passed
    assert not (await backups.verify(made.id)).passed
    assert not (await backups.get(made.id)).counts
    with pytest.raises(ChecksumMismatch):
        await backups.restore(str(folder / "new"))
    assert not (folder / "new").exists()
    largest.write_bytes(whole)
    # What the files cannot tell, the counts do.
    described = json.loads((path / "kgmem.json").read_text())
    described["graphs"]["main"]["index.item"] = [21, 21]
    (path / "kgmem.json").write_text(json.dumps(described))
    verification = await backups.verify(made.id)
    assert not verification.passed
    assert "index.item" in verification.errors[0]
    (path / "data" / "backup_manifest").write_text("{}")
    assert not (await backups.verify(made.id)).passed
    (path / "kgmem.json").write_text("{}")
    with pytest.raises(ChecksumMismatch):
        await backups.list()


@pytest.mark.slow
async def test_an_encrypted_backup_needs_its_identity_and_leaves_nothing_open(folder: Path) -> None:
    made_identity = pyrage.x25519.Identity.generate()
    identity = folder / "identity"
    identity.write_text(str(made_identity))
    async with serving(folder) as memory:
        full = await memory.backups.create("full", recipients=[str(made_identity.to_public())])
        await memory.entities.put("main", [note("secret", "the hidden treasure")])
        await memory.backups.create("incremental", recipients=[str(made_identity.to_public())])
        with pytest.raises(InvalidInput, match="recipient"):
            await memory.backups.create("full", recipients=["age1nonsense"])
    for path in (folder / "backups").rglob("*"):
        assert not path.is_file() or b"common word" not in path.read_bytes(), path
        assert not path.is_file() or str(made_identity).encode() not in path.read_bytes(), path
    with pytest.raises(InvalidInput, match="identity"):
        await offline(folder).verify(full.id)
    assert (await offline(folder, backup_identity=identity).verify()).passed
    await offline(folder, backup_identity=identity).restore(str(folder / "new"))
    async with serving(folder, "new") as memory:
        assert await found(memory, "treasure") == {"secret"}


@pytest.mark.long
async def test_what_a_full_disk_left_is_no_backup(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder)
    async with serving(folder) as memory:
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
            with pytest.raises(OutOfSpace):
                await memory.backups.create("full")
        assert await memory.backups.list() == []
        # A limit on the size of files stops pg_basebackup as a full disk does: it writes WAL of 16 MB.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
        try:
            with pytest.raises(KgmemError):
                await memory.backups.create("full")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert await memory.backups.list() == []
        assert names_in(folder / "backups" / "backups", "") == []
        assert (await memory.backups.create("full")).kind == "full"


@pytest.mark.slow
@pytest.mark.crash
async def test_a_backup_that_was_killed_is_not_listed_and_the_next_one_cleans_up(folder: Path) -> None:
    async with serving(folder) as memory:
        first = await memory.backups.create("full")
        for pause in (0.3, 0.8, 1.2, 1.6):
            environment = {
                **os.environ,
                "KGMEM_HOME": str(folder / "home"),
                "KGMEM_BACKUP_FOLDER": str(folder / "backups"),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            }
            command = [sys.executable, "-c", "from kgmem.cli.main import run; run()", "backup", "create", "--full"]
            process = subprocess.Popen(  # noqa: ASYNC220 - it is to be killed
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            await asyncio.sleep(pause)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for each in await memory.backups.list():
                assert (await memory.backups.verify(each.id, start=False)).passed
        last = await memory.backups.create("full")
        assert {first.id, last.id} <= {each.id for each in await memory.backups.list()}
        assert names_in(folder / "backups" / "backups", ".partial") == []


@pytest.mark.slow
async def test_a_restore_that_failed_leaves_nothing(folder: Path) -> None:
    async with serving(folder) as memory:
        made = await memory.backups.create("full")
    with pytest.raises(NotFound):
        await offline(folder).restore(str(folder / "new"), id_="20200101T000000Z-full")
    shutil.rmtree(folder / "backups" / "backups" / made.id / "data" / "base")
    with pytest.raises(ChecksumMismatch):
        await offline(folder).restore(str(folder / "new"))
    assert names_in(folder, "new") == []


@pytest.mark.slow
async def test_counts_of_a_backup_under_writes_are_ranges_that_hold(folder: Path) -> None:
    async with serving(folder) as memory:
        stop = asyncio.Event()

        async def write() -> None:
            n = 0
            while not stop.is_set():
                await memory.entities.put("main", [note(f"w{n}", f"written number{n}")])
                if n % 3 == 0:
                    await memory.entities.delete("main", [f"w{n}"])
                n += 1

        writing = asyncio.create_task(write())
        made = await memory.backups.create("full")
        stop.set()
        await writing
        verification = await memory.backups.verify(made.id)
        assert verification.passed, verification.errors


@pytest.mark.slow
async def test_a_second_folder_gets_what_it_lacks_and_can_be_restored_from(folder: Path) -> None:
    async with serving(folder) as memory:
        await memory.backups.set_plan(BackupPlan(folder=str(folder / "backups"), copy_folder=str(folder / "second")))
        made = await memory.backups.create("full")
        assert await memory.backups.copy() > 100
        assert await memory.backups.copy() == 0
    second = open_backups(settings_of(folder, "elsewhere").model_copy(update={"backup_folder": folder / "second"}))
    assert (await second.verify(made.id, start=False)).passed
    assert_private(folder / "second")


@pytest.mark.long
async def test_an_archive_that_does_not_work_is_said(folder: Path) -> None:
    async with serving(folder) as memory:
        catalog: Any = memory.ports.graphs
        async with catalog.database.connection() as connection:
            assert await connection.fetchval("SHOW archive_mode") == "off"
        state = await memory.backups.state()
        assert state.archive is not None
        assert not state.archive.on
        repository = Repository(folder / "backups")
        async with EmbeddedPostgres(folder / "home", attach=True) as server:
            archiving = Archiving(str(repository.archive), (), 60)
            change = await switch_embedded(server, repository, archiving, restart=False, report=print)
            # Others use it, so it is not restarted without being told to.
            assert not change.in_force
            assert "--restart" in change.message


def test_a_url_with_a_password_is_not_in_a_command_line() -> None:
    target = target_of("postgresql://me:hush%20hush@db.example:5433/kgmem?sslmode=require")
    assert "hush" not in target.text
    assert target.environment["PGPASSWORD"] == "hush hush"
