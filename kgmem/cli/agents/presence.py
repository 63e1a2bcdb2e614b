"""`kgmem presence`: which agents are at work, and what happens in a graph each minute."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.agents.presence import DEFAULT_TTL, AgentAddress, Heartbeat
from kgmem.memory import DEFAULT_GRAPH, Memory

app = typer.Typer(help="Show which agents are at work, and what happens each minute.", no_args_is_help=True)

Agent = Annotated[str, typer.Argument(help="The agent's name.")]


@app.command("list")
def list_(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List the agents that are present in a scope, and in those below it."""
    page = with_memory(lambda m: m.presence.list(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"agents": page.items, "cursor": page.cursor})
        return
    table = Table("agent", "scope", "session", "status", "last seen")
    for each in page.items:
        table.add_row(each.agent, each.scope, each.session or "", each.status or "", each.seen_at)
    OUT.print(table)


@app.command()
def beat(
    agent: Agent,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    session: Annotated[str | None, typer.Option("--session", help="The session that it is in.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="What it does.")] = None,
    ttl: Annotated[int, typer.Option("--ttl", help="Seconds for which it is present.")] = DEFAULT_TTL,
) -> None:
    """Report that an agent is at work."""
    heartbeat = Heartbeat(session, status, None, ttl)
    found = with_memory(lambda m: m.presence.beat(graph, AgentAddress(agent, scope), heartbeat))
    OUT.print(f"{found.agent} is present until {found.expires_at}.")


@app.command()
def watch(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="For how long. By default without end.")
    ] = None,
) -> None:
    """Print who comes, changes or leaves, as JSON Lines, beginning with those that are there."""

    async def work(memory: Memory) -> None:
        try:
            async with asyncio.timeout(seconds):
                async for event in memory.presence.watch(graph, scope=scope):
                    print_json(event)
        except TimeoutError:
            return

    with_memory(work)


@app.command()
def leave(agent: Agent, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Report that an agent is away."""
    with_memory(lambda m: m.presence.leave(graph, AgentAddress(agent, scope)))
    OUT.print(f"{agent} is away.")


@app.command()
def activity(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=1440, help="How many.")] = 60,
    as_json: AsJSON = False,
) -> None:
    """Show requests, recalls and writes of each of the last minutes."""
    found = with_memory(lambda m: m.presence.activity(graph, scope=scope, minutes=minutes))
    if as_json:
        print_json(found)
        return
    table = Table("minute", "requests", "recalls", "writes")
    for each in found:
        table.add_row(each.minute, str(each.requests), str(each.recalls), str(each.writes))
    OUT.print(table)
