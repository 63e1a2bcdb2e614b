"""`kgmem withdraw`: claims taken back, by id or all of a source or a text."""

from typing import Annotated

import typer

from kgmem.cli.console import OUT, AsJSON, GraphName, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.memory import DEFAULT_GRAPH


def withdraw(
    claims: Annotated[list[int] | None, typer.Argument(help="Ids of claims, as GET .../claims lists them.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Instead: all that this source states.")] = None,
    episode: Annotated[str | None, typer.Option("--episode", help="Instead: all that this episode states.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what that would do.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Take claims of exactly one scope back, with the relationships that only they state."""
    done = with_memory(
        lambda memory: memory.claims.withdraw(
            graph, claims or (), source=source, episode=episode, scope=scope, dry_run=dry_run
        )
    )
    if as_json:
        print_json(done)
        return
    would = "would be" if done.dry_run else "were"
    OUT.print(f"{done.withdrawn} claims {would} taken back, and {len(done.relationships)} relationships with them.")
    if done.missing:
        OUT.print(f"Not found in this scope: {', '.join(map(str, done.missing))}.")
