"""Sessions and memory blocks from the records of a file: each is stored as a whole or not at all.

Messages keep their numbers, ids and times, versions of blocks theirs. What the graph has already stays as it is;
another message or version in the same place is a conflict.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from kgmem.domain.agents.session_records import BLOCK, SESSION, block_content, body_of
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.graph.entity import EPISODE
from kgmem.domain.graph.expiry import BLOCK_KIND, SESSION_KIND
from kgmem.domain.time.interval import parse_time
from kgmem.store.agents.restore import RestoredState
from kgmem.store.agents.session_parts import add_parts
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.graph.records import encoded
from kgmem.store.write.expiry import restore_expiry

_AT_ONCE: Final = 500  # Messages.
_WHOLE: Final = "Import the whole file, as the export wrote it."
_ELSEWHERE: Final = "Import into another graph or scope, or delete what is there first."


async def restore_session(
    connection: asyncpg.Connection, layout: Layout, records: AsyncIterator[BeliefRecord]
) -> RestoredState:
    """Store a session from its records (itself, then its messages in order) in the caller's transaction.

    Raises InvalidInput for what is incomplete or names an episode that is not there, Conflict for what contradicts the
    graph.
    """
    run: _Session | None = None
    waiting: list[Mapping[str, Any]] = []
    async for record in records:
        if record.kind == SESSION:
            run = await _session(connection, layout, record.told, run)
        elif run is None:
            raise InvalidInput("The file has messages of it, but not the session itself.", hint=_WHOLE)
        else:
            waiting.append(record.told)
        run.done.kinds[record.kind] = run.done.kinds.get(record.kind, 0) + 1
        if len(waiting) == _AT_ONCE:
            await run.take(waiting)
            waiting = []
    if run is None:
        return RestoredState()
    if waiting:
        await run.take(waiting)
    await run.finish()
    return run.done


async def _session(
    connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any], run: "_Session | None"
) -> "_Session":
    if run is not None:
        if run.told != told:
            raise InvalidInput("The file states it twice, and not the same.", hint="Remove one of the records.")
        run.done.unchanged += 1
        return run
    scope = told.get("scope") or ""
    number = (await scope_ids(connection, layout, [scope], make=True))[scope]
    closed = None if told.get("closed") is None else parse_time(told["closed"]).start
    row = await connection.fetchrow(
        layout.sql("sessions", "take"), number, told["id"], told.get("agent"), list(told.get("users") or ()),
        encoded(told.get("metadata") or {}).decode(), parse_time(told["opened"]).start, closed,
    )  # fmt: skip
    return _Session(connection, layout, told, row["id"], number, is_new=row["created"], last=row["last"])


@dataclass(slots=True)
class _Session:
    """One session on its way in."""

    connection: asyncpg.Connection
    layout: Layout
    told: Mapping[str, Any]
    id: int
    scope: int
    is_new: bool
    last: int  # The highest number of the graph, and then of the file too.
    messages: int = 0  # Of the file.
    done: RestoredState = field(default_factory=RestoredState)

    async def take(self, told: Sequence[Mapping[str, Any]]) -> None:
        """Store messages, but for those that the graph has."""
        self.messages += len({each["seq"] for each in told})
        new = await self._new(told)
        self.done.unchanged += len(told) - len(new)
        if not new:
            return
        wanted = [each["episode"] for each in new]
        rows = await self.connection.fetch(self.layout.sql("sessions", "episodes_of_keys"), self.scope, EPISODE, wanted)
        episodes = {row["key"]: row["id"] for row in rows}
        missing = next((key for key in wanted if key not in episodes), None)
        if missing is not None:
            raise InvalidInput(f"The graph has no episode {missing[:200]!r}, which a message is.", hint=_WHOLE)
        bodies = [body_of(each) for each in new]
        await self.connection.execute(
            self.layout.sql("sessions", "restore"), self.id, [each["seq"] for each in new],
            [each["id"] for each in new], [episodes[key] for key in wanted], [body["role"] for body in bodies],
            [each["tokens"] for each in new], [parse_time(each["at"]).start for each in new],
            [bytes.fromhex(each["digest"]) for each in new], [encoded(body).decode() for body in bodies],
        )  # fmt: skip
        self.done.created += len(new)
        self.last = max(self.last, *(each["seq"] for each in new))

    async def _new(self, told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        rows = await self.connection.fetch(
            self.layout.sql("sessions", "taken"), self.id, [each["seq"] for each in told], [each["id"] for each in told]
        )
        there = {row["seq"]: (row["name"], row["digest"].hex()) for row in rows}
        place = {row["name"]: row["seq"] for row in rows}
        new = []
        for each in told:
            seq, said = each["seq"], (each["id"], each["digest"])
            if there.setdefault(seq, said) != said or place.get(each["id"], seq) != seq:
                raise Conflict(f"The session has another message at {seq} than {each['id'][:200]!r}.", hint=_ELSEWHERE)
            if each["id"] not in place:
                place[each["id"]] = seq
                new.append(each)
        return new

    async def finish(self) -> None:
        """Store what the messages come to."""
        if self.messages != self.told["messages"]:
            raise InvalidInput(f"The file has {self.messages} of its {self.told['messages']} messages.", hint=_WHOLE)
        self.last = max(self.last, self.told["last"])  # Numbers of deleted messages are not given again.
        latest = None if self.told.get("latest") is None else parse_time(self.told["latest"]).start
        changed = bool(self.done.created)
        await self.connection.execute(self.layout.sql("sessions", "settle"), self.id, self.last, latest)
        if changed:
            await self.connection.execute(self.layout.sql("session_parts", "forget_parts"), self.id)
            await add_parts(self.connection, self.layout, self.id, 0, self.last)
        if self.is_new:
            await restore_expiry(self.connection, self.layout, (SESSION_KIND, self.id), self.told)
        self.done.created += self.is_new
        self.done.updated += changed and not self.is_new
        self.done.unchanged += not changed and not self.is_new


async def restore_block(
    connection: asyncpg.Connection, layout: Layout, records: AsyncIterator[BeliefRecord]
) -> RestoredState:
    """Store a memory block from its records (itself, then its versions in order) in the caller's transaction.

    Raises InvalidInput for what is incomplete, Conflict for what contradicts the graph.
    """
    done = RestoredState()
    stated: Mapping[str, Any] | None = None
    block: Any = None
    held: dict[int, tuple[Any, ...]] = {}
    count = 0
    async for record in records:
        told = record.told
        done.kinds[record.kind] = done.kinds.get(record.kind, 0) + 1
        if record.kind == BLOCK:
            if stated is not None:
                raise InvalidInput("The file states it twice.", hint="Remove one of the records.")
            scope = told.get("scope") or ""
            number = (await scope_ids(connection, layout, [scope], make=True))[scope]
            block = await connection.fetchrow(layout.sql("blocks", "take"), number, told["name"])
            rows = await connection.fetch(layout.sql("blocks", "held"), block["id"])
            held, stated = {row["version"]: tuple(row)[1:] for row in rows}, told
            continue
        if stated is None:
            raise InvalidInput("The file has versions of it, but not the block itself.", hint=_WHOLE)
        count += 1
        made = await _add_version(connection, layout, block["id"], told, held)
        done.created += made
        done.unchanged += not made
    if stated is None:
        return done
    if count != stated["versions"]:
        raise InvalidInput(f"The file has {count} of its {stated['versions']} versions.", hint=_WHOLE)
    if held and stated["last"] not in held and stated["versions"]:
        raise InvalidInput(f"last is {stated['last']}, but the file has no version of that number.", hint=_WHOLE)
    was_there, changed = block["last"] > 0, bool(done.created)
    await connection.execute(layout.sql("blocks", "settle"), block["id"], stated["last"], not held)
    if not was_there:
        await restore_expiry(connection, layout, (BLOCK_KIND, block["id"]), stated)
    done.created += not was_there
    done.updated += was_there and changed
    done.unchanged += was_there and not changed
    return done


async def _add_version(
    connection: asyncpg.Connection,
    layout: Layout,
    block: int,
    told: Mapping[str, Any],
    held: dict[int, tuple[Any, ...]],
) -> bool:
    """Store a version unless the graph has it; returns whether it had not."""
    content, at, author = block_content(told), parse_time(told["at"]).start, told.get("author")
    row = (at, author, content.text, content.description, content.limit, list(content.agents))
    known = held.get(told["version"])
    if known is None:
        await connection.execute(layout.sql("blocks", "restore"), block, told["version"], *row)
        held[told["version"]] = row
        return True
    if tuple(known)[2:] != row[2:]:
        raise Conflict(f"The graph has a version {told['version']} with other content.", hint=_ELSEWHERE)
    return False
