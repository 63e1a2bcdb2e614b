"""Write a batch of records so that invalid ones do not stop the others, and the heartbeat of a running import."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from kgmem.domain.errors import Conflict, InvalidInput, KgmemError, TimedOut, Unavailable, UnknownEntities
from kgmem.domain.graph.entity import WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.records import Record
from kgmem.services.ports import Ports
from kgmem.tasks import told_to_stop

T = TypeVar("T")
Put = Callable[[Sequence[Any]], Awaitable[WriteResult]]
_ATTEMPTS = 12
_LONGEST_WAIT = 10.0


@dataclass(slots=True)
class Outcome:
    """The result of a batch; `refused` contains the index and the reason of each rejected record."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


async def write_batch(put: Put, records: Sequence[Record]) -> Outcome:
    """Store records, in one transaction when none is rejected.

    Where the error names the invalid records, they are removed; otherwise the batch is halved until the invalid one is
    alone. Waits a while for an unavailable database. Raises Unavailable when it stays unavailable.
    """
    outcome = Outcome()
    waiting = [list(range(len(records)))]
    while waiting:
        places = waiting.pop()
        batch = [records[place] for place in places]
        try:
            written = await patiently(partial(put, batch))
        except (InvalidInput, Conflict, TimedOut) as error:
            named, rest = _split(error, batch)
            outcome.refused += [(places[at], reason) for at, reason in named]
            waiting += [[places[at] for at in part] for part in reversed(rest)]
        else:
            outcome.created += written.created
            outcome.updated += written.updated
            # The registry of sources counts an entry that stands twice in a batch once.
            outcome.unchanged += len(batch) - written.created - written.updated
    return outcome


def _split(error: KgmemError, batch: Sequence[Record]) -> tuple[list[tuple[int, str]], list[list[int]]]:
    """Return the records that the error is about, with the reason, and the parts in which to try the others."""
    everything = range(len(batch))
    if len(batch) == 1:
        if isinstance(error, TimedOut):
            raise error
        return [(0, str(error))], []
    missing = error.facts.get("keys") if isinstance(error, UnknownEntities) else None
    if missing and len({getattr(record, "scope", "") for record in batch}) == 1:
        unknown = frozenset(missing)
        named = {at: found for at in everything if (found := _first_of(unknown, batch[at])) is not None}
        if named:
            reasons = [(at, f"There is no entity {key!r}. Import it first, or with this.") for at, key in named.items()]
            rest = [at for at in everything if at not in named]
            return reasons, [rest] if rest else []
    half = len(batch) // 2
    return [], [list(everything[:half]), list(everything[half:])]


def _first_of(keys: frozenset[str], record: Record) -> str | None:
    """Return the first entity that a record names and that is among the keys."""
    named: Sequence[str] = ()
    if isinstance(record, Relationship):
        named = (record.start, record.end)
    elif isinstance(record, Episode):
        named = record.mentions
    return next((key for key in named if key in keys), None)


async def patiently(put: Callable[[], Awaitable[T]]) -> T:
    """Run a write, and retry it while the database is unavailable; writing twice changes nothing more."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return await put()
        except Unavailable as error:
            await asyncio.sleep(min(error.retry_after * attempt, _LONGEST_WAIT))
    return await put()


_PAUSE = 1.0


@asynccontextmanager
async def signs_of_life(ports: Ports, id_: int) -> AsyncIterator[Callable[[Mapping[str, Any]], None]]:
    """Return what takes the newest progress of an import; the last of it is written at the end."""
    newest: Mapping[str, Any] | None = None

    def take(progress: Mapping[str, Any]) -> None:
        nonlocal newest
        newest = progress

    async def tell() -> None:
        with contextlib.suppress(KgmemError):  # The next one may reach the database again.
            await ports.imports.tell(id_, newest)

    async def regularly() -> None:
        # What begins the work gives the first sign itself, once it has seen whether the last one was long ago.
        while not told_to_stop():
            await asyncio.sleep(_PAUSE)
            await tell()

    task = asyncio.create_task(regularly())
    try:
        yield take
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await tell()
