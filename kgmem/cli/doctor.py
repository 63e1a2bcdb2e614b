"""`kgmem doctor`: whether kgmem can work here, and what mends it where it cannot."""

import asyncio
import dataclasses
from collections import Counter
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kgmem.cli.opening import load_settings
from kgmem.domain.errors import KgmemError
from kgmem.settings import Settings
from kgmem.storage.postgres.doctor import Finding, examine
from kgmem.wiring import open_database

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Look at the database, its extensions, rights and settings; say what mends what. Exit code 1 on a problem."""
    findings = asyncio.run(_examine(load_settings()))
    if as_json:
        typer.echo(orjson.dumps([dataclasses.asdict(finding) for finding in findings], option=orjson.OPT_INDENT_2))
    else:
        _show(findings)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings) -> list[Finding]:
    """Findings about the external Postgres, or about the embedded one, which is started for that if need be."""
    said: list[str] = []
    try:
        async with open_database(settings, report=said.append) as url:
            kind = "external, by KGMEM_DATABASE_URL" if settings.database_url else f"embedded, in {settings.home}"
            return [Finding("database", "ok", kind), *await examine(url)]
    except KgmemError as exc:
        return [Finding("database", "problem", exc.message, exc.mend)]


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("", "Area", "Finding"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        # Text and not a string: what servers say may look like rich's markup.
        said = Text(finding.what)
        if finding.mend:
            said.append(f"\n{finding.mend}", style="bold")
        table.add_row(Text(finding.state, style=_COLOURS[finding.state]), finding.area, said)
    console = Console(highlight=False)
    console.print(table)
    counted = Counter(finding.state for finding in findings)
    console.print(f"{counted['problem']} problems, {counted['warning']} warnings, {counted['ok']} well.")
