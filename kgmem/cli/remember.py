"""`kgmem remember` and `kgmem forget`: store texts as episodes, extract from them, and delete them."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.documents.read import decoded, is_document, sections_of, suffixes
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.expiry import expiry_of, ttl_of
from kgmem.domain.text.document import Document, Remembered, episodes_of
from kgmem.domain.text.queue import EpisodePreview, ExtractionReport, Forgotten
from kgmem.formats.wire import from_wire
from kgmem.memory import DEFAULT_GRAPH, Memory

_BATCH = 500  # Episodes that are stored before they are read, so that a folder of any size takes little memory.
_SHOWN = 20  # Things that a dry run spells out of each kind.


def remember(
    what: Annotated[str, typer.Argument(metavar="TEXT", help="The text, a file, a folder of files, or - for stdin.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    source: Annotated[str | None, typer.Option("--source", help="The key of the source.")] = None,
    speaker: Annotated[str | None, typer.Option("--speaker", help="The speaker.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", help="The conversation or document that it belongs to.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Its title.")] = None,
    occurred_at: Annotated[
        str | None, typer.Option("--occurred-at", help="When it was said or written (ISO 8601).")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="A stable key; the same key again replaces the text.")
    ] = None,
    expires_at: Annotated[str | None, typer.Option("--expires-at", help="When it is to be deleted (ISO 8601).")] = None,
    ttl: Annotated[
        str | None, typer.Option("--ttl", help="How long it is kept: seconds, 30d (w, d, h, m or s), or PT12H.")
    ] = None,
    no_extract: Annotated[bool, typer.Option("--no-extract", help="Store the text and extract nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Preview the extraction and store nothing.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Store texts, and extract entities and facts from them."""
    until = expiry_of(expires_at, ttl_of(ttl))
    given = Given(key, title, occurred_at, source, speaker, session, scope, extract=not no_extract, expires_at=until)
    if dry_run:
        told = with_memory(partial(_preview, graph=graph, given=list(items(what, given))))
        print_json(told) if as_json else _show(told)
        return
    stored, done = with_memory(partial(_remember, graph=graph, given=items(what, given), reading=given.extract))
    if as_json:
        print_json({"stored": stored, "extracted": done})
        return
    changed = stored.created or stored.updated or stored.forgotten
    first = "Stored." if stored.created else "Updated." if changed else "Unchanged: it is stored already."
    OUT.print(first + _counted(stored, done))


def _counted(stored: Remembered, done: ExtractionReport) -> str:
    several = (
        f" {stored.created} new, {stored.updated} changed, {stored.unchanged} unchanged, {stored.forgotten} forgotten."
    )
    told = several if stored.created + stored.updated + stored.unchanged + stored.forgotten > 1 else ""
    if done.episodes:
        told += f" Extracted: {done.entities} mentions, {done.claims} claims, {done.relationships} relationships."
    return told + (f" {done.refused} could not be extracted." if done.refused else "")


async def _remember(
    memory: Memory, graph: str, given: Iterable[Episode | Document], *, reading: bool
) -> tuple[Remembered, ExtractionReport]:
    await _ensure(memory, graph)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    stored, done = Remembered(), ExtractionReport()
    with Progress(*columns, console=NOTES, transient=True) as progress:
        task = progress.add_task("Storing")
        for batch in _batches(iter(given)):
            stored += await _put(memory, graph, batch, extract=reading)

            def told(now: ExtractionReport, before: ExtractionReport = done) -> None:
                progress.update(task, description=f"Extracted {before.episodes + now.episodes} texts")

            if reading:
                progress.update(task, description=f"Extracting ({done.episodes} so far)")
                done += await memory.extraction.run(graph, progress=told)
            progress.update(task, description="Embedding")
            await memory.embeddings.run(graph)
    return stored, done


async def _put(memory: Memory, graph: str, batch: list[Episode | Document], *, extract: bool) -> Remembered:
    stored = Remembered()
    episodes = [each for each in batch if isinstance(each, Episode)]
    if episodes:
        written = await memory.episodes.put(graph, episodes)
        stored += Remembered(written.created, written.updated, written.unchanged)
    for each in batch:
        if isinstance(each, Document):
            stored += await memory.episodes.put_document(graph, each, extract=extract)
    return stored


def _batches(given: Iterator[Episode | Document]) -> Iterator[list[Episode | Document]]:
    while batch := list(islice(given, _BATCH)):
        yield batch


async def _preview(memory: Memory, graph: str, given: list[Episode | Document]) -> list[EpisodePreview]:
    episodes = [
        episode
        for each in given
        for episode in ([each] if isinstance(each, Episode) else episodes_of(each, extract=True))
    ]
    return list(await memory.extraction.preview(graph, episodes))


async def _ensure(memory: Memory, graph: str) -> None:
    if graph == DEFAULT_GRAPH:
        try:
            await memory.graphs.get(graph)
        except NotFound:
            await memory.graphs.create(graph)
            note(f"Created the graph {graph}.")


def _show(told: list[EpisodePreview]) -> None:
    entities = {str(each["key"]): each for one in told for each in one.entities}
    claims = [each for one in told for each in one.claims]
    related = [each for one in told for each in one.relationships]
    OUT.print(f"Preview: {len(entities)} entities, {len(claims)} claims, {len(related)} relationships.")
    for each in list(entities.values())[:_SHOWN]:
        OUT.print(f"  {each['name']} ({each['label']}, {'new' if each['new'] else 'known'})", markup=False)
    for each in claims[:_SHOWN]:
        value = each["object"] or each["value"]
        OUT.print(f"  {each['subject']} {each['predicate']} {value} ({each['confidence']})", markup=False)
    for each in related[:_SHOWN]:
        OUT.print(f"  {each['kind']}: {each['text'] or each['from']}", markup=False)


def forget(
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys of episodes.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    session: Annotated[
        str | None, typer.Option("--session", help="All episodes of this conversation or document.")
    ] = None,
    erase: Annotated[bool, typer.Option("--erase", help="Erase them from the history too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Delete episodes and everything extracted only from them."""
    if not keys and session is None:
        raise typer.BadParameter("name episodes by their keys, or a --session")
    run = partial(_forget, graph=graph, keys=keys or [], session=session, scope=scope, erase=erase, dry_run=dry_run)
    report = with_memory(run)
    if as_json:
        print_json(report)
        return
    OUT.print(
        f"{'Would be deleted' if report.dry_run else 'Deleted'}: {report.episodes} episodes, "
        f"{report.entities} entities, {report.claims} claims, {report.relationships} relationships, "
        f"{report.passages} passages, {report.vectors} vectors, {report.similarity_links} similarity links. "
        f"Kept, because other texts state them too: {report.kept_entities} entities, "
        f"{report.kept_relationships} relationships."
    )
    if erase and not report.dry_run:
        OUT.print(f"Erased from the history: {report.erased_from_history} versions.")
    if report.missing:
        OUT.print(f"Not found: {', '.join(report.missing)}.", markup=False)


async def _forget(
    memory: Memory, graph: str, keys: list[str], session: str | None, *, scope: str, erase: bool, dry_run: bool
) -> Forgotten:
    wanted, cursor = list(keys), None
    while session is not None:
        page = await memory.episodes.list(graph, scope=scope, session=session, cursor=cursor, limit=1000)
        wanted += [each.key for each in page.items if each.key and each.scope == scope]
        cursor = page.cursor
        if cursor is None:
            break
    return await memory.episodes.forget(graph, wanted, scope=scope, dry_run=dry_run, erase=erase)


_LONGEST = 10_000_000  # Bytes of one text.
_PATH = re.compile(r"(~|\.\.?)?/\S+")  # A path, not a text.
_STREAM = ".jsonl"


@dataclass(frozen=True, slots=True)
class Given:
    """The options of `kgmem remember` that apply to every text."""

    key: str | None = None
    title: str | None = None
    occurred_at: str | None = None
    source: str | None = None
    speaker: str | None = None
    session: str | None = None
    scope: str = ""
    extract: bool = True
    expires_at: str | None = None


def items(what: str, given: Given) -> Iterator[Episode | Document]:
    """Yield episodes and documents, file by file. Raises NotFound, InvalidInput."""
    path = _path(what)
    if what == "-":
        yield _episode(decoded("Standard input", sys.stdin.buffer.read(_LONGEST + 1)), given)
    elif path is None:
        yield _episode(what, given)
    elif path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.is_file() and _is_known(each))
        if not found:
            raise InvalidInput(f"{what} has no file of a known type.", hint=f"Known types: {', '.join(suffixes())}.")
        for each in found:
            yield from _of_file(each, given, each.relative_to(path).as_posix())
    else:
        yield from _of_file(path, given, path.name)


def _is_known(path: Path) -> bool:
    return is_document(path.name) or path.suffix == _STREAM


def _of_file(path: Path, given: Given, name: str) -> Iterator[Episode | Document]:
    if path.suffix == _STREAM:
        yield from _of_stream(path, given)
        return
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    if not is_document(path.name):
        yield _episode(decoded(path.name, data[: _LONGEST + 1]), given)
        return
    yield Document(
        given.key or given.session or name, sections_of(path.name, data), title=given.title or Path(name).stem,
        occurred_at=given.occurred_at, source=given.source or name, speaker=given.speaker, scope=given.scope,
        expires_at=given.expires_at,
    )  # fmt: skip


def _of_stream(path: Path, given: Given) -> Iterator[Episode]:
    """Return the episodes of a file of JSON lines, one at a time; what a line does not say the options do."""
    usual = {
        "occurred_at": given.occurred_at,
        "source": given.source,
        "speaker": given.speaker,
        "session": given.session,
        "expires_at": given.expires_at,
    }
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                told = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise InvalidInput(
                    f"{path.name}, line {number}: {error}.", hint="Write one JSON object per line."
                ) from error
            if not isinstance(told, dict):
                raise InvalidInput(
                    f"{path.name}, line {number} is not an object.", hint='Write {"text": ...} on each line.'
                )
            told.pop("extract", None)
            shape = {**{name: value for name, value in usual.items() if value}, "scope": given.scope, **told}
            stated = from_wire("episode", shape)
            if not isinstance(stated, Episode):
                raise InvalidInput(
                    f"{path.name}, line {number} is not an episode.", hint="Use kgmem import for other records."
                )
            yield replace(stated, extract=given.extract)


def _episode(text: str, given: Given) -> Episode:
    if len(text) > _LONGEST:
        raise InvalidInput(f"The text is longer than {_LONGEST:,} bytes.", hint="Split it, or store it as a file.")
    return Episode(
        text, given.key, occurred_at=given.occurred_at, source=given.source, session=given.session,
        speaker=given.speaker, title=given.title, scope=given.scope, extract=given.extract,
        expires_at=given.expires_at,
    )  # fmt: skip


def _path(what: str) -> Path | None:
    """Return the path; None for a text."""
    path = Path(what).expanduser()
    try:
        there = path.exists()
    except OSError:  # A text that is longer than any path may be.
        there = False
    if there:
        return path
    if _PATH.fullmatch(what):
        raise NotFound(
            f"Not found: the file {what}.",
            hint="Check the path. Use standard input (-) for a text that looks like a path.",
        )
    return None
