"""`kgmem db`: start, stop, migrate and inspect the database."""

import asyncio
import dataclasses
import signal
import subprocess
import tempfile
from typing import Annotated, Any

import orjson
import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from kgmem.bootstrap import open_database
from kgmem.cli.opening import load_settings
from kgmem.domain.errors import InvalidInput
from kgmem.redis.embedded import EmbeddedRedis
from kgmem.settings import Settings
from kgmem.store.db.hosts import to_primary
from kgmem.store.db.migrate import MigrationState, Report, downgrade, revision_state
from kgmem.store.db.migrate import migrate as upgrade
from kgmem.store.embedded.binaries import find_binaries
from kgmem.store.embedded.lifecycle import EmbeddedPostgres, ServerStatus
from kgmem.store.embedded.log import follow, last_lines, size_of

# `kgmem db migrate`: the tables of the database up to this kgmem's revision, or back.


def migrate(
    to: Annotated[str | None, typer.Option("--to", help="Upgrade to this revision; by default the newest.")] = None,
    down: Annotated[
        str | None, typer.Option("--down", help="Downgrade to this revision, keeping all data; base removes kgmem.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Migrate the tables of the database to the revision of this kgmem."""
    if to is not None and down is not None:
        raise InvalidInput("--to and --down exclude each other.", hint="Use one of them.")
    steps: list[str] = []

    def report(step: str) -> None:
        steps.append(step)
        if not as_json:
            typer.echo(step)

    before, after = asyncio.run(_migrate(load_settings(), to or "head", down, report))
    if as_json:
        typer.echo(orjson.dumps({"before": before.current, **dataclasses.asdict(after), "steps": steps}))
    elif after.current is None:
        typer.echo("The database has no tables of kgmem.")
    else:
        typer.echo(f"The database is at revision {after.current}{'' if steps else ' already'}.")


async def _migrate(
    settings: Settings, to: str, down: str | None, report: Report
) -> tuple[MigrationState, MigrationState]:
    async with open_database(settings) as url:
        before = await revision_state(url)
        if down is None:
            return before, await upgrade(url, to, report=report)
        return before, await downgrade(url, down, report=report)


app = typer.Typer(help="Start, stop, migrate and inspect the database.", no_args_is_help=True)
app.command()(migrate)

# The exit code of `pg_ctl status`.
NOT_RUNNING = 3

AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def start(as_json: AsJSON = False) -> None:
    """Start the embedded Postgres and leave it running."""

    async def run() -> ServerStatus:
        postgres = _embedded()
        await postgres.start()
        status = await postgres.status()
        await postgres.leave_running()
        return dataclasses.replace(status, stays_up=True)

    status = asyncio.run(run())
    if as_json:
        _print_json(status)
    else:
        typer.echo(f"Postgres {status.version} runs (process {status.pid}): {status.url}")
        typer.echo("Stop it with: kgmem db stop")


@app.command()
def stop(as_json: AsJSON = False) -> None:
    """Stop the Postgres that `kgmem db start` left running."""

    async def run() -> bool:
        stopped = await _embedded().shut_down()
        # A Valkey stays up with Postgres, and ends with it.
        await EmbeddedRedis(load_settings().home).shut_down()
        return stopped

    stopped = asyncio.run(run())
    if as_json:
        typer.echo(orjson.dumps({"stopped": stopped}))
    else:
        typer.echo("Postgres has stopped." if stopped else "Postgres is not running.")


@app.command()
def status(as_json: AsJSON = False) -> None:
    """Show the status of the embedded Postgres. Exit code 3 when it is not running."""
    found = asyncio.run(_embedded().status())
    if as_json:
        _print_json(found)
    else:
        _print_status(found)
    if not found.running:
        raise typer.Exit(NOT_RUNNING)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql on the database (embedded or external); other arguments are passed to psql, such as -c "SELECT 1"."""
    raise typer.Exit(asyncio.run(_psql(load_settings(), context.args)))


@app.command()
def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines to show.")] = 50,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Show the log of the embedded Postgres."""
    path = _embedded().log_path
    last = last_lines(path, lines)
    if as_json:
        typer.echo(orjson.dumps({"log": str(path), "lines": last}))
        return
    for line in last:
        typer.echo(line)
    if following:
        for line in follow(path, size_of(path)):
            typer.echo(line)


def _embedded() -> EmbeddedPostgres:
    """The embedded Postgres of the settings. Raises InvalidInput when they name an external one."""
    settings = load_settings()
    if settings.database_url:
        raise InvalidInput(
            "KGMEM_DATABASE_URL names an external Postgres, which kgmem does not start, stop or log.",
            hint="Unset it to use the embedded one; kgmem doctor checks both.",
        )
    console = Console(stderr=True, highlight=False, markup=False)
    return EmbeddedPostgres(settings.home, port=settings.postgres_port, report=console.print, attach=True)


async def _psql(settings: Settings, arguments: list[str]) -> int:
    if settings.database_url_text is None:
        async with _embedded() as postgres:
            return await _run(postgres.psql_command(*arguments))
    parts = conninfo_to_dict(to_primary(settings.database_url_text))
    password = str(parts.pop("password", ""))
    # Command lines are visible to everybody on the machine, so the password goes through a file.
    with tempfile.NamedTemporaryFile("w", prefix="kgmem-") as file:
        if password:
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            file.write(f"*:*:*:*:{escaped}\n")
            file.flush()
            parts["passfile"] = file.name
        return await _run([find_binaries().program("psql"), make_conninfo("", **parts), *arguments])


async def _run(command: list[str]) -> int:
    """Run a program on this terminal; Ctrl-C is for the program, which knows what to do with it."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    try:
        done = await asyncio.to_thread(subprocess.run, command, check=False)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return done.returncode


def _print_json(status: ServerStatus) -> None:
    facts: dict[str, Any] = dataclasses.asdict(status)
    typer.echo(orjson.dumps(facts, default=str, option=orjson.OPT_INDENT_2))


def _print_status(status: ServerStatus) -> None:
    until = "until kgmem db stop" if status.stays_up else "until the last kgmem that uses it ends"
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = {
        "running": f"yes, {until}" if status.running else "no",
        "process": status.pid,
        "served by": f"process {status.owner}" if status.owner else None,
        "url": status.url,
        "version": f"Postgres {status.version}",
        "data folder": status.data_folder,
        "size": decimal(status.size),
        "log": status.log,
    }
    for name, shown in rows.items():
        if shown is not None:
            table.add_row(name, str(shown))
    Console(highlight=False, markup=False, soft_wrap=True).print(table)
