"""`kgmem remember` and `kgmem forget`: texts as episodes, what they say in the graph, and taking both back."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.texts import Given, items
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.episode import Episode
from kgmem.domain.text.document import Document, Remembered, episodes_of
from kgmem.domain.text.queue import Forgotten, ReadSoFar, WouldBring
from kgmem.memory import DEFAULT_GRAPH, Memory

_BATCH = 500  # Episodes that are stored before they are read, so that a folder of any size takes little memory.
_SHOWN = 20  # Things that a dry run spells out of each kind.


def remember(
    what: Annotated[str, typer.Argument(metavar="TEXT", help="The text, a file, a folder of files, or - for stdin.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    source: Annotated[str | None, typer.Option("--source", help="Who says it.")] = None,
    speaker: Annotated[str | None, typer.Option("--speaker", help="Who speaks, in a conversation.")] = None,
    session: Annotated[str | None, typer.Option("--session", help="Which conversation it belongs to.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Its title.")] = None,
    occurred_at: Annotated[str | None, typer.Option("--occurred-at", help="When it was said, in ISO 8601.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="A name of its own; again, it replaces the text.")] = None,
    no_extract: Annotated[
        bool, typer.Option("--no-extract", help="Only store it; do not read it for entities and facts.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would bring into the graph.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Store texts, found by their words at once, and take what they say into the graph."""
    given = Given(key, title, occurred_at, source, speaker, session, scope, extract=not no_extract)
    if dry_run:
        told = with_memory(partial(_would_bring, graph=graph, given=list(items(what, given))))
        print_json(told) if as_json else _show(told)
        return
    stored, done = with_memory(partial(_remember, graph=graph, given=items(what, given), reading=given.extract))
    if as_json:
        print_json({"stored": stored, "read": done})
        return
    changed = stored.created or stored.updated or stored.forgotten
    first = "Stored." if stored.created else "Updated." if changed else "That is known already."
    OUT.print(first + _counted(stored, done))


def _counted(stored: Remembered, done: ReadSoFar) -> str:
    several = (
        f" {stored.created} new, {stored.updated} changed, {stored.unchanged} known, {stored.forgotten} forgotten."
    )
    told = several if stored.created + stored.updated + stored.unchanged + stored.forgotten > 1 else ""
    if done.episodes:
        told += (
            f" Read: {done.entities} mentions of entities, {done.claims} claims, {done.relationships} relationships."
        )
    return told + (f" {done.refused} could not be read." if done.refused else "")


async def _remember(
    memory: Memory, graph: str, given: Iterable[Episode | Document], *, reading: bool
) -> tuple[Remembered, ReadSoFar]:
    await _ensure(memory, graph)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    stored, done = Remembered(), ReadSoFar()
    with Progress(*columns, console=NOTES, transient=True) as progress:
        task = progress.add_task("Storing")
        for batch in _batches(iter(given)):
            stored += await _put(memory, graph, batch, extract=reading)

            def told(now: ReadSoFar, before: ReadSoFar = done) -> None:
                progress.update(task, description=f"Read {before.episodes + now.episodes} texts")

            if reading:
                progress.update(task, description=f"Reading ({done.episodes} so far)")
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


async def _would_bring(memory: Memory, graph: str, given: list[Episode | Document]) -> list[WouldBring]:
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


def _show(told: list[WouldBring]) -> None:
    entities = {str(each["key"]): each for one in told for each in one.entities}
    claims = [each for one in told for each in one.claims]
    related = [each for one in told for each in one.relationships]
    OUT.print(f"It would bring {len(entities)} entities, {len(claims)} claims, {len(related)} relationships.")
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
    erase: Annotated[bool, typer.Option("--erase", help="Out of the history too, so that no time shows it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Delete episodes with all that only they brought into the graph; tells what went and what stays."""
    if not keys and session is None:
        raise typer.BadParameter("name episodes, or a --session")
    run = partial(_forget, graph=graph, keys=keys or [], session=session, scope=scope, erase=erase, dry_run=dry_run)
    report = with_memory(run)
    if as_json:
        print_json(report)
        return
    OUT.print(
        f"{'Would go' if report.dry_run else 'Gone'}: {report.episodes} episodes, {report.entities} entities, "
        f"{report.claims} claims, {report.relationships} relationships, {report.passages} passages, "
        f"{report.vectors} vectors, {report.similarity_links} similarity links. "
        f"Kept, since other texts say it too: {report.kept_entities} entities, "
        f"{report.kept_relationships} relationships."
    )
    if erase and not report.dry_run:
        OUT.print(f"Erased from the history: {report.erased_from_history} versions.")
    if report.missing:
        OUT.print(f"Not there: {', '.join(report.missing)}.", markup=False)


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
