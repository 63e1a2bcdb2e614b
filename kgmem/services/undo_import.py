"""Undo: an import taken back out, as far as nobody has built on it since."""

from collections.abc import Callable

from kgmem.domain.imports import Undone
from kgmem.services.parts import Parts
from kgmem.services.telling import signs_of_life
from kgmem.services.write_batch import patiently

OnUndone = Callable[[int, int], None]  # How much is done, and of how much.


async def undo_import(
    parts: Parts, graph: str, id_: int, *, dry_run: bool = False, progress: OnUndone | None = None
) -> Undone:
    """Take an import back out: what it created goes, what it changed is again as it was, what others changed stays.

    Broken off it goes on when it is asked for again. Raises NotFound, and Conflict for an import that runs.
    """
    await parts.imports.get(graph, id_)
    # What other clients changed counts as changed only once it was noticed.
    await parts.index.absorb_foreign_writes(graph)
    if dry_run:
        return await parts.imports.undo(graph, id_, dry_run=True)
    async with signs_of_life(parts, id_) as tell:

        def told(done: int, total: int) -> None:
            tell({"stage": "undoing", "done": done, "total": total})
            if progress:
                progress(done, total)

        undone = await patiently(lambda: parts.imports.undo(graph, id_, progress=told))
    held = await parts.graphs.get(graph)
    if undone.restored and parts.embedder and held.space:
        await parts.jobs.defer("embed", graph=graph)
    return undone
