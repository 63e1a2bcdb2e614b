"""`kgmem serve` and `kgmem worker`: long-running processes."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from prometheus_client.multiprocess import mark_process_dead

from kgmem.bolt.server import bolt_server
from kgmem.bootstrap import open_database, open_memory, open_redis, open_worker
from kgmem.cli.console import NOTES, note, run_async
from kgmem.cli.opening import load_settings
from kgmem.domain.errors import InvalidInput, ServerError
from kgmem.settings import Settings
from kgmem.store.db.migrate import require_current
from kgmem_api import server
from kgmem_api.supervisor import Command, Supervisor, python, stop_signals

Host = Annotated[str | None, typer.Option("--host", help="Address to bind instead of KGMEM_HOST.")]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port instead of KGMEM_PORT; 0 takes any free one.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=64, help="Processes that answer requests, instead of KGMEM_SERVER_PROCESSES."),
]


def serve(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    worker: Annotated[bool, typer.Option(help="Run background jobs too.")] = True,
) -> None:
    """Serve REST and Bolt until interrupted. A database of another version is refused with a hint."""
    settings = with_address(load_settings(), host, port)
    jobs = worker and settings.worker
    if (workers or settings.server_processes) > 1:
        settings = settings.model_copy(update={"server_processes": workers or settings.server_processes})
        asyncio.run(_serve_together(settings, jobs=jobs))
        return
    opening = partial(open_memory, settings, owner=True, worker=jobs, report=note)
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


async def _serve_together(settings: Settings, *, jobs: bool) -> None:
    """Serve with several processes, which share the sockets of this one, and one more for background jobs."""
    if sys.platform == "win32":
        raise InvalidInput("Several processes do not share a socket on Windows.", hint="Leave --workers out.")
    server.configure(settings)
    with ExitStack() as stack:
        rest = stack.enter_context(server.bound_socket(settings.host, settings.port))
        bolt = stack.enter_context(_bolt_socket(settings))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kgmem-")))
        commands = _commands(settings, folder, rest, bolt, jobs=jobs)
        supervisor = Supervisor(
            commands,
            report=note,
            ended=lambda pid: mark_process_dead(pid, str(folder)),  # type: ignore[no-untyped-call]
        )
        async with (
            stop_signals(supervisor.kill) as stop,
            open_database(settings, owner=True, report=note) as url,
            open_redis(settings, owner=True, report=note),
        ):
            await require_current(url)
            async with supervisor.running():
                report_ready(server.address_of(rest, tls=settings.tls_certificate is not None))
                await stop.wait()


def _commands(
    settings: Settings, folder: Path, rest: socket.socket, bolt: socket.socket | None, *, jobs: bool
) -> list[Command]:
    """Return the processes to run; each gets the sockets, and the settings that the command line changed."""
    inherited = [bound.fileno() for bound in (rest, bolt) if bound]
    changed = {name: getattr(settings, name) for name in ("host", "port", "server_processes")}
    common: dict[str, Any] = {
        "folder": str(folder),
        "settings": changed,
        "processes": settings.server_processes,
        "rest": rest.fileno(),
        "bolt": bolt.fileno() if bolt else None,
    }

    def command(name: str, number: int | None) -> Command:
        line = python("kgmem.cli.server_process", orjson.dumps({**common, "number": number}).decode())
        return Command(name, line, inherited)

    numbers = range(settings.server_processes)
    return [command(f"Server process {number + 1}", number) for number in numbers] + (
        [command("The process of background jobs", None)] if jobs else []
    )


@contextmanager
def _bolt_socket(settings: Settings) -> Iterator[socket.socket | None]:
    """Return the socket that Bolt connections come to; None where Bolt is off."""
    if not settings.bolt:
        yield None
        return
    try:
        bound = server.bound_socket(settings.host, settings.bolt_port, setting="KGMEM_BOLT_PORT")
    except ServerError as error:
        if "bolt_port" in settings.model_fields_set:
            raise
        note(f"Bolt is off. {error}")
        yield None
        return
    with bound:
        host, port = bound.getsockname()[:2]
        secure = "+s" if settings.bolt_certificate or settings.tls_certificate else ""
        note(f"Bolt at bolt{secure}://{f'[{host}]' if ':' in host else host}:{port}.")
        yield bound
