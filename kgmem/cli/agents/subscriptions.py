"""`kgmem subscribe` and `kgmem subscriptions`: follow changes, in order, from what a group has acknowledged."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, get_args

import orjson
import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.question import What as Asked
from kgmem.domain.recall.question_record import question_of
from kgmem.domain.subscriptions.event import BEGINNING
from kgmem.domain.subscriptions.subscription import (
    DEFAULT_LEASE,
    DEFAULT_RELEVANCE,
    LONGEST_WAIT,
    Acknowledgement,
    ConsumerGroup,
    Delivery,
    EventFilter,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
    What,
)
from kgmem.memory import DEFAULT_GRAPH, Memory

app = typer.Typer(help="List subscriptions, and read, acknowledge and replay their events.", no_args_is_help=True)

DEFAULT_BEST: Final = 10
Name = Annotated[str, typer.Argument(help="The subscription's name.")]
Group = Annotated[str, typer.Argument(help="The consumer group.")]
Cursor = Annotated[str, typer.Argument(help="The cursor of an answer, or the id of an event.")]
Expected = Annotated[str | None, typer.Option("--expected", help="Only where the group has acknowledged this cursor.")]
Wait = Annotated[float, typer.Option("--wait", min=0, max=25, help="Seconds to wait for the first event.")]


def subscribe(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    what: Annotated[str | None, typer.Option("--what", help="scope, entity, label, kinds, question or answer.")] = None,
    kinds: Annotated[list[str] | None, typer.Option("--kind", help="Such as fact.verified or fact.*.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", help="A label, kind or predicate.")] = None,
    keys: Annotated[list[str] | None, typer.Option("--key", help="The key of an entity.")] = None,
    question: Annotated[str | None, typer.Option("--question", help="Only items relevant to it.")] = None,
    least: Annotated[float, typer.Option("--min-relevance", help="How relevant, 0 to 1.")] = DEFAULT_RELEVANCE,
    below: Annotated[bool, typer.Option("--below/--not-below", help="Follow the scopes below, too.")] = True,
    beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest event.")] = False,
    best: Annotated[int | None, typer.Option("--best", help="Follow so many best hits of --question or --ask.")] = None,
    ask: Annotated[
        str | None, typer.Option("--ask", help="A question as JSON, as POST .../recall takes it; @FILE reads a file.")
    ] = None,
) -> None:
    """Subscribe to changes, or to the answer of a question; the same subscription again changes nothing."""
    answer = _answer(question, best, ask) if what == "answer" or best is not None or ask is not None else None
    asked = EventFilter(
        tuple(kinds or ()), tuple(labels or ()), tuple(keys or ()), question if answer is None else None, least
    )
    subject_ = "answer" if answer is not None and what is None else subject(what, asked)
    request = SubscriptionRequest(subject_, asked, below, "beginning" if beginning else "now", answer)
    made = with_memory(lambda m: m.subscriptions.put(graph, SubscriptionAddress(name, scope), request))
    OUT.print(f"{'Subscribed' if made.created else 'Unchanged'}: {made.name}, from the cursor {made.start}.")


def _answer(text: str | None, best: int | None, ask: str | None) -> Question:
    """Return the question whose answer is followed. Raises InvalidInput."""
    if (text is None) == (ask is None):
        raise InvalidInput("Give either --question or --ask.", hint="--question takes a text, --ask JSON.", field="ask")
    if ask is None:
        return Question(Asked(text=text), k=best or DEFAULT_BEST)
    try:
        told = orjson.loads(Path(ask[1:]).read_bytes() if ask.startswith("@") else ask)
    except (orjson.JSONDecodeError, OSError) as error:
        raise InvalidInput(
            f"--ask cannot be read: {error}", hint='Such as {"what": {"text": "Who drinks tea?"}}.', field="ask"
        ) from error
    asked = question_of(told, "ask")
    return replace(asked, k=best) if best is not None else asked


def subject(given: str | None, asked: EventFilter) -> What:
    """Return what a subscription is by: the subject that is given, else what its filter names."""
    for each in get_args(What):
        if given == each:
            found: What = each
            return found
    if given is not None:
        raise InvalidInput(f"{given[:40]!r} is no subject.", hint=f"Give {', '.join(get_args(What))}.", field="what")
    if asked.question is not None:
        return "question"
    return "entity" if asked.keys else "label" if asked.labels else "kinds" if asked.kinds else "scope"


@app.command("list")
def list_(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List the subscriptions in this scope, with their groups."""
    page = with_memory(lambda m: m.subscriptions.list(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"subscriptions": page.items, "cursor": page.cursor})
        return
    table = Table("subscription", "what", "start", "groups")
    for each in page.items:
        table.add_row(each.name, each.what, each.start, ", ".join(f"{one.name} {one.cursor}" for one in each.groups))
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def get(name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Print a subscription with its groups, as JSON."""
    print_json(with_memory(lambda m: m.subscriptions.get(graph, SubscriptionAddress(name, scope))))


@app.command()
def answer(name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Print the answer that a subscription follows, and the cursor behind which its events go on."""
    found = with_memory(lambda m: m.subscriptions.answer(graph, SubscriptionAddress(name, scope)))
    if as_json:
        print_json(found)
        return
    for each in found.items:
        relevance = f"  relevance {each.relevance:.2f}" if each.relevance is not None else ""
        about = each.key or " ".join(each.labels)
        OUT.print(
            f"{each.rank:>3}  {each.kind}  {each.item}  {about}{relevance}  {each.scope}".rstrip(), soft_wrap=True
        )
    note(
        f"Cursor {found.cursor}."
        + (f" Not answered since {found.evaluated_at}: {found.problem}" if found.problem else "")
    )


@app.command()
def events(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    after: Annotated[str, typer.Option("--after", help="Read behind this cursor.")] = str(BEGINNING),
    limit: Limit = 100,
    wait: Wait = 0.0,
    as_json: AsJSON = False,
) -> None:
    """Print events behind a cursor; nothing is remembered of who reads."""
    address = SubscriptionAddress(name, scope)
    _print(with_memory(lambda m: m.subscriptions.events(graph, address, after=after, limit=limit, wait=wait)), as_json)


def feed(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    kinds: Annotated[list[str] | None, typer.Option("--kind", help="Such as fact.verified or fact.*.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", help="A label, kind or predicate.")] = None,
    keys: Annotated[list[str] | None, typer.Option("--key", help="The key of an entity.")] = None,
    question: Annotated[str | None, typer.Option("--question", help="Only items relevant to it.")] = None,
    least: Annotated[float, typer.Option("--min-relevance", help="How relevant, 0 to 1.")] = DEFAULT_RELEVANCE,
    below: Annotated[bool, typer.Option("--below/--not-below", help="Those of the scopes below, too.")] = True,
    after: Annotated[str, typer.Option("--after", help="Behind this cursor: 0 is the oldest event; or now.")] = str(
        BEGINNING
    ),
    limit: Limit = 100,
    wait: Wait = 0.0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until you stop it.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Print the events that a scope sees, without a subscription; nothing is remembered of who reads."""
    asked = EventFilter(tuple(kinds or ()), tuple(labels or ()), tuple(keys or ()), question, least)
    request = SubscriptionRequest(filter=asked, below=below)

    async def work(memory: Memory) -> Delivery:
        at = after
        while True:
            waits = LONGEST_WAIT if follow else wait
            found = await memory.subscriptions.feed(graph, request, scope=scope, after=at, limit=limit, wait=waits)
            if not follow:
                return found
            if found.events:
                _print(found, as_json)
            at = found.cursor

    _print(with_memory(work), as_json)


@app.command()
def read(
    name: Name,
    group: Group,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    wait: Wait = 0.0,
    seconds: Annotated[float, typer.Option("--lease-seconds", help="How long the events are leased.")] = DEFAULT_LEASE,
    acknowledge: Annotated[bool, typer.Option("--ack", help="Acknowledge what is printed.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Lease the next events of a group and print them; without --ack they come again when the lease is over."""
    address = SubscriptionAddress(name, scope)

    async def work(memory: Memory) -> Delivery:
        found = await memory.subscriptions.read(graph, address, GroupRead(group, limit, seconds), wait=wait)
        _print(found, as_json)
        if acknowledge and found.lease is not None:
            told = Acknowledgement(group, found.cursor, found.lease, found.previous)
            await memory.subscriptions.acknowledge(graph, address, told)
        return found

    found = with_memory(work)
    if found.lease is None and found.leased_until is not None:
        note(f"Another consumer has the lease until {found.leased_until}.")


@app.command()
def ack(
    name: Name,
    group: Group,
    cursor: Cursor,
    lease: Annotated[str, typer.Argument(help="The lease that came with the events.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    expected: Expected = None,
) -> None:
    """Acknowledge the events up to a cursor."""
    told = Acknowledgement(group, cursor, lease, expected)
    _tell(with_memory(lambda m: m.subscriptions.acknowledge(graph, SubscriptionAddress(name, scope), told)))


@app.command()
def seek(
    name: Name,
    group: Group,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    cursor: Annotated[str | None, typer.Option("--cursor", help="0: the oldest event comes next.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Events since this time come next.")] = None,
    expected: Expected = None,
) -> None:
    """Set a group to a cursor or a time; with neither behind all events."""
    address = SubscriptionAddress(name, scope)
    _tell(
        with_memory(
            lambda m: m.subscriptions.seek(graph, address, group, cursor=cursor, since=since, expected=expected)
        )
    )


@app.command()
def delete(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    group: Annotated[str | None, typer.Option("--group", help="Delete only this group.")] = None,
) -> None:
    """Delete a subscription with its groups, or one group."""
    address = SubscriptionAddress(name, scope)
    if group is not None:
        with_memory(lambda m: m.subscriptions.delete_group(graph, address, group))
        OUT.print(f"Deleted the group {group}.")
        return
    count = with_memory(lambda m: m.subscriptions.delete(graph, address))
    OUT.print(f"Deleted {name} with {count} groups.")


def _print(found: Delivery, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for event in found.events:
        about = event.key or " ".join((*event.entities, *event.labels))
        state = f" ({event.previous_state or 'new'} -> {event.state})" if event.state else ""
        if event.rank is not None or event.previous_rank is not None:
            state = f" ({event.previous_rank or 'none'} -> {event.rank or 'none'})"
        OUT.print(f"{event.id}  {event.at}  {event.kind}  {about}{state}  {event.scope}".rstrip(), soft_wrap=True)
    note(f"Cursor {found.cursor}." + (f" Lease {found.lease} until {found.leased_until}." if found.lease else ""))


def _tell(group: ConsumerGroup) -> None:
    OUT.print(f"{group.name} is at the cursor {group.cursor}.")
