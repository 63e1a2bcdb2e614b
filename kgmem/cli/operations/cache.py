"""`kgmem cache`: how values are cached, and dropping what is cached."""

from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.cache.ports import KindStats

app = typer.Typer(help="Show how values are cached, and drop what is cached.", no_args_is_help=True)


@app.command()
def stats(as_json: AsJSON = False) -> None:
    """Show the policy of each kind of values. What a server did with them is in GET /v1/cache and /metrics."""
    found = with_memory(lambda memory: memory.cache.stats())
    if as_json:
        print_json(found)
        return
    table = Table("kind", "seconds", "goes first", "compressed from", "at most")
    for each in found.kinds:
        table.add_row(each.kind, *_policy(each))
    OUT.print(table)
    where = "processes share it over Redis" if found.shared else "each process has its own"
    OUT.print(f"{where}{'' if found.available else ', which does not answer'}.".capitalize())


@app.command()
def clear(
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="Only what is of this graph.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Drop what is cached in Redis, and let no process serve what it keeps itself."""
    done = with_memory(lambda memory: memory.cache.clear(graph))
    if as_json:
        print_json(done)
    else:
        note(f"Nothing cached {'' if graph is None else f'of {graph} '}is served any more.")


def _policy(kind: KindStats) -> tuple[str, ...]:
    policy = kind.policy
    if policy is None:
        return "off", "", "", ""
    first = "least recently used" if policy.eviction == "lru" else "least often used"
    compressed = f"{policy.compress:,} bytes" if policy.compress else "never"
    return f"{policy.seconds:g}", first, compressed, f"{kind.most_bytes / 2**20:.1f} MB"
