"""Uploads: held until they are imported by a worker beside them, whatever dies meanwhile, and then removed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import handlers, open_memory
from kgmem.domain.errors import Conflict, DatabaseUnavailable, InvalidInput, NotFound, TooLarge, Unavailable
from kgmem.domain.imports import Import
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.settings import Settings
from kgmem.store.load import uploads as storage
from kgmem.store.load.uploads import Uploads
from tests.imports import contents
from tests.memories import query, until

LINES = b"".join(orjson.dumps({"type": "entity", "key": f"k{n}"}) + b"\n" for n in range(20))


def opened(url: str, home: Path, *, worker: bool = False) -> AbstractAsyncContextManager[Memory]:
    """A memory over the database with a data folder of its own."""
    settings = Settings(database_url=SecretStr(url), home=home, embedder="none", pool_size=3)
    return open_memory(settings, worker=worker)


@pytest.fixture
async def memory(database_url: str, tmp_path: Path) -> AsyncIterator[Memory]:
    """A memory without a worker, over a fresh database with a graph, `main`."""
    async with opened(database_url, tmp_path / "home") as memory:
        await memory.graphs.create("main")
        yield memory


async def send(memory: Memory, *files: bytes, **options: Any) -> tuple[Import, int | None]:
    """Send files and ask for their import."""
    async with memory.imports.uploads.receive(10_000_000) as incoming:
        for number, data in enumerate(files or (LINES,)):
            await incoming.begin(f"{number}.jsonl")
            await incoming.write(data)
        await incoming.end()
        return await memory.imports.submit("main", incoming.name, ImportOptions(**options))


def held(memory: Memory) -> list[str]:
    """Return the names of the uploads that lie in a memory's folder."""
    return lying(memory.imports.uploads._folder)  # type: ignore[attr-defined]


def lying(folder: Path) -> list[str]:
    """Return the names of the uploads in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


async def fill(uploads: Uploads, *parts: bytes) -> None:
    """Send a file in parts, of at most 100 bytes."""
    async with uploads.receive(100) as incoming:
        await incoming.begin("a")
        for part in parts:
            await incoming.write(part)
        await incoming.end()


def age(memory: Memory, upload: str) -> None:
    """Let an upload look as if nobody had written to it for two hours."""
    folder: Path = memory.imports.uploads._folder / upload  # type: ignore[attr-defined]
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (time.time() - 7200, time.time() - 7200))


async def set_status(url: str, job: int | None, status: str) -> None:
    """Let a job look as if it had come to a status."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "kgmem_jobs"})
    sql = "UPDATE procrastinate_jobs SET status = $2::text::procrastinate_job_status WHERE id = $1"
    await connection.execute(sql, job, status)
    await connection.close()


async def state_of(memory: Memory, import_: Import) -> str:
    """Return the present state of an import."""
    return (await memory.imports.get("main", import_.id)).state


async def has_ended(memory: Memory, import_: Import) -> bool:
    """Say whether an import is done or failed."""
    return await state_of(memory, import_) in {"done", "failed"}


@pytest.mark.long
async def test_only_the_machine_that_holds_the_files_imports_them(
    memory: Memory, database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path / "other", worker=True) as other:
        assert other.imports.uploads.place != memory.imports.uploads.place
        mine, job = await send(memory)
        theirs, _ = await send(other)
        assert job is not None
        await until(lambda: has_ended(other, theirs))
        assert await other.tasks.tend_uploads() == 0
        assert (await memory.jobs.get(job)).status == "waiting"
        assert await state_of(memory, mine) == "waiting"
    assert held(memory) == [mine.upload]
    async with opened(database_url, tmp_path / "home", worker=True) as worker:
        await until(lambda: has_ended(worker, mine))
    done = await memory.imports.get("main", mine.id)
    assert (done.state, done.read, done.unchanged) == ("done", 20, 20)
    assert held(memory) == []


async def test_any_machine_may_let_an_import_of_another_go_on(
    memory: Memory, database_url: str, tmp_path: Path
) -> None:
    mine, _ = await send(memory)
    await memory.ports.imports.finish(mine.id, "failed", "A bug.", keeping=True)
    async with opened(database_url, tmp_path / "other") as other:
        resumed, job = await other.imports.resume("main", mine.id)
    assert (resumed.state, resumed.error) == ("waiting", None)
    assert job is None  # It waits already, in the queue of the machine that holds the files.
    await memory.tasks.run_upload("main", mine.id)
    assert await state_of(memory, mine) == "done"
    with pytest.raises(Conflict, match="did not fail"):
        await memory.imports.resume("main", mine.id)


async def test_an_import_without_a_job_gets_one_again(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    defer = memory.ports.jobs.defer

    async def away(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(type(memory.ports.jobs), "defer", away)
    import_, job = await send(memory)
    assert job is None
    monkeypatch.undo()
    assert defer is not away
    await memory.tasks.tend_uploads()
    (asked,) = await memory.jobs.list(graph="main")
    assert (asked.task, asked.status, asked.arguments) == ("import", "waiting", {"import_": import_.id})
    await memory.tasks.tend_uploads()
    assert len(await memory.jobs.list(graph="main")) == 1


async def test_an_import_whose_files_are_gone_is_told_as_failed(memory: Memory) -> None:
    import_, _ = await send(memory)
    assert import_.upload is not None
    memory.imports.uploads.remove(import_.upload)
    await memory.tasks.tend_uploads()
    failed = await memory.imports.get("main", import_.id)
    assert failed.state == "failed"
    assert "Send them again" in str(failed.error)
    with pytest.raises(Conflict, match="no uploaded files"):
        await memory.imports.resume("main", import_.id)


@pytest.mark.parametrize(("status", "state"), [("failed", "failed"), ("todo", "running"), ("succeeded", "running")])
async def test_what_cost_too_many_workers_their_lives_is_told_as_failed(
    memory: Memory, database_url: str, status: str, state: str
) -> None:
    import_, job = await send(memory)
    await memory.ports.imports.start(import_.id)
    await set_status(database_url, job, status)
    await memory.tasks.tend_uploads()
    assert await state_of(memory, import_) == "running"
    await query(memory, "UPDATE kgmem.import SET heartbeat_at = now() - interval '1 hour' WHERE id = $1", import_.id)
    await memory.tasks.tend_uploads()
    assert await state_of(memory, import_) == state
    waiting = [each.status for each in await memory.jobs.list(graph="main", status="waiting")]
    assert len(waiting) == (0 if status == "failed" else 1)
    assert held(memory) == [import_.upload]
    if status == "failed":
        await memory.imports.resume("main", import_.id)
        await memory.tasks.run_upload("main", import_.id)
        assert await state_of(memory, import_) == "done"


async def test_uploads_that_nobody_needs_are_removed_and_others_stay(memory: Memory) -> None:
    waiting, _ = await send(memory)
    failed, _ = await send(memory)
    await memory.ports.imports.finish(failed.id, "failed", "A bug.", keeping=True)
    async with memory.imports.uploads.receive(1000) as fresh, memory.imports.uploads.receive(1000) as forgotten:
        await fresh.begin("a.jsonl")
        await forgotten.begin("a.jsonl")
        for each in (waiting, failed):
            assert each.upload is not None
            age(memory, each.upload)
        age(memory, forgotten.name)
        assert await memory.tasks.tend_uploads() == 1
        assert held(memory) == sorted([str(waiting.upload), str(failed.upload), fresh.name])
        await query(memory, "UPDATE kgmem.import SET finished_at = now() - interval '2 days' WHERE id = $1", failed.id)
        assert await memory.tasks.tend_uploads() == 1
        await memory.graphs.delete("main")
        assert await memory.tasks.tend_uploads() == 1
        assert held(memory) == [fresh.name]
        await fresh.end()


async def test_a_graph_that_is_deleted_ends_its_imports(memory: Memory) -> None:
    import_, job = await send(memory)
    await memory.graphs.delete("main")
    assert job is not None
    with pytest.raises(NotFound):
        await handlers(memory)["import"](graph="main", import_=import_.id)


async def test_a_database_that_is_away_lets_an_import_wait(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    import_, _ = await send(memory)
    imports: Any = memory.ports.imports

    async def taken(*_: Any, **__: Any) -> None:
        raise Conflict("Another process runs this import.")

    monkeypatch.setattr(imports, "store", taken)
    with pytest.raises(Unavailable, match="Another process"):
        await memory.tasks.run_upload("main", import_.id)
    assert await state_of(memory, import_) == "waiting"
    monkeypatch.undo()
    await memory.tasks.run_upload("main", import_.id)
    assert await state_of(memory, import_) == "done"
    await memory.tasks.run_upload("main", import_.id)  # A job too many does nothing.


async def test_a_worker_that_is_stopped_lets_its_import_wait(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    import_, _ = await send(memory)
    imports: Any = memory.ports.imports
    begun = asyncio.Event()

    async def hanging(*_: Any, **__: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(imports, "store", hanging)
    task = asyncio.create_task(memory.tasks.run_upload("main", import_.id))
    await begun.wait()
    assert await state_of(memory, import_) == "running"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await state_of(memory, import_) == "waiting"
    monkeypatch.undo()
    await memory.tasks.run_upload("main", import_.id)
    assert await state_of(memory, import_) == "done"


async def test_a_dry_run_goes_on_where_it_was_and_counts_nothing_twice(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_, _ = await send(memory, LINES + b"{bad\n" + LINES, dry_run=True, batch=7)
    imports: Any = memory.ports.imports
    note, calls = imports.note, 0

    async def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise asyncio.CancelledError
        return await note(*arguments, **named)

    monkeypatch.setattr(imports, "note", dying)
    with pytest.raises(asyncio.CancelledError):
        await memory.tasks.run_upload("main", import_.id)
    monkeypatch.undo()
    half = await memory.imports.get("main", import_.id)
    assert (half.state, half.read) == ("waiting", 14)
    await memory.tasks.run_upload("main", import_.id)
    done = await memory.imports.get("main", import_.id)
    assert (done.state, done.read, done.checked, done.rejected, done.linking) == ("done", 41, 40, 1, 0)
    assert len([each async for each in memory.imports.rejections("main", import_.id)]) == 1
    assert (await memory.graphs.stats("main")).entities == 0


async def test_wrong_options_are_refused_and_leave_nothing(memory: Memory) -> None:
    wrong: dict[str, Any]
    for wrong in ({"format": "xls"}, {"scope": "a b"}, {"scope": "a", "within": "b"}, {"mapping": {"tabel": []}}):
        with pytest.raises(InvalidInput):
            await send(memory, **wrong)
    assert held(memory) == []
    assert await memory.imports.list("main") == []


async def test_an_upload_has_a_limit_and_files_keep_their_names_apart(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    with pytest.raises(TooLarge, match="larger than 100 bytes"):
        await fill(uploads, b"x" * 60, b"x" * 60)
    assert lying(tmp_path / "uploads") == []
    async with uploads.receive(100) as incoming:
        for name in ("a.csv", "A.csv", "dir/a.csv", "", "..", "nul\0name"):
            await incoming.begin(name)
            await incoming.write(b"1")
        await incoming.end()
    names = [path.name for path in uploads.files(incoming.name)]
    assert names == ["a.csv", "2-A.csv", "3-a.csv", "upload", "5-upload", "nul_name"]
    assert [path.read_bytes() for path in uploads.files(incoming.name)] == [b"1"] * 6
    assert uploads.holds(incoming.name)
    uploads.remove(incoming.name)
    for name in ("../..", "x", f"{uploads.place}.{'g' * 24}"):
        with pytest.raises(InvalidInput, match="no upload"):
            uploads.files(name)


def test_a_folder_has_one_name_whoever_asks_and_tells_when_it_cannot_be_made(tmp_path: Path) -> None:
    assert Uploads(tmp_path / "a").place == Uploads(tmp_path / "a").place != Uploads(tmp_path / "b").place
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        _ = Uploads(tmp_path / "file" / "uploads").place
    (tmp_path / "a" / "place").write_text("elsewhere")
    with pytest.raises(Unavailable, match="does not hold"):
        _ = Uploads(tmp_path / "a").place


async def test_an_upload_stops_before_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_KEPT_FREE", 2**62)
    with pytest.raises(Unavailable, match="no room"):
        await fill(Uploads(tmp_path), b"x")
    assert lying(tmp_path) == []


@asynccontextmanager
async def server(url: str, home: Path, key: str) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.subprocess.Process]]:
    """A server in a process of its own, and a client of it."""
    command = [sys.executable, "-m", "tests.integration.upload_server", url, str(home)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {key}"}) as client:
            yield client, process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


@pytest.mark.slow
@pytest.mark.crash
async def test_a_server_that_is_killed_in_the_middle_of_an_import_ends_it_when_it_is_back(
    memory: Memory, database_url: str, tmp_path: Path
) -> None:
    _, key = await memory.keys.create("tests", "admin")
    entities = [{"type": "entity", "key": f"k{n}", "label": "Thing", "properties": {"n": n}} for n in range(6000)]
    edges = [{"type": "relationship", "kind": "NEXT", "from": f"k{n}", "to": f"k{n * 7 % 6000}"} for n in range(3000)]
    body = b"".join(orjson.dumps(each) + b"\n" for each in (*edges, {"type": "entity", "key": ""}, *entities))
    async with server(database_url, tmp_path / "home", key) as (client, process):
        address = "/v1/graphs/main/imports?format=jsonl&source=file"
        accepted = (await client.post(address, content=body)).json()
        found: Any = {}

        async def is_half_done() -> bool:
            nonlocal found
            found = (await client.get(accepted["links"]["self"])).json()
            return bool(found["created"] > 1000)

        await until(is_half_done, 60)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    killed = await memory.imports.get("main", accepted["id"])
    assert (killed.state, killed.read < 9001) == ("running", True)
    async with server(database_url, tmp_path / "home", key) as (client, _):
        await until(lambda: has_ended(memory, killed), 60)
        job = (await client.get(f"/v1/jobs/{accepted['job']}")).json()
        assert job["attempts"] >= 1
    done = await memory.imports.get("main", accepted["id"])
    assert (done.state, done.read, done.created, done.rejected, done.linking) == ("done", 9001, 9000, 1, 0)
    await until(lambda: _are_removed(memory))
    await memory.graphs.create("other")
    (tmp_path / "body.jsonl").write_bytes(body)
    await memory.imports.run("other", [tmp_path / "body.jsonl"], ImportOptions(source="file"))
    assert await contents(memory, "main") == await contents(memory, "other")


async def _are_removed(memory: Memory) -> bool:
    return held(memory) == []
