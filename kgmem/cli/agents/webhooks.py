"""`kgmem webhook`: send events to a URL, and look after what a receiver has not taken."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.agents.subscriptions import subject
from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.errors import InvalidInput, Unavailable
from kgmem.domain.subscriptions.subscription import EventFilter, SubscriptionRequest
from kgmem.domain.subscriptions.webhook import (
    DEFAULT_ATTEMPTS,
    DEFAULT_OVERLAP,
    WebhookAddress,
    WebhookRequest,
    WebhookUpdate,
    WebhookWithSecret,
)
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Send events to URLs, and look after what receivers have not taken.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The webhook's name.")]
Url = Annotated[str, typer.Argument(help="Where events are sent.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Only this event; may be repeated. By default all.")]


@app.command()
def create(
    name: Name,
    url: Url,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    kinds: Annotated[list[str] | None, typer.Option("--kind", help="Such as fact.verified or fact.*.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", help="A label, kind or predicate.")] = None,
    keys: Annotated[list[str] | None, typer.Option("--key", help="The key of an entity.")] = None,
    below: Annotated[bool, typer.Option("--below/--not-below", help="Events of the scopes below, too.")] = True,
    beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest event.")] = False,
    batch: Annotated[int, typer.Option("--batch", help="Most events of one request.")] = 1,
    attempts: Annotated[
        int, typer.Option("--max-attempts", help="After which an event becomes a dead letter.")
    ] = DEFAULT_ATTEMPTS,
) -> None:
    """Make a webhook, and print its secret once."""
    asked = EventFilter(tuple(kinds or ()), tuple(labels or ()), tuple(keys or ()))
    events = SubscriptionRequest(subject(None, asked), asked, below, "beginning" if beginning else "now")
    request = WebhookRequest(url, events, batch, attempts)
    _tell(with_memory(lambda m: m.webhooks.create(graph, WebhookAddress(name, scope), request)))


@app.command("list")
def list_(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List the webhooks in this scope."""
    page = with_memory(lambda m: m.webhooks.list(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"webhooks": page.items, "cursor": page.cursor})
        return
    table = Table("webhook", "url", "state", "waiting", "dead", "reason")
    for each in page.items:
        numbers = (str(each.waiting), str(each.dead))
        table.add_row(each.name, each.request.url, each.state, *numbers, each.reason or "")
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def get(name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Print a webhook with its state, as JSON."""
    print_json(with_memory(lambda m: m.webhooks.get(graph, WebhookAddress(name, scope))))


@app.command()
def update(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    url: Annotated[str | None, typer.Option("--url", help="Where events are sent.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Most events of one request.")] = None,
    attempts: Annotated[
        int | None, typer.Option("--max-attempts", help="After which an event becomes a dead letter.")
    ] = None,
    active: Annotated[bool | None, typer.Option("--enable/--disable", help="Go on where it was, or stop.")] = None,
) -> None:
    """Change a webhook, disable or enable it."""
    changes = WebhookUpdate(url, None, batch, attempts, active)
    changed = with_memory(lambda m: m.webhooks.update(graph, WebhookAddress(name, scope), changes))
    OUT.print(f"{changed.name} is {changed.state}.")


@app.command("test")
def send_test(name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Send a test request, and print the answer."""
    result = with_memory(lambda m: m.webhooks.test(graph, WebhookAddress(name, scope)))
    if not result.ok:
        raise Unavailable(result.error or "The receiver did not take it.", hint="See `kgmem webhook get`.")
    OUT.print(f"The receiver answered {result.status} after {result.ms} ms.")


@app.command("rotate-secret")
def rotate_secret(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    overlap: Annotated[
        int, typer.Option("--overlap", help="Seconds for which the secret before signs, too.")
    ] = DEFAULT_OVERLAP,
) -> None:
    """Make a new secret, and print it once."""
    address = WebhookAddress(name, scope)
    _tell(with_memory(lambda m: m.webhooks.rotate_secret(graph, address, overlap_seconds=overlap)))


@app.command()
def attempts(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="The most to list.")] = 20,
    as_json: AsJSON = False,
) -> None:
    """List what was sent last, with the status codes of the answers."""
    found = with_memory(lambda m: m.webhooks.attempts(graph, WebhookAddress(name, scope), limit=limit))
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table("at", "message", "events", "attempt", "status", "ms", "error")
    for each in found:
        status = "" if each.status is None else str(each.status)
        numbers = (str(each.events), str(each.attempt), status, str(each.ms))
        table.add_row(each.at, each.message, *numbers, each.error or "")
    OUT.print(table)


@app.command("dead-letters")
def dead_letters(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    replay: Annotated[bool, typer.Option("--replay", help="Send them again.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Delete them.")] = False,
    ids: Ids = None,
) -> None:
    """Print events that were given up, as JSON Lines; or send them again, or delete them."""
    address = WebhookAddress(name, scope)
    if replay and discard:
        raise InvalidInput("Both --replay and --discard are given.", hint="Give one of them.", field="replay")
    if replay:
        OUT.print(f"Replayed {with_memory(lambda m: m.webhooks.replay(graph, address, ids))}.")
    elif discard:
        OUT.print(f"Deleted {with_memory(lambda m: m.webhooks.discard(graph, address, ids))}.")
    else:
        for each in with_memory(lambda m: m.webhooks.dead_letters(graph, address, limit=limit)):
            print_json(each)


@app.command()
def delete(name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Delete a webhook with its dead letters and its log."""
    with_memory(lambda m: m.webhooks.delete(graph, WebhookAddress(name, scope)))
    OUT.print(f"Deleted {name}.")


def _tell(made: WebhookWithSecret) -> None:
    OUT.print(made.secret, soft_wrap=True)
    note(f"The secret of {made.webhook.name}. It is not shown again.")
