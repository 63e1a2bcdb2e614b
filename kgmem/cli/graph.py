"""`kgmem graph`: create, list, show, check and delete graphs."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.filesize import decimal
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import graph_shape
from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.domain.graph.graph import Extraction, Facts, Graph
from kgmem.domain.schema.schema import to_mapping
from kgmem.formats.toml_schema import read_schema
from kgmem.memory import Memory

app = typer.Typer(help="Create, list, show, check and delete graphs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The graph's name.")]
SchemaFile = Annotated[Path | None, typer.Option("--schema", help="A TOML file that extends the core schema.")]


@app.command()
def create(
    name: Name,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse labels, kinds and properties that are not declared.")
    ] = False,
    schema: SchemaFile = None,
    fusion: Annotated[str, typer.Option("--fusion", help="How recall fuses its retrievers: convex or rrf.")] = "convex",
    facts: Annotated[
        str, typer.Option("--facts", help="Which relationships recall finds: text (those with a text), all, none.")
    ] = "text",
    extraction: Annotated[
        str, typer.Option("--extraction", help="Which episodes are extracted: requested, all or off.")
    ] = "requested",
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="The default recipe of questions, such as multi_hop.")
    ] = None,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Keep an existing graph unchanged, without an error.")
    ] = False,
    as_json: AsJSON = False,
) -> None:
    """Create a graph, in the embedding space of KGMEM_EMBEDDER."""
    if fusion not in {"convex", "rrf"}:
        raise InvalidInput(f"Unknown fusion {fusion!r}.", hint="Use convex or rrf.")
    if facts not in get_args(Facts):
        raise InvalidInput(f"Unknown value of --facts: {facts!r}.", hint=f"Use one of {', '.join(get_args(Facts))}.")
    if extraction not in get_args(Extraction):
        raise InvalidInput(f"Extraction is not {extraction!r}.", hint=f"Give one of {', '.join(get_args(Extraction))}.")
    own = to_mapping(read_schema(schema)) if schema else None
    settings: dict[str, Any] = {"strict": strict, "schema": own, "fusion": fusion, "facts": facts}
    settings |= {"extraction": extraction, "recipe": recipe}
    graph, created = with_memory(partial(_create, name=name, settings=settings, if_missing=if_missing))
    if as_json:
        print_json(graph_shape(graph))
    elif created:
        OUT.print(f"Created the graph {graph.name}{_space(graph)}.")
    else:
        OUT.print(f"The graph {graph.name} exists; it is unchanged.")


async def _create(memory: Memory, name: str, settings: dict[str, Any], *, if_missing: bool) -> tuple[Graph, bool]:
    """Return the graph, and whether it was created. Raises Conflict unless it may exist."""
    try:
        return await memory.graphs.create(name, **settings), True
    except Conflict:
        if not if_missing:
            raise
        return await memory.graphs.get(name), False


@app.command("list")
def list_(as_json: AsJSON = False) -> None:
    """List all graphs."""
    graphs = with_memory(lambda m: m.graphs.list())
    if as_json:
        print_json([graph_shape(graph) for graph in graphs])
        return
    table = Table("graph", "strict", "embedding", "fusion", "created")
    for graph in graphs:
        space = f"{graph.space.model} ({graph.space.dimension})" if graph.space else "none"
        table.add_row(graph.name, "yes" if graph.strict else "no", space, graph.fusion, graph.created_at)
    OUT.print(table if graphs else "No graphs yet. Create one: kgmem graph create NAME")


@app.command()
def show(name: Name, as_json: AsJSON = False) -> None:
    """Show a graph's settings and counts."""
    graph = with_memory(lambda m: m.graphs.get(name))
    stats = with_memory(lambda m: m.graphs.stats(name))
    if as_json:
        print_json({**graph_shape(graph), "stats": stats})
        return
    OUT.print(f"[bold]{graph.name}[/]{_space(graph)}, {'strict, ' if graph.strict else ''}{decimal(stats.bytes)}")
    table = Table(show_header=False)
    counted = (
        "entities",
        "relationships",
        "facts",
        "episodes",
        "passages",
        "vectors",
        "waiting_for_vectors",
        "sources",
    )
    for what in (*counted, *(["refused_by_embedder"] if stats.refused_by_embedder else [])):
        table.add_row(what.replace("_", " "), f"{getattr(stats, what):,}")
    OUT.print(table)
    for title, counts in (("label", stats.labels), ("kind", stats.kinds)):
        if counts:
            listed = Table(title, "count")
            for key, count in list(counts.items())[:30]:
                listed.add_row(key, f"{count:,}")
            OUT.print(listed)


@app.command()
def stats(name: Name, as_json: AsJSON = False) -> None:
    """Show a graph's counts (same as `show`)."""
    show(name, as_json)


@app.command()
def schema(
    name: Name,
    extend: Annotated[Path | None, typer.Option("--extend", help="A TOML file to add to the graph's schema.")] = None,
    replace: Annotated[
        Path | None, typer.Option("--replace", help="A TOML file that replaces the graph's own schema.")
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Show, extend or replace the schema of a graph."""
    if extend and replace:
        raise InvalidInput("--extend and --replace exclude each other.", hint="Use one of them.")
    if file := extend or replace:
        stated = to_mapping(read_schema(file))
        with_memory(lambda m: m.graphs.update(name, schema=stated, replacing=replace is not None))
        note(f"{'Replaced' if replace else 'Extended'} the schema of {name}.")
    current = with_memory(lambda m: m.graphs.schema(name))
    if as_json:
        print_json(to_mapping(current))
        return
    labels = Table("label", "parent", "properties")
    for label in current.labels.values():
        labels.add_row(label.name, label.parent or "", ", ".join(label.properties))
    kinds = Table("kind", "from", "to", "flags")
    for kind in current.kinds.values():
        flags = ("causal", "preventing", "functional", "symmetric", "transitive")
        shown = ", ".join(flag for flag in flags if getattr(kind, flag))
        kinds.add_row(kind.name, ", ".join(kind.source_labels), ", ".join(kind.target_labels), shown)
    OUT.print(labels, kinds)


@app.command()
def check(name: Name, as_json: AsJSON = False) -> None:
    """List the schema violations of a graph. Exit code 1 when there are any."""
    violations = with_memory(lambda m: m.graphs.check_schema(name))
    if as_json:
        print_json(list(violations))
    elif not violations:
        OUT.print(f"{name} has no schema violations.")
    else:
        table = Table("violation", "count", "example")
        for violation in violations:
            table.add_row(violation.what, f"{violation.count:,}", violation.example)
        OUT.print(table)
    if violations:
        raise typer.Exit(1)


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Delete a graph with all its data."""
    if not yes and not typer.confirm(f"Delete the graph {name} with all its data?", err=True):
        raise typer.Exit(1)
    with_memory(lambda m: m.graphs.delete(name))
    if as_json:
        print_json({"deleted": name})
    else:
        OUT.print(f"Deleted the graph {name}.")


def _space(graph: Graph) -> str:
    return f" ({graph.space.model}, {graph.space.dimension} dimensions)" if graph.space else " (no embeddings)"
