"""From the settings to a server of Redis and a connection to it.

redis-py is loaded when a URL asks for it: it comes with the extra `redis`, and kgmem works without.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from kgmem.domain.agents.presence import PresenceStore
from kgmem.domain.erasure.redis_contents import RedisContents
from kgmem.domain.errors import RedisUnavailable, ServerError
from kgmem.domain.graph.embedding import SharedVectors
from kgmem.domain.graph.scope_contents import Trace
from kgmem.domain.streams.stream import StreamStore
from kgmem.log import EventLog
from kgmem.redis.binary import find_server
from kgmem.redis.embedded import MEMORY, EmbeddedRedis
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.streams.streams import PostgresStreams
from kgmem.tasks import before_sigterm

if TYPE_CHECKING:
    from kgmem.redis.connection import RedisConnection

log = EventLog(__name__)

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class RedisChoice:
    """What the settings say about Redis."""

    url: str = field(repr=False)  # It may contain a password.
    home: Path
    memory: int = MEMORY
    timeout: float = 0.05


def _silent(_text: str) -> None:
    """Report nothing."""


@asynccontextmanager
async def redis_server(
    choice: RedisChoice, *, owner: bool = False, report: Callable[[str], None] = _silent
) -> AsyncIterator[str | None]:
    """Return the URL of the server; the embedded one is started if necessary, and kept running by its owner.

    One that does not come up is reported, and kgmem goes on without (None). Raises ServerError where none is installed.
    """
    if choice.url != EMBEDDED:
        yield choice.url
        return
    find_server()
    server = EmbeddedRedis(choice.home, memory=choice.memory, report=report)
    try:
        await server.start()
    except ServerError as error:
        log.warning("redis_not_started", error=error)
        report(f"kgmem goes on without Valkey. {error}")
        yield None
        return
    try:
        watch = asyncio.create_task(server.keep_running(), name="kgmem keeps Valkey running") if owner else None
        try:
            with before_sigterm(server.stop):
                yield server.url
        finally:
            if watch:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
    finally:
        await server.stop()


@asynccontextmanager
async def redis_connection(url: str, timeout: float, namespace: str = "kgmem") -> AsyncIterator["RedisConnection"]:
    """Return a connection to a server, which may be away: then its circuit breaker is open until the server answers.

    Raises ServerError where redis-py is not installed, and InvalidInput for a URL of another kind.
    """
    try:
        module = import_module("kgmem.redis.connection")
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ServerError(
            "KGMEM_REDIS_URL is set, and the Python package redis is not installed.",
            hint="pip install 'kgmem[redis]'",
        ) from error
    connection: RedisConnection = module.RedisConnection(url, namespace=namespace, timeout=timeout)
    try:
        await connection.connect()
        yield connection
    finally:
        await connection.aclose()


def redis_streams(connection: "RedisConnection", postgres: PostgresStreams, stack: AsyncExitStack) -> StreamStore:
    """Return work streams in Redis, over a connection of their own, where a server keeps what it acknowledges."""
    module = import_module("kgmem.redis.streams.store")
    patient = connection.patient(module.TIMEOUT)
    stack.push_async_callback(patient.aclose)
    streams: StreamStore = module.RedisStreams(postgres, patient)
    return streams


def redis_presence(connection: "RedisConnection", catalog: PostgresCatalog) -> PresenceStore:
    """Return presence and activity in Redis, and in Postgres while it is away."""
    presence: PresenceStore = import_module("kgmem.redis.presence.store").RedisPresence(catalog, connection)
    return presence


class RedisAway:
    """Implements RedisContents where the server that the settings name did not start."""

    async def erase(self, *_: object, **__: object) -> Mapping[str, int]:
        """Raise RedisUnavailable."""
        raise RedisUnavailable("Redis did not start.")

    async def search(self, *_: object, **__: object) -> tuple[int, Sequence[Trace]]:
        """Raise RedisUnavailable."""
        raise RedisUnavailable("Redis did not start.")

    async def rewrite_files(self) -> str | None:
        """Raise RedisUnavailable."""
        raise RedisUnavailable("Redis did not start.")


def redis_contents(
    connection: "RedisConnection | None", unframed: Callable[[bytes], bytes | None], stack: AsyncExitStack
) -> RedisContents:
    """Return what erasures do in Redis, over a connection of its own, as they search all keys. None: it is away."""
    if connection is None:
        return RedisAway()
    module = import_module("kgmem.redis.contents")
    patient = connection.patient(module.TIMEOUT)
    stack.push_async_callback(patient.aclose)
    contents: RedisContents = module.RedisGraphContents(patient, unframed)
    return contents


def shared_vectors(connection: "RedisConnection") -> SharedVectors:
    """Return the vectors of questions that processes share over this connection."""
    shared: SharedVectors = import_module("kgmem.redis.vectors").RedisVectors(connection)
    return shared
