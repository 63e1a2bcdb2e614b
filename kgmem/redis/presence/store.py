"""Presence as hashes with a time to live, activity as a hash a minute; while Redis is away both are in Postgres."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from kgmem.domain.agents.presence import (
    DEFAULT_TTL,
    MOST_AGENTS,
    AgentAddress,
    Heartbeat,
    MinuteActivity,
    Presence,
    not_present,
    too_many_agents,
)
from kgmem.domain.errors import RedisUnavailable
from kgmem.domain.graph.entity import Page
from kgmem.domain.time.interval import SECOND, iso, now
from kgmem.redis.connection import Client, RedisConnection
from kgmem.redis.presence.listener import Listener
from kgmem.store.agents.presence import Counts, PostgresPresence, encoded, position
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.tasks import caller

_SCRIPT: Final = (Path(__file__).parent / "lua" / "beat.lua").read_text()
_MINUTE: Final = 60 * SECOND
_KEPT: Final = 86_400 + 60  # Seconds of activity.
_KINDS: Final = ("requests", "recalls", "writes")
_MOST_LOOKED_AT: Final = 20_000  # Agents whose heartbeats have ended, between those of a page.


class RedisPresence(PostgresPresence):
    """Implements PresenceStore. What Redis does not take goes to Postgres, and is shown from there meanwhile."""

    def __init__(self, catalog: PostgresCatalog, redis: RedisConnection) -> None:
        """Take the catalog, and the connection to Redis."""
        super().__init__(catalog)
        self._redis = redis
        self._script: Any = None
        self._listener = Listener(redis, redis.key("presence"))

    async def beat(self, graph: str, address: AgentAddress, heartbeat: Heartbeat) -> Presence:
        """Note that an agent is at work. Raises TooLarge."""
        told = (heartbeat.session or "", heartbeat.status or "", encoded(heartbeat.context) or "")
        try:
            await self._beat(graph, address, heartbeat.ttl_seconds, told)
        except RedisUnavailable:
            return await super().beat(graph, address, heartbeat)
        return await self.get(graph, address)

    async def touch(self, graph: str, address: AgentAddress, session: str) -> None:
        """Note that an agent works in a session; what it reported of itself stays. Raises TooLarge."""
        try:
            await self._beat(graph, address, DEFAULT_TTL, (session, "", ""), keeping=True)
        except RedisUnavailable:
            await super().touch(graph, address, session)

    async def get(self, graph: str, address: AgentAddress) -> Presence:
        """Return an agent that is present. Raises NotFound."""
        at = f"{await self._place(graph)}:agent:{_member(address)}"
        try:
            found: Any = await self._redis.call(lambda client: client.hgetall(at))
        except RedisUnavailable:
            return await super().get(graph, address)
        if not found:
            raise not_present(address)
        return _presence(_member(address), found)

    async def list(self, graph: str, scope: str, below: bool, cursor: str | None, limit: int) -> Page[Presence]:
        """Return who is present in a scope, with `below` in those below it, too; by scope and name."""
        path, agent = position(cursor)
        after = None if path is None else f"{path}\0{agent}"
        place = await self._place(graph)
        try:
            found = await self._redis.call(lambda client: _listed(client, place, _ranges(scope, below), after, limit))
        except RedisUnavailable:
            return await super().list(graph, scope, below, cursor, limit)
        more = f"{found[limit - 1].agent}/{found[limit - 1].scope}" if len(found) > limit else None
        return Page(found[:limit], more)

    async def leave(self, graph: str, address: AgentAddress) -> None:
        """Note that an agent is away. Raises NotFound."""
        place, member = await self._place(graph), _member(address)

        async def action(client: Client) -> int:
            pipeline = client.pipeline()
            pipeline.delete(f"{place}:agent:{member}")
            pipeline.zrem(f"{place}:names", member)
            pipeline.zrem(f"{place}:until", member)
            pipeline.publish(self._listener.channel, place.rpartition(":")[2])
            return int((await pipeline.execute())[0])

        try:
            gone = await self._redis.call(action)
        except RedisUnavailable:
            await super().leave(graph, address)
            return
        if not gone:
            raise not_present(address)

    async def changed(self, graph: str, seen: int, seconds: float) -> int:
        """Wait for what Redis publishes; while it is away, as Postgres does. Raises NotFound."""
        layout = await self.catalog.layout(graph)
        if await self._listener.listens():
            return await self._listener.wait(str(layout.id), seen, seconds)
        return await super().changed(graph, seen, seconds)

    async def activity(self, graph: str, scope: str, below: bool, minutes: int) -> Sequence[MinuteActivity]:
        """Return the last minutes in which something happened, oldest first."""
        layout = await self.catalog.layout(graph)
        newest = now() // _MINUTE * _MINUTE
        wanted = [newest - place * _MINUTE for place in reversed(range(minutes))]
        fields = [f"{'below' if below else 'own'}\0{scope}\0{kind}" for kind in _KINDS]

        async def action(client: Client) -> Sequence[Any]:
            pipeline = client.pipeline(transaction=False)
            for minute in wanted:
                pipeline.hmget(self._minute(layout.id, minute), fields)
            found: Sequence[Any] = await pipeline.execute()
            return found

        counts = {each.minute: each for each in await super().activity(graph, scope, below, minutes)}
        nothing: Sequence[Any] = ()
        for minute, values in zip(wanted, await self._redis.try_call(action, nothing), strict=False):
            if any(values):
                old = counts.get(iso(minute), MinuteActivity(iso(minute), 0, 0, 0))
                requests, recalls, writes = (int(value or 0) for value in values)
                counts[iso(minute)] = MinuteActivity(
                    iso(minute), old.requests + requests, old.recalls + recalls, old.writes + writes
                )
        return [counts[minute] for minute in sorted(counts)]

    async def aclose(self) -> None:
        """Write what is counted, and end listening."""
        await super().aclose()
        await self._listener.aclose()

    async def write_counts(self, graph: str, counts: Counts) -> None:
        """Add counts to those of their minutes."""
        layout = await self.catalog.layout(graph)

        async def action(client: Client) -> None:
            pipeline = client.pipeline()
            for (path, minute), numbers in counts.items():
                key = self._minute(layout.id, minute)
                for kind, number in zip(_KINDS, numbers, strict=True):
                    if number:
                        pipeline.hincrby(key, f"own\0{path}\0{kind}", number)
                        for above in _and_above(path):
                            pipeline.hincrby(key, f"below\0{above}\0{kind}", number)
                pipeline.expire(key, _KEPT)
            await pipeline.execute()

        try:
            await self._redis.call(action)
        except RedisUnavailable:
            await super().write_counts(graph, counts)

    async def _beat(
        self, graph: str, address: AgentAddress, seconds: int, told: tuple[str, str, str], *, keeping: bool = False
    ) -> None:
        place, by = await self._place(graph), caller()
        arguments = (
            _member(address), f"{address.scope}\0", int(keeping), 1000 * seconds, MOST_AGENTS,
            place.rpartition(":")[2], (by.key if by else None) or "", *told,
        )  # fmt: skip

        async def action(client: Client) -> Any:
            self._script = self._script or client.register_script(_SCRIPT)
            return await self._script(keys=[place, self._listener.channel], args=arguments, client=client)

        if not await self._redis.call(action):
            raise too_many_agents()

    async def _place(self, graph: str) -> str:
        layout = await self.catalog.layout(graph)
        return self._redis.key("presence", str(layout.id))

    def _minute(self, graph: int, minute: int) -> str:
        return self._redis.key("activity", str(graph), str(minute // _MINUTE))


async def _listed(
    client: Client, place: str, ranges: Sequence[tuple[str, str]], after: str | None, limit: int
) -> Sequence[Presence]:
    """Return one more than so many, where there are more."""
    found: list[Presence] = []
    looked_at = 0
    for low, high in ranges:
        if after is not None and high != "+" and after >= high[1:]:
            continue  # The page before ended behind it.
        start = low if after is None or (low != "-" and after < low[1:]) else f"({after}"
        while len(found) <= limit and looked_at < _MOST_LOOKED_AT:
            members = await _named(client, place, start, high, limit + 1 - len(found))
            if not members:
                break
            pipeline = client.pipeline(transaction=False)
            for member in members:
                pipeline.hgetall(f"{place}:agent:{member}")
            values: Sequence[Any] = await pipeline.execute()
            found += [_presence(member, each) for member, each in zip(members, values, strict=True) if each]
            start, looked_at = f"({members[-1]}", looked_at + len(members)
    return found


async def _named(client: Client, place: str, low: str, high: str, limit: int) -> Sequence[str]:
    members: Sequence[Any] = await client.zrangebylex(f"{place}:names", low, high, start=0, num=limit)
    return [each.decode() for each in members]


def _ranges(scope: str, below: bool) -> Sequence[tuple[str, str]]:
    """Return where the agents of a scope are in the order of their names, and those below it."""
    if not scope and below:
        return [("-", "+")]
    own = (f"[{scope}\0", f"({scope}\1")
    return [own, (f"[{scope}/", f"({scope}0")] if below else [own]  # The digit 0 comes behind the slash.


def _and_above(path: str) -> Iterator[str]:
    yield path
    while path:
        path = path.rpartition("/")[0]
        yield path


def _member(address: AgentAddress) -> str:
    return f"{address.scope}\0{address.agent}"


def _presence(member: str, found: Mapping[bytes, bytes]) -> Presence:
    scope, _, agent = member.partition("\0")
    values = {name.decode(): value.decode() for name, value in found.items()}
    since, seen, until = (iso(1000 * int(values[name])) for name in ("since", "seen", "until"))
    return Presence(
        agent=agent, scope=scope, session=values["session"] or None, status=values["status"] or None,
        context=orjson.loads(values["context"]) if values["context"] else None, since=since, seen_at=seen,
        expires_at=until, author=values["author"] or None,
    )  # fmt: skip
