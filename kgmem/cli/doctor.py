"""`kgmem doctor`: diagnose the database and its graphs, and suggest fixes."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer
from rich.table import Table
from rich.text import Text

from kgmem.bootstrap import examine_cache, open_backups, open_database, open_redis
from kgmem.bootstrap.ports import distil_settings
from kgmem.cli.console import NOTES, OUT
from kgmem.cli.opening import load_settings, with_memory
from kgmem.domain.diagnostics import Damage, IntegrityReport
from kgmem.domain.errors import InvalidInput, KgmemError
from kgmem.redis.doctor import examine_redis
from kgmem.settings import Settings
from kgmem.store.backup.findings import judge_backups
from kgmem.store.db.doctor import Finding, examine
from kgmem.store.jobs.gauges import MachineGauges, judge_pressures, size_at

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red", "repaired": "green", "skipped": "dim"}


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Check the data of each graph too; reads all of it.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="With --deep: repair derived data.")] = False,
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="With --deep: check only this graph.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the database, its extensions, privileges and settings, and suggest fixes. Exit code 1 on a problem.

    With --deep, compare the data of each graph with what it is derived from.
    """
    if (repair or graph is not None) and not deep:
        option = "--repair" if repair else "--graph"
        raise InvalidInput(f"{option} needs --deep.", hint=f"Run kgmem doctor --deep {option}.")
    findings = asyncio.run(_examine(load_settings()))
    reports: Sequence[IntegrityReport] = []
    usable = not any(each.state == "problem" and each.area in {"database", "connection", "tables"} for each in findings)
    if deep and usable:
        with NOTES.status("Checking the data"):
            reports = with_memory(lambda memory: memory.index.check_integrity(graph, repair=repair))
    if as_json:
        told = [dataclasses.asdict(finding) for finding in findings]
        whole = {"findings": told, "reports": [dataclasses.asdict(report) for report in reports]} if deep else told
        typer.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    else:
        _show(findings)
        for report in reports:
            _show_report(report)
    if any(finding.state == "problem" for finding in findings) or not all(report.sound for report in reports):
        raise typer.Exit(1)


async def _examine(settings: Settings) -> list[Finding]:
    """Findings about the external Postgres, or about the embedded one, which is started for that if need be."""
    said: list[str] = []
    try:
        async with open_database(settings, report=said.append) as url:
            kind = "external, by KGMEM_DATABASE_URL" if settings.database_url else f"embedded, in {settings.home}"
            findings = [Finding("database", "ok", kind), *await examine(url, settings.read_url_text)]
            backups = judge_backups(await open_backups(settings, url).state(), datetime.now(UTC))
            pressures = judge_pressures(await MachineGauges(size_at(url), distil_settings(settings)).read())
            others = [*pressures, *examine_cache(settings), *await _examine_redis(settings)]
            return [*findings, *backups, *others]
    except KgmemError as exc:
        return [Finding("database", "problem", exc.message, exc.hint)]


async def _examine_redis(settings: Settings) -> list[Finding]:
    """Findings about Redis where the settings name one. Without it kgmem is slower, so none is a problem."""
    try:
        async with open_redis(settings) as url:
            return [] if url is None else await examine_redis(url, settings.redis_timeout)
    except KgmemError as exc:
        return [Finding("redis", "warning", exc.message, exc.hint)]


def _show(findings: list[Finding]) -> None:
    table = _table("Area")
    for finding in findings:
        table.add_row(*_row(finding.state, finding.area, finding.what, finding.hint))
    OUT.print(table)
    counted = Counter(finding.state for finding in findings)
    OUT.print(f"{counted['problem']} problems, {counted['warning']} warnings, {counted['ok']} checks passed.")


def _show_report(report: IntegrityReport) -> None:
    OUT.print()
    what = "Database" if report.graph is None else f"Graph {report.graph}"
    counted = Counter(damage.state for damage in report.damages)
    wrong = {damage.check for damage in (*report.damages, *report.repaired)}
    passed = sum(check not in wrong for check in report.checks)
    OUT.print(
        f"{what}: {counted['problem']} problems, {counted['warning']} warnings, {len(report.repaired)} repaired, "
        f"{passed} checks passed, {len(report.skipped)} skipped ({report.seconds:.1f} s).",
        markup=False,
    )
    table = _table("Check")
    for damage in report.damages:
        table.add_row(*_row(damage.state, damage.check, _told(damage), damage.hint))
    for damage in report.repaired:
        table.add_row(*_row("repaired", damage.check, _told(damage), ""))
    for check, reason in sorted(report.skipped.items()):
        table.add_row(*_row("skipped", check, reason, ""))
    if table.row_count:
        OUT.print(table)


def _table(what: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("", what, "Finding"):
        table.add_column(name, overflow="fold")
    return table


def _row(state: str, area: str, what: str, hint: str) -> tuple[Text, str, Text]:
    # Text and not a string: what servers say may look like rich's markup.
    said = Text(what)
    if hint:
        said.append(f"\n{hint}", style="bold")
    return Text(state, style=_COLOURS[state]), area, said


def _told(damage: Damage) -> str:
    return f"{damage.what} First: {damage.example}" if damage.example else damage.what
