"""`kgmem serve` and `kgmem worker`: long-running processes."""

from functools import partial
from typing import Annotated

import typer

from kgmem.bolt.server import bolt_server
from kgmem.bootstrap import open_memory, open_worker
from kgmem.cli.console import NOTES, note, run_async
from kgmem.cli.opening import load_settings
from kgmem.settings import Settings
from kgmem_api import server

Host = Annotated[str | None, typer.Option("--host", help="Address to bind instead of KGMEM_HOST.")]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port instead of KGMEM_PORT; 0 takes any free one.")
]


def serve(
    host: Host = None,
    port: Port = None,
    worker: Annotated[bool, typer.Option(help="Run background jobs in this process too.")] = True,
) -> None:
    """Serve REST and Bolt until interrupted. A database of another version is refused with a hint."""
    settings = with_address(load_settings(), host, port)
    opening = partial(open_memory, settings, owner=True, worker=worker and settings.worker, report=note)
    server.run(settings, opening, ready=report_ready, beside=partial(bolt_server, settings, say=note))


def worker() -> None:
    """Run background jobs until interrupted. Another machine needs only KGMEM_DATABASE_URL."""
    note("Running background jobs. Stop with Ctrl-C.")
    run_async(open_worker(load_settings(), report=note))


def with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    """Return the settings with `host` and `port` replaced where they are not None."""
    wanted = {"host": host, "port": port}
    return settings.model_copy(update={name: value for name, value in wanted.items() if value is not None})


def report_ready(address: str) -> None:
    """Print the address of the server and how to stop it."""
    NOTES.print(f"kgmem serves at [bold]{address}[/] (its API: {address}/docs). Stop it with Ctrl-C.")
