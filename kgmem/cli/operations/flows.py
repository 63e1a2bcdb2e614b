"""`kgmem flows`: what named work does, step by step, while it runs and afterwards."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, cast

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from kgmem.cli.console import OUT, AsJSON, Limit, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.errors import NotFound
from kgmem.domain.flows.flow import Flow, FlowFilter, FlowKind, FlowState
from kgmem.domain.graph.entity import Page
from kgmem.memory import Memory

_WRITTEN_WITHIN = 2.0  # Seconds in which a process has usually written a flow.
_PAUSE = 0.5  # Seconds between two looks at a flow that is followed.


def flows(
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show this flow with its steps.")] = None,
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="Only flows of this graph.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only flows of this kind, such as import.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only flows in this state, such as running.")] = None,
    scope: Annotated[str | None, typer.Option("--scope", help="Only flows in this scope and below it.")] = None,
    about: Annotated[str | None, typer.Option("--about", help="Only flows of this, such as import/3.")] = None,
    cursor: Annotated[str | None, typer.Option("--cursor", help="The cursor of the last page.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show one flow until it ends.")] = False,
    limit: Limit = 20,
    as_json: AsJSON = False,
) -> None:
    """List flows, newest first, or show one with its steps."""
    if id_ is not None:
        found = with_memory(lambda memory: _followed(memory, id_, follow=follow and not as_json))
        if as_json:
            print_json(found)
        elif not follow:
            OUT.print(_shown(found))
        return
    wanted = FlowFilter(graph, cast("FlowKind | None", kind), cast("FlowState | None", state), scope, about)
    page = with_memory(lambda memory: memory.flows.list(wanted, cursor=cursor, limit=limit))
    if as_json:
        print_json({"flows": page.items, "cursor": page.cursor})
        return
    OUT.print(_listed(page))
    if page.cursor:
        note(f"There are more: --cursor {page.cursor}")


async def _followed(memory: Memory, id_: str, *, follow: bool) -> Flow:
    """Return a flow; with `follow` show it until it ends."""
    try:
        flow = await memory.flows.get(id_)
    except NotFound:  # A server writes brief flows together, some moments after they end.
        await asyncio.sleep(_WRITTEN_WITHIN)
        flow = await memory.flows.get(id_)
    if follow:
        with Live(_shown(flow), console=OUT, auto_refresh=False) as live:
            while flow.state == "running":
                await asyncio.sleep(_PAUSE)
                flow = await memory.flows.get(id_)
                live.update(_shown(flow), refresh=True)
    return flow


def _listed(page: Page[Flow]) -> Table:
    table = Table(
        Column("id", min_width=30, no_wrap=True), "kind", "graph", "scope", "state", "started", "ms", "counts"
    )
    for each in page.items:
        scope = "(all)" if each.scope is None else each.scope or "(shared)"
        state = each.state if each.error is None else f"{each.state}: {each.error}"
        table.add_row(
            each.id, each.kind, Text(each.graph), Text(scope), state, each.started_at[:19], f"{each.duration_ms:,.0f}",
            _counts(each.counts),
        )  # fmt: skip
    return table


def _shown(flow: Flow) -> Group:
    about = f" {flow.about}" if flow.about else ""
    scope = "all scopes" if flow.scope is None else f"scope {flow.scope}" if flow.scope else "shared"
    error = f", {flow.error}" if flow.error else ""
    line = f"{flow.kind}{about} on {flow.graph} ({scope}): {flow.state}{error}, {flow.duration_ms:,.1f} ms"
    table = Table("step", "state", "runs", "after ms", "ms", "counts")
    for each in flow.steps:
        *outer, name = each.name.split("/")
        state = each.state if each.error is None else f"{each.state}: {each.error}"
        table.add_row(
            "  " * len(outer) + name, state, f"{each.runs:,}", f"{each.started_ms:,.1f}", f"{each.duration_ms:,.1f}",
            _counts(each.counts),
        )  # fmt: skip
    counts = _counts(flow.counts)
    return Group(Text(line), *([Text(counts)] if counts else []), table)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())
