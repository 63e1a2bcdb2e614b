"""`kgmem import` and `kgmem export`: import files into a graph, and export a graph."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from kgmem.bridges.servers import Server, destination, names_server, origin
from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, ScopeName, note, print_json
from kgmem.cli.imports import report_duplicates
from kgmem.cli.opening import load_settings, with_memory
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import WhichVectors
from kgmem.formats.io.files import STANDARD
from kgmem.formats.io.folder_files import Skipped, with_folders
from kgmem.formats.records import Destination, Kind, Origin
from kgmem.formats.tables.mapping import load_mapping
from kgmem.memory import DEFAULT_GRAPH
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions, ImportProgress, ImportResult, OnProgress

# Bolt servers instead of files.

_DEFAULT_USER = "neo4j"

UserName = Annotated[
    str | None,
    typer.Option("--user", help="User of the Bolt server. The password is KGMEM_NEO4J_PASSWORD, or is prompted for."),
]
DatabaseName = Annotated[
    str | None, typer.Option("--database", help="Database of the Bolt server; by default the user's own.")
]
Query = Annotated[
    str | None, typer.Option("--query", help="A Cypher query whose result is imported instead of the whole database.")
]


def sources(
    files: Sequence[str], database: str | None, user: str | None, query: str | None = None
) -> list[str | Origin]:
    """Return files, with the origin of a server in place of its URL. Raises InvalidInput."""
    _check(any(map(names_server, files)), database, user, query)
    return [origin(_server(file, database, user), query) if names_server(file) else file for file in files]


def target(output: str, database: str | None, user: str | None) -> str | Destination:
    """Return a file, or the destination of a server in place of its URL. Raises InvalidInput."""
    _check(names_server(output), database, user, None)
    return destination(_server(output, database, user)) if names_server(output) else output


def _check(named: bool, database: str | None, user: str | None, query: str | None) -> None:
    told = {"--database": database, "--user": user, "--query": query}
    idle = [option for option, value in told.items() if value is not None]
    if idle and not named:
        raise InvalidInput(f"{idle[0]} needs a Bolt server.", hint="Name one: bolt://host:7687")


def _server(url: str, database: str | None, user: str | None) -> Server:
    held = load_settings().neo4j_password
    password = held.get_secret_value() if held else None
    if password is None and user is not None:
        if not sys.stdin.isatty():
            raise InvalidInput(f"No password for {user!r}.", hint="Set KGMEM_NEO4J_PASSWORD.")
        password = typer.prompt(f"Password of {user} at {url}", hide_input=True, err=True)
    return Server(url, database, user or (_DEFAULT_USER if password is not None else None), password)


_INTERRUPTED = 130
_SHOWN = 5  # Rejected records that are printed.
_STAGES = {"reading": "Reading", "linking": "Relationships and episodes"}

FormatName = Annotated[
    str | None, typer.Option("--format", help="The format, such as jsonl or turtle; by default from the extension.")
]
FormatOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="An option of the format (docs/import-export.md); repeatable."),
]
KindName: TypeAlias = Kind | None


def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files (.jsonl, .csv, .parquet, .ttl, ...; also .gz, .xz, .zst) and folders of them; "
            "- is standard input; bolt://... is a Bolt server."
        ),
    ],
    graph: GraphName = DEFAULT_GRAPH,
    format_: FormatName = None,
    option: FormatOptions = None,
    mapping: Annotated[Path | None, typer.Option("--mapping", help="A TOML file that maps tables to records.")] = None,
    kind: Annotated[KindName, typer.Option("--kind", help="The kind of records that do not name one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and store nothing.")] = False,
    on_error: Annotated[
        Literal["reject", "stop"], typer.Option("--on-error", help="Reject bad records, or stop at the first.")
    ] = "reject",
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the last interrupted import of these files.")
    ] = False,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", help="Write rejected records to this file, with line and reason.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="The source of records that name none.")] = None,
    scope: ScopeName = "",
    database: DatabaseName = None,
    user: UserName = None,
    query: Query = None,
    as_json: AsJSON = False,
) -> None:
    """Import entities, relationships, episodes, sources and claims from files or a Bolt server.

    Exit code 1 when a record was rejected.
    """
    options = ImportOptions(
        format=format_,
        kind=kind,
        on_error=on_error,
        dry_run=dry_run,
        source=source,
        scope=scope,
        rejected_to=rejected,
        resume=resume,
        mapping=load_mapping(mapping) if mapping else {},
        format_options=_format_options(option),
    )
    given, skipped = with_folders(sources(files, database, user, query), format_)
    _report_skipped(skipped)
    try:
        with _import_progress() as progress:
            result = with_memory(lambda memory: memory.imports.run(graph, given, options, progress=progress))
    except typer.Exit as stopped:
        if stopped.exit_code == _INTERRUPTED and not dry_run:
            note("Stopped. The same command with --resume continues from there.")
        raise
    if as_json:
        print_json(replace(result, skipped=tuple(skipped)))
    else:
        OUT.print(_summary(result), soft_wrap=True)
    if result.anew:
        note(result.anew)
    report_duplicates(result.duplicates)
    if result.rejected:
        _report_rejections(graph, result, rejected)
        raise typer.Exit(1)


def export(
    graph: GraphName = DEFAULT_GRAPH,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="The file (.jsonl, .csv, ...; also .gz, .xz, .zst), or a folder; - is standard output.",
        ),
    ] = STANDARD,
    format_: FormatName = None,
    option: FormatOptions = None,
    kind: Annotated[KindName, typer.Option("--kind", help="Only records of this kind; CSV needs one.")] = None,
    scope: Annotated[str | None, typer.Option("--scope", help="Only this scope; by default all scopes.")] = None,
    below: Annotated[bool, typer.Option("--below", help="The scopes below it as well.")] = False,
    session: Annotated[
        str | None, typer.Option("--session", help="Only what belongs to this session of the scope.")
    ] = None,
    embeddings: Annotated[
        WhichVectors,
        typer.Option("--embeddings", help="Vectors of entities: given (those supplied by writers), all, or none."),
    ] = "given",
    escape_formulas: Annotated[
        bool, typer.Option("--escape-formulas", help="CSV: escape texts that a spreadsheet would run as formulas.")
    ] = False,
    database: DatabaseName = None,
    user: UserName = None,
    as_json: AsJSON = False,
) -> None:
    """Export a snapshot of a graph, and report what the format cannot store; jsonl loses the least.

    By default only vectors that writers supplied are exported; see --embeddings.
    """
    if as_json and output == STANDARD:
        raise InvalidInput("--json and the export would both go to standard output.", hint="Name a file with -o.")
    named = format_ or ("jsonl" if output == STANDARD else None)
    options = ExportOptions(
        format=named,
        kind=kind,
        scope=scope,
        below=below,
        session=session,
        embeddings=embeddings,
        escape_formulas=escape_formulas,
        format_options=_format_options(option),
    )
    given = target(output, database, user)
    with NOTES.status("Writing") as status:
        result = with_memory(
            lambda memory: memory.exports.write(
                graph, given, options, progress=lambda done: status.update(f"Writing: {done:,} records")
            )
        )
    if as_json:
        print_json(result)
        return
    told = ", ".join(f"{name} {count:,}" for name, count in result.records.items()) or "nothing"
    note(f"Wrote {told} ({result.seconds:.1f} s).")
    for what, count in result.lost.items():
        note(f"Not exported, because the format cannot store it: {what} ({count:,}).")


def _format_options(given: list[str] | None) -> dict[str, str]:
    """Return options of a format by name. Raises InvalidInput."""
    told: dict[str, str] = {}
    for each in given or []:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise InvalidInput(f"--option {each!r} has no value.", hint="Use --option NAME=VALUE.")
        if name in told:
            raise InvalidInput(f"--option {name} occurs twice.", hint="Use it once.")
        told[name] = value
    return told


@contextmanager
def _import_progress() -> Iterator[OnProgress]:
    """Return the progress callback of an import: one bar for each stage, only on a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[says]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=NOTES, transient=True, disable=not NOTES.is_terminal) as bars:
        tasks = {stage: bars.add_task(title, total=None, visible=False, says="") for stage, title in _STAGES.items()}

        def show(told: ImportProgress) -> None:
            says = f"{told.read:,} read, {told.rate:,.0f}/s"
            if told.rejected:
                says += f", {told.rejected:,} rejected"
            bars.update(tasks[told.stage], completed=told.done, total=told.total, visible=True, says=says)

        yield show


def _summary(result: ImportResult) -> str:
    parts = [("created", result.created), ("updated", result.updated), ("unchanged", result.unchanged)]
    parts += [("valid", result.checked), ("rejected", result.rejected)]
    told = ", ".join(f"{count:,} {name}" for name, count in parts if count) or "no records"
    rate = result.read / max(result.seconds, 1e-9)
    number = f" Import {result.id}." if result.id is not None else ""
    return f"Read {result.read:,} records: {told} ({result.seconds:.1f} s, {rate:,.0f} a second).{number}"


def _report_skipped(skipped: Sequence[Skipped]) -> None:
    for each in skipped[:_SHOWN]:
        note(f"Skipped {each}")
    if len(skipped) > _SHOWN:
        note(f"... and skipped {len(skipped) - _SHOWN:,} more.")


def _report_rejections(graph: str, result: ImportResult, kept: Path | None) -> None:
    for one in result.rejections[:_SHOWN]:
        # Text and not a string: what files hold may look like rich's markup.
        NOTES.print(Text(f"{one.file}, line {one.line}: {one.reason}"), soft_wrap=True)
    more = result.rejected - min(_SHOWN, len(result.rejections))
    if more > 0:
        note(f"... and {more:,} more.")
    held = f"kgmem imports rejected {result.id} --graph {graph} --output FILE"
    again = held if result.id is not None else "--rejected FILE"
    note(f"All rejected records with reasons: {kept}" if kept else f"Get all rejected records with reasons: {again}")
