"""A look at Redis: whether it answers in time, and whether it may evict what is no cache."""

from collections.abc import Sequence
from importlib import import_module

from kgmem.domain.errors import KgmemError
from kgmem.redis.opening import redis_connection
from kgmem.store.db.diagnostics import Finding

_AREA = "redis"


async def examine_redis(url: str, timeout: float) -> list[Finding]:
    """Return findings about the server behind the URL; one that cannot be reached is a finding too."""
    try:
        async with redis_connection(url, timeout) as connection:
            latency = await connection.latency()
            policy = await connection.eviction_policy()
            lossy = await import_module("kgmem.redis.durability").faults_of(connection)
            return [_answers(connection.name, latency, timeout), _evicts(policy), _keeps(lossy)]
    except KgmemError as exc:
        hint = exc.hint or "Start it, or correct KGMEM_REDIS_URL. kgmem works without it, and slower."
        return [Finding(_AREA, "warning", exc.message, hint)]


def _answers(name: str, latency: float, timeout: float) -> Finding:
    what = f"{name} answers in {1000 * latency:.1f} ms"
    if latency > timeout / 2:
        hint = f"Calls end after {1000 * timeout:.0f} ms: take a nearer server, or raise KGMEM_REDIS_TIMEOUT."
        return Finding(_AREA, "warning", what, hint)
    return Finding(_AREA, "ok", what)


def _keeps(faults: Sequence[str]) -> Finding:
    if not faults:
        return Finding(_AREA, "ok", "it keeps what it has acknowledged: new work streams are made in it")
    hint = "Set appendonly yes, appendfsync always and maxmemory-policy volatile-lfu to have work streams in Redis."
    return Finding(_AREA, "warning", f"new work streams are made in Postgres: {'; '.join(faults)}", hint)


def _evicts(policy: str | None) -> Finding:
    if policy is None:
        return Finding(_AREA, "ok", "its maxmemory-policy is unknown: the server does not show its settings")
    what = f"its maxmemory-policy is {policy}"
    if policy.startswith("allkeys-"):
        hint = "It evicts streams and sessions too: set maxmemory-policy to volatile-lfu."
        return Finding(_AREA, "warning", what, hint)
    if policy == "noeviction":
        return Finding(_AREA, "ok", f"{what}: when its memory is full, answers are not cached any more")
    return Finding(_AREA, "ok", what)
