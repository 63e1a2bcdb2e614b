"""`kgmem summarize`: say in short what is so of an entity."""

from typing import Annotated

import typer

from kgmem.cli.console import OUT, AsJSON, GraphName, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.memory import DEFAULT_GRAPH


def summarize(
    key: Annotated[str, typer.Argument(help="The key of an entity.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    known_at: Annotated[str | None, typer.Option("--known-at", help="As it was known at this time.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Sum up an entity of exactly this scope, each sentence with the texts that say so; workers keep that up."""
    if known_at is None:
        found = with_memory(lambda m: m.summarize(graph, key, scope=scope))
    else:
        found = with_memory(lambda m: m.summary(graph, key, scope=scope, known_at=known_at))
    if as_json:
        print_json(found)
        return
    for sentence in found.sentences:
        told = f"  [{', '.join(sentence.episodes)}]" if sentence.episodes else ""
        OUT.print(f"{sentence.text}{told}", markup=False)
    note(f"Known from {found.known_from}" + (f" to {found.known_to}." if found.known_to else "."))
