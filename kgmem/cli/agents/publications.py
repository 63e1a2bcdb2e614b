"""`kgmem publications`: facts and texts of one scope that another scope sees too."""

from typing import Annotated, cast

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.agents.publication import Publication, PublicationRequest, PublicationState
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Publish facts and texts to other scopes, list and withdraw them.", no_args_is_help=True)


@app.command()
def add(
    to: Annotated[str, typer.Option("--to", help="The scope that is to see it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    item: Annotated[int | None, typer.Argument(help="The id of a fact, or of a relationship.")] = None,
    key: Annotated[str | None, typer.Option("--text", help="The key of a text, in place of a fact.")] = None,
    by: Annotated[str, typer.Option("--by", help="The agent that publishes it.")] = "cli",
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Publish a fact or a text of a scope to another scope."""
    request = PublicationRequest(to, by, reason, item, key, scope)
    publication, created = with_memory(lambda m: m.publications.publish(graph, request))
    if as_json:
        print_json(publication)
        return
    note(f"{'Published' if created else 'It was published before'}: publication {publication.id}.")


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option("--state", help="published, withdrawn or refused.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the publications from or to a scope, the newest first."""
    wanted = cast("PublicationState | None", state)
    page = with_memory(lambda m: m.publications.list(graph, scope=scope, state=wanted, limit=limit))
    if as_json:
        print_json({"publications": page.items, "cursor": page.cursor})
        return
    table = Table("id", "what", "from", "to", "by", "at", "state")
    for each in page.items:
        ended = "withdrawn for good" if each.ended else each.state
        table.add_row(str(each.id), titled(each), each.scope, each.to, each.by, each.at, ended)
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def withdraw(
    publication: Annotated[int, typer.Argument(help="The id of the publication.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
) -> None:
    """Withdraw a publication from or to a scope; its origin stays."""
    with_memory(lambda m: m.publications.withdraw(graph, publication, scope=scope))
    note(f"Withdrew the publication {publication}.")


def titled(publication: Publication) -> str:
    """Return what a publication follows: the key of a text, or the subject and predicate of a fact."""
    return publication.key or f"{publication.subject} {publication.predicate}"
