"""Whether a server of Redis keeps what it has acknowledged: work streams are stored only where it does."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from kgmem.redis.connection import Client, RedisConnection

_LONGEST: Final = 1.0  # Seconds.
_OLDEST: Final = 7  # Redis 7.0 and each Valkey: scripts that free memory run where it is used up.
_WANTED: Final = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy")


async def faults_of(connection: RedisConnection) -> Sequence[str]:
    """Return what `faults` does of a server that may take a second. Raises RedisUnavailable."""
    patient = connection.patient(_LONGEST)
    try:
        return await patient.call(faults)
    finally:
        await patient.aclose()


async def faults(client: Client) -> Sequence[str]:
    """Return why work streams are not to be stored on a server; empty where they may be."""
    info: Mapping[str, Any] = await client.info()
    found = []
    if int(str(info.get("redis_version", "0")).partition(".")[0]) < _OLDEST:
        found.append(f"it is older than Redis {_OLDEST}")
    if info.get("cluster_enabled"):
        found.append("it is a node of a cluster")
    if info.get("role") not in {None, "master"}:
        found.append("it is a replica")
    try:
        told = await client.config_get(*_WANTED)
    except ResponseError:
        return [*found, "it does not show its settings, so that nobody knows what a crash loses"]
    return [*found, *_of_settings({_text(name): _text(value) for name, value in told.items()})]


def _of_settings(settings: Mapping[str, str]) -> Sequence[str]:
    found = []
    if settings.get("appendonly") != "yes":
        found.append("it has no append-only file (appendonly is no)")
    elif settings.get("appendfsync") != "always":
        found.append(f"a crash may lose what it has acknowledged (appendfsync is {settings.get('appendfsync')})")
    if settings.get("no-appendfsync-on-rewrite") == "yes":
        found.append("it does not sync while it rewrites its file (no-appendfsync-on-rewrite is yes)")
    if settings.get("maxmemory-policy", "").startswith("allkeys-"):
        found.append(f"it evicts streams when its memory is full (maxmemory-policy is {settings['maxmemory-policy']})")
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
