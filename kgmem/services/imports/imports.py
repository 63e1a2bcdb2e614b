"""Imports of files, and their rollback: undo, as far as nothing was built on an import since."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kgmem.domain.errors import Conflict
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.batch import Rejection
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.imports import Import, ImportItem, UndoResult
from kgmem.domain.ports import UploadFolder
from kgmem.domain.time.interval import SECOND, now, parse_time
from kgmem.formats.io.files import Paths
from kgmem.formats.io.folder_files import with_folders
from kgmem.services.claims.claim import weigh_new
from kgmem.services.imports import import_files as importing
from kgmem.services.imports import import_uploads as uploading
from kgmem.services.imports.options import ImportOptions, ImportResult, OnProgress
from kgmem.services.imports.write_batch import patiently, signs_of_life
from kgmem.services.ports import Ports
from kgmem.services.upkeep.index import absorb

_SILENCE = 15 * SECOND  # Without a heartbeat for so long, an import is taken for dead.
OnUndone = Callable[[int, int], None]  # How much is done, and of how much.


async def submit_undo(ports: Ports, held: Import) -> int | None:
    """Enqueue the undo of an import; returns the job, or None where it is already undone or waits. Raises Conflict."""
    _check(held)
    if held.state == "undone":
        return None
    alive = held.heartbeat_at is not None and (parse_time(held.heartbeat_at).start or 0) > now() - _SILENCE
    if held.state == "waiting" or (held.state == "running" and alive):
        raise Conflict(f"The import {held.id} is running or waiting.", hint="Wait until it ends, and try again.")
    return await ports.jobs.defer("undo_import", graph=held.graph, import_=held.id)


async def undo_import(
    ports: Ports, graph: str, id_: int, *, dry_run: bool = False, progress: OnUndone | None = None
) -> UndoResult:
    """Undo an import: delete what it created and restore what it changed, except what others have changed since.

    An interrupted undo continues when it is called again. Raises NotFound, and Conflict for a running import or a dry
    run.
    """
    _check(await ports.imports.get(graph, id_))
    # What other clients changed counts as changed only once it was noticed.
    await absorb(ports, graph)
    if dry_run:
        return await ports.imports.undo(graph, id_, dry_run=True)
    await ports.holds.refuse_import(graph, id_)
    with ports.flows.run("import", graph, about=f"import/{id_}"), step("undo"):
        return await _undo(ports, graph, id_, progress)


async def _undo(ports: Ports, graph: str, id_: int, progress: OnUndone | None) -> UndoResult:
    async with signs_of_life(ports, id_) as tell:

        def told(done: int, total: int) -> None:
            tell({"stage": "undoing", "done": done, "total": total})
            if progress:
                progress(done, total)

        undone = await patiently(lambda: ports.imports.undo(graph, id_, progress=told))
    count(deleted=sum(undone.deleted.values()), restored=undone.restored)
    await weigh_new(ports, graph)
    held = await ports.graphs.get(graph)
    if undone.restored and ports.embedder and held.space:
        await ports.jobs.defer("embed", graph=graph)
    return undone


def _check(held: Import) -> None:
    if held.is_dry_run:
        raise Conflict(f"The import {held.id} is a dry run: it has stored nothing.", hint="There is nothing to undo.")


class Imports:
    """Imports of files, and their rollback."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def run(
        self, graph: str, files: Paths, options: ImportOptions | None = None, *, progress: OnProgress | None = None
    ) -> ImportResult:
        """Import files ("-": standard input) into a graph; rejected records are reported with line and reason.

        Of a folder all files in a known format are imported; `skipped` of the result names the others. Raises NotFound,
        InvalidInput.
        """
        told = options or ImportOptions()
        given, skipped = await asyncio.to_thread(with_folders, files, told.format)
        result = await importing.import_files(self._ports, graph, given, told, progress)
        return replace(result, skipped=tuple(skipped))

    async def list(
        self, graph: str, *, within: str = SHARED, by: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[Import]:
        """Return the imports of a graph, newest first: with ids below `before`, within a scope, and of one key."""
        return await self._ports.imports.list(graph, within=check_scope(within), by=by, before=before, limit=limit)

    async def get(self, graph: str, id_: int, *, within: str = SHARED, by: str | None = None) -> Import:
        """Return an import: its state, counts and progress. Raises NotFound."""
        return await self._ports.imports.get(graph, id_, within=check_scope(within), by=by)

    async def items(
        self, graph: str, id_: int, *, within: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[ImportItem]:
        """Return a page of what an import created and changed, in order. Raises NotFound."""
        await self.get(graph, id_, within=within)
        return await self._ports.imports.items(graph, id_, cursor, limit)

    async def rejections(self, graph: str, id_: int, *, within: str = SHARED) -> AsyncGenerator[Rejection, None]:
        """Return the records that an import rejected, with line and reason. Raises NotFound."""
        await self.get(graph, id_, within=within)
        async for rejection in self._ports.imports.rejections(id_):
            yield rejection

    async def undo(
        self,
        graph: str,
        id_: int,
        dry_run: bool = False,
        *,
        within: str = SHARED,
        progress: Callable[[int, int], None] | None = None,
    ) -> UndoResult:
        """Undo an import, except what was changed since. Raises NotFound, and Conflict for a running import.

        What it created is deleted and what it changed is restored, unless it was changed since; an entity that other
        relationships use stays. A dry run only counts. An interrupted undo continues when it is called again.
        """
        await self.get(graph, id_, within=within)
        return await undo_import(self._ports, graph, id_, dry_run=dry_run, progress=progress)

    @property
    def uploads(self) -> UploadFolder:
        """The folder for the files of submitted imports. Raises InvalidInput where uploads are disabled."""
        return self._ports.uploads

    async def check(self, graph: str, options: ImportOptions, files: Sequence[Path] = ()) -> None:
        """Check the options and file names of an import before its files are sent. Raises NotFound, InvalidInput."""
        await uploading.check_import(self._ports, graph, options, files)

    async def submit(self, graph: str, upload: str, options: ImportOptions) -> tuple[Import, int | None]:
        """Enqueue the import of a complete upload; returns the import and its job. Raises InvalidInput."""
        return await uploading.submit_import(self._ports, graph, upload, options)

    async def resume(self, graph: str, id_: int, *, within: str = SHARED) -> tuple[Import, int | None]:
        """Resume a failed import; returns it with its job. Raises NotFound, Conflict."""
        await self.get(graph, id_, within=within)
        return await uploading.resume_import(self._ports, graph, id_)

    async def submit_undo(self, graph: str, id_: int, *, within: str = SHARED) -> tuple[Import, int | None]:
        """Enqueue the undo of an import; returns it with its job. Raises NotFound, Conflict."""
        held = await self.get(graph, id_, within=within)
        return held, await submit_undo(self._ports, held)
