"""Undo: an import taken back out, as far as nobody has built on it since."""

from collections.abc import Callable

from kgmem.domain.errors import Conflict
from kgmem.domain.imports import Import, UndoResult
from kgmem.domain.time.interval import SECOND, now, parse_time
from kgmem.services.claims.claim import weigh_new
from kgmem.services.imports.heartbeat import signs_of_life
from kgmem.services.imports.write_batch import patiently
from kgmem.services.ports import Ports
from kgmem.services.upkeep.index_sync import absorb

_SILENCE = 15 * SECOND  # Without a sign of life for so long, an import is taken for dead.
OnUndone = Callable[[int, int], None]  # How much is done, and of how much.


async def submit_undo(parts: Ports, held: Import) -> int | None:
    """Ask a worker to take an import back out; gives the job, None when it was asked already. Raises Conflict."""
    _check(held)
    if held.state == "undone":
        return None
    alive = held.heartbeat_at is not None and (parse_time(held.heartbeat_at).start or 0) > now() - _SILENCE
    if held.state == "waiting" or (held.state == "running" and alive):
        raise Conflict(f"The import {held.id} runs, or waits for its turn.", hint="Let it end, and try again.")
    return await parts.jobs.defer("undo_import", graph=held.graph, import_=held.id)


async def undo_import(
    parts: Ports, graph: str, id_: int, *, dry_run: bool = False, progress: OnUndone | None = None
) -> UndoResult:
    """Take an import back out: what it created goes, what it changed is again as it was, what others changed stays.

    Broken off it goes on when it is asked for again. Raises NotFound, and Conflict for one that runs or was a dry run.
    """
    _check(await parts.imports.get(graph, id_))
    # What other clients changed counts as changed only once it was noticed.
    await absorb(parts, graph)
    if dry_run:
        return await parts.imports.undo(graph, id_, dry_run=True)
    async with signs_of_life(parts, id_) as tell:

        def told(done: int, total: int) -> None:
            tell({"stage": "undoing", "done": done, "total": total})
            if progress:
                progress(done, total)

        undone = await patiently(lambda: parts.imports.undo(graph, id_, progress=told))
    await weigh_new(parts, graph)
    held = await parts.graphs.get(graph)
    if undone.restored and parts.embedder and held.space:
        await parts.jobs.defer("embed", graph=graph)
    return undone


def _check(held: Import) -> None:
    if held.is_dry_run:
        raise Conflict(f"The import {held.id} is a dry run, which stores nothing.", hint="Leave it as it is.")
