"""How long `kgmem serve` takes until it is ready on a data folder that exists, and how much memory it holds idle.

From the start of the process until /health/ready answers 200: after a clean stop, and after kill -9 of every process
in the middle of work (the same amount of work each time). The baseline is Postgres alone in the same folder, from its
start until it answers a query. In turns, medians. Memory, with the embedder off: the server process beside one that
serves an empty FastAPI app, and the server together with its Postgres beside Postgres alone; pages that processes
share are counted once where the system tells.
"""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import asyncpg

from bench.contract import Figure, alone, compared, within
from bench.rig.database import GRAPH, SPACE, temporary_home
from bench.rig.machine import resident, together
from bench.rig.rows import Corpus, batches
from bench.rig.server import ServerProcess
from kgmem.bootstrap import open_memory
from kgmem.settings import Settings
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.embedded.postmaster import processes_of

ROWS = 10_000
SHORT = 500
ROUNDS = 5
IDLE_SECONDS = 5.0  # What a start leaves behind has ended by then, and the worker has looked for jobs.
_EMPTY_APP = "import fastapi, uvicorn; uvicorn.run(fastapi.FastAPI(), port=0, log_level='critical')"


@dataclass(slots=True)
class _Starts:
    """Seconds from start to ready."""

    clean: list[float] = field(default_factory=list)
    killed: list[float] = field(default_factory=list)


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return seconds to ready, and megabytes."""
    ours, base, processor = _Starts(), _Starts(), list[float]()
    async with temporary_home() as home:
        await _fill(home, rows)
        for turn in range(ROUNDS + 1):
            (clean, used), clean_postgres = await _server(home), await _postgres(home)
            await _interrupted_work(home)
            killed, _ = await _server(home)
            await _interrupted_work(home)
            killed_postgres = await _postgres(home)
            if turn:  # The first round warms the system's caches up.
                processor.append(used)
                ours.clean.append(clean)
                ours.killed.append(killed)
                base.clean.append(clean_postgres)
                base.killed.append(killed_postgres)
        for how, seconds, postgres in (("a clean stop", ours.clean, base.clean), ("kill -9", ours.killed, base.killed)):
            yield within(compared(f"start to ready after {how}", median(seconds), median(postgres), "s"), 2)
        reason = "it tells how much of the time to ready is computing, on a machine that does other things too."
        yield alone("processor time of a start and a stop", median(processor), "s", reason)
        process, everything = await _idle_server(home)
        yield within(compared("idle server process", process, await _empty_app(), "MB"), 200)
        yield compared("idle server with its Postgres", everything, await _idle_postgres(home), "MB")


async def _fill(home: Path, rows: int) -> None:
    """Make the data folder: a graph with entities and their vectors."""
    corpus = Corpus(rows)
    async with open_memory(Settings(home=home, embedder="none"), owner=True, migrating=True) as memory:
        await memory.graphs.create(GRAPH, space=SPACE)
        for batch in batches(corpus.rows(), 1000):
            await memory.entities.put(GRAPH, [row.entity() for row in batch])


def _serve(home: Path) -> ServerProcess:
    return ServerProcess({"HOME": str(home), "EMBEDDER": "none"})


async def _server(home: Path) -> tuple[float, float]:
    """Return the seconds from start to ready, and those of processor time that the process took until its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    server = _serve(home)
    seconds = await server.ready()
    await server.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _postgres(home: Path) -> float:
    started = time.perf_counter()
    async with EmbeddedPostgres(home) as postgres:
        connection = await asyncpg.connect(postgres.url)
        await connection.fetchval("SELECT 1")
        seconds = time.perf_counter() - started
        await connection.close()
    return seconds


async def _interrupted_work(home: Path) -> None:
    """Leave the folder as kill -9 leaves it: with changes in the write-ahead log that are nowhere else."""
    async with EmbeddedPostgres(home) as postgres:
        connection = await asyncpg.connect(postgres.url)
        await connection.execute("DROP TABLE IF EXISTS public.work")
        await connection.execute("CHECKPOINT")
        await connection.execute("CREATE TABLE public.work AS SELECT n, n::text AS t FROM generate_series(1, 200000) n")
        for pid in _postgres_processes(home):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        connection.terminate()


async def _idle_server(home: Path) -> tuple[float, float]:
    server = _serve(home)
    await server.ready()
    await asyncio.sleep(IDLE_SECONDS)
    measured = resident(server.pid), together([server.pid, *_postgres_processes(home)])
    await server.stop()
    return measured


async def _idle_postgres(home: Path) -> float:
    async with EmbeddedPostgres(home):
        await asyncio.sleep(IDLE_SECONDS)
        return together(_postgres_processes(home))


async def _empty_app() -> float:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _EMPTY_APP)
    await asyncio.sleep(IDLE_SECONDS)
    megabytes = resident(process.pid)
    process.kill()
    await process.wait()
    return megabytes


def _postgres_processes(home: Path) -> list[int]:
    return processes_of(home.resolve() / "postgres")
