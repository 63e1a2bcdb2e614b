"""Retention: which versions of a state go, and how those that stay are packed without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from kgmem.domain.agents.state import PruneResult, RetentionRule, StateAddress, outlived
from kgmem.domain.time.interval import now
from kgmem.store.agents.packing import packed_from, unpacked
from kgmem.store.db.database import Database
from kgmem.store.graph.layout import Layout

_FILE: Final = "agent_states"
_AT_ONCE: Final = 200  # Versions that one transaction deletes: writers of the state wait for it.


@dataclass(frozen=True, slots=True)
class _Aged:
    """A version: what it is the difference from, and the bytes that it takes."""

    base: int | None
    stored: int


async def prune(
    database: Database,
    layout: Layout,
    state: int,
    address: StateAddress,
    rules: Sequence[RetentionRule],
    *,
    dry_run: bool,
) -> PruneResult:
    """Delete the versions of a state that no rule keeps; with a dry run, only tell which."""
    gone: list[int] = []
    freed = 0
    moment = now()

    async def work(connection: asyncpg.Connection) -> tuple[Mapping[int, _Aged], list[int]]:
        await connection.fetchrow(layout.sql(_FILE, "lock_state"), state)
        held, doomed = await _doomed(connection, layout, state, rules, moment)
        doomed = doomed[:_AT_ONCE]
        if doomed:
            await _delete(connection, layout, state, held, frozenset(doomed))
        return held, doomed

    if dry_run:
        async with database.connection() as connection:
            held, gone = await _doomed(connection, layout, state, rules, moment)
        return _result(address, held, gone)
    kept = 0
    while True:
        held, part = await database.transact(work)
        gone += part
        freed += sum(held[version].stored for version in part)
        kept = len(held) - len(part)
        if len(part) < _AT_ONCE:
            return PruneResult(address.agent, address.name, address.scope, kept, gone, freed)


def _result(address: StateAddress, held: Mapping[int, _Aged], gone: Sequence[int]) -> PruneResult:
    freed = sum(held[version].stored for version in gone)
    return PruneResult(address.agent, address.name, address.scope, len(held) - len(gone), gone, freed)


async def _doomed(
    connection: asyncpg.Connection, layout: Layout, state: int, rules: Sequence[RetentionRule], moment: int
) -> tuple[Mapping[int, _Aged], list[int]]:
    """Return all versions, and those that no rule keeps, oldest first."""
    rows = await connection.fetch(layout.sql(_FILE, "ages"), state)
    names = await connection.fetch(layout.sql(_FILE, "checkpoints"), state)
    gone = outlived(
        [(row["version"], int(row["at"])) for row in rows], frozenset(row["version"] for row in names), rules, moment
    )
    return {row["version"]: _Aged(row["base"], row["stored"]) for row in rows}, gone


async def _delete(
    connection: asyncpg.Connection, layout: Layout, state: int, held: Mapping[int, _Aged], doomed: frozenset[int]
) -> None:
    """Delete versions; one that stays and is the difference from one that goes is packed from an earlier one.

    That is the nearest in its own chain that stays, so that no chain gets longer.
    """
    for version, aged in held.items():
        if version in doomed or aged.base not in doomed:
            continue
        base: int | None = aged.base
        while base is not None and base in doomed:
            base = held[base].base
        content = await _content(connection, layout, state, version)
        earlier = None if base is None else await _content(connection, layout, state, base)
        packed, differs = await packed_from(content, earlier)
        await connection.execute(layout.sql(_FILE, "repack"), state, version, packed, base if differs else None)
    await connection.execute(layout.sql(_FILE, "prune"), state, sorted(doomed))


async def _content(connection: asyncpg.Connection, layout: Layout, state: int, version: int) -> bytes:
    return await unpacked([row["packed"] for row in await connection.fetch(layout.sql(_FILE, "chain"), state, version)])
