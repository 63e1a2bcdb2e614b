"""The states of agents, in the tables of each graph: versions that never change, compressed as differences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import asyncpg
import orjson

from kgmem.domain.agents.state import (
    AgentState,
    Checkpoint,
    NewVersion,
    PruneResult,
    RetentionRule,
    StateAddress,
    StateContent,
    StateVersion,
    VersionChoice,
    WriteCondition,
)
from kgmem.domain.errors import ChecksumMismatch, NotFound, Unavailable, VersionConflict
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.expiry import NEVER, STATE_KIND
from kgmem.domain.time.interval import iso, parse_time
from kgmem.store.agents.packing import RUN, base_of, checksum, packed_from, unpacked
from kgmem.store.agents.retention import prune
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.write.expiry import is_over, note_document
from kgmem.tasks import caller

_FILE: Final = "agent_states"
_READS: Final = ("agent_states", "expiry")
_HIGHEST: Final = 2**31 - 1
_TRIES: Final = 50


@dataclass(frozen=True, slots=True)
class _Found:
    """A state: its number, and its current version (0: none)."""

    id: int
    current: int


@dataclass(frozen=True, slots=True)
class _Written:
    """What a writer gives, and the SHA-256 of its content."""

    new: NewVersion
    checksum: bytes


@dataclass(frozen=True, slots=True)
class _Packed:
    """A version that is ready to be stored."""

    written: _Written
    packed: bytes
    place: int
    base: int | None


class PostgresStates:
    """Agent states by scope, agent and name."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def put(self, graph: str, address: StateAddress, new: NewVersion, condition: WriteCondition) -> StateVersion:
        """Write a version, unless the current one has the same content. Raises VersionConflict."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("agent_states")
            if new.expires_at not in {None, NEVER}:
                await layout.ensure("expiry")
            written = _Written(new, checksum(new.content))
            for _ in range(_TRIES):
                ready = await self._packed(layout, address, written, condition)
                if isinstance(ready, int):
                    if new.expires_at is not None:
                        await self._extend(layout, address, new.expires_at)
                    return await self._version(layout, address, ready, created=False)
                version = await self._store(layout, address, ready, condition)
                if new.expires_at is not None:
                    self.catalog.expiry.forget(layout)
                if version is not None:
                    return await self._version(layout, address, version)
        raise Unavailable(f"The state {address.name!r} changes too fast.", hint="Try again in a moment.")

    async def get(self, graph: str, address: StateAddress, choice: VersionChoice) -> StateContent:
        """Return a version with its content. Raises NotFound, ChecksumMismatch."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            state = await _existing(connection, layout, address)
            number = await _chosen(connection, layout, state.id, address, choice)
            version = await _described(connection, layout, state.id, number)
            chain = await connection.fetch(layout.sql(_FILE, "chain"), state.id, number)
        content = await unpacked([row["packed"] for row in chain])
        if checksum(content).hex() != version.sha256:
            raise ChecksumMismatch(
                f"Version {number} of the state {address.name!r} is damaged: its checksum differs.",
                hint="Restore another version, or the database from a backup.",
            )
        return StateContent(version, content)

    async def find(self, graph: str, address: StateAddress, choice: VersionChoice) -> StateVersion:
        """Return a version without its content. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            state = await _existing(connection, layout, address)
            return await _described(
                connection, layout, state.id, await _chosen(connection, layout, state.id, address, choice)
            )

    async def list(self, graph: str, scope: str, agent: str | None, cursor: str | None, limit: int) -> Page[AgentState]:
        """Return the states in this scope only, by agent and name."""
        after_agent, _, after_name = (cursor or "").partition("/")
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            rows = await connection.fetch(layout.sql(_FILE, "list"), number, agent, after_agent, after_name, limit + 1)
            found = []
            for row in rows[:limit]:
                newest = await connection.fetch(layout.sql(_FILE, "versions"), row["id"], _HIGHEST, 1)
                if newest:  # Else it was deleted meanwhile.
                    found.append(
                        AgentState(
                            row["agent"], row["name"], scope, row["versions"], int(row["stored"] or 0), _told(newest[0])
                        )
                    )
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(found, f"{last['agent']}/{last['name']}" if last else None)

    async def versions(self, graph: str, address: StateAddress, cursor: str | None, limit: int) -> Page[StateVersion]:
        """Return the versions of a state, the newest first. Raises NotFound."""
        below = int(cursor) if cursor and cursor.isdigit() and len(cursor) < 10 else _HIGHEST
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            state = await _existing(connection, layout, address)
            rows = await connection.fetch(layout.sql(_FILE, "versions"), state.id, below, limit + 1)
        return Page(
            [_told(row) for row in rows[:limit]], str(rows[limit - 1]["version"]) if len(rows) > limit else None
        )

    async def delete(self, graph: str, address: StateAddress, condition: WriteCondition) -> int:
        """Delete a state with all versions and checkpoints; returns how many versions. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                state = await _existing(connection, layout, address)
                locked = await connection.fetchrow(layout.sql(_FILE, "lock_state"), state.id)
                if locked is None or locked["gone"]:
                    raise _no_state(address)
                _check(condition, locked["last"], address)
                if condition.expired and not await is_over(connection, layout, (STATE_KIND, state.id)):
                    return 0
                await note_document(connection, layout, (STATE_KIND, state.id), NEVER)
                await connection.execute(layout.sql(_FILE, "delete_names"), state.id)
                gone = await connection.execute(layout.sql(_FILE, "delete_versions"), state.id)
                await connection.execute(layout.sql(_FILE, "note_gone"), state.id)
                return int(gone.split()[-1])

            return await self.database.transact(work)

    async def set_checkpoint(self, graph: str, address: StateAddress, name: str, choice: VersionChoice) -> Checkpoint:
        """Name a version; a name moves from another version. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> Checkpoint:
                state = await _existing(connection, layout, address)
                await connection.fetchrow(layout.sql(_FILE, "lock_state"), state.id)  # Else retention deletes it.
                number = await _chosen(connection, layout, state.id, address, choice)
                row = await connection.fetchrow(layout.sql(_FILE, "set_checkpoint"), state.id, name, number)
                return Checkpoint(row["name"], row["version"], iso(row["at"]))

            return await self.database.transact(work)

    async def checkpoints(self, graph: str, address: StateAddress) -> Sequence[Checkpoint]:
        """Return the checkpoints of a state, by version. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            state = await _existing(connection, layout, address)
            rows = await connection.fetch(layout.sql(_FILE, "checkpoints"), state.id)
        return [Checkpoint(row["name"], row["version"], iso(row["at"])) for row in rows]

    async def delete_checkpoint(self, graph: str, address: StateAddress, name: str) -> None:
        """Take a name from its version. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            state = await _existing(connection, layout, address)
            if await connection.fetchval(layout.sql(_FILE, "delete_checkpoint"), state.id, name) is None:
                raise _no_checkpoint(name)

    async def set_rules(self, graph: str, scope: str, agent: str, rules: Sequence[RetentionRule]) -> None:
        """Store the retention rules of an agent; none deletes them."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            if rules:
                await layout.ensure("agent_states")
            async with self.database.connection() as connection:
                if not rules:
                    await connection.execute(
                        layout.sql(_FILE, "delete_rules"), await _scope(connection, layout, scope), agent
                    )
                    return
                number = (await scope_ids(connection, layout, [scope], make=True))[scope]
                await connection.execute(
                    layout.sql(_FILE, "set_rules"), number, agent, orjson.dumps(list(rules)).decode()
                )

    async def rules(self, graph: str, scope: str, agent: str) -> Sequence[RetentionRule]:
        """Return the retention rules of an agent; none where all versions are kept."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return await _rules(connection, layout, await _scope(connection, layout, scope), agent)

    async def with_rules(self, graph: str) -> Sequence[tuple[str, str]]:
        """Return (scope, agent) of those that have retention rules."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return [(row["path"], row["agent"]) for row in await connection.fetch(layout.sql(_FILE, "with_rules"))]

    async def prune(self, graph: str, scope: str, agent: str, *, dry_run: bool) -> Sequence[PruneResult]:
        """Delete the versions that the rules of an agent do not keep; returns one result for each state."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            async with self.database.connection() as connection:
                number = await _scope(connection, layout, scope)
                rules = await _rules(connection, layout, number, agent)
                states = await connection.fetch(layout.sql(_FILE, "of_agent"), number, agent) if rules else []
            return [
                await prune(
                    self.database, layout, row["id"], StateAddress(agent, row["name"], scope), rules, dry_run=dry_run
                )
                for row in states
            ]

    async def _packed(
        self,
        layout: Layout,
        address: StateAddress,
        written: _Written,
        condition: WriteCondition,
    ) -> _Packed | int:
        """Compress content as the difference from an earlier version; returns the current version where it has it.

        It takes no lock. Raises VersionConflict where the condition does not hold.
        """
        base: int | None = None
        place, chain = 0, []
        async with self.database.connection() as connection:
            state = await _state(connection, layout, address) or _Found(0, 0)
            run = await connection.fetch(layout.sql(_FILE, "run"), state.id) if state.current else []
            if run and (run[0]["checksum"], run[0]["media_type"]) == (written.checksum, written.new.media_type):
                # A write that is sent again, since its answer was lost, finds its own version.
                before = 0 if len(run) == 1 else state.current - 1
                if condition.version in {None, state.current, before}:
                    return state.current
            _check(condition, state.current, address)
            if run:
                place = (run[0]["place"] + 1) % RUN
                base = base_of([(row["version"], row["place"]) for row in run], place)
            if base is not None:
                chain = await connection.fetch(layout.sql(_FILE, "chain"), state.id, base)
        if base is not None and not chain:
            base, place = None, 0

        earlier = await unpacked([row["packed"] for row in chain]) if chain else None
        packed, differs = await packed_from(written.new.content, earlier)
        return _Packed(written, packed, place if differs else 0, base if differs else None)

    async def _store(
        self, layout: Layout, address: StateAddress, ready: _Packed, condition: WriteCondition
    ) -> int | None:
        """Store a version; returns its number, or None where the base is gone and it has to be packed again."""
        by = caller()

        async def work(connection: asyncpg.Connection) -> int | None:
            number = (await scope_ids(connection, layout, [address.scope], make=True))[address.scope]
            row = await connection.fetchrow(layout.sql(_FILE, "take_state"), number, address.agent, address.name)
            _check(condition, 0 if row["gone"] else row["last"], address)
            if ready.base is not None and not await connection.fetchval(
                layout.sql(_FILE, "is_there"), row["id"], ready.base
            ):
                return None
            version: int = row["last"] + 1
            new = ready.written.new
            await connection.execute(
                layout.sql(_FILE, "add_version"), row["id"], version, new.media_type, len(new.content),
                ready.written.checksum, ready.place, ready.base, ready.packed, by.key if by else None,
                new.origin.restored_from, new.origin.branched_from,
            )  # fmt: skip
            await note_document(connection, layout, (STATE_KIND, row["id"]), new.expires_at)
            await connection.execute(layout.sql(_FILE, "note_last"), row["id"], version)
            return version

        return await self.database.transact(work)

    async def _extend(self, layout: Layout, address: StateAddress, expires_at: str) -> None:
        """Note when a state is deleted whose content stays."""

        async def work(connection: asyncpg.Connection) -> None:
            state = await _existing(connection, layout, address)
            await connection.fetchrow(layout.sql(_FILE, "lock_state"), state.id)
            await note_document(connection, layout, (STATE_KIND, state.id), expires_at)

        await self.database.transact(work)
        self.catalog.expiry.forget(layout)

    async def _version(
        self, layout: Layout, address: StateAddress, version: int, *, created: bool = True
    ) -> StateVersion:
        async with self.database.connection() as connection:
            state = await _existing(connection, layout, address)
            return await _described(connection, layout, state.id, version, created=created)


async def _scope(connection: asyncpg.Connection, layout: Layout, scope: str) -> int:
    return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def _state(connection: asyncpg.Connection, layout: Layout, address: StateAddress) -> _Found | None:
    number = await _scope(connection, layout, address.scope)
    row = await connection.fetchrow(layout.sql(_FILE, "state"), number, address.agent, address.name)
    return _Found(row["id"], 0 if row["gone"] else row["last"]) if row else None


async def _existing(connection: asyncpg.Connection, layout: Layout, address: StateAddress) -> _Found:
    state = await _state(connection, layout, address)
    if state is None or not state.current:
        raise _no_state(address)
    return state


async def _chosen(
    connection: asyncpg.Connection, layout: Layout, state: int, address: StateAddress, choice: VersionChoice
) -> int:
    """Return the number of the version that is meant. Raises NotFound."""
    found: int | None
    if choice.version is not None:
        found = await connection.fetchval(layout.sql(_FILE, "by_number"), state, choice.version)
    elif choice.checkpoint is not None:
        found = await connection.fetchval(layout.sql(_FILE, "by_checkpoint"), state, choice.checkpoint)
        if found is None:
            raise _no_checkpoint(choice.checkpoint)
    elif choice.at is not None:
        found = await connection.fetchval(layout.sql(_FILE, "as_of"), state, parse_time(choice.at).start)
        if found is None:
            raise NotFound(
                f"The state {address.name!r} has no version of {choice.at} or earlier.",
                hint="List its versions; retention rules may have deleted older ones.",
            )
    else:
        found = await connection.fetchval(layout.sql(_FILE, "current"), state)
        if found is None:
            raise _no_state(address)
    if found is None:
        raise NotFound(f"The state {address.name!r} has no version {choice.version}.", hint="List its versions.")
    return found


async def _described(
    connection: asyncpg.Connection, layout: Layout, state: int, version: int, *, created: bool = True
) -> StateVersion:
    rows = await connection.fetch(layout.sql(_FILE, "versions"), state, version + 1, 1)
    if not rows or rows[0]["version"] != version:
        raise NotFound(f"There is no version {version} any more.", hint="Read the state again.")
    return replace(_told(rows[0]), created=created)


async def _rules(connection: asyncpg.Connection, layout: Layout, scope: int, agent: str) -> list[RetentionRule]:
    text = await connection.fetchval(layout.sql(_FILE, "rules"), scope, agent)
    return [RetentionRule(**each) for each in orjson.loads(text)] if text else []


def _told(row: asyncpg.Record) -> StateVersion:
    return StateVersion(
        version=row["version"], at=iso(row["at"]), media_type=row["media_type"], size=row["size"],
        stored=row["stored"], sha256=row["checksum"].hex(), author=row["author"], restored_from=row["restored_from"],
        branched_from=row["branched_from"], checkpoints=tuple(row["checkpoints"]),
        expires_at=iso(row["expires_at"]) if row["expires_at"] is not None else None,
    )  # fmt: skip


def _check(condition: WriteCondition, current: int, address: StateAddress) -> None:
    """Raise VersionConflict unless the current version is the one that the writer knows."""
    if condition.version in {None, current}:
        return
    told = f"is at version {current}" if current else "does not exist"
    raise VersionConflict(
        f"The state {address.name!r} {told}, not at version {condition.version}.",
        hint="Read it again, apply the change to what it holds now, and write with its version.",
        stored_version=current,
    )


def _no_state(address: StateAddress) -> NotFound:
    return NotFound(
        f"The agent {address.agent!r} has no state {address.name!r} in this scope.", hint="List the agent's states."
    )


def _no_checkpoint(name: str) -> NotFound:
    return NotFound(f"There is no checkpoint {name!r}.", hint="List the state's checkpoints.")
