"""`kgmem remember`: a text, a file or standard input as an episode."""

import re
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kgmem.cli.console import OUT, AsJSON, GraphName, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.entity import Written
from kgmem.domain.episode import Episode
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.memory import DEFAULT_GRAPH, Memory

_LONGEST = 10_000_000  # Bytes of one text.
_PATH = re.compile(r"(~|\.\.?)?/\S+")  # What nobody means as a text.


def remember(
    text: Annotated[str, typer.Argument(help="The text, the path of a text file, or - for standard input.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    source: Annotated[str | None, typer.Option("--source", help="Who says it.")] = None,
    speaker: Annotated[str | None, typer.Option("--speaker", help="Who speaks, in a conversation.")] = None,
    session: Annotated[str | None, typer.Option("--session", help="Which conversation it belongs to.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Its title.")] = None,
    occurred_at: Annotated[str | None, typer.Option("--occurred-at", help="When it was said, in ISO 8601.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="A name of its own; again, it replaces the text.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Store a text as an episode: found by its words at once, by its meaning as soon as it is embedded."""
    episode = Episode(
        text=_text(text),
        key=key,
        occurred_at=occurred_at,
        source=source,
        session=session,
        speaker=speaker,
        title=title,
        scope=scope,
    )
    written = with_memory(partial(_put, graph=graph, episode=episode))
    if as_json:
        print_json(written)
    else:
        OUT.print("Stored." if written.created else "Updated." if written.updated else "That is known already.")


async def _put(memory: Memory, graph: str, episode: Episode) -> Written:
    if graph == DEFAULT_GRAPH:
        try:
            await memory.graph(graph)
        except NotFound:
            await memory.create_graph(graph)
            note(f"Created the graph {graph}.")
    written = await memory.put_episodes(graph, [episode])
    await memory.embed_waiting(graph)
    return written


def _text(given: str) -> str:
    """Give the text itself, or what stands in the file or on standard input."""
    if given == "-":
        return _decoded(sys.stdin.buffer.read(_LONGEST + 1), "Standard input")
    path = Path(given)
    try:
        is_file = path.is_file()
    except OSError:  # A text that is longer than any path may be.
        is_file = False
    if is_file:
        try:
            with path.open("rb") as stream:
                return _decoded(stream.read(_LONGEST + 1), path.name)
        except OSError as error:
            raise InvalidInput(f"{given} cannot be read: {error.strerror}.", mend="Check its rights.") from error
    if _PATH.fullmatch(given):
        raise NotFound(
            f"There is no file {given}.", mend="Check the path; a text that looks like one comes by standard input (-)."
        )
    return given


def _decoded(data: bytes, what: str) -> str:
    if len(data) > _LONGEST:
        raise InvalidInput(f"{what} is longer than {_LONGEST:,} bytes.", mend="Store it in parts.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{what} is not a text in UTF-8.", mend="Convert it to UTF-8.") from error
