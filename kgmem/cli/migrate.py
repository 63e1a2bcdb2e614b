"""`kgmem db migrate`: the tables of the database up to this kgmem's revision, or back."""

import asyncio
import dataclasses
from typing import Annotated

import orjson
import typer

from kgmem.cli.opening import load_settings
from kgmem.domain.errors import InvalidInput
from kgmem.settings import Settings
from kgmem.storage.postgres.migrate import MigrationState, Report, downgrade, revision_state
from kgmem.storage.postgres.migrate import migrate as upgrade
from kgmem.wiring import open_database


def migrate(
    to: Annotated[str | None, typer.Option("--to", help="Go up to this revision; without it to the newest.")] = None,
    down: Annotated[
        str | None, typer.Option("--down", help="Go back to this revision, keeping all data; base removes kgmem.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Bring the tables of the database to the revision that this kgmem works with."""
    if to is not None and down is not None:
        raise InvalidInput("--to goes up and --down goes back.", mend="Give one of them.")
    steps: list[str] = []

    def report(step: str) -> None:
        steps.append(step)
        if not as_json:
            typer.echo(step)

    before, after = asyncio.run(_migrate(load_settings(), to or "head", down, report))
    if as_json:
        typer.echo(orjson.dumps({"before": before.current, **dataclasses.asdict(after), "steps": steps}))
    elif after.current is None:
        typer.echo("The database holds nothing of kgmem.")
    else:
        typer.echo(f"The database is of revision {after.current}{'' if steps else ' already'}.")


async def _migrate(
    settings: Settings, to: str, down: str | None, report: Report
) -> tuple[MigrationState, MigrationState]:
    async with open_database(settings) as url:
        before = await revision_state(url)
        if down is None:
            return before, await upgrade(url, to, report=report)
        return before, await downgrade(url, down, report=report)
