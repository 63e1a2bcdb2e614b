"""`kgmem imports`: list, inspect and undo imports."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Final

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import import_shape
from kgmem.domain.graph.batch import Rejection
from kgmem.domain.imports import Duplicates, Import, ImportItem, UndoResult
from kgmem.formats.io.files import STANDARD, create_file
from kgmem.memory import DEFAULT_GRAPH, Memory

app = typer.Typer(help="List, inspect and undo imports.", no_args_is_help=True)

_COUNTS: Final = ("read", "created", "updated", "unchanged", "rejected")
_PLURALS: Final = {"entity": "entities", "episode": "episodes", "relationship": "relationships", "source": "sources"}
_WHY_KEPT: Final = {
    "changed": "changed since then",
    "connected": "relationships that stay use it",
    "unknown": "its earlier version is not stored",
}
_SHOWN = 20  # Things that stay which are printed one by one.

Number = Annotated[int, typer.Argument(metavar="ID", help="The import's id; `kgmem imports list` shows it.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="The most to list.")]


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    limit: Limit = 20,
    before: Annotated[int | None, typer.Option("--before", help="Only imports with a smaller id.")] = None,
    as_json: AsJSON = False,
) -> None:
    """List the imports of a graph, newest first."""
    held = with_memory(lambda m: m.imports.list(graph, before=before, limit=limit))
    if as_json:
        print_json([import_shape(each) for each in held])
        return
    table = Table("id", "state", "began", "files", *_COUNTS)
    for each in held:
        counts = [f"{getattr(each, name):,}" for name in _COUNTS]
        table.add_row(str(each.id), each.state, each.created_at[:19], Text(_files(each)), *counts)
    OUT.print(table if held else f"No imports into {graph} yet.")
    if len(held) == limit:
        note(f"There may be more: --before {held[-1].id}")


@app.command()
def show(id_: Number, graph: GraphName = DEFAULT_GRAPH, as_json: AsJSON = False) -> None:
    """Show an import: its files, options, progress and counts."""
    held = with_memory(lambda m: m.imports.get(graph, id_))
    if as_json:
        print_json(import_shape(held))
        return
    table = Table(show_header=False)
    for name, value in _details(held).items():
        table.add_row(name, Text(value))
    OUT.print(table)
    report_duplicates(held.duplicates)
    if held.state == "failed":
        note("Resume it: run the same command with --resume.")
    if held.rejected:
        note(f"Show the rejected records: kgmem imports rejected {id_} --graph {graph}")


@app.command()
def rejected(
    id_: Number,
    graph: GraphName = DEFAULT_GRAPH,
    limit: Limit = 100,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write all of them to a file as JSON lines; - is standard output."),
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """List the records that an import rejected, with file, line and reason."""
    if output is not None:
        count = with_memory(lambda m: _write_rejections(m, graph, id_, output))
        note(f"Wrote {count:,} rejected records.")
        return
    found = with_memory(lambda m: _rejections(m, graph, id_, limit))
    if as_json:
        print_json(found)
        return
    table = Table("file", "line", "reason")
    for each in found:
        # Text and not a string: what files hold may look like rich's markup.
        table.add_row(Text(each.file), str(each.line), Text(each.reason))
    OUT.print(table if found else f"Import {id_} rejected nothing.")
    if len(found) == limit:
        note("There may be more: --limit, or --output FILE for all.")


@app.command()
def items(
    id_: Number,
    graph: GraphName = DEFAULT_GRAPH,
    limit: Limit = 100,
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="Continue after the previous page; it printed this cursor.")
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """List what an import created and changed, in order."""
    page = with_memory(lambda m: m.imports.items(graph, id_, cursor=cursor, limit=limit))
    if as_json:
        print_json({"items": list(page.items), "cursor": page.cursor})
        return
    table = Table("what", "kind", "key", "label or kind", "scope", "now")
    for each in page.items:
        table.add_row(each.operation, each.kind, Text(_key(each)), Text(each.label or ""), Text(each.scope), _now(each))
    OUT.print(table if page.items else f"Import {id_} created and changed nothing.")
    if page.cursor:
        note(f"There are more: --cursor {page.cursor}")


@app.command()
def undo(
    id_: Number,
    graph: GraphName = DEFAULT_GRAPH,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted, restored and kept; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Undo an import, except for what was changed or used since then. Exit code 1 when something is kept."""
    held = with_memory(lambda m: m.imports.get(graph, id_))
    asked = not (yes or dry_run or held.state == "undone")
    if dry_run or asked:
        with NOTES.status("Checking what the import created and changed"):
            undone = with_memory(lambda m: m.imports.undo(graph, id_, dry_run=True))
    if asked:
        NOTES.print(_outcome(undone, would=True))
        if not typer.confirm(f"Undo import {id_} of {graph}?", err=True):
            raise typer.Exit(1)
    if not dry_run:
        undone = _undone(graph, id_)
    if as_json:
        print_json(undone)
    else:
        OUT.print(f"Import {id_} of {graph} {_verdict(held, dry_run)}:")
        OUT.print(_outcome(undone, would=dry_run and held.state != "undone"))
        if undone.kept:
            OUT.print(_kept(undone))
    if undone.changed or undone.connected or undone.unknown:
        raise typer.Exit(1)


def _undone(graph: str, id_: int) -> UndoResult:
    columns = (TextColumn("Undoing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=NOTES, transient=True, disable=not NOTES.is_terminal) as progress:
        task = progress.add_task("undo", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        try:
            return with_memory(lambda m: m.imports.undo(graph, id_, progress=show))
        except typer.Exit:  # Ctrl-C.
            note("Stopped. The same command continues from there.")
            raise


def _verdict(held: Import, dry_run: bool) -> str:
    if held.state == "undone":
        return "was undone already"
    return "is unchanged; undoing it would do this" if dry_run else "is undone"


def _outcome(undone: UndoResult, *, would: bool) -> Table:
    table = Table("would be" if would else "was", "", "count")
    for kind, count in undone.deleted.items():
        table.add_row("deleted", _PLURALS[kind], f"{count:,}")
    if undone.restored:
        table.add_row("restored", "as it was before", f"{undone.restored:,}")
    for reason, words in _WHY_KEPT.items():
        if count := getattr(undone, reason):
            table.add_row("kept", words, f"{count:,}")
    if not table.rows:
        table.add_row("", "nothing to undo", "0")
    return table


def _kept(undone: UndoResult) -> Table:
    table = Table("kept", "key", "why")
    for each in undone.kept[:_SHOWN]:
        table.add_row(each.kind, Text(each.key or ""), _WHY_KEPT[each.reason])
    more = undone.changed + undone.connected + undone.unknown - min(_SHOWN, len(undone.kept))
    if more > 0:
        table.add_row("...", f"{more:,} more", "")
    return table


async def _rejections(memory: Memory, graph: str, id_: int, limit: int) -> Sequence[Rejection]:
    found: list[Rejection] = []
    async with aclosing(memory.imports.rejections(graph, id_)) as rejections:
        async for rejection in rejections:
            found.append(rejection)
            if len(found) == limit:
                break
    return found


async def _write_rejections(memory: Memory, graph: str, id_: int, output: str) -> int:
    count = 0
    with create_file(output) as stream:
        async with aclosing(memory.imports.rejections(graph, id_)) as rejections:
            async for rejection in rejections:
                stream.write(orjson.dumps(rejection, option=orjson.OPT_APPEND_NEWLINE))
                count += 1
    return count


def report_duplicates(duplicates: Sequence[Duplicates]) -> None:
    """Print notes about keys that occur more than once in a file."""
    for each in duplicates:
        what = f"1 {each.kind} has a key" if each.count == 1 else f"{each.count:,} {_PLURALS[each.kind]} have keys"
        NOTES.print(Text(f"{each.file}: {what} that the file contains before; they were merged."), soft_wrap=True)
        for key in each.keys:
            NOTES.print(Text(f"  line {key.line}: {key.key!r}, first on line {key.first}"), soft_wrap=True)
        if each.count > len(each.keys):
            note(f"  ... and {each.count - len(each.keys):,} more.")


def _files(held: Import) -> str:
    names = _names(held)
    return ", ".join(names[:3]) + (f", ... ({len(names)})" if len(names) > 3 else "")


def _names(held: Import) -> Sequence[str]:
    names = [str(file.get("name")) for file in held.files]
    return ["standard input" if name == STANDARD else name for name in names]


def _details(held: Import) -> Mapping[str, str]:
    told: dict[str, Any] = {
        "state": held.state,
        "error": held.error,
        "began": held.created_at,
        "ended": held.finished_at,
        "files": "\n".join(_names(held)),
        "options": ", ".join(
            f"{name}: {_said(value)}" for name, value in held.options.items() if value and name not in {"batch", "key"}
        ),
        **{name: f"{getattr(held, name):,}" for name in _COUNTS},
        "valid, in a dry run": f"{held.checked:,}" if held.is_dry_run else None,
        "waiting for other records": f"{held.linking:,}" if held.linking else None,
        "of which": ", ".join(f"{kind} {count:,}" for kind, count in held.kinds.items()),
        "progress": _progress(held),
    }
    return {name: str(value) for name, value in told.items() if value}


def _said(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _progress(held: Import) -> str | None:
    if held.progress is None or held.state not in {"running", "undoing", "failed"}:
        return None
    told = held.progress
    of = f" of {told['total']:,}" if told.get("total") else ""
    return f"{told.get('stage', '')}: {told.get('done', 0):,}{of}, last heartbeat at {held.heartbeat_at}"


def _key(item: ImportItem) -> str:
    if item.kind != "relationship":
        return item.key or ""
    return f"{item.start or '?'} -> {item.end or '?'}" + (f" ({item.key})" if item.key else "")


def _now(item: ImportItem) -> str:
    return "" if item.held else "deleted"
