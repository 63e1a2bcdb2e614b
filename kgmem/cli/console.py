"""Output streams, options, error messages and exit codes that the commands share."""

import asyncio
import traceback
from collections.abc import Awaitable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console

from kgmem.domain.errors import (
    Conflict,
    DatabaseOutdated,
    DataFolderInUse,
    Forbidden,
    InvalidInput,
    KgmemError,
    NotFound,
    ServerError,
    TimedOut,
    Unauthenticated,
    Unavailable,
)

T = TypeVar("T")

OUT = Console(highlight=False)  # Answers.
NOTES = Console(stderr=True, highlight=False)  # Progress, notes, errors: never in the way of a program that reads.

# The first that fits counts; anything else of kgmem's is 1.
EXIT_CODES: tuple[tuple[type[KgmemError], int], ...] = (
    (InvalidInput, 2),
    (NotFound, 3),
    (Conflict, 4),
    (DataFolderInUse, 4),
    (Unavailable, 5),
    (TimedOut, 5),
    (DatabaseOutdated, 5),
    (ServerError, 5),
    (Forbidden, 6),
    (Unauthenticated, 6),
)

debugging = False  # Set by KGMEM_LOG_LEVEL=debug: then errors come with their traceback.

ExpiresAt = Annotated[
    str | None, typer.Option("--expires-at", help="When it is to be deleted (ISO 8601); never: no more.")
]
TimeToLive = Annotated[
    str | None, typer.Option("--ttl", help="How long it is kept: seconds, 30d (w, d, h, m or s), or PT12H.")
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option("--by", help="Who decides it.")]
Reason = Annotated[str, typer.Option("--reason", help="The reason.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to list.")]
GraphName = Annotated[str, typer.Option("--graph", "-g", help="The graph.")]
ScopeName = Annotated[str, typer.Option("--scope", help="The scope, a path such as user/42; by default shared.")]


def report_error(error: Exception) -> int:
    """Print an error with its hint; return the exit code."""
    if debugging:
        NOTES.print("".join(traceback.format_exception(error)), markup=False, soft_wrap=True)
    if isinstance(error, KgmemError):
        message, hint = error.message, error.hint
    elif isinstance(error, OSError) and isinstance(error.filename, str):
        message, hint = f"{error.filename[:200]!r}: {error.strerror}.", "Correct the path, or its permissions."
    else:
        message = f"Unexpected error: {type(error).__name__}: {error}"
        hint = "Run it again with KGMEM_LOG_LEVEL=debug, and report what it prints."
    NOTES.print(f"[bold red]error:[/] {_plain(message)}", soft_wrap=True)
    if hint:
        NOTES.print(f"  {_plain(hint)}", soft_wrap=True)
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    typer.echo(orjson.dumps(value, default=_as_json, option=orjson.OPT_NON_STR_KEYS).decode())


def note(text: str) -> None:
    """Print a note on standard error."""
    NOTES.print(f"[dim]{_plain(text)}[/]", soft_wrap=True)


def run_async(work: Awaitable[T]) -> T:
    """Run a coroutine to its end; Ctrl-C ends it with exit code 130."""

    async def whole() -> T:
        return await work

    try:
        return asyncio.run(whole())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _as_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value) if isinstance(value, Path) else list(value)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
