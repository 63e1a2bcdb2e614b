"""What an erasure takes out of Redis, and the search for texts in all keys: streams, presence, activity, the cache."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from redis.exceptions import RedisError

from kgmem.domain.erasure.redis_contents import RedisErasure
from kgmem.domain.erasure.sought import Redactor, Sought
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.scope_contents import Trace
from kgmem.redis.connection import Client, RedisConnection
from kgmem.redis.streams.scripts import StreamLost, StreamScripts

TIMEOUT: Final = 5.0  # Seconds of one call.
_SOME: Final = 200  # Messages, members or fields of one call.
_COPIED: Final = 50  # Messages that one step of the rewriting of a stream copies: each may have 256 KiB.
_KEYS: Final = 500  # That one step of a SCAN looks at.
_PACKED: Final = ("held", "again", "dead")  # Hashes of packed values.
_WORDLESS: Final = frozenset({"question-vector", "streams"})  # Digests and numbers.
_NUMBERS: Final = frozenset({"meta", "due", "order", "dead-order", "died"})  # Of streams and groups.
_REWRITING, _LOOKING = 120.0, 0.05  # Seconds for which the writing of files is waited for, and between looks.
# What INFO has of it: whether one is made, whether one waits, and how the last one ended.
_AOF: Final = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "aof_last_bgrewrite_status")
_RDB: Final = ("rdb_bgsave_in_progress", "", "rdb_last_bgsave_status")
_MOST_PASSES: Final = 3  # What is appended meanwhile is found by the next one.


class RedisGraphContents:
    """Implements RedisContents. Each call is short, so that others have their turn between."""

    def __init__(self, redis: RedisConnection, unframed: Callable[[bytes], bytes | None]) -> None:
        """Take a connection whose calls may take long, and what returns a cached value without its frame."""
        self._redis = redis
        self._scripts = StreamScripts(redis)
        self._unframed = unframed

    async def erase(self, graph: int, redactor: Redactor, erasure: RedisErasure) -> Mapping[str, int]:
        """Remove what is to go; returns how many of each kind. Raises RedisUnavailable."""
        counts = dict.fromkeys(("stream_messages", "stream_groups", "stream_deliveries", "presence", "activity"), 0)
        if redactor.texts:
            for stream in await self._streams(graph):
                try:
                    await self._erase_stream(graph, stream, redactor, counts)
                except StreamLost:  # Deleted meanwhile, or lost by the server: then it has no texts.
                    continue
        counts["presence"] = await self._erase_presence(graph, redactor, erasure)
        counts["activity"] = await self._erase_activity(graph, redactor, erasure)
        counts["cached"] = await self._unlink(self._redis.key("cache", str(graph), "*"))
        counts["vectors"] = await self._unlink(self._redis.key("question-vector", "*"))
        return counts

    async def search(self, graph: int, texts: Sequence[Sought], *, server: bool) -> tuple[int, Sequence[Trace]]:
        """Return how many keys were searched, and where texts are; with `server` in those of all graphs.

        Raises RedisUnavailable.
        """
        redactor, count = Redactor(texts), 0
        found: dict[str, int] = {}
        async for key in self._keys(self._redis.key("*")):
            kind, _, rest = key[len(self._redis.key("")) :].partition(":")
            if kind in _WORDLESS or not (server or rest.partition(":")[0] == str(graph)):
                continue
            count += 1
            names = kind != "cache" and any(map(redactor.finds, key.split("\0")))
            number = int(names) + await self._count(key, redactor)
            if number:
                found[kind] = found.get(kind, 0) + number
        return count, [Trace(f"redis.{kind}", number) for kind, number in sorted(found.items())]

    async def rewrite_files(self) -> str | None:
        """Have the server rewrite its files, without what was removed; returns why they still have it, or None.

        Raises RedisUnavailable.
        """
        try:
            state = await self._redis.call(lambda client: client.info("persistence"))
            if int(state.get("aof_enabled", 0)):
                return await self._rewritten("bgrewriteaof", _AOF)
            saved: Any = await self._redis.call(lambda client: client.config_get("save"))
            return await self._rewritten("bgsave", _RDB) if any(saved.values()) else None
        except RedisError as error:
            return f"its server refuses to rewrite them: {error}"

    async def _rewritten(self, command: str, names: tuple[str, str, str]) -> str | None:
        """Run a command that writes a file in the background, and wait for it."""
        running, waits, status = names
        loop = asyncio.get_running_loop()
        ending, begun = loop.time() + _REWRITING, False
        while loop.time() < ending:
            state: Any = await self._redis.call(lambda client: client.info("persistence"))
            busy = int(state.get(running, 0)) or int(state.get(waits, 0))
            if begun and not busy:
                return None if state.get(status) == "ok" else "its server could not rewrite them"
            if not busy:  # One that began before has what was removed after it began.
                await self._redis.call(lambda client: getattr(client, command)())
                begun = True
            await asyncio.sleep(_LOOKING)
        return "its server was not done with rewriting them"

    async def _streams(self, graph: int) -> Sequence[str]:
        members: Any = await self._redis.call(lambda client: client.smembers(self._redis.key("streams")))
        pairs = (member.decode().partition(".") for member in members)
        return [stream for graph_id, _, stream in pairs if graph_id == str(graph)]

    async def _erase_stream(self, graph: int, stream: str, redactor: Redactor, counts: dict[str, int]) -> None:
        place = self._redis.key("stream", str(graph), stream)
        for name in await self._groups(place):
            if redactor.finds(name):
                await self._scripts.run("delete_group", [place], name, group=name)
                counts["stream_groups"] += 1
        for _ in range(_MOST_PASSES):
            seqs = {seq async for seq, texts in self._messages(place) if any(map(redactor.finds, texts))}
            for name in await self._groups(place):
                seqs |= await self._in_group(place, name, redactor, counts)
            if not seqs:
                return
            chosen = sorted(seqs)
            for at in range(0, len(chosen), _SOME):
                await self._scripts.run("expunge", [place], *chosen[at : at + _SOME])
            counts["stream_messages"] += len(chosen)
            begin = 0
            while True:
                (begin,) = await self._scripts.run("rewrite", [place], begin, _COPIED)
                if not begin:
                    break

    async def _groups(self, place: str) -> Sequence[str]:
        names: Any = await self._redis.call(lambda client: client.hkeys(f"{place}:groups"))
        return [name.decode() for name in names]

    async def _messages(self, place: str) -> AsyncIterator[tuple[int, Sequence[str]]]:
        """Yield the number and the texts of each message."""
        begin = "-"
        while True:
            entries: Any = await self._redis.call(
                lambda client, begin=begin: client.xrange(f"{place}:log", begin, "+", count=_SOME)  # type: ignore[misc]
            )
            for id_, fields in entries:
                yield int(id_.partition(b"-")[0]), [_text(each) for name, each in fields.items() if name != b"t"]
            if len(entries) < _SOME:
                return
            begin = f"({entries[-1][0].decode()}"

    async def _in_group(self, place: str, name: str, redactor: Redactor, counts: dict[str, int]) -> set[int]:
        """Return the numbers of what a group has with one of the texts; consumers and reasons lose them."""
        seqs: set[int] = set()
        try:
            async for seq, *texts in self._rows(place, name, "dead_letters"):
                if any(map(redactor.finds, texts)):
                    seqs.add(seq)
            async for seq, *texts in self._unpacked(f"{place}:group:{name}:again"):
                if any(map(redactor.finds, texts)):
                    seqs.add(int(seq))
            words: list[Any] = []
            async for seq, key, consumer, *_, reason in self._rows(place, name, "pending"):
                if redactor.finds(key):
                    seqs.add(seq)
                elif redactor.finds(consumer) or redactor.finds(reason):
                    words += [seq, redactor.redacted(consumer), redactor.redacted(reason)]
            for at in range(0, len(words), 3 * _SOME):
                await self._scripts.run("reword", [place], name, *words[at : at + 3 * _SOME], group=name)
            counts["stream_deliveries"] += len(words) // 3
        except NotFound:  # The group was deleted meanwhile.
            return seqs
        return seqs

    async def _rows(self, place: str, group: str, script: Any) -> AsyncIterator[Any]:
        after = 0
        while True:
            (rows,) = await self._scripts.run(script, [place], group, after, _SOME, group=group)
            for row in rows:
                yield [_text(each) if isinstance(each, bytes) else each for each in row]
            if len(rows) < _SOME:
                return
            after = rows[-1][0]

    async def _unpacked(self, key: str) -> AsyncIterator[Sequence[str]]:
        """Yield of each field of a hash of packed values its name and the texts in its value."""
        cursor: Any = 0
        while True:
            cursor, fields = await self._scripts.run("unpacked", [key], cursor, _SOME)
            for texts in fields:
                yield [_text(each) for each in texts]
            if not int(cursor):
                return

    async def _erase_presence(self, graph: int, redactor: Redactor, erasure: RedisErasure) -> int:
        place, count = self._redis.key("presence", str(graph)), 0
        async for some in self._pages(f"{place}:until", "zscan"):
            members = [_text(member) for member, _ in some]
            gone = [each for each in members if await self._goes(place, each, redactor, erasure)]
            if gone:
                await self._redis.call(lambda client, gone=gone: _leave(client, place, gone))  # type: ignore[misc]
                count += len(gone)
        return count

    async def _goes(self, place: str, member: str, redactor: Redactor, erasure: RedisErasure) -> bool:
        scope, _, agent = member.partition("\0")
        if erasure.whole or scope in erasure.scopes or redactor.finds(scope) or redactor.finds(agent):
            return True
        if not redactor.texts:
            return False
        values: Any = await self._redis.call(lambda client: client.hvals(f"{place}:agent:{member}"))
        return any(redactor.finds(_text(each)) for each in values)

    async def _erase_activity(self, graph: int, redactor: Redactor, erasure: RedisErasure) -> int:
        count = 0
        async for key in self._keys(self._redis.key("activity", str(graph), "*")):
            if erasure.whole:
                count += await self._unlink_key(key)
                continue
            fields: Any = await self._redis.call(lambda client, key=key: client.hkeys(key))  # type: ignore[misc]
            gone = [each for each in fields if _is_of(_text(each), redactor, erasure)]
            if gone:
                await self._redis.call(lambda client, key=key, gone=gone: client.hdel(key, *gone))  # type: ignore[misc]
                count += len(gone)
        return count

    async def _unlink_key(self, key: str) -> int:
        return int(await self._redis.call(lambda client: client.unlink(key)))

    async def _unlink(self, pattern: str) -> int:
        count, some = 0, list[str]()
        async for key in self._keys(pattern):
            some.append(key)
            if len(some) >= _KEYS:
                count += await self._drop(some)
                some = []
        return count + (await self._drop(some) if some else 0)

    async def _drop(self, keys: Sequence[str]) -> int:
        return int(await self._redis.call(lambda client: client.unlink(*keys)))

    async def _keys(self, pattern: str) -> AsyncIterator[str]:
        cursor = 0
        while True:
            found: Any = await self._redis.call(
                lambda client, cursor=cursor: client.scan(cursor, match=pattern, count=_KEYS)  # type: ignore[misc]
            )
            cursor, keys = int(found[0]), found[1]
            for key in keys:
                yield key.decode(errors="surrogateescape")
            if not cursor:
                return

    async def _pages(self, key: str, command: str) -> AsyncIterator[Sequence[Any]]:
        """Yield what HSCAN, SSCAN or ZSCAN returns, page by page."""
        cursor = 0
        while True:
            found: Any = await self._redis.call(
                lambda client, cursor=cursor: getattr(client, command)(key, cursor, count=_SOME)  # type: ignore[misc]
            )
            cursor = int(found[0])
            yield list(found[1].items()) if isinstance(found[1], dict) else found[1]
            if not cursor:
                return

    async def _count(self, key: str, redactor: Redactor) -> int:
        """Return how many values of a key have one of the texts."""
        last = key.rpartition(":")[2]
        kind = "none" if last in _NUMBERS else _text(await self._redis.call(lambda client: client.type(key)))
        if kind == "stream":
            return len([seq async for seq, texts in self._messages(key.removesuffix(":log")) if _any(redactor, texts)])
        if kind == "hash" and last in _PACKED:
            return len([texts async for _, *texts in self._unpacked(key) if _any(redactor, texts)])
        if kind == "string":
            value: Any = await self._redis.call(lambda client: client.get(key))
            plain = None if value is None else self._unframed(value)
            return int(value is not None and redactor.finds(_text(value if plain is None else plain)))
        commands = {"hash": "hscan", "set": "sscan", "zset": "zscan"}
        if kind not in commands:  # None: it has expired meanwhile. kgmem makes no others.
            return 0
        count = 0
        async for some in self._pages(key, commands[kind]):
            for each in some:
                parts = each if isinstance(each, tuple) else (each,)
                texts = [text for part in parts if _is_text(part) for text in _text(part).split("\0")]
                count += _any(redactor, texts)
        return count


def _is_text(value: Any) -> bool:
    return isinstance(value, bytes) and not value.isdigit()  # Times and counts are no texts.


def _any(redactor: Redactor, texts: Sequence[str]) -> bool:
    return any(map(redactor.finds, texts))


def _is_of(field: str, redactor: Redactor, erasure: RedisErasure) -> bool:
    """Whether a count of activity, `own` or `below` with scope and kind, is of what is erased."""
    scope = field.split("\0")[1] if "\0" in field else field
    return scope in erasure.scopes or redactor.finds(scope)


async def _leave(client: Client, place: str, members: Sequence[str]) -> None:
    pipeline = client.pipeline(transaction=False)
    for member in members:
        pipeline.unlink(f"{place}:agent:{member}")
    pipeline.zrem(f"{place}:names", *members)
    pipeline.zrem(f"{place}:until", *members)
    await pipeline.execute()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
