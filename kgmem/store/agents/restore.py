"""Agent states from the records of a file: a state with all its versions is stored as a whole or not at all.

Versions keep their numbers, times and checksums. What the graph has already stays as it is; a version of a state that
has other content there is a conflict.
"""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import orjson
import zstandard

from kgmem.domain.agents.records import STATE, packed_of, rules_of
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.graph.expiry import STATE_KIND
from kgmem.domain.time.interval import iso, parse_time
from kgmem.store.agents.packing import RUN, base_of, checksum, packed_from, unpack, unpacked
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.write.expiry import restore_expiry

CheckContent = Callable[[bytes, str], object]  # Raises InvalidInput for content that is not what its media type says.
_FILE: Final = "agent_states"
_MOST_KEPT: Final = 64 * 1024 * 1024  # Bytes of contents that wait to be the base of a later version.
_ALWAYS_KEPT: Final = 7  # Versions of which the next ones of a run may be the difference.


@dataclass(slots=True)
class RestoredState:
    """What became of the records of one state, by kind of record."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    kinds: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """A version that the graph has: its number, its time in microseconds, and its place in its run."""

    version: int
    at: int
    place: int
    checksum: bytes


async def restore_state(
    connection: asyncpg.Connection, layout: Layout, records: AsyncIterator[BeliefRecord], check: CheckContent
) -> RestoredState:
    """Store a state from its records (the state itself, then its versions in their order) in the caller's transaction.

    Raises InvalidInput for what is damaged or incomplete, Conflict for what contradicts the graph.
    """
    run: _Restore | None = None
    parts: list[Mapping[str, Any]] = []
    async for record in records:
        told = record.told
        if run is None:
            run = await _begin(connection, layout, told, check)
        run.done.kinds[record.kind] = run.done.kinds.get(record.kind, 0) + 1
        if record.kind == STATE:
            if run.stated is not None and run.stated != told:
                raise InvalidInput("The file states it twice, and not the same.", hint="Remove one of the records.")
            run.repeated += run.stated is not None
            run.stated = told
            continue
        if parts and parts[0]["version"] != told["version"]:
            await run.take(parts)
            parts = []
        parts.append(told)
    if run is None:
        return RestoredState()
    if parts:
        await run.take(parts)
    await run.finish()
    return run.done


async def restore_rules(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store the retention rules of an agent that has none; returns whether it had none."""
    scope = layout.scopes[told.get("scope") or ""]
    rules = orjson.dumps(list(rules_of(told))).decode()
    return await connection.fetchval(layout.sql(_FILE, "restore_rules"), scope, told["agent"], rules) is not None


async def _begin(
    connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any], check: CheckContent
) -> "_Restore":
    scope = told.get("scope") or ""
    number = (await scope_ids(connection, layout, [scope], make=True))[scope]
    row = await connection.fetchrow(layout.sql(_FILE, "take_state"), number, told["agent"], told["name"])
    known = [
        _Known(each["version"], each["at"], each["place"], each["checksum"])
        for each in await connection.fetch(layout.sql(_FILE, "checks"), row["id"])
    ]
    return _Restore(connection, layout, check, row["id"], row["last"], known)


@dataclass(slots=True)
class _Restore:
    """One state on its way in."""

    connection: asyncpg.Connection
    layout: Layout
    check: CheckContent
    state: int
    last: int  # The highest version that the graph ever had.
    known: list[_Known]  # In order.
    done: RestoredState = field(default_factory=RestoredState)
    stated: Mapping[str, Any] | None = None  # The record of the state itself.
    repeated: int = 0
    versions: int = 0  # Of the file.
    highest: int = 0  # Of them.
    _kept: dict[int, bytes] = field(default_factory=dict)  # Contents by version, the oldest first.

    async def take(self, parts: list[Mapping[str, Any]]) -> None:
        """Store one version, unless the graph has it."""
        told = parts[0]
        version: int = told["version"]
        packed = packed_of(parts)
        self.versions += 1
        self.highest = max(self.highest, version)
        place = bisect_left([each.version for each in self.known], version)
        if place < len(self.known) and self.known[place].version == version:
            if self.known[place].checksum.hex() != told["sha256"]:
                raise Conflict(
                    f"The graph has a version {version} with other content.",
                    hint="Import into another graph or scope, or delete the state first.",
                )
            self.done.unchanged += len(parts)
            return
        content = await self._content_of(told, packed)
        await asyncio.to_thread(self.check, content, told["media_type"])
        await self._add(place, told, content)
        self.done.created += len(parts)

    async def finish(self) -> None:
        """Store the last number and the checkpoints."""
        stated = self.stated or {}
        last = stated.get("last", self.highest)
        if self.highest and last != self.highest:
            raise InvalidInput(
                f"last is {last}, but the versions end with {self.highest}.",
                hint="Import the whole file, as the export wrote it.",
            )
        if stated.get("versions", self.versions) != self.versions:
            raise InvalidInput(
                f"The file has {self.versions} of its {stated['versions']} versions.",
                hint="Import the whole file, as the export wrote it.",
            )
        was_there = self.last > 0
        if self.done.created:  # Of a state that was deleted, the numbers go on as in the file.
            await self._execute("restore_last", self.known[-1].version, False)
        elif not self.known:
            await self._execute("restore_last", max(self.last, last), True)
        versions = {each.version for each in self.known}
        added = 0
        for each in stated.get("checkpoints") or ():
            if each["version"] not in versions:
                raise InvalidInput(
                    f"The checkpoint {each['name']!r} names version {each['version']}, which is not there.",
                    hint="Import the whole file, as the export wrote it.",
                )
            added += await self._restore_checkpoint(each)
        if self.stated is not None:
            changed = bool(added or self.done.created) and was_there
            if not was_there:
                await restore_expiry(self.connection, self.layout, (STATE_KIND, self.state), self.stated)
            self.done.created += not was_there
            self.done.updated += changed
            self.done.unchanged += self.repeated + (was_there and not changed)

    async def _restore_checkpoint(self, told: Mapping[str, Any]) -> bool:
        sql = self.layout.sql(_FILE, "restore_checkpoint")
        at = parse_time(told["at"]).start
        return await self.connection.fetchval(sql, self.state, told["name"], told["version"], at) is not None

    async def _content_of(self, told: Mapping[str, Any], packed: bytes) -> bytes:
        """Return the content of a version as the file has it. Raises InvalidInput where it is damaged."""
        base = told.get("base")
        before = None if base is None else await self._stored(base)
        try:
            if zstandard.get_frame_parameters(packed).content_size != told["size"]:
                raise _damaged(told, "its size differs")
            content = await asyncio.to_thread(unpack, [packed], before)
        except zstandard.ZstdError as error:
            raise _damaged(told, f"it cannot be unpacked: {error}") from error
        if checksum(content).hex() != told["sha256"]:
            raise _damaged(told, "its checksum differs")
        return content

    async def _stored(self, version: int) -> bytes:
        """Return the content of a version that the graph has by now. Raises InvalidInput where it has none."""
        if version in self._kept:
            return self._kept[version]
        chain = await self.connection.fetch(self.layout.sql(_FILE, "chain"), self.state, version)
        if not chain:
            raise InvalidInput(
                f"A version is stored as the difference from version {version}, which is not there.",
                hint="Import the whole file, as the export wrote it.",
            )
        content = await unpacked([row["packed"] for row in chain])
        self._keep(version, content)
        return content

    def _keep(self, version: int, content: bytes) -> None:
        self._kept[version] = content
        while len(self._kept) > 1 and (
            len(self._kept) > _ALWAYS_KEPT or sum(map(len, self._kept.values())) > _MOST_KEPT
        ):
            del self._kept[next(iter(self._kept))]

    async def _add(self, place: int, told: Mapping[str, Any], content: bytes) -> None:
        """Store a new version before the one at `place`: the last as the difference from one before it."""
        at = parse_time(told["at"]).start
        assert at is not None  # noqa: S101 - the record was checked
        after = self.known[place].at if place < len(self.known) else None
        if (place and at <= self.known[place - 1].at) or (after is not None and at >= after):
            raise InvalidInput(
                f"Version {told['version']} is of {iso(at)}, which is not between the versions beside it.",
                hint="Import the file as the export wrote it.",
            )
        base, in_run = None, 0
        if place == len(self.known) and self.known:
            in_run = (self.known[-1].place + 1) % RUN
            base = base_of([(each.version, each.place) for each in reversed(self.known[-RUN:])], in_run)
        packed, differs = await packed_from(content, None if base is None else await self._stored(base))
        in_run, base = (in_run, base) if differs else (0, None)
        digest = checksum(content)
        await self.connection.execute(
            self.layout.sql(_FILE, "restore_version"), self.state, told["version"], at, told["media_type"],
            len(content), digest, in_run, base, packed, told.get("author"), told.get("restored_from"),
            told.get("branched_from"),
        )  # fmt: skip
        self.known.insert(place, _Known(told["version"], at, in_run, digest))
        self._keep(told["version"], content)

    async def _execute(self, name: str, *arguments: Any) -> None:
        await self.connection.execute(self.layout.sql(_FILE, name), self.state, *arguments)


def _damaged(told: Mapping[str, Any], what: str) -> InvalidInput:
    return InvalidInput(
        f"Version {told['version']} is damaged: {what}.", hint="Export the state again, or use another backup."
    )
