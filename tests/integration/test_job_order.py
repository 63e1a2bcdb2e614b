"""Which job comes first: by what it is for, by turns of graphs, and in slices; nothing waits for ever."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.graph.entity import Entity
from kgmem.domain.slices import slice_over
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.settings import Settings
from kgmem.store.jobs.queue import ProcrastinateQueue, open_queue
from kgmem.store.jobs.worker import WorkerOptions
from kgmem.store.load import deferred_indexes
from kgmem_api.app import create_app
from tests.memories import hashing, opened_memory, until

ALONE = WorkerOptions(concurrency=1, heartbeat=0.2, silence=1.0, poll=0.05, slice=0.1, places=("here",))


@pytest.fixture
async def queue(database_url: str) -> AsyncIterator[ProcrastinateQueue]:
    async with open_queue(database_url) as opened:
        yield opened


class Log:
    """What ran, in order, by handlers that are made of it."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, task: str) -> Callable[..., Awaitable[None]]:
        async def handler(graph: str = "", **_: Any) -> None:
            self.ran.append(f"{task} {graph}")

        return handler

    async def has(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.ran) >= count

        await until(enough)


async def test_what_is_urgent_comes_first(queue: ProcrastinateQueue) -> None:
    log, tasks = Log(), ("detect_communities", "reembed", "extract", "import", "rebuild")
    for number, task in enumerate(tasks):
        await queue.defer(task, graph=f"g{number}", place="here" if task == "import" else None)
    async with queue.worker({task: log(task) for task in tasks}, ALONE):
        await log.has(len(tasks))

    assert [line.split()[0] for line in log.ran] == list(reversed(tasks))


async def test_one_graph_with_many_imports_does_not_keep_others_waiting(queue: ProcrastinateQueue) -> None:
    log = Log()
    for number in range(20):
        await queue.defer("import", graph="busy", place="here", import_=number)
    await queue.defer("import", graph="other", place="here", import_=100)
    async with queue.worker({"import": log("import")}, ALONE):
        await log.has(21)

    assert log.ran[:2] == ["import busy", "import other"]


@pytest.mark.long
async def test_long_work_makes_room_and_goes_on_afterwards(queue: ProcrastinateQueue) -> None:
    log, left = Log(), {"a": 40, "b": 40}

    async def embed(graph: str) -> None:
        log.ran.append(f"embed {graph}")
        while left[graph]:
            await asyncio.sleep(0.02)
            left[graph] -= 1
            if await slice_over():
                return

    async with queue.worker({"embed": embed, "import": log("import")}, ALONE):
        await queue.defer("embed", graph="a")
        await log.has(1)
        await queue.defer("embed", graph="b")
        await queue.defer("import", graph="c", place="here", import_=1)

        async def imported() -> bool:
            return "import c" in log.ran

        await until(imported)
        assert left["a"] > 0

        async def done() -> bool:
            return not any(left.values())

        await until(done)
    # By turns, each several times.
    assert log.ran[0] == "embed a"
    both = [line for line in log.ran if line != "import c"]
    assert both[:4] == ["embed a", "embed b", "embed a", "embed b"]


@pytest.mark.long
async def test_long_work_goes_on_while_nothing_else_waits(queue: ProcrastinateQueue) -> None:
    runs: list[int] = []

    async def read(graph: str) -> None:
        runs.append(0)
        while sum(runs) < 60 and not await slice_over():
            await asyncio.sleep(0.01)
            runs[-1] += 1

    async with queue.worker({"extract": read}, ALONE):
        await queue.defer("extract", graph="a")

        async def done() -> bool:
            return sum(runs) == 60

        await until(done)
    assert len(runs) == 1


async def test_long_work_goes_on_while_only_what_is_less_urgent_waits(queue: ProcrastinateQueue) -> None:
    log, runs = Log(), 0

    async def read(graph: str) -> None:
        nonlocal runs
        runs += 1
        await queue.defer("embed", graph="b")
        for _ in range(40):
            await asyncio.sleep(0.01)
            if await slice_over():
                return
        log.ran.append(f"read {graph}")

    async with queue.worker({"extract": read, "embed": log("embed")}, ALONE):
        await queue.defer("extract", graph="a")
        await log.has(2)
    assert (runs, log.ran) == (1, ["read a", "embed b"])


@pytest.mark.parametrize("concurrency", [2, 3])
async def test_long_work_and_imports_leave_room_for_short_work(queue: ProcrastinateQueue, concurrency: int) -> None:
    log, free = Log(), asyncio.Event()

    def blocking(task: str) -> Callable[..., Awaitable[None]]:
        async def handler(graph: str, **_: Any) -> None:
            await log(task)(graph)
            await free.wait()

        return handler

    handlers = {"rebuild": blocking("rebuild"), "import": blocking("import"), "embed": log("embed")}
    async with queue.worker(handlers, dataclasses.replace(ALONE, concurrency=concurrency)):
        for graph in ("a", "b", "c"):
            await queue.defer("rebuild", graph=graph)
        await log.has(1)
        if concurrency == 3:
            await queue.defer("import", graph="d", place="here", import_=1)
            await log.has(2)
        await queue.defer("embed", graph="e")

        async def embedded() -> bool:
            return "embed e" in log.ran

        await until(embedded)
        free.set()
        await log.has(5 if concurrency == 3 else 4)


@pytest.mark.long
async def test_a_small_import_waits_neither_for_a_large_one_nor_for_embedding(
    database_url: str, tmp_path: Path
) -> None:
    free, log = asyncio.Event(), Log()
    settings = Settings(database_url=SecretStr(database_url), home=tmp_path, embedder="none", pool_size=3)
    async with open_memory(settings) as memory, open_queue(database_url) as queue:
        for graph in ("busy", "other"):
            await memory.graphs.create(graph)
        ids = {}
        for graph, lines in (("busy", 9000), ("other", 10), ("busy", 10)):
            data = b"".join(b'{"type": "entity", "key": "k%d", "name": "a name"}\n' % n for n in range(lines))
            async with memory.imports.uploads.receive(10_000_000) as incoming:
                await incoming.begin("lines.jsonl")
                await incoming.write(data)
                await incoming.end()
                ids[graph, lines] = (await memory.imports.submit(graph, incoming.name, ImportOptions()))[0].id

        async def held(graph: str, import_: int) -> None:
            log.ran.append(f"import {import_}")
            if import_ == ids["busy", 9000]:
                await free.wait()
            await memory.tasks.run_upload(graph, import_)

        async def reembed(graph: str) -> None:
            log.ran.append(f"reembed {graph}")
            await free.wait()

        async def weigh(graph: str, **_: Any) -> None:
            log.ran.append(f"weigh {graph}")
            await free.wait()

        async def done(graph: str, lines: int) -> bool:
            return (await memory.imports.get(graph, ids[graph, lines])).state == "done"

        options = dataclasses.replace(ALONE, concurrency=2, places=(memory.imports.uploads.place,))
        async with queue.worker({"import": held, "reembed": reembed, "compute_consensus": weigh}, options):
            await queue.defer("reembed", graph="busy")
            await queue.defer("compute_consensus", graph="busy", all=True)
            await until(lambda: done("other", 10))
            # What the graph's first import brings may be what its second speaks of.
            assert f"import {ids['busy', 10]}" not in log.ran
            assert not await done("busy", 9000)
            free.set()
            await until(lambda: done("busy", 10))
            assert await done("busy", 9000)


async def _sent(memory: Memory, graph: str, lines: Iterable[bytes], **options: Any) -> int:
    """Submit an import of lines; gives its id."""
    async with memory.imports.uploads.receive(10_000_000) as incoming:
        await incoming.begin("lines.jsonl")
        await incoming.write(b"".join(lines))
        await incoming.end()
        return (await memory.imports.submit(graph, incoming.name, ImportOptions(**options)))[0].id


def _named(name: str, numbers: Iterable[int]) -> Iterator[bytes]:
    return (b'{"type": "entity", "key": "k%d", "name": "%s"}\n' % (n, name.encode()) for n in numbers)


@pytest.mark.long
async def test_a_large_import_makes_room_for_others_and_goes_on_where_it_was(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_indexes, "LARGE", 100)
    log, aside_then = Log(), []
    settings = Settings(database_url=SecretStr(database_url), home=tmp_path, embedder="none", pool_size=3)
    async with open_memory(settings) as memory, open_queue(database_url) as queue:
        for graph in ("busy", "other"):
            await memory.graphs.create(graph)
        links = (
            b'{"type": "relationship", "kind": "R", "from": "k%d", "to": "k%d"}\n' % (n, n + 1) for n in range(999)
        )
        lines = [*links, *_named("first", range(6_000))]
        large = await _sent(memory, "busy", lines, batch=400)
        # What is sent later to the same graph speaks of what the large import brings, and has the last word.
        later = [b'{"type": "relationship", "kind": "S", "from": "k5998", "to": "k5999"}\n', *_named("later", [5_999])]
        after = await _sent(memory, "busy", later)
        small = await _sent(memory, "other", _named("ten", range(10)))

        async def run(graph: str, import_: int) -> None:
            log.ran.append(f"{import_} begins")
            await memory.tasks.run_upload(graph, import_)
            if (await memory.imports.get(graph, import_)).state == "done":
                log.ran.append(f"{import_} is done")
            else:
                aside_then.append(await connection.fetchval("SELECT count(*) FROM kgmem.deferred_index"))

        async def done() -> bool:
            return f"{after} is done" in log.ran

        connection = await asyncpg.connect(database_url)
        try:
            async with queue.worker(
                {"import": run}, dataclasses.replace(ALONE, places=(memory.imports.uploads.place,))
            ):
                await until(done)
            assert [line for line in log.ran if line.endswith("done")] == [
                f"{n} is done" for n in (small, large, after)
            ]
            assert log.ran[0] == f"{large} begins"
            # Large loads set indexes aside, and the part of one does not build them.
            assert aside_then[0] > 0
            assert await connection.fetchval("SELECT count(*) FROM kgmem.deferred_index") == 0
        finally:
            await connection.close()
        first = await memory.imports.get("busy", large)
        assert (first.read, first.created, first.updated, first.rejected) == (6_999, 6_999, 0, 0)
        last = await memory.imports.get("busy", after)
        assert (last.created, last.updated, last.rejected) == (1, 1, 0)
        assert (await memory.entities.get("busy", "k5999")).name == "later"


async def test_what_has_waited_for_long_comes_as_early_as_imports(queue: ProcrastinateQueue, database_url: str) -> None:
    log, free = Log(), asyncio.Event()

    async def rebuild(graph: str) -> None:
        log.ran.append(f"rebuild {graph}")
        await free.wait()

    handlers = {"rebuild": rebuild, "detect_communities": log("detect_communities"), "import": log("import")}
    options = dataclasses.replace(ALONE, patience=0.2)
    connection = await asyncpg.connect(database_url)
    try:
        async with queue.worker(handlers, options):
            await queue.defer("rebuild", graph="a")
            await log.has(1)
            id_ = await queue.defer("detect_communities", graph="b")

            async def raised() -> bool:
                sql = "SELECT priority FROM kgmem_jobs.procrastinate_jobs WHERE id = $1"
                return bool(await connection.fetchval(sql, id_) > 0)

            await until(raised)
            await queue.defer("import", graph="c", place="here", import_=1)
            free.set()
            await log.has(3)
    finally:
        await connection.close()
    assert log.ran == ["rebuild a", "detect_communities b", "import c"]


@pytest.mark.long
async def test_an_import_waits_no_longer_than_a_slice_of_embedding(database_url: str) -> None:
    embedder = hashing()
    embedder.pause = 0.05
    async with opened_memory(database_url, embedder=embedder) as memory, open_queue(database_url) as queue:
        await memory.graphs.create("big", space=embedder.space)
        await memory.entities.put("big", [Entity(f"k{n}", text=f"word {n}") for n in range(600)])
        log = Log()
        async with queue.worker({"embed": memory.embeddings.run, "import": log("import")}, ALONE):
            await queue.defer("embed", graph="big")
            before = (await memory.graphs.stats("big")).waiting_for_vectors

            async def begun() -> bool:
                return (await memory.graphs.stats("big")).waiting_for_vectors < before

            await until(begun)
            await queue.defer("import", graph="small", place="here", import_=1)
            await log.has(1)
            assert (await memory.graphs.stats("big")).waiting_for_vectors > 0

            async def embedded() -> bool:
                return (await memory.graphs.stats("big")).waiting_for_vectors == 0

            await until(embedded)


@pytest.mark.long
async def test_an_import_waits_no_longer_than_a_slice_of_reembedding(database_url: str) -> None:
    embedder = hashing()
    embedder.pause = 0.05
    async with opened_memory(database_url, embedder=embedder) as memory, open_queue(database_url) as queue:
        await memory.graphs.create("big", space=None)
        await memory.entities.put("big", [Entity(f"k{n}", text=f"word {n}") for n in range(600)])
        log = Log()

        async def moved() -> bool:
            return (await memory.graphs.get("big")).space == embedder.space

        async with queue.worker({"reembed": memory.embeddings.reembed, "import": log("import")}, ALONE):
            await queue.defer("reembed", graph="big")

            async def begun() -> bool:
                return len(embedder.seen) > 0

            await until(begun)
            await queue.defer("import", graph="small", place="here", import_=1)
            await log.has(1)
            assert not await moved()
            await until(moved)
    # Each slice goes on where the one before ended; a batch comes twice where the job was taken for lost.
    assert len({text for text in embedder.seen if "word" in text}) == 600
    assert len(embedder.seen) < 1200


async def test_the_age_of_the_oldest_waiting_job_is_told(database_url: str) -> None:
    async with opened_memory(database_url) as memory, open_queue(database_url) as queue:
        assert (await memory.server.metrics()).oldest_job_seconds == 0
        id_ = await queue.defer("rebuild", graph="a")
        connection = await asyncpg.connect(database_url)
        try:
            backdate = "UPDATE kgmem_jobs.procrastinate_events SET at = at - interval '1 hour' WHERE job_id = $1"
            await connection.execute(backdate, id_)
        finally:
            await connection.close()
        await queue.defer("rebuild", graph="b")

        assert 3600 <= (await memory.server.metrics()).oldest_job_seconds < 3700
        _, secret = await memory.keys.create("metrics", "admin")
        transport = httpx.ASGITransport(create_app(memory, settings=Settings()))
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
            lines = (await client.get("/metrics")).text.splitlines()
        (line,) = [line for line in lines if line.startswith("kgmem_jobs_oldest_waiting_seconds ")]
        assert 3600 <= float(line.split()[1]) < 3700
