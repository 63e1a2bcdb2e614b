"""`kgmem block`: named texts that agents keep in their prompts."""

from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, ExpiresAt, GraphName, Limit, ScopeName, TimeToLive, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.agents.block import DEFAULT_LIMIT, Block, BlockAddress, BlockContent, BlockEdit
from kgmem.domain.graph.expiry import ttl_of
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Write, read and edit the memory blocks of agents.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The block's name.")]
Text = Annotated[str, typer.Argument(help="The text.")]
IfVersion = Annotated[
    int | None, typer.Option("--if-version", min=0, help="Write only where this is the current version; 0: none.")
]


@app.command()
def put(
    name: Name,
    text: Text,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    agent: Annotated[list[str] | None, typer.Option("--agent", help="Who has it; by default every agent.")] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="Most characters.")] = DEFAULT_LIMIT,
    if_version: IfVersion = None,
    expires_at: ExpiresAt = None,
    ttl: TimeToLive = None,
) -> None:
    """Write a block as a new version; the same content again writes nothing."""
    content, address = BlockContent(text, limit=most, agents=tuple(agent or ())), BlockAddress(name, scope)
    block = with_memory(
        lambda m: m.blocks.put(graph, address, content, if_version=if_version, expires_at=expires_at, ttl=ttl_of(ttl))
    )
    _tell(block)


@app.command()
def append(
    name: Name, text: Text, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", if_version: IfVersion = None
) -> None:
    """Add a text at the end of a block, on a line of its own."""
    _tell(with_memory(lambda m: m.blocks.append(graph, BlockAddress(name, scope), text, if_version=if_version)))


@app.command()
def edit(
    name: Name,
    old: Annotated[str, typer.Argument(help="A part of the text that is there once.")],
    new: Annotated[str, typer.Argument(help="What replaces it.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    if_version: IfVersion = None,
) -> None:
    """Replace a part of a block's text."""
    edits = [BlockEdit(old, new)]
    _tell(with_memory(lambda m: m.blocks.edit(graph, BlockAddress(name, scope), edits, if_version=if_version)))


@app.command()
def get(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    version: Annotated[int | None, typer.Option("--version", min=1, help="The number of a version.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Print a block's text, as it is or in an earlier version."""
    block = with_memory(lambda m: m.blocks.get(graph, BlockAddress(name, scope), version=version))
    if as_json:
        print_json(block)
        return
    typer.echo(block.text)


@app.command("list")
def list_(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List the blocks in this scope."""
    page = with_memory(lambda m: m.blocks.list(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"blocks": page.items, "cursor": page.cursor})
        return
    table = Table("block", "version", "characters", "limit", "agents", "written")
    for each in page.items:
        table.add_row(
            each.name, str(each.version), f"{len(each.text):,}", f"{each.limit:,}", ", ".join(each.agents), each.at
        )
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def delete(name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", if_version: IfVersion = None) -> None:
    """Delete a block with all its versions."""
    count = with_memory(lambda m: m.blocks.delete(graph, BlockAddress(name, scope), if_version=if_version))
    OUT.print(f"Deleted {count} versions.")


def _tell(block: Block) -> None:
    OUT.print(f"{'Wrote' if block.created else 'Unchanged:'} version {block.version}, {len(block.text):,} characters.")
