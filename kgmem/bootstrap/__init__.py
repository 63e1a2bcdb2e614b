"""Bootstrap: builds the facade from the settings. The one room that names implementations."""

from kgmem.bootstrap.cache import examine_cache
from kgmem.bootstrap.databases import open_database, open_redis
from kgmem.bootstrap.opening import handlers, open_backups, open_memory, open_worker, verify_signature
from kgmem.bootstrap.ports import Infrastructure, Models, postgres_ports

__all__ = [
    "Infrastructure",
    "Models",
    "examine_cache",
    "handlers",
    "open_backups",
    "open_database",
    "open_memory",
    "open_redis",
    "open_worker",
    "postgres_ports",
    "verify_signature",
]
