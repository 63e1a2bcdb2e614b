"""kill -9 of Postgres and of the server under writers of messages: what was acknowledged is there once, in order."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.agents.message import Message, StoredMessage
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.errors import DatabaseUnavailable
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.embedded import home_folder, server_in
from tests.memories import opened_memory, until
from tests.postgres import prepare_template

pytestmark = [pytest.mark.crash, pytest.mark.slow]
GRAPH = "talks"
CHAT = SessionAddress("chat", "u/1")
WRITERS, CRASHES, BETWEEN, TURN = 4, 3, 24, 3
MOST_SECONDS = 60.0
Acknowledged = dict[str, int]  # Numbers by id of the message.


def turn(who: int, step: int) -> list[Message]:
    return [Message("user", f"{who} says {step}.{part}", f"{who}-{step}-{part}") for part in range(TURN)]


async def all_messages(memory: Memory) -> Sequence[StoredMessage]:
    found, cursor = list[StoredMessage](), None
    while True:
        page = await memory.sessions.messages(GRAPH, CHAT, cursor=cursor, limit=50)
        found += page.items
        if (cursor := page.cursor) is None:
            return found


async def check(memory: Memory, acknowledged: Acknowledged) -> None:
    """Compare a session with what its writers know."""
    stored = await all_messages(memory)
    assert [each.seq for each in stored] == list(range(1, len(stored) + 1))  # Without gaps and doubles.
    numbers = {each.id: each.seq for each in stored}
    assert len(numbers) == len(stored)
    assert acknowledged.items() <= numbers.items()
    session = await memory.sessions.get(GRAPH, CHAT)
    assert session.messages == len(stored)
    for who in range(WRITERS):
        mine = [each.id for each in stored if each.id.startswith(f"{who}-")]
        # Each writer sent one turn after the other; a turn is stored whole, and stays together.
        assert mine == [f"{who}-{step}-{part}" for step in range(len(mine) // TURN) for part in range(TURN)]
    for first in stored[::TURN]:
        assert [numbers[f"{first.id[:-2]}-{part}"] - first.seq for part in range(TURN)] == list(range(TURN))
    for each in stored[:: max(1, len(stored) // 20)]:
        episode = await memory.episodes.get(GRAPH, f"chat/{each.id}", scope=CHAT.scope)
        assert episode.text == each.content
    (report,) = await memory.index.check_integrity(GRAPH)
    assert not report.damages, report.damages


async def crashed(
    acknowledged: Acknowledged, write: Callable[[int], Awaitable[None]], kill: Callable[[], Awaitable[None]]
) -> None:
    """Run the writers; kill what they write to some times, each time after they have gone on; then stop them."""
    chance = random.Random(5)

    async def crash(writers: Sequence["asyncio.Task[None]"]) -> None:
        for _ in range(CRASHES):
            for more in (BETWEEN, TURN * (WRITERS + 1)):  # Some answers are on their way when it is killed.
                wanted = len(acknowledged) + more

                async def enough(wanted: int = wanted) -> bool:
                    for writer in writers:
                        if writer.done():
                            await writer
                    return len(acknowledged) >= wanted

                await until(enough, MOST_SECONDS)
                if more == BETWEEN:
                    await asyncio.sleep(chance.random() * 0.05)
                    await kill()

    writers = [asyncio.ensure_future(write(who)) for who in range(WRITERS)]
    try:
        async with asyncio.timeout(240):
            await crash(writers)
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)


async def test_every_acknowledged_message_outlives_kill_9_of_postgres(short_folder: Path) -> None:
    acknowledged: Acknowledged = {}
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            # As a server opens it: with what repairs the keyword index, which Postgres' log does not cover.
            settings = Settings(database_url=SecretStr(server.url), home=home, embedder="none", extractor="none")
            async with open_memory(settings) as memory:
                await memory.graphs.create(GRAPH)
                await memory.sessions.open(GRAPH, CHAT)

                async def write(who: int) -> None:
                    step = 0
                    while True:
                        try:
                            appended = await memory.sessions.append(GRAPH, CHAT, turn(who, step))
                        except DatabaseUnavailable:
                            await asyncio.sleep(0.02)  # The same turn again.
                            continue
                        acknowledged.update({each.id: each.seq for each in appended.messages})
                        step += 1

                async def kill() -> None:
                    pid = (await server.status()).pid
                    assert pid is not None
                    os.kill(pid, signal.SIGKILL)

                await crashed(acknowledged, write, kill)
                await check(memory, acknowledged)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


@asynccontextmanager
async def rest_server(url: str, home: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    command = [sys.executable, "-m", "tests.integration.session_server", url, str(home)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip(), process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_every_acknowledged_message_outlives_kill_9_of_the_server(database_url: str, tmp_path: Path) -> None:
    acknowledged: Acknowledged = {}
    current: list[tuple[str, asyncio.subprocess.Process]] = []
    async with opened_memory(database_url) as memory:
        _, key = await memory.keys.create("tests", "admin")
        await memory.graphs.create(GRAPH)
        await memory.sessions.open(GRAPH, CHAT)
        done = asyncio.Event()

        async def serve() -> None:
            """Keep a server running, as an operating system does."""
            while not done.is_set():
                async with rest_server(database_url, tmp_path) as server:
                    current[:] = [server]
                    ended = asyncio.ensure_future(server[1].wait())
                    over = asyncio.ensure_future(done.wait())
                    await asyncio.wait({ended, over}, return_when=asyncio.FIRST_COMPLETED)
                    over.cancel()
                    if done.is_set():
                        server[1].send_signal(signal.SIGKILL)
                    await ended

        async def write(who: int) -> None:
            step = 0
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(headers=headers, timeout=10) as client:
                while True:
                    body = {
                        "messages": [
                            {"role": "user", "content": each.content, "id": each.id} for each in turn(who, step)
                        ]
                    }
                    try:
                        path = f"{current[0][0]}/v1/graphs/{GRAPH}/sessions/{CHAT.id}/messages?scope={CHAT.scope}"
                        answer = await client.post(path, json=body)
                    except (httpx.TransportError, IndexError):
                        await asyncio.sleep(0.05)
                        continue
                    if answer.status_code == 503:  # It stops, or starts.
                        continue
                    assert answer.status_code in {200, 201}, answer.text
                    acknowledged.update({each["id"]: each["seq"] for each in answer.json()["messages"]})
                    step += 1

        async def kill() -> None:
            current[0][1].send_signal(signal.SIGKILL)

        serving = asyncio.create_task(serve())
        try:
            await crashed(acknowledged, write, kill)
        finally:
            done.set()
            await serving
        await check(memory, acknowledged)
