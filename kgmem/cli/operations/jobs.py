"""`kgmem jobs`: list background jobs."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from kgmem.cli.console import OUT, AsJSON, Limit, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.diagnostics import Figures
from kgmem.domain.ports import Job
from kgmem.memory import Memory


def jobs(
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="Only jobs of this graph.")] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only waiting, running, succeeded, failed or cancelled jobs."),
    ] = None,
    limit: Limit = 20,
    as_json: AsJSON = False,
) -> None:
    """List background jobs, newest first, and how long the oldest one waits."""

    async def ask(memory: Memory) -> tuple[Figures, Sequence[Job]]:
        return await memory.server.metrics(), await memory.jobs.list(graph=graph, status=status, limit=limit)

    figures, found = with_memory(ask)
    if as_json:
        print_json({**figures.jobs, "oldest_waiting_seconds": round(figures.oldest_job_seconds, 1), "jobs": found})
        return
    OUT.print(_summary(figures))
    if not found:
        return
    table = Table("id", "task", "graph", "status", "attempts", "created")
    for each in found:
        created = (each.created_at or "")[:19]
        table.add_row(str(each.id), each.task, Text(each.graph or ""), each.status, str(each.attempts), created)
    OUT.print(table)


def _summary(figures: Figures) -> str:
    """Return the counts of all graphs in a line."""
    counts = figures.jobs
    oldest = f", the oldest for {figures.oldest_job_seconds:,.0f} s" if counts["waiting"] else ""
    return f"{counts['waiting']:,} waiting{oldest}; {counts['running']:,} running; {counts['failed']:,} failed."
