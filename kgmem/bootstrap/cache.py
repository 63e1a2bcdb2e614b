"""The cache of the settings."""

from contextlib import AsyncExitStack
from importlib import import_module
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

from kgmem.cache.layered import LayeredCache, SharedValues
from kgmem.domain.cache.policy import CACHE_KINDS, policy_of
from kgmem.domain.errors import InvalidInput
from kgmem.services.cache.content import ContentCache
from kgmem.settings import Settings
from kgmem.store.db.diagnostics import Finding
from kgmem.store.db.replicas import Replicas
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.read.epochs import PostgresEpochs

if TYPE_CHECKING:
    from kgmem.redis.connection import RedisConnection


def examine_cache(settings: Settings) -> list[Finding]:
    """Return findings about what the settings say of the cache."""
    try:
        on = [kind for kind in CACHE_KINDS if policy_of(kind, getattr(settings, f"cache_{kind}"))]
    except InvalidInput as error:
        return [Finding("cache", "problem", error.message, error.hint)]
    if not settings.cache or not on:
        return [Finding("cache", "ok", "off")]
    where = f"{settings.cache_bytes / 2**20:.0f} MB in each process"
    shared = ", and shared over Redis" if settings.redis_url else ""
    return [Finding("cache", "ok", f"{', '.join(on)}: {where}{shared}")]


def content_cache(
    settings: Settings,
    catalog: PostgresCatalog,
    redis: "RedisConnection | None",
    stack: AsyncExitStack,
    replicas: Replicas | None = None,
) -> ContentCache | None:
    """Return the cache, which processes share over Redis where there is one; None where it is off.

    What is cached at an epoch that the primary told is read from `replicas` that have all of that epoch.
    """
    policies = {kind: policy_of(kind, getattr(settings, f"cache_{kind}")) for kind in CACHE_KINDS}
    if not settings.cache or not any(policies.values()):
        return None
    shared: SharedValues | None = import_module("kgmem.redis.cache").RedisValues(redis) if redis else None
    store = LayeredCache(policies, settings.cache_bytes, shared)
    epochs = PostgresEpochs(catalog, replicas.freshness.seen_primary if replicas else None)
    cache = ContentCache(store, epochs, version_of("kgmem"))
    stack.callback(store.close)
    stack.push_async_callback(epochs.aclose)
    stack.push_async_callback(cache.aclose)
    return cache
