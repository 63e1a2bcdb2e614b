"""Jobs: asked for cheaply, run once at a time, tried again, and never lost with their worker."""

import asyncio
import dataclasses
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from procrastinate.exceptions import ConnectorException

from kgmem.domain.errors import DatabaseUnavailable, EmbedderUnavailable, InvalidInput, NotFound
from kgmem.store.jobs.queue import ProcrastinateQueue, open_queue
from kgmem.store.jobs.tables import select
from kgmem.store.jobs.worker import WorkerOptions
from tests.postgres import run_on

pytestmark = pytest.mark.server

FAST = WorkerOptions(concurrency=4, heartbeat=0.2, silence=1.0, poll=0.1, foreign_writes=0.1, grace=0.2)
ENDED = {"succeeded", "failed", "cancelled"}


@pytest.fixture
async def queue(database_url: str) -> AsyncIterator[ProcrastinateQueue]:
    async with open_queue(database_url) as opened:
        yield opened


async def until(condition: Callable[[], Awaitable[bool]], within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(0.02)


async def ended(queue: ProcrastinateQueue, id_: int | None) -> str:
    assert id_ is not None

    async def has_ended() -> bool:
        return (await queue.get(id_)).status in ENDED

    await until(has_ended)
    return (await queue.get(id_)).status


async def on_jobs(url: str, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, server_settings={"search_path": "kgmem_jobs"})
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


async def test_a_job_runs_with_its_graph_and_arguments(queue: ProcrastinateQueue) -> None:
    calls: list[tuple[str, int]] = []

    async def rebuild(graph: str, batch: int) -> None:
        calls.append((graph, batch))

    id_ = await queue.defer("rebuild", graph="apollo", batch=7)
    assert id_ is not None
    waiting = await queue.get(id_)
    async with queue.worker({"rebuild": rebuild}, FAST):
        assert await ended(queue, id_) == "succeeded"

    assert calls == [("apollo", 7)]
    assert (waiting.task, waiting.graph, waiting.status, waiting.arguments) == (
        "rebuild",
        "apollo",
        "waiting",
        {"batch": 7},
    )
    assert waiting.created_at is not None
    assert (await queue.get(id_)).attempts == 1


async def test_one_job_of_a_task_waits_for_a_graph(queue: ProcrastinateQueue) -> None:
    first = await queue.defer("rebuild", graph="apollo")

    assert await queue.defer("rebuild", graph="apollo") is None
    others = [await queue.defer("rebuild", graph="gemini"), await queue.defer("reembed", graph="apollo")]

    assert None not in [first, *others]
    assert len(await queue.list(graph=None, status="waiting", limit=10)) == 3


async def test_a_second_job_may_wait_while_the_first_runs(queue: ProcrastinateQueue) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def rebuild(graph: str) -> None:
        begun.set()
        await go_on.wait()

    first = await queue.defer("rebuild", graph="apollo")
    async with queue.worker({"rebuild": rebuild}, FAST):
        await begun.wait()
        second = await queue.defer("rebuild", graph="apollo")
        go_on.set()

        assert second is not None
        assert [await ended(queue, first), await ended(queue, second)] == ["succeeded", "succeeded"]


async def test_jobs_that_rewrite_an_index_run_one_at_a_time_a_graph(queue: ProcrastinateQueue) -> None:
    running: list[str] = []
    most: dict[str, int] = {}

    async def rewrite(graph: str) -> None:
        running.append(graph)
        most[graph] = max(most.get(graph, 0), running.count(graph))
        most["all"] = max(most.get("all", 0), len(running))
        await asyncio.sleep(0.2)
        running.remove(graph)

    graphs = ("apollo", "gemini")
    ids = [await queue.defer(task, graph=graph) for graph in graphs for task in ("rebuild", "reembed")]
    two_long = dataclasses.replace(FAST, concurrency=5)
    async with queue.worker({"rebuild": rewrite, "reembed": rewrite}, two_long):
        assert {await ended(queue, id_) for id_ in ids} == {"succeeded"}

    assert most == {"apollo": 1, "gemini": 1, "all": 2}


@pytest.mark.long
async def test_no_wake_up_is_lost_and_many_become_few(database_url: str, queue: ProcrastinateQueue) -> None:
    await run_on(database_url, "CREATE TABLE public.written (n serial)")
    seen: list[int] = []
    connection = await asyncpg.connect(database_url)
    reader = await asyncpg.connect(database_url)

    async def embed(graph: str) -> None:
        seen.append(await reader.fetchval("SELECT count(*) FROM public.written"))

    writes = 300
    async with queue.worker({"embed": embed}, FAST):
        for n in range(1, writes + 1):
            await connection.execute("INSERT INTO public.written DEFAULT VALUES")
            assert await queue.defer("embed", graph="apollo") is None
            if n % 100 == 0:
                # After each burst the last write is seen without a further one.
                await until(lambda n=n: _is(lambda: max(seen, default=0) == n))
            await asyncio.sleep(random.uniform(0, 0.01))
    await connection.close()
    await reader.close()

    assert seen[-1] == writes
    assert len(seen) < writes / 5


async def _is(fact: Callable[[], bool]) -> bool:
    return fact()


async def test_wake_ups_that_are_due_are_sent_when_the_queue_closes(database_url: str) -> None:
    async with open_queue(database_url) as queue:
        for graph in ("apollo", "gemini"):
            await queue.defer("embed", graph=graph)
    async with open_queue(database_url) as queue:
        assert {job.graph for job in await queue.list(graph=None, status="waiting", limit=9)} == {"apollo", "gemini"}


@pytest.mark.long
async def test_a_part_that_is_away_is_waited_for_while_the_next_job_waits_too(queue: ProcrastinateQueue) -> None:
    attempts: list[float] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def rebuild(graph: str) -> None:
        attempts.append(time.monotonic())
        begun.set()
        await go_on.wait()
        if len(attempts) == 1:
            raise EmbedderUnavailable

    first = await queue.defer("rebuild", graph="apollo")
    async with queue.worker({"rebuild": rebuild}, FAST):
        await begun.wait()
        second = await queue.defer("rebuild", graph="apollo")
        go_on.set()
        assert await ended(queue, first) == "succeeded"
        assert await ended(queue, second) == "succeeded"

    assert len(attempts) == 3
    assert attempts[1] - attempts[0] >= 0.8
    assert first is not None
    assert (await queue.get(first)).attempts == 2


async def test_an_error_that_does_not_pass_ends_the_job(queue: ProcrastinateQueue) -> None:
    async def rebuild(graph: str) -> None:
        raise InvalidInput("never")

    id_ = await queue.defer("rebuild", graph="apollo")
    async with queue.worker({"rebuild": rebuild}, FAST):
        assert await ended(queue, id_) == "failed"


async def test_a_job_for_a_graph_that_is_gone_is_cancelled(queue: ProcrastinateQueue) -> None:
    async def rebuild(graph: str) -> None:
        raise NotFound(f"There is no graph {graph!r}.")

    id_ = await queue.defer("rebuild", graph="apollo")
    async with queue.worker({"rebuild": rebuild}, FAST):
        assert await ended(queue, id_) == "cancelled"


@pytest.mark.long
@pytest.mark.crash
async def test_a_job_survives_the_kill_of_its_worker(database_url: str, queue: ProcrastinateQueue) -> None:
    await run_on(database_url, "CREATE TABLE public.begun (graph text)")
    id_ = await queue.defer("rebuild", graph="apollo")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.job_worker", database_url, stderr=asyncio.subprocess.DEVNULL
    )

    async def has_begun() -> bool:
        return bool(await on_jobs(database_url, "SELECT FROM public.begun"))

    await until(has_begun)
    process.kill()
    await process.wait()
    finished: list[str] = []

    async def rebuild(graph: str) -> None:
        finished.append(graph)

    async with queue.worker({"rebuild": rebuild}, FAST):
        assert await ended(queue, id_) == "succeeded"
    assert finished == ["apollo"]


async def test_a_job_that_runs_when_its_worker_is_told_to_stop_waits_for_the_next(database_url: str) -> None:
    begun = asyncio.Event()
    finished: list[str] = []

    async def hang(graph: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def rebuild(graph: str) -> None:
        finished.append(graph)

    async with open_queue(database_url) as queue:
        id_ = await queue.defer("rebuild", graph="apollo")
        async with queue.worker({"rebuild": hang}, FAST):
            await begun.wait()
        assert id_ is not None
        assert (await queue.get(id_)).status == "waiting"
    async with open_queue(database_url) as queue, queue.worker({"rebuild": rebuild}, FAST):
        assert await ended(queue, id_) == "succeeded"
    assert finished == ["apollo"]


@pytest.mark.long
async def test_the_worker_goes_on_when_all_its_connections_break(database_url: str, queue: ProcrastinateQueue) -> None:
    async def rebuild(graph: str) -> None:
        """Do nothing."""

    async with queue.worker({"rebuild": rebuild}, FAST):
        assert await ended(queue, await queue.defer("rebuild", graph="before")) == "succeeded"
        await run_on(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'kgmem jobs'",
        )

        async def deferred() -> bool:
            try:
                return await queue.defer("rebuild", graph="after") is not None
            except DatabaseUnavailable:
                return False

        await until(deferred)
        (job,) = await queue.list(graph="after", status=None, limit=1)
        assert await ended(queue, job.id) == "succeeded"


async def test_the_worker_stops_when_it_is_told_to_while_its_connections_are_broken(
    queue: ProcrastinateQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error takes the place of the cancellation then; the worker must not begin again."""

    async def broken(worker_id: int) -> None:
        raise ConnectorException

    monkeypatch.setattr(queue.app.job_manager, "unregister_worker", broken)
    called = asyncio.Event()

    async def embed_missing() -> None:
        called.set()

    async with asyncio.timeout(15):
        async with queue.worker({"queue_embedding": embed_missing}, FAST):
            await called.wait()


async def test_a_job_whose_end_could_not_be_written_is_run_again(database_url: str, queue: ProcrastinateQueue) -> None:
    calls: list[str] = []

    async def rebuild(graph: str) -> None:
        calls.append(graph)

    async with queue.worker({"rebuild": rebuild}, FAST):
        await ended(queue, await queue.defer("rebuild", graph="before"))
        await on_jobs(
            database_url,
            """WITH lost AS (INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id)
                             SELECT 'default', 'rebuild', '{"graph": "lost"}', 'doing', worker_id
                             FROM procrastinate_jobs WHERE args ->> 'graph' = 'before' RETURNING id)
               INSERT INTO procrastinate_events (job_id, type, at)
               SELECT id, 'started', now() - interval '1 h' FROM lost
            """,
        )
        (job,) = await queue.list(graph="lost", status=None, limit=1)
        assert await ended(queue, job.id) == "succeeded"
    assert calls == ["before", "lost"]


async def test_a_job_that_kills_its_workers_is_given_up(database_url: str, queue: ProcrastinateQueue) -> None:
    await on_jobs(
        database_url,
        """INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts)
           VALUES ('default', 'rebuild', 'doing', 10), ('default', 'rebuild', 'doing', 9)""",
    )

    rows = await select(queue.app, "put_back_lost", silence=1.0, workers=[], running=[])

    assert [row["hopeless"] for row in sorted(rows, key=lambda row: row["id"])] == [True, False]
    assert [job.status for job in await queue.list(graph=None, status=None, limit=9)] == ["waiting", "failed"]
    assert not await select(queue.app, "put_back_lost", silence=1.0, workers=[], running=[])


async def test_what_waits_for_vectors_is_looked_for_as_soon_as_a_worker_starts(queue: ProcrastinateQueue) -> None:
    called = asyncio.Event()

    async def embed_missing() -> None:
        called.set()

    async with queue.worker({"queue_embedding": embed_missing}, FAST), asyncio.timeout(15):
        await called.wait()


async def test_foreign_writes_are_absorbed_when_there_are_some(database_url: str, queue: ProcrastinateQueue) -> None:
    async def absorb() -> None:
        await run_on(database_url, "DELETE FROM kgmem.captured")

    async def absorbed() -> bool:
        jobs = await queue.list(graph=None, status="succeeded", limit=9)
        return "sync_index" in [job.task for job in jobs]

    async with queue.worker({"sync_index": absorb}, FAST):
        await run_on(database_url, "INSERT INTO kgmem.captured (graph, id) VALUES (1, 1)")
        await until(absorbed)
    assert not await on_jobs(database_url, "SELECT FROM kgmem.captured")


async def test_finished_jobs_are_removed_after_their_time(database_url: str, queue: ProcrastinateQueue) -> None:
    states = {("succeeded", 25): False, ("succeeded", 23): True, ("failed", 25): True, ("failed", 169): False}
    for state, hours in states:
        await on_jobs(
            database_url,
            """WITH job AS (INSERT INTO procrastinate_jobs (queue_name, task_name, args, status)
                            VALUES ('default', 'rebuild', jsonb_build_object('hours', $2::int),
                                    $1::text::procrastinate_job_status)
                            RETURNING id)
               INSERT INTO procrastinate_events (job_id, type, at)
               SELECT id, 'started', now() - make_interval(hours => $2) FROM job""",
            state,
            hours,
        )

    id_ = await queue.defer("tidy")  # Before a worker enqueues one by itself, at its hour: there is one at a time.
    async with queue.worker({}, FAST):
        assert await ended(queue, id_) == "succeeded"

    kept = {
        (job.status, job.arguments["hours"])
        for job in await queue.list(graph=None, status=None, limit=9)
        if job.arguments
    }
    assert kept == {key for key, stays in states.items() if stays}


async def test_jobs_are_listed_newest_first_by_graph_and_status(queue: ProcrastinateQueue) -> None:
    ids = [await queue.defer(task, graph=graph) for graph in ("apollo", "gemini") for task in ("rebuild", "reembed")]

    assert [job.id for job in await queue.list(graph=None, status=None, limit=3)] == ids[:0:-1]
    assert [job.id for job in await queue.list(graph="apollo", status="waiting", limit=9)] == ids[1::-1]
    assert await queue.list(graph="apollo", status="failed", limit=9) == []
    with pytest.raises(InvalidInput, match="waiting, running"):
        await queue.list(graph=None, status="todo", limit=9)


@pytest.mark.parametrize("id_", [0, -1, 4_000_000, 2**70])
async def test_a_job_that_does_not_exist_is_not_found(queue: ProcrastinateQueue, id_: int) -> None:
    with pytest.raises(NotFound, match=str(id_)):
        await queue.get(id_)
