"""`kgmem stream`: append messages to work streams, read and acknowledge them, and look after what is left."""

import sys
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.errors import InvalidInput
from kgmem.domain.streams.stream import (
    DEFAULT_AGE,
    DEFAULT_DELIVERIES,
    DEFAULT_LEASE,
    DEFAULT_LENGTH,
    NewMessage,
    Release,
    Settled,
    StreamAddress,
    StreamClaim,
    StreamRead,
    StreamSettings,
)
from kgmem.memory import DEFAULT_GRAPH, Memory

app = typer.Typer(help="Hand work from agent to agent by streams of messages.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The stream's name.")]
Group = Annotated[str, typer.Argument(help="The consumer group.")]
Receipts = Annotated[list[str], typer.Argument(help="Receipts, as they came with the messages.")]
Ids = Annotated[list[int] | None, typer.Option("--id", help="Only this one; may be repeated. By default all.")]
Consumer = Annotated[str, typer.Option("--consumer", help="Who reads.")]
Lease = Annotated[float, typer.Option("--lease-seconds", help="How long messages are leased.")]


@app.command()
def put(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    max_length: Annotated[int, typer.Option("--max-length", help="Most acknowledged messages.")] = DEFAULT_LENGTH,
    max_age: Annotated[int, typer.Option("--max-age", help="Seconds that these are kept.")] = DEFAULT_AGE,
    max_deliveries: Annotated[
        int, typer.Option("--max-deliveries", help="After which a message becomes a dead letter.")
    ] = DEFAULT_DELIVERIES,
) -> None:
    """Make a stream, or set what it keeps."""
    settings = StreamSettings(max_length, max_age, max_deliveries)
    made = with_memory(lambda m: m.streams.put(graph, StreamAddress(name, scope), settings))
    OUT.print(f"{'Created' if made.created else 'Updated'}: {made.name}.")


@app.command("list")
def list_(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List the streams in this scope, with their groups."""
    page = with_memory(lambda m: m.streams.list(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"streams": page.items, "cursor": page.cursor})
        return
    table = Table("stream", "messages", "store", "groups")
    for each in page.items:
        groups = (f"{one.name} (pending {one.pending}, dead {one.dead}, lag {one.lag})" for one in each.groups)
        table.add_row(each.name, str(each.length), each.store, ", ".join(groups))
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def get(name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Print a stream with its groups, as JSON."""
    print_json(with_memory(lambda m: m.streams.get(graph, StreamAddress(name, scope))))


@app.command()
def append(
    name: Name,
    body: Annotated[str, typer.Argument(help="A message as JSON, any other text as it is, or - for JSON Lines.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    key: Annotated[str | None, typer.Option("--key", help="Messages of one key are processed in order.")] = None,
    once: Annotated[str | None, typer.Option("--idempotency-key", help="The same one again appends nothing.")] = None,
) -> None:
    """Append a message, or the lines of the standard input."""
    if body == "-":
        if once is not None:
            raise InvalidInput("An idempotency key names one message.", hint="Leave it out.", field="idempotency-key")
        messages = [NewMessage(_json(line), key) for line in sys.stdin if line.strip()]
    else:
        messages = [NewMessage(_json(body), key, once)]
    added = with_memory(lambda m: m.streams.append(graph, StreamAddress(name, scope), messages))
    OUT.print(f"Appended {len(added.ids) - added.duplicates}: {', '.join(map(str, added.ids))}.", soft_wrap=True)


@app.command()
def messages(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    after: Annotated[int, typer.Option("--after", help="Behind the message of this id.")] = 0,
    limit: Limit = 100,
) -> None:
    """Print messages as JSON Lines, without taking them for anybody."""
    address = StreamAddress(name, scope)
    for each in with_memory(lambda m: m.streams.messages(graph, address, after=after, limit=limit)):
        print_json(each)


@app.command()
def read(
    name: Name,
    group: Group,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    consumer: Consumer = "consumer",
    limit: Limit = 10,
    wait: Annotated[float, typer.Option("--wait", min=0, max=25, help="Seconds to wait for the first one.")] = 0.0,
    seconds: Lease = DEFAULT_LEASE,
    acknowledge: Annotated[bool, typer.Option("--ack", help="Acknowledge what is printed.")] = False,
) -> None:
    """Lease the next messages of a group and print them as JSON Lines."""
    address = StreamAddress(name, scope)

    async def work(memory: Memory) -> None:
        request = StreamRead(group, consumer, limit, seconds)
        found = await memory.streams.read(graph, address, request, wait=wait)
        for each in found:
            print_json(each)
        if acknowledge and found:
            await memory.streams.acknowledge(graph, address, group, [each.receipt or "" for each in found])

    with_memory(work)


@app.command()
def ack(name: Name, group: Group, receipts: Receipts, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Note that messages are processed."""
    _tell(with_memory(lambda m: m.streams.acknowledge(graph, StreamAddress(name, scope), group, receipts)))


@app.command()
def extend(
    name: Name, group: Group, receipts: Receipts, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "",
    seconds: Lease = DEFAULT_LEASE,
) -> None:  # fmt: skip
    """Extend the leases of messages."""
    _tell(with_memory(lambda m: m.streams.extend(graph, StreamAddress(name, scope), group, receipts, seconds)))


@app.command()
def release(
    name: Name,
    group: Group,
    receipts: Receipts,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    delay: Annotated[float, typer.Option("--delay", help="Seconds after which they come again.")] = 0.0,
    reason: Annotated[str | None, typer.Option("--reason", help="Why they could not be processed.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Give them up at once.")] = False,
) -> None:
    """Return messages that could not be processed."""
    how = Release(receipts, delay, reason, dead)
    _tell(with_memory(lambda m: m.streams.release(graph, StreamAddress(name, scope), group, how)))


@app.command()
def claim(
    name: Name,
    group: Group,
    of: Annotated[str, typer.Argument(help="The consumer that has the messages.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    consumer: Consumer = "consumer",
    idle: Annotated[float, typer.Option("--min-idle", help="Only what was delivered so many seconds ago.")] = 0.0,
    limit: Limit = 10,
    seconds: Lease = DEFAULT_LEASE,
) -> None:
    """Take over the messages of a consumer that died, and print them as JSON Lines."""
    request = StreamClaim(group, consumer, of, idle, limit, seconds)
    for each in with_memory(lambda m: m.streams.claim(graph, StreamAddress(name, scope), request)):
        print_json(each)


@app.command()
def pending(
    name: Name, group: Group, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100
) -> None:
    """Print what a group has taken and not acknowledged, as JSON Lines."""
    for each in with_memory(lambda m: m.streams.pending(graph, StreamAddress(name, scope), group, limit=limit)):
        print_json(each)


@app.command("dead-letters")
def dead_letters(
    name: Name,
    group: Group,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    replay: Annotated[bool, typer.Option("--replay", help="Deliver them again.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Delete them.")] = False,
    ids: Ids = None,
) -> None:
    """Print what a group has given up, as JSON Lines; or deliver it again, or delete it."""
    address = StreamAddress(name, scope)
    if replay and discard:
        raise InvalidInput("Both --replay and --discard are given.", hint="Give one of them.", field="replay")
    if replay:
        OUT.print(f"Replayed {with_memory(lambda m: m.streams.replay(graph, address, group, ids))}.")
    elif discard:
        OUT.print(f"Deleted {with_memory(lambda m: m.streams.discard(graph, address, group, ids))}.")
    else:
        for each in with_memory(lambda m: m.streams.dead_letters(graph, address, group, limit=limit)):
            print_json(each)


@app.command()
def trim(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    max_length: Annotated[int | None, typer.Option("--max-length", min=0, help="Keep so many of the newest.")] = None,
    max_age: Annotated[int | None, typer.Option("--max-age", min=0, help="Keep what is younger, in seconds.")] = None,
) -> None:
    """Remove the oldest messages that all groups have acknowledged."""
    address = StreamAddress(name, scope)
    done = with_memory(lambda m: m.streams.trim(graph, address, max_length=max_length, max_age_seconds=max_age))
    OUT.print(f"Removed {done.removed} messages.")


@app.command()
def delete(
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    group: Annotated[str | None, typer.Option("--group", help="Delete only this group.")] = None,
) -> None:
    """Delete a stream with its messages and groups, or one group."""
    address = StreamAddress(name, scope)
    if group is not None:
        with_memory(lambda m: m.streams.delete_group(graph, address, group))
        OUT.print(f"Deleted the group {group}.")
        return
    with_memory(lambda m: m.streams.delete(graph, address))
    OUT.print(f"Deleted {name}.")


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.rstrip("\n")


def _tell(done: Settled) -> None:
    OUT.print(f"Settled {len(done.settled)}.")
    if done.lost:
        note(f"Lost: {', '.join(done.lost)}. They were delivered again, acknowledged or given up.")
