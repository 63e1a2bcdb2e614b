"""`kgmem connect`: join entities that are alike."""

import time
from typing import Annotated

import typer

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.connecting import ALIKE
from kgmem.memory import DEFAULT_GRAPH


def connect(
    graph: GraphName = DEFAULT_GRAPH,
    least: Annotated[float, typer.Option("--least", help="The likeness (cosine) from which two are joined.")] = ALIKE,
    off: Annotated[bool, typer.Option("--off", help="Part what was joined, and join no more.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Join entities of one scope that are alike, now, and let workers keep that up."""
    if off:
        parted = with_memory(lambda m: m.disconnect(graph))
        if as_json:
            print_json({"parted": parted})
        else:
            OUT.print(f"Parted {parted:,} pairs; no more are joined.")
        return
    started = time.perf_counter()
    with NOTES.status(f"Comparing the entities of {graph}") as status:
        done = with_memory(
            lambda m: m.connect(
                graph, least=least, progress=lambda so_far: status.update(f"{so_far.compared:,} entities compared")
            )
        )
    if as_json:
        print_json(done)
        return
    took = time.perf_counter() - started
    OUT.print(
        f"Compared {done.compared:,} entities: {done.joined:,} pairs joined, {done.parted:,} parted ({took:.1f} s)."
    )
