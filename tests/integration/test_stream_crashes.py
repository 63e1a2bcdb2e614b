"""kill -9 of Postgres, of Redis, of the server, of producers and of consumers: nothing that was acknowledged is lost.

Messages of a key are processed, and events of an item sent, in their order; what was on its way may come twice.
"""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.errors import DatabaseUnavailable, RedisUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.streams.stream import NewMessage, StreamAddress, StreamRead, StreamSettings
from kgmem.domain.subscriptions.webhook import WebhookAddress, WebhookRequest
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.embedded import home_folder, server_in
from tests.integration.stream_worker import NAMESPACE
from tests.memories import opened_memory, until
from tests.postgres import prepare_template
from tests.receivers import Receiver, receiver
from tests.redis_servers import DURABLE, KINDS, RedisServer, redis_server, streams_in_redis

pytestmark = [pytest.mark.crash, pytest.mark.slow]
GRAPH = "work"
TASKS = StreamAddress("tasks")
KEYS, CRASHES, BETWEEN = 3, 3, 30


class Progress:
    """What producers, consumers and writers know."""

    def __init__(self) -> None:
        self.appended: dict[str, list[int]] = defaultdict(list)  # Acknowledged, by key.
        self.processed: dict[str, list[int]] = defaultdict(list)
        self.written: dict[str, int] = defaultdict(int)  # Versions of entities, acknowledged.
        self.stop = False
        self.over = False  # All was processed, or the test has failed.

    @property
    def count(self) -> int:
        return sum(map(len, self.appended.values()))

    async def all_processed(self) -> bool:
        return all(set(self.appended[key]) <= set(self.processed[key]) for key in self.appended)

    def check(self) -> None:
        for key, numbers in self.processed.items():
            assert list(dict.fromkeys(numbers)) == sorted(set(numbers)), key
            assert set(self.appended[key]) <= set(numbers)

    def check_events(self, got: Receiver) -> None:
        by_item: dict[str, list[tuple[int, ...]]] = defaultdict(list)
        for event in got.events():
            by_item[event["key"]].append(tuple(map(int, event["id"].split("."))))
        for key, version in self.written.items():
            first = list(dict.fromkeys(by_item[key]))
            assert first == sorted(first), key
            assert len(first) >= version

    async def all_sent(self, got: Receiver) -> bool:
        ids: dict[str, set[str]] = defaultdict(set)
        for event in got.events():
            ids[event["key"]].add(event["id"])
        return all(len(ids[key]) >= version for key, version in self.written.items())


async def ended(*tasks: "asyncio.Task[None]") -> None:
    """Cancel tasks until all have ended: what has just got its answer may take a cancellation for its own."""
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=1)


async def crashed(progress: Progress, kill: Callable[[], Awaitable[None]], *tasks: "asyncio.Task[None]") -> None:
    """Kill some times, each time after work has gone on; then stop the producers and wait for the rest."""
    for _ in range(CRASHES):
        wanted = progress.count + BETWEEN

        async def enough(wanted: int = wanted) -> bool:
            for task in tasks:
                if task.done():
                    await task
            return progress.count >= wanted

        await until(enough, 60)
        await kill()
    await asyncio.sleep(0.5)
    progress.stop = True


@pytest.fixture(params=["postgres", *KINDS])
def redis(request: pytest.FixtureRequest) -> Iterator[RedisServer | None]:
    """Where streams are: in Postgres, or in a server of Redis."""
    if request.param == "postgres":
        yield None
        return
    with redis_server(request.param, *DURABLE) as running:
        yield running


async def in_place(memory: Memory, redis: RedisServer | None) -> bool:
    return (await memory.streams.get(GRAPH, TASKS)).store == ("redis" if redis else "postgres")


async def test_nothing_is_lost_when_postgres_is_killed(short_folder: Path, redis: RedisServer | None) -> None:
    progress = Progress()
    with home_folder(short_folder) as home:
        async with server_in(home) as server, receiver() as got:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            settings = Settings(
                database_url=SecretStr(server.url), home=home, embedder="none", extractor="none",
                webhook_allow="127.0.0.0/8", redis_url=SecretStr(redis.url) if redis else None,
            )  # fmt: skip
            async with open_memory(settings, worker=True) as memory:
                await memory.graphs.create(GRAPH)
                await memory.streams.put(GRAPH, TASKS, StreamSettings(max_deliveries=1000))
                assert await in_place(memory, redis)
                made = await memory.webhooks.create(GRAPH, WebhookAddress("hook"), WebhookRequest(got.url))

                async def again(work: Callable[[], Awaitable[Any]]) -> Any:
                    while True:
                        try:
                            return await work()
                        except DatabaseUnavailable:
                            await asyncio.sleep(0.05)

                async def produce(key: str) -> None:
                    n = 0
                    while not progress.stop:
                        message, entity = NewMessage(n, key, f"{key}-{n}"), Entity(key, properties={"n": n})
                        await again(lambda m=message: memory.streams.append(GRAPH, TASKS, m))
                        progress.appended[key].append(n)
                        await again(lambda e=entity: memory.entities.put(GRAPH, [e]))
                        progress.written[key] += 1
                        n += 1

                async def consume(name: str) -> None:
                    read = StreamRead("g", name, 5, 1.0)
                    while True:
                        for message in await again(lambda: memory.streams.read(GRAPH, TASKS, read, wait=0.2)):
                            progress.processed[message.key or ""].append(message.body)
                            await again(
                                lambda m=message: memory.streams.acknowledge(GRAPH, TASKS, "g", m.receipt or "")
                            )

                async def kill() -> None:
                    pid = (await server.status()).pid
                    assert pid is not None
                    os.kill(pid, signal.SIGKILL)

                producers = [asyncio.create_task(produce(f"k{n}")) for n in range(KEYS)]
                consumers = [asyncio.create_task(consume(name)) for name in "ab"]
                async with asyncio.timeout(240):
                    await crashed(progress, kill, *producers, *consumers)
                    await asyncio.gather(*producers)
                    await until(progress.all_processed, 60)
                    await until(lambda: progress.all_sent(got), 120)
                await ended(*consumers)
                progress.check()
                progress.check_events(got)
                assert got.verified(made.secret)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


@asynccontextmanager
async def process(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, env=environment, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGKILL)
        await started.wait()


async def keep_serving(
    url: str, home: Path, redis: str, current: list[tuple[str, asyncio.subprocess.Process]], done: asyncio.Event
) -> None:
    """Keep a server running, as an operating system does."""
    while not done.is_set():
        async with process("tests.integration.hook_server", url, str(home), redis) as started:
            assert started.stdout is not None
            current[:] = [((await started.stdout.readline()).decode().strip(), started)]
            over = asyncio.ensure_future(done.wait())
            await asyncio.wait({asyncio.ensure_future(started.wait()), over}, return_when=asyncio.FIRST_COMPLETED)
            over.cancel()


async def test_nothing_is_lost_when_the_server_is_killed(
    database_url: str, tmp_path: Path, redis: RedisServer | None
) -> None:
    progress, current, done = Progress(), list[tuple[str, asyncio.subprocess.Process]](), asyncio.Event()
    async with opened_memory(database_url) as memory, receiver() as got:
        _, key = await memory.keys.create("tests", "admin")
        await memory.graphs.create(GRAPH)

        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers, timeout=10) as client:

            async def send(method: str, path: str, body: Any) -> Any:
                while True:
                    try:
                        answer = await client.request(method, f"{current[0][0]}/v1/graphs/{GRAPH}{path}", json=body)
                    except (httpx.TransportError, IndexError):
                        await asyncio.sleep(0.05)
                        continue
                    if answer.status_code != 503:  # It stops, or starts.
                        assert answer.status_code in {200, 201}, answer.text
                        return answer.json()

            async def produce(key: str) -> None:
                n = 0
                while not progress.stop:
                    message = {"body": n, "key": key, "idempotency_key": f"{key}-{n}"}
                    await send("POST", "/streams/tasks/messages", {"messages": [message]})
                    progress.appended[key].append(n)
                    await send("PUT", "/entities", {"entities": [{"key": key, "properties": {"n": n}}]})
                    progress.written[key] += 1
                    n += 1

            async def consume(name: str) -> None:
                group = "/streams/tasks/groups/g"
                while True:
                    asked = {"consumer": name, "limit": 5, "lease_seconds": 1, "wait": 0.5}
                    for message in (await send("POST", f"{group}/read", asked))["messages"]:
                        progress.processed[message["key"]].append(message["body"])
                        await send("POST", f"{group}/ack", {"receipts": [message["receipt"]]})

            async def kill() -> None:
                current[0][1].send_signal(signal.SIGKILL)

            serving = asyncio.create_task(
                keep_serving(database_url, tmp_path, redis.url if redis else "", current, done)
            )
            stream = await send("PUT", "/streams/tasks", {"max_deliveries": 1000})
            assert stream["store"] == ("redis" if redis else "postgres")
            await send("POST", "/webhooks", {"name": "hook", "url": got.url})
            producers = [asyncio.create_task(produce(f"k{n}")) for n in range(KEYS)]
            consumers = [asyncio.create_task(consume(name)) for name in "ab"]
            try:
                async with asyncio.timeout(240):
                    await crashed(progress, kill, *producers, *consumers)
                    await asyncio.gather(*producers)
                    await until(progress.all_processed, 60)
                    await until(lambda: progress.all_sent(got), 120)
            finally:
                await ended(*producers, *consumers)
                done.set()
                await serving
        progress.check()
        progress.check_events(got)


async def test_nothing_is_lost_when_producers_and_consumers_are_killed(
    database_url: str, redis: RedisServer | None
) -> None:
    progress = Progress()
    async with opened_memory(database_url) as postgres, AsyncExitStack() as stack:
        memory = postgres
        if redis:
            memory = await stack.enter_async_context(streams_in_redis(postgres, redis.url, namespace=NAMESPACE))
        await memory.graphs.create(GRAPH)
        await memory.streams.put(GRAPH, TASKS, StreamSettings(max_deliveries=1000))
        assert await in_place(memory, redis)
        running: dict[str, asyncio.subprocess.Process] = {}

        async def keep(role: str, name: str) -> None:
            while not (progress.stop and role == "produce"):
                # A producer goes on with what was not acknowledged to it, with the same idempotency key.
                more = name if role == "consume" else str(progress.count)
                async with process(
                    "tests.integration.stream_worker", role, database_url, GRAPH, more, redis.url if redis else ""
                ) as started:
                    running[name] = started
                    assert started.stdout is not None
                    async for line in started.stdout:
                        if not line.endswith(b"\n"):
                            break
                        words = line.decode().split()
                        if role == "produce":
                            progress.appended[f"k{int(words[0]) % 3}"].append(int(words[0]))
                        else:
                            progress.processed[words[0]].append(int(words[1]))

        tasks = {
            name: asyncio.create_task(keep(role, name))
            for role, name in (("produce", "p"), ("consume", "a"), ("consume", "b"))
        }

        async def kill() -> None:
            for each in running.values():
                if each.returncode is None:
                    each.send_signal(signal.SIGKILL)

        try:
            async with asyncio.timeout(240):
                await crashed(progress, kill, *tasks.values())
                running["p"].send_signal(signal.SIGKILL)
                await tasks["p"]
                await until(progress.all_processed, 60)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        progress.check()
        stream = await memory.streams.get(GRAPH, TASKS)
        assert stream.groups[0].dead == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_lost_when_redis_is_killed(database_url: str, kind: str) -> None:
    progress = Progress()
    async with opened_memory(database_url) as postgres:
        await postgres.graphs.create(GRAPH)
        with redis_server(kind, *DURABLE) as server:
            async with streams_in_redis(postgres, server.url, timeout=2) as memory:
                await memory.streams.put(GRAPH, TASKS, StreamSettings(max_deliveries=1000))
                assert await in_place(memory, server)

                async def again(work: Callable[[], Awaitable[Any]]) -> Any:
                    while not progress.over:
                        try:
                            return await work()
                        except RedisUnavailable:
                            await asyncio.sleep(0.05)
                    return ()

                async def produce(key: str) -> None:
                    n = 0
                    while not progress.stop:
                        message = NewMessage(n, key, f"{key}-{n}")
                        await again(lambda m=message: memory.streams.append(GRAPH, TASKS, m))
                        progress.appended[key].append(n)
                        n += 1

                async def consume(name: str) -> None:
                    read = StreamRead("g", name, 5, 1.0)
                    while not progress.over:
                        for message in await again(lambda: memory.streams.read(GRAPH, TASKS, read)):
                            progress.processed[message.key or ""].append(message.body)
                            await again(
                                lambda m=message: memory.streams.acknowledge(GRAPH, TASKS, "g", m.receipt or "")
                            )

                async def kill() -> None:
                    server.kill()
                    await asyncio.to_thread(server.start)

                producers = [asyncio.create_task(produce(f"k{n}")) for n in range(KEYS)]
                consumers = [asyncio.create_task(consume(name)) for name in "ab"]
                try:
                    async with asyncio.timeout(240):
                        await crashed(progress, kill, *producers, *consumers)
                        await asyncio.gather(*producers)
                        await until(progress.all_processed, 60)
                finally:
                    # To be cancelled is not enough: a read that has just ended may take it for its own.
                    progress.stop = progress.over = True
                    await asyncio.gather(*producers, *consumers)
                progress.check()
                assert (await memory.streams.get(GRAPH, TASKS)).groups[0].dead == 0
