"""Vectors of questions in Redis, by the digests of their texts: no text goes there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kgmem.redis.connection import Client, RedisConnection

_SECONDS: Final = 3600  # For which a vector is shared.


class RedisVectors:
    """Implements SharedVectors. A vector follows from its model and text alone, so nothing invalidates it."""

    def __init__(self, connection: RedisConnection) -> None:
        """Take the connection."""
        self._redis = connection

    async def get(self, space: str, digests: Sequence[bytes]) -> Sequence[bytes | None]:
        """Return the vectors that are shared; none while Redis is not available."""

        async def read(client: Client) -> Sequence[bytes | None]:
            found: Any = await client.mget([self._key(space, each) for each in digests])
            return list(found)

        return await self._redis.try_call(read, [None] * len(digests))

    async def put(self, space: str, vectors: Mapping[bytes, bytes]) -> None:
        """Share vectors for an hour; without effect while Redis is not available."""

        async def write(client: Client) -> None:
            pipeline = client.pipeline(transaction=False)
            for digest, vector in vectors.items():
                pipeline.set(self._key(space, digest), vector, ex=_SECONDS)
            await pipeline.execute()

        await self._redis.try_call(write, None)

    def _key(self, space: str, digest: bytes) -> str:
        return self._redis.key("question-vector", space, digest.hex())
