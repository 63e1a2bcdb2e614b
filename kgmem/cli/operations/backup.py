"""`kgmem backup`: make, verify, restore and prune backups, and archive the write-ahead log."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich.filesize import decimal
from rich.table import Column, Table

from kgmem.bootstrap import open_backups, open_database
from kgmem.cli.console import OUT, AsJSON, note, print_json, run_async
from kgmem.cli.opening import load_settings
from kgmem.domain.backups.backup import Backup, Schedule, Verification, moment
from kgmem.domain.backups.retention import Keep, parse_duration, parse_keep
from kgmem.domain.errors import InvalidInput
from kgmem.services.backups import Backups
from kgmem.settings import Settings
from kgmem.store.backup.archive import ArchiveChange, external_instructions, switch_embedded
from kgmem.store.backup.create import check_recipients
from kgmem.store.backup.repository import Repository
from kgmem.store.embedded.archiving import Archiving
from kgmem.store.embedded.lifecycle import EmbeddedPostgres

T = TypeVar("T")
app = typer.Typer(
    help="Make, verify, restore and prune backups, and archive the write-ahead log.", no_args_is_help=True
)

To = Annotated[Path | None, typer.Option("--to", help="The folder of backups, instead of KGMEM_BACKUP_FOLDER.")]
From = Annotated[Path | None, typer.Option("--from", help="The folder of backups, instead of KGMEM_BACKUP_FOLDER.")]
Identity = Annotated[
    Path | None, typer.Option("--identity", help="File with the age identity, instead of KGMEM_BACKUP_IDENTITY.")
]
Encrypt = Annotated[
    list[str] | None,
    typer.Option("--encrypt", help="Encrypt for this age recipient (age1... or an SSH key); may be repeated."),
]
OneId = Annotated[str | None, typer.Argument(metavar="[ID]", help="The backup; by default the newest.")]


def _settings(folder: Path | None, identity: Path | None = None) -> Settings:
    given = {"backup_folder": folder, "backup_identity": identity}
    return load_settings().model_copy(
        update={name: path.expanduser().absolute() for name, path in given.items() if path is not None}
    )


def _offline(settings: Settings, use: Callable[[Backups], Awaitable[T]]) -> T:
    """Run what needs no database."""
    return run_async(use(open_backups(settings)))


def _online(settings: Settings, use: Callable[[Backups], Awaitable[T]]) -> T:
    """Run what needs the database, which is started for that if need be."""

    async def work() -> T:
        async with open_database(settings, report=note) as url:
            return await use(open_backups(settings, url))

    return run_async(work())


@app.command()
def create(
    to: To = None,
    full: Annotated[bool, typer.Option("--full", help="Make a full backup.")] = False,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Make one of what has changed since the newest backup.")
    ] = False,
    encrypt: Encrypt = None,
    as_json: AsJSON = False,
) -> None:
    """Make a backup of the whole server: incremental where one fits, else full."""
    if full and incremental:
        raise InvalidInput("--full and --incremental exclude each other.", hint="Use one of them.")
    kind: Literal["full", "incremental"] | None = "full" if full else "incremental" if incremental else None
    made = _online(_settings(to), lambda backups: backups.create(kind, recipients=encrypt or (), report=note))
    if as_json:
        print_json(_shown(made))
        return
    OUT.print(f"Backup {made.id}: {decimal(made.size)}, complete at {made.finished_at}.", soft_wrap=True)
    note("It counts once a test restore has verified it: kgmem backup verify --start")


@app.command("list")
def list_(from_: From = None, as_json: AsJSON = False) -> None:
    """List the backups of a folder, with their verification."""
    found = _offline(_settings(from_), lambda backups: backups.list())
    if as_json:
        print_json([_shown(each) for each in found])
        return
    table = Table(Column("id", no_wrap=True), "complete", "size", "based on", "encrypted", "graphs", "verified")
    for each in reversed(found):
        table.add_row(
            each.id,
            each.finished_at[:19],
            decimal(each.size),
            each.parent or "",
            "yes" if each.encrypted else "",
            str(len(each.graphs)),
            _state(each.verification),
        )
    OUT.print(table if found else "No backups yet. Make one: kgmem backup create")


@app.command()
def verify(
    id_: OneId = None,
    from_: From = None,
    start: Annotated[
        bool, typer.Option("--start", help="Restore it into a scratch folder, start it, count it, and query it.")
    ] = False,
    identity: Identity = None,
    as_json: AsJSON = False,
) -> None:
    """Check the files of a backup; with --start by a test restore, the check that counts. Exit code 1 on damage."""
    result = _offline(_settings(from_, identity), lambda backups: backups.verify(id_, start=start, report=note))
    if as_json:
        print_json(asdict(result))
    elif result.passed:
        OUT.print(f"Passed in {result.seconds:.1f} s: {', '.join(result.checks)}.")
    else:
        OUT.print("[bold red]Failed.[/] This backup must not be relied on:")
        for each in result.errors:
            OUT.print(f"  {each}", markup=False, soft_wrap=True)
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def restore(
    into: Annotated[Path, typer.Option("--into", help="A new folder, which becomes a KGMEM_HOME.")],
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The backup; by default the newest, and all of the archive.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Restore the state at this moment (ISO 8601; without a zone UTC).")
    ] = None,
    from_: From = None,
    identity: Identity = None,
    as_json: AsJSON = False,
) -> None:
    """Restore into a new folder; what runs stays as it is."""
    restored = _offline(
        _settings(from_, identity), lambda backups: backups.restore(str(into), id_=id_, at=at, report=note)
    )
    if as_json:
        print_json({**asdict(restored), "backup": restored.backup.id})
        return
    until = f", with all that was committed until {restored.until}" if restored.until else ""
    OUT.print(f"Restored {restored.backup.id} into {restored.folder}{until}.", markup=False, soft_wrap=True)
    if restored.backup.embedded:
        OUT.print(f"Look at it: KGMEM_HOME={restored.folder} kgmem doctor", markup=False, soft_wrap=True)
        note("The restored server archives nothing and makes no backups until you set that up there.")
    else:
        note(f"Start Postgres {restored.backup.postgres} on {restored.folder}/postgres, with your own configuration.")


@app.command()
def prune(
    keep: Annotated[
        str, typer.Option("--keep", help="What to keep, such as hourly=24,daily=7,weekly=4,monthly=6,wal=7d.")
    ] = str(Keep()),
    from_: From = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Remove old backups and WAL; never what a kept backup needs, nor the newest verified one."""
    parse_keep(keep)
    removed = _offline(_settings(from_), lambda backups: backups.prune(keep, dry_run=dry_run, report=note))
    if as_json:
        print_json(removed)
        return
    verb = "Would remove" if dry_run else "Removed"
    OUT.print(f"{verb} {len(removed['backups'])} backups and {removed['segments']} WAL segments.")
    for each in removed["backups"]:
        OUT.print(f"  {each}")


@app.command()
def copy(from_: From = None, as_json: AsJSON = False) -> None:
    """Bring the second target up to date (kgmem backup schedule --copy-to or --copy-command)."""
    settings = _settings(from_)
    plan = open_backups(settings).plan()
    if not plan.copy_folder and not plan.copy_command:
        raise InvalidInput(
            "No second target is set up.", hint="kgmem backup schedule --copy-to FOLDER, or --copy-command COMMAND."
        )
    copied = _offline(settings, lambda backups: backups.copy(report=note))
    if as_json:
        print_json({"copied": copied})
    else:
        OUT.print(f"The second target is up to date; {copied} files were copied.")


@app.command()
def archive(
    state: Annotated[str, typer.Argument(metavar="on|off", help="Whether WAL is archived.")],
    to: To = None,
    encrypt: Encrypt = None,
    timeout: Annotated[
        int, typer.Option("--timeout", min=1, max=3600, help="Seconds after which a segment is not waited for.")
    ] = 60,
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart Postgres now where that is needed, though others use it.")
    ] = False,
    as_json: AsJSON = False,
) -> None:
    """Archive the write-ahead log, so that any second can be restored; or end that."""
    if state not in {"on", "off"}:
        raise InvalidInput(f"{state!r} is neither on nor off.", hint="Write kgmem backup archive on, or off.")
    change = run_async(
        _switch_archive(_settings(to), on=state == "on", recipients=encrypt, timeout=timeout, restart=restart)
    )
    if as_json:
        print_json(asdict(change))
    else:
        OUT.print(change.message, markup=False, soft_wrap=True)


async def _switch_archive(
    settings: Settings, *, on: bool, recipients: list[str] | None, timeout: int, restart: bool
) -> ArchiveChange:
    backups = open_backups(settings)
    plan = backups.plan()
    folder = settings.backup_folder or (Path(plan.folder) if plan.folder else None)
    if folder is None:
        raise InvalidInput(
            "No folder of backups is named.", hint=f"kgmem backup archive {'on' if on else 'off'} --to FOLDER"
        )
    repository = Repository(folder)
    plan = replace(plan, folder=str(repository.folder), archive=on, archive_timeout=timeout)
    plan = replace(plan, recipients=tuple(recipients or plan.recipients))
    check_recipients(plan.recipients)
    archiving = Archiving(str(repository.archive), plan.recipients, timeout) if on else None
    if settings.database_url is not None:
        await backups.set_plan(plan)
        return ArchiveChange(in_force=False, message=external_instructions(archiving))
    postgres = EmbeddedPostgres(settings.home, port=settings.postgres_port, report=note, attach=True)
    async with postgres:
        change = await switch_embedded(postgres, repository, archiving, restart=restart, report=note)
    await backups.set_plan(plan)
    return change


@app.command()
def schedule(
    to: To = None,
    every: Annotated[str, typer.Option("--every", help="How often an incremental backup is made; 0 never.")] = "1h",
    full_every: Annotated[str, typer.Option("--full-every", help="How often a full one is made; 0 never.")] = "1d",
    verify_every: Annotated[str, typer.Option("--verify-every", help="How often a test restore; 0 never.")] = "7d",
    keep: Annotated[str, typer.Option("--keep", help="What to keep, as with prune.")] = str(Keep()),
    encrypt: Encrypt = None,
    copy_to: Annotated[Path | None, typer.Option("--copy-to", help="A second folder, on another disk.")] = None,
    copy_command: Annotated[
        str | None,
        typer.Option("--copy-command", help="A command that copies {folder}, such as rclone sync {folder} away:kgmem."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="End the schedule.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Set up what the worker of this machine does: make, verify, copy and prune backups."""
    settings = _settings(to)
    backups = open_backups(settings)
    plan = backups.plan()
    folder = settings.backup_folder or (Path(plan.folder) if plan.folder else None)
    if off:
        plan = replace(plan, schedule=None)
    else:
        if folder is None:
            raise InvalidInput("No folder of backups is named.", hint="kgmem backup schedule --to FOLDER")
        plan = replace(
            plan,
            folder=str(folder),
            recipients=tuple(encrypt or plan.recipients),
            schedule=Schedule(_duration(every), _duration(full_every), _duration(verify_every), keep),
            copy_folder=str(copy_to.expanduser().absolute()) if copy_to else plan.copy_folder,
            copy_command=copy_command or plan.copy_command,
        )
    asyncio.run(backups.set_plan(plan))
    if as_json:
        print_json(asdict(plan))
    elif plan.schedule is None:
        OUT.print("The schedule is off.")
    else:
        OUT.print(
            f"Backups go to {plan.folder}: full every {full_every}, incremental every {every}, a test restore every "
            f"{verify_every}; kept are {keep}.",
            markup=False,
            soft_wrap=True,
        )
        note("The worker does it: inside kgmem serve, or kgmem worker with this KGMEM_HOME.")
        if not plan.archive:
            note("Between two backups nothing is saved yet: kgmem backup archive on")


@app.command()
def status(to: To = None, as_json: AsJSON = False) -> None:
    """Show the newest backup, the newest verified one, the archive's lag, and what failed."""
    state = _online(_settings(to), lambda backups: backups.state())
    if as_json:
        print_json(
            {
                **asdict(state),
                **{name: each.id if each else None for name, each in _named(state).items()},
            }
        )
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("folder", state.folder or "none: kgmem backup schedule --to FOLDER")
    table.add_row("backups", f"{state.backups}, {decimal(state.bytes)}")
    for name, each in _named(state).items():
        table.add_row(name.replace("_", " "), f"{each.id}, {_age(each.finished)} ago" if each else "none")
    if state.archive:
        lag = f"on, {state.archive.lag_seconds:.0f} s behind" if state.archive.on else "off"
        table.add_row("archive", "on after a restart" if state.archive.waits_for_restart else lag)
    for run in state.failures:
        table.add_row(f"{run.work} failed", f"{run.at} {run.error}")
    OUT.print(table)


def _named(state: Any) -> dict[str, Backup | None]:
    return {name: getattr(state, name) for name in ("last", "last_verified", "last_failed")}


def _shown(backup: Backup) -> dict[str, Any]:
    return {**asdict(backup), "counts": backup.counts}


def _state(verification: Verification | None) -> str:
    if verification is None:
        return "not yet"
    if not verification.passed:
        return f"FAILED: {verification.errors[0]}" if verification.errors else "FAILED"
    how = "restored" if verification.restored else "files only"
    return f"{how}, {_age(moment(verification.at))} ago"


def _age(at: datetime) -> str:
    minutes = int((datetime.now(UTC) - at).total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} d"


def _duration(text: str) -> Any:
    return None if text.strip() in {"0", "never"} else parse_duration(text)
