"""A server with its jobs as a process of its own, for tests to kill: its webhooks may reach loopback."""

import sys
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.settings import Settings
from kgmem_api import server


def main(url: str, home: str, redis: str = "") -> None:
    """Serve the database of the URL until killed; the address is printed on standard output."""
    settings = Settings(
        database_url=SecretStr(url), home=Path(home), port=0, embedder="none", extractor="none",
        webhook_allow="127.0.0.0/8", redis_url=SecretStr(redis) if redis else None,
    )  # fmt: skip
    server.run(settings, partial(open_memory, settings, worker=True), ready=_show)


def _show(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
