"""The connection to Redis or Valkey: calls that never wait long, behind a circuit breaker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kgmem.domain.errors import InvalidInput, RedisUnavailable
from kgmem.log import EventLog
from kgmem.redis.breaker import PAUSE, CircuitBreaker, State

log = EventLog(__name__)

TIMEOUT: Final = 0.05  # Seconds that one call may take unless the settings say otherwise.

_CONNECTING: Final = 1.0  # Seconds that a trial may take, which connects anew where it has to.
_CONNECTIONS: Final = 16
_POLICY: Final = "maxmemory-policy"

T = TypeVar("T")
Client = Redis
Action = Callable[[Client], Awaitable[T]]


class RedisConnection:
    """Calls a server of Redis or Valkey; answers in time or raises RedisUnavailable. Belongs to one event loop."""

    def __init__(
        self, url: str, *, namespace: str = "", timeout: float = TIMEOUT, breaker: CircuitBreaker | None = None
    ) -> None:
        """Take a URL (redis://, rediss://, unix://), the start of all keys, and the seconds that one call may take.

        Raises InvalidInput.
        """
        self.namespace = namespace
        self._url = url
        self._timeout = timeout
        self._breaker = breaker or CircuitBreaker()
        self._trial: asyncio.Task[None] | None = None
        self.failures = 0  # Of calls, for whoever sets it to 0: another server may answer after one.
        # A call is never repeated: it may have been carried out.
        self._client = self._made(_CONNECTIONS, timeout)

    def _made(self, connections: int, timeout: float | None) -> Client:
        try:
            pool = BlockingConnectionPool.from_url(
                self._url,
                max_connections=connections,
                timeout=timeout,
                # `call` limits the time: by a limit of its own redis-py loses a cancellation (asyncio.wait_for, 3.11).
                socket_timeout=None,
                socket_connect_timeout=_CONNECTING,
                retry=Retry(NoBackoff(), 0),
                client_name="kgmem",
            )
        except (ValueError, RedisError) as exc:  # Their texts may repeat the URL, and so its password.
            raise InvalidInput(
                "KGMEM_REDIS_URL is no URL of a Redis server.",
                hint="Write redis://host:6379/0, rediss://..., unix:///path/of/the/socket, or embedded.",
            ) from exc
        return Redis.from_pool(pool)

    @property
    def name(self) -> str:
        """The address of the server without user and password."""
        parts = urlsplit(self._url)
        if parts.scheme == "unix":
            return f"unix://{parts.path}"
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port or 6379}{parts.path}"

    @property
    def state(self) -> State:
        """The state of the circuit breaker: closed means that calls reach the server."""
        return self._breaker.state

    def key(self, *parts: str) -> str:
        """Return a key of this database, such as `kgmem:<database>:stream:jobs`. No part may contain a colon."""
        return ":".join((self.namespace, *parts))

    async def call(self, action: Action[T]) -> T:
        """Return what the action returns, which gets the client of redis-py, and is called once.

        Raises RedisUnavailable where the server is away, slow or full, at once while the circuit breaker is open. Then
        the action may have been carried out, or not.
        """
        if self._breaker.state != "closed":
            raise RedisUnavailable(f"Redis at {self.name} does not answer.")
        try:
            async with asyncio.timeout(self._timeout):
                result = await action(self._client)
        except (OutOfMemoryError, ReadOnlyError) as exc:
            self._breaker.succeed()
            raise RedisUnavailable(f"Redis at {self.name} refuses writes: {exc}.") from exc
        except ResponseError as exc:
            self._breaker.succeed()
            if str(exc).startswith(("MISCONF", "LOADING", "NOREPLICAS", "CLUSTERDOWN")):
                raise RedisUnavailable(f"Redis at {self.name} refuses calls: {exc}.") from exc
            raise
        except (TimeoutError, RedisTimeoutError, RedisConnectionError, OSError) as exc:
            await self._failed(exc)
            raise RedisUnavailable(f"Redis at {self.name} does not answer.") from exc
        self._breaker.succeed()
        return result

    async def try_call(self, action: Action[T], otherwise: T) -> T:
        """Return what the action returns, or `otherwise` where Redis is not available."""
        try:
            return await self.call(action)
        except RedisUnavailable:
            return otherwise

    async def connect(self) -> bool:
        """Try whether the server answers, for a second; where it does not, the breaker opens and keeps trying."""
        try:
            await self._ping()
        except (TimeoutError, RedisError, OSError) as exc:
            self._breaker.trip()
            self._note(exc)
            return False
        return True

    def patient(self, timeout: float) -> "RedisConnection":
        """Return a connection of its own whose calls may take so many seconds; the caller closes it."""
        return RedisConnection(self._url, namespace=self.namespace, timeout=timeout)

    def long_reads(self) -> Client:
        """Return a client of its own for reads that wait, such as XREADGROUP BLOCK or SUBSCRIBE; the caller closes it.

        Without the circuit breaker and its time limit: for a task in the background, never for a request.
        """
        return self._made(4, None)

    async def latency(self) -> float:
        """Return the seconds that a PING takes. Raises RedisUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            await self._ping()
            begun = loop.time()
            await self._ping()
        except (TimeoutError, RedisError, OSError) as exc:
            raise RedisUnavailable(f"Redis at {self.name} does not answer: {type(exc).__name__}.") from exc
        return loop.time() - begun

    async def eviction_policy(self) -> str | None:
        """Return the server's maxmemory-policy; None where it does not tell, as managed servers do."""
        try:
            found: dict[Any, Any] = await self._client.config_get(_POLICY)
        except ResponseError:
            return None
        values = {_text(name): _text(value) for name, value in found.items()}
        return values.get(_POLICY)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._trial:
            self._trial.cancel()
            await asyncio.gather(self._trial, return_exceptions=True)
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    async def _ping(self) -> None:
        async with asyncio.timeout(_CONNECTING):
            await self._client.ping()

    async def _failed(self, exc: Exception) -> None:
        """Count a failure. Connections at rest are closed: those of a server that went would fail one by one."""
        self.failures += 1
        if isinstance(exc, RedisConnectionError):
            await self._client.connection_pool.disconnect(inuse_connections=False)
        if self._breaker.fail():
            self._note(exc)

    def _note(self, exc: Exception) -> None:
        log.warning("redis_unavailable", server=self.name, error=type(exc).__name__)
        if self._trial is None or self._trial.done():
            self._trial = asyncio.create_task(self._try_again(), name="kgmem tries Redis")

    async def _try_again(self) -> None:
        """Try the server until it answers, so that no request waits for one that does not."""
        while self._breaker.state != "closed":
            await asyncio.sleep(PAUSE / 10)
            if not self._breaker.admits():
                continue
            try:
                await self._ping()
            except (TimeoutError, RedisError, OSError):
                self._breaker.fail()
            else:
                self._breaker.succeed()
                log.info("redis_available", server=self.name)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
