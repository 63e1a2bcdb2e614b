"""`kgmem audit`: the audit log, its verification, and what of a graph goes into it."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

import orjson
import typer
from rich.table import Column, Table

from kgmem.cli.console import OUT, AsJSON, Limit, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.audit.chain import verify_export
from kgmem.domain.audit.log import AuditActor, AuditEntry, AuditFilter, AuditHead, AuditLevel
from kgmem.domain.errors import ChecksumMismatch, InvalidInput
from kgmem.memory import Memory

app = typer.Typer(help="List, export and verify the audit log.", no_args_is_help=True)

Graph = Annotated[str | None, typer.Option("--graph", "-g", help="Only entries of this graph.")]
KeyOption = Annotated[str | None, typer.Option("--key", help="Only entries of this API key, by its id.")]
Scope = Annotated[str | None, typer.Option("--scope", help="Only entries of this scope of the graph.")]
Item = Annotated[str | None, typer.Option("--item", help="Only entries that name this item of the graph.")]
Since = Annotated[str | None, typer.Option("--since", help="Only entries from this time on (ISO 8601).")]
Until = Annotated[str | None, typer.Option("--until", help="Only entries before this time.")]
Changes = Annotated[bool, typer.Option("--changes", help="Only what may have changed something.")]


@app.command("list")
def list_(
    graph: Graph = None,
    key: KeyOption = None,
    scope: Scope = None,
    item: Item = None,
    since: Since = None,
    until: Until = None,
    changes: Changes = False,
    cursor: Annotated[str | None, typer.Option("--cursor", help="The cursor of the last page.")] = None,
    limit: Limit = 20,
    as_json: AsJSON = False,
) -> None:
    """List entries, newest first."""
    wanted = AuditFilter(graph, key, scope, item, True if changes else None, since, until)
    page = with_memory(lambda memory: memory.audit.list(wanted, cursor=cursor, limit=limit))
    if as_json:
        print_json({"entries": [asdict(each) for each in page.items], "cursor": page.cursor})
        return
    table = Table(Column("id", no_wrap=True), "at", "key", "by", "action", "graph", "outcome", "address")
    for each in page.items:
        told = (each.key or "", each.interface, each.action, each.graph or "", each.outcome, each.address or "")
        table.add_row(str(each.id), each.at[:19], *told)
    OUT.print(table)
    if page.cursor:
        note(f"There are more: --cursor {page.cursor}")


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="File to write; by default standard output.")] = None,
    graph: Graph = None,
    key: KeyOption = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write all entries, oldest first, as lines of JSON."""
    wanted = AuditFilter(graph, key, since=since, until=until)

    async def written(memory: Memory) -> int:
        out, count = (file.open("wb") if file else sys.stdout.buffer), 0
        try:
            async for entry in memory.audit.export(wanted):
                out.write(orjson.dumps(asdict(entry)) + b"\n")
                count += 1
            out.flush()
        finally:
            if file:
                out.close()
        return count

    count = with_memory(written)
    note(f"Wrote {count:,} entries.")


@app.command()
def head(as_json: AsJSON = False) -> None:
    """Print the last entry as NUMBER:HASH, to note it where nobody who changes the database can reach it."""
    last = with_memory(lambda memory: memory.audit.head())
    if as_json:
        print_json(asdict(last))
    else:
        OUT.print(f"{last.id}:{last.hash}", soft_wrap=True)


@app.command()
def verify(
    noted: Annotated[
        str | None, typer.Option("--head", help="NUMBER:HASH of an entry that was noted: the chain must have it.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--export",
            exists=True,
            dir_okay=False,
            help="Verify an export of all entries instead, without the database.",
        ),
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Verify that no entry was changed, removed or put in between. Exits with an error at the first that was."""
    known = None if noted is None else _head(noted)
    if file is not None:
        found = verify_export(_entries_of(file), known)
    else:
        found = with_memory(lambda memory: memory.audit.verify(known))
    if as_json:
        print_json(asdict(found))
    elif found.broken is None:
        OUT.print(f"{found.entries:,} entries are right, up to {found.head.id}.")
        if found.noted == "removed":
            note("The noted entry was removed by age: note a newer one.")
    if found.broken is not None:
        raise ChecksumMismatch(
            f"Entry {found.broken} of the audit log is broken. {found.reason}",
            hint=f"The {found.entries:,} entries before it are right. A backup, or an export, has the others.",
        )


@app.command()
def level(
    graph: Annotated[str, typer.Argument(help="The graph.")],
    wanted: Annotated[
        str | None, typer.Argument(metavar="[LEVEL]", help="off, changes, all (reads, too), or default.")
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Show or set what of a graph is audited; every server follows within seconds."""

    chosen = None if wanted == "default" else cast("AuditLevel", wanted)

    async def done(memory: Memory) -> AuditLevel:
        if wanted is None:
            return await memory.audit.level(graph)
        return await memory.audit.set_level(graph, chosen, by=AuditActor("cli"))

    found = with_memory(done)
    if as_json:
        print_json({"level": found})
    else:
        OUT.print(f"Of {graph} is audited: {found}.")


def _entries_of(file: Path) -> Iterator[AuditEntry]:
    """Yield the entries of an export. Raises InvalidInput."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry = AuditEntry(**orjson.loads(line))
                if not isinstance(entry.id, int) or not isinstance(entry.action, str):
                    raise TypeError  # noqa: TRY301 - the same as names that are missing
            except (orjson.JSONDecodeError, TypeError) as error:
                raise InvalidInput(
                    f"{file}, line {number}: this is no entry of the audit log.",
                    hint="Give a file that `kgmem audit export` or GET /v1/audit/export wrote.",
                ) from error
            yield entry


def _head(text: str) -> AuditHead:
    number, _, hash_ = text.partition(":")
    if not number.isdigit() or len(hash_) != 64:
        raise InvalidInput(f"--head: {text[:80]!r} is no entry.", hint="Give what `kgmem audit head` printed.")
    return AuditHead(int(number), hash_)
