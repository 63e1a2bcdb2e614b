"""The cache of the settings."""

from contextlib import AsyncExitStack
from importlib import import_module
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

from kgmem.cache.layered import LayeredCache, SharedValues
from kgmem.domain.cache.policy import CACHE_KINDS, policy_of
from kgmem.services.cache.content import ContentCache
from kgmem.settings import Settings
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.read.epochs import PostgresEpochs

if TYPE_CHECKING:
    from kgmem.redis.connection import RedisConnection


def content_cache(
    settings: Settings, catalog: PostgresCatalog, redis: "RedisConnection | None", stack: AsyncExitStack
) -> ContentCache | None:
    """Return the cache, which processes share over Redis where there is one; None where it is off."""
    policies = {kind: policy_of(kind, getattr(settings, f"cache_{kind}")) for kind in CACHE_KINDS}
    if not settings.cache or not any(policies.values()):
        return None
    shared: SharedValues | None = import_module("kgmem.redis.cache").RedisValues(redis) if redis else None
    store = LayeredCache(policies, settings.cache_bytes, shared)
    epochs = PostgresEpochs(catalog)
    cache = ContentCache(store, epochs, version_of("kgmem"))
    stack.callback(store.close)
    stack.push_async_callback(epochs.aclose)
    stack.push_async_callback(cache.aclose)
    return cache
