"""A server as a process of its own, for tests to kill while it imports: small batches, and a worker in a hurry."""

import sys
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from kgmem import bootstrap
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.settings import Settings
from kgmem.store.jobs.worker import WorkerOptions
from kgmem_api import server
from kgmem_api.wire import imports


def main(url: str, home: str) -> None:
    """Serve the database of the URL with a data folder until killed; the address is told on standard output."""
    bootstrap._options = _in_a_hurry
    vars(imports)["ImportOptions"] = partial(ImportOptions, batch=100)
    settings = Settings(database_url=SecretStr(url), home=Path(home), port=0, embedder="hash", pool_size=4)
    opening = partial(bootstrap.open_memory, settings, worker=True)
    server.run(settings, opening, ready=_tell)


def _in_a_hurry(memory: Memory) -> WorkerOptions:
    return WorkerOptions(
        heartbeat=0.2, silence=1.0, poll=0.1, foreign_writes=0.5, places=(memory.imports.uploads.place,)
    )


def _tell(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
