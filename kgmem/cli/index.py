"""`kgmem index`: rebuild and embed a graph's retrieval index."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.memory import Memory

app = typer.Typer(help="Rebuild a graph's retrieval index, or embed its texts.", no_args_is_help=True)
Work = Callable[[Memory, str, Callable[[int], None]], Awaitable[int]]


@app.command()
def rebuild(graph: GraphName, as_json: AsJSON = False) -> None:
    """Rebuild the retrieval index from the graph; vectors of unchanged texts are kept."""
    started = time.perf_counter()
    with NOTES.status(f"Rebuilding the index of {graph}"):
        stats = with_memory(lambda m: m.index.rebuild(graph))
    if as_json:
        print_json(stats)
        return
    held = f"{stats.entities:,} entities, {stats.relationships:,} relationships, {stats.episodes:,} episodes"
    OUT.print(f"Rebuilt: {held} ({time.perf_counter() - started:.1f} s).")
    if stats.waiting_for_vectors:
        note(f"{stats.waiting_for_vectors:,} passages wait for vectors: kgmem index embed --graph {graph}")


@app.command()
def embed(
    graph: GraphName,
    retry: Annotated[bool, typer.Option("--retry", help="Retry the texts that the embedder refused.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Embed the texts that wait for a vector, without waiting for a worker."""
    if retry:
        with_memory(lambda m: m.embeddings.retry_refused(graph))
    _embed(graph, lambda m, name, progress: m.embeddings.run(name, progress=progress), as_json)
    if refused := with_memory(lambda m: m.graphs.stats(graph)).refused_by_embedder:
        note(f"The embedder refused {refused:,} passages: kgmem index refused --graph {graph}")


@app.command()
def refused(graph: GraphName, as_json: AsJSON = False) -> None:
    """List the first 100 texts that the embedder refused, with reasons; recall finds them by words."""
    passages = with_memory(lambda m: m.embeddings.refused(graph))
    if as_json:
        print_json(list(passages))
        return
    table = Table("kind", "key", "scope", "passage", "reason")
    for each in passages:
        table.add_row(each.kind, each.key, each.scope, str(each.ordinal), each.reason)
    OUT.print(table if passages else "No refused texts.")


@app.command()
def reembed(graph: GraphName, as_json: AsJSON = False) -> None:
    """Move a graph to the model of KGMEM_EMBEDDER; recall uses the old vectors until all new ones exist."""
    _embed(graph, lambda m, name, progress: m.embeddings.reembed(name, progress=progress), as_json)


def _embed(graph: str, work: Work, as_json: bool) -> None:
    async def use(memory: Memory) -> int:
        stats = await memory.graphs.stats(graph)
        columns = (TextColumn("Embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=NOTES, transient=True) as progress:
            task = progress.add_task("embed", total=stats.waiting_for_vectors or stats.passages)
            return await work(memory, graph, lambda done: progress.update(task, completed=done))

    started = time.perf_counter()
    done = with_memory(use)
    if as_json:
        print_json({"embedded": done})
    else:
        OUT.print(f"Embedded {done:,} passages ({time.perf_counter() - started:.1f} s).")
