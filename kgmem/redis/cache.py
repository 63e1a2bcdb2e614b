"""Cached values in Redis: volatile keys, so that they are what Redis evicts."""

from typing import Any, Final

from redis.exceptions import RedisError

from kgmem.domain.cache.ports import CachePlace
from kgmem.domain.errors import RedisUnavailable
from kgmem.log import EventLog
from kgmem.redis.connection import Client, RedisConnection

log = EventLog(__name__)

_LARGEST: Final = 1024 * 1024  # Bytes of a value that goes to Redis.
_AT_ONCE: Final = 500  # Keys that one call looks at, or deletes.


class RedisValues:
    """Implements SharedValues: `<database>:cache:<graph>:<kind>:<digest>`. No text is in a key."""

    def __init__(self, connection: RedisConnection) -> None:
        """Take the connection."""
        self._redis = connection

    @property
    def available(self) -> bool:
        """Whether Redis answers."""
        return self._redis.state == "closed"

    async def get(self, place: CachePlace) -> bytes | None:
        """Return the bytes at a place; None while Redis is not available."""

        async def read(client: Client) -> bytes | None:
            found: Any = await client.get(self._key(place))
            return found if isinstance(found, bytes) else None

        try:
            return await self._redis.call(read)
        except RedisUnavailable:
            return None
        except RedisError as error:  # The key has another type, or the account may not read it.
            log.warning("cache_not_read", error=type(error).__name__)
            return None

    async def put(self, place: CachePlace, frame: bytes, seconds: float) -> None:
        """Keep bytes for so many seconds; without effect for large ones, and while Redis is not available."""
        if len(frame) > _LARGEST:
            return

        async def write(client: Client) -> None:
            await client.set(self._key(place), frame, px=max(1, int(seconds * 1000)))

        try:
            await self._redis.call(write)
        except RedisUnavailable:
            pass
        except RedisError as error:
            log.warning("cache_not_written", error=type(error).__name__)

    async def clear(self, graph: int) -> int:
        """Drop the values of a graph; return how many.

        While Redis is not available nothing is dropped; nobody is served such a value, and its time ends.
        """
        pattern = self._redis.key("cache", str(graph), "*")
        cursor, gone = 0, 0
        while True:

            async def step(client: Client, begin: int = cursor) -> tuple[int, int]:
                found: Any = await client.scan(begin, match=pattern, count=_AT_ONCE)
                following, keys = found
                return int(following), int(await client.unlink(*keys)) if keys else 0

            try:
                cursor, dropped = await self._redis.call(step)
            except (RedisUnavailable, RedisError) as error:
                log.warning("cache_not_cleared", error=type(error).__name__)
                return gone
            gone += dropped
            if not cursor:
                return gone

    def _key(self, place: CachePlace) -> str:
        return self._redis.key("cache", str(place.graph), place.kind, place.digest)
