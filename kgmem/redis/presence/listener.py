"""What Redis publishes, for those who wait for it: a word that somebody came or left, and never more."""

import asyncio
from collections import defaultdict
from typing import Any, Final

from redis.exceptions import RedisError

from kgmem.redis.connection import RedisConnection
from kgmem.tasks import for_nobody

_PAUSE: Final = 1.0  # Seconds between attempts to listen.
_TOGETHER: Final = 0.02  # Seconds for which several words become one.


class Listener:
    """Counts the words of a channel, by word. Listens from the first wait on."""

    def __init__(self, redis: RedisConnection, channel: str) -> None:
        """Take the connection and the channel."""
        self.channel = channel
        self._redis = redis
        self._task: asyncio.Task[None] | None = None
        self._counts: dict[str, int] = defaultdict(int)
        self._listening = asyncio.Event()
        self._heard = asyncio.Condition()

    async def listens(self) -> bool:
        """Return whether words are heard; the first call waits a little until they are."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="kgmem presence", context=for_nobody())
            try:
                await asyncio.wait_for(self._listening.wait(), _PAUSE)
            except TimeoutError:
                return False
        return self._listening.is_set()

    async def wait(self, word: str, seen: int, seconds: float) -> int:
        """Return how often a word was heard, when that is another number than `seen`, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._heard:
                await self._heard.wait_for(lambda: self._counts[word] != seen)
        except TimeoutError:
            return self._counts[word]
        await asyncio.sleep(_TOGETHER)
        return self._counts[word]

    async def aclose(self) -> None:
        """End listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            client = self._redis.long_reads()
            pubsub = client.pubsub()
            try:
                await pubsub.subscribe(self.channel)
                async for message in pubsub.listen():
                    await self._hear(message)
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(_PAUSE)
            finally:
                self._listening.clear()
                await pubsub.aclose()  # type: ignore[no-untyped-call]
                await client.aclose()
                await client.connection_pool.disconnect()

    async def _hear(self, message: Any) -> None:
        async with self._heard:
            if message["type"] == "subscribe":
                for word in self._counts:  # What was said meanwhile was not heard.
                    self._counts[word] += 1
                self._listening.set()
            elif message["type"] == "message":
                self._counts[message["data"].decode()] += 1
            self._heard.notify_all()
