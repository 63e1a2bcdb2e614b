"""Findings about each host of a database that several servers keep: which takes writes, and how far others follow."""

import asyncio
from dataclasses import dataclass

import asyncpg

from kgmem.store.db.diagnostics import Finding
from kgmem.store.db.hosts import Host, connect_to, hosts_of
from kgmem.store.db.sql import SQL

_STATE = SQL(r"""
    SELECT pg_is_in_recovery() AS standby,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END
             - '0/0'::pg_lsn AS position,
           (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
           current_setting('synchronous_standby_names') <> '' AS synchronous,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_textsearch'
                     AND string_to_array(substring(extversion FROM '^\d+\.\d+'), '.')::int[] < '{1,5}') AS in_memory
""")


@dataclass(frozen=True, slots=True)
class HostState:
    """What one host is: None in `error` where it answered. `position` counts bytes of the WAL.

    `in_memory`: its keyword index is not in the WAL.
    """

    host: str
    error: str | None = None
    standby: bool = False
    position: int = 0
    timeline: int = 0
    synchronous: bool = False
    in_memory: bool = False


async def examine_hosts(url: str) -> list[Finding]:
    """Findings about the hosts of a URL; none where it names one alone. Changes nothing."""
    hosts = hosts_of(url)
    if len(hosts) < 2:
        return []
    return judge_hosts(await asyncio.gather(*(_state_of(url, host) for host in hosts)))


async def examine_replicas(url: str | None) -> list[Finding]:
    """Findings about the hosts that are read from; none without a URL. Changes nothing."""
    states = await asyncio.gather(*(_state_of(url, host) for host in hosts_of(url))) if url else []
    return [_of_replica(each) for each in states]


async def _state_of(url: str, host: Host) -> HostState:
    name = f"{host[0]}:{host[1]}"
    try:
        connection = await connect_to(url, host)
        try:
            row = await connection.fetchrow(_STATE, timeout=5)
        finally:
            connection.terminate()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return HostState(name, error=str(error) or type(error).__name__)
    return HostState(
        name, None, row["standby"], int(row["position"]), row["timeline"], row["synchronous"], row["in_memory"]
    )


def judge_hosts(states: list[HostState]) -> list[Finding]:
    """Return a finding for each host, and what is wrong with all of them together."""
    primaries = [each for each in states if each.error is None and not each.standby]
    first = primaries[0] if primaries else None
    findings = [_of_host(each, first) for each in states]
    if len(primaries) > 1:
        names = " and ".join(each.host for each in primaries)
        findings.append(
            Finding(
                "hosts", "problem", f"{names} both take writes.",
                "Stop the one that the cluster manager has replaced, and let it follow again by pg_rewind.",
            )
        )  # fmt: skip
    if first is not None and not first.synchronous:
        findings.append(
            Finding(
                "hosts", "warning", "Commits wait for no standby: a failover may lose the last acknowledged writes.",
                "Set synchronous_standby_names on the primary (Patroni: synchronous_mode).",
            )
        )  # fmt: skip
    return findings


def _of_replica(state: HostState) -> Finding:
    area = f"replica {state.host}"
    if state.error is not None:
        hint = "Start it, or remove it from KGMEM_READ_URL; the primary answers meanwhile."
        return Finding(area, "warning", f"It is not reachable: {state.error}.", hint)
    if not state.standby:
        hint = "Name the standbys in KGMEM_READ_URL; the others read what they have anyway."
        return Finding(area, "warning", "It is a primary, which answers writes as well.", hint)
    if state.in_memory:
        what = "Questions with words go to the primary: its keyword index is not in the write-ahead log."
        return Finding(area, "warning", what, "Upgrade to pg_textsearch 1.5 or newer on all servers.")
    return Finding(area, "ok", f"standby, replayed to {state.position:,} bytes")


def _of_host(state: HostState, primary: HostState | None) -> Finding:
    area = f"host {state.host}"
    if state.error is not None:
        return Finding(area, "warning", f"It is not reachable: {state.error}.", "Start it, or remove it from the URL.")
    if not state.standby:
        return Finding(area, "ok", f"primary, timeline {state.timeline}")
    if primary is None:
        return Finding(area, "warning", "a standby, and no host is the primary", "Promote one, or wait for it.")
    behind = max(0, primary.position - state.position)
    return Finding(area, "ok", f"standby, {behind:,} bytes behind the primary")
