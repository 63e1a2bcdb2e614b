"""`kgmem feedback`: verdicts on what recall found."""

from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.recall.feedback import Feedback, VerdictOnHit
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Give feedback on hits, list and withdraw it.", no_args_is_help=True)

Item = Annotated[int, typer.Argument(help="The id of the hit.")]
Asked = Annotated[str | None, typer.Option("--question", help="The text of the question; by default any.")]


@app.command()
def useful(
    item: Item,
    question: Asked = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    reason: Annotated[str | None, typer.Option("--reason", help="Why.")] = None,
) -> None:
    """Note that a hit was useful."""
    _give(graph, Feedback(item, "useful", question, reason, scope))


@app.command()
def wrong(
    item: Item,
    question: Asked = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    reason: Annotated[str | None, typer.Option("--reason", help="Why.")] = None,
) -> None:
    """Note that a hit was wrong."""
    _give(graph, Feedback(item, "wrong", question, reason, scope))


@app.command("list")
def list_(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List the verdicts given in this scope, the newest first."""
    page = with_memory(lambda m: m.feedback.list(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"feedback": page.items, "cursor": page.cursor})
        return
    table = Table("item", "verdict", "question", "by", "at")
    for each in page.items:
        table.add_row(str(each.item), each.verdict, each.question or "", each.by or "", each.at)
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command("withdraw")
def withdraw(item: Item, question: Asked = None, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Withdraw a verdict that was given by this command."""
    with_memory(lambda m: m.feedback.withdraw(graph, item, question=question, scope=scope))
    note(f"Withdrew the verdict on {item}.")


def _give(graph: str, feedback: Feedback) -> None:
    given = with_memory(lambda m: m.feedback.give(graph, feedback))
    verdict: VerdictOnHit = given.feedback.verdict
    note(f"{'Noted' if given.created else 'Changed'}: {feedback.item} was {verdict}.")
