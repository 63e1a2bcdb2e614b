"""The part of the façade that is about files: imports with their register, and exports."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kgmem.domain.graph.batch import Rejection
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.imports import Import, ImportItem, UndoResult
from kgmem.domain.ports import UploadFolder
from kgmem.formats.io.files import Paths
from kgmem.formats.io.folder_files import with_folders
from kgmem.services.imports import export_records as exporting
from kgmem.services.imports import import_files as importing
from kgmem.services.imports import import_uploads as uploading
from kgmem.services.imports import rollback as undoing
from kgmem.services.imports import stream_export as streaming
from kgmem.services.imports.export_records import ExportOptions, ExportResult, Target
from kgmem.services.imports.options import ImportOptions, ImportResult, OnProgress
from kgmem.services.imports.stream_export import Compression
from kgmem.services.ports import Ports


class Transfers:
    """What comes in as files, what became of it, and what goes out."""

    def __init__(self, parts: Ports) -> None:
        """Take the ports; kgmem.open() is the way to get a memory."""
        self.parts = parts

    async def import_files(
        self, graph: str, files: Paths, options: ImportOptions | None = None, *, progress: OnProgress | None = None
    ) -> ImportResult:
        """Import files ("-": standard input) into a graph; what is not taken is told with its line and reason.

        Of a folder all files are imported that kgmem reads; `skipped` of the result names the others.
        """
        told = options or ImportOptions()
        given, skipped = await asyncio.to_thread(with_folders, files, told.format)
        result = await importing.import_files(self.parts, graph, given, told, progress)
        return replace(result, skipped=tuple(skipped))

    async def imports(
        self, graph: str, *, within: str = SHARED, before: int | None = None, limit: int = 100
    ) -> Sequence[Import]:
        """Give the imports of a graph, newest first: those with ids below one, and within a scope. Raises NotFound."""
        return await self.parts.imports.list(graph, within=check_scope(within), before=before, limit=limit)

    async def get_import(self, graph: str, id_: int, *, within: str = SHARED) -> Import:
        """Give an import: its state, its counts, how far it is. Raises NotFound."""
        return await self.parts.imports.get(graph, id_, within=check_scope(within))

    async def import_items(
        self, graph: str, id_: int, *, within: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[ImportItem]:
        """Give a page of what an import created and changed, in its order. Raises NotFound."""
        await self.get_import(graph, id_, within=within)
        return await self.parts.imports.items(graph, id_, cursor, limit)

    async def import_rejections(self, graph: str, id_: int, *, within: str = SHARED) -> AsyncGenerator[Rejection, None]:
        """Give the records that an import rejected, with line and reason. Raises NotFound."""
        await self.get_import(graph, id_, within=within)
        async for rejection in self.parts.imports.rejections(id_):
            yield rejection

    async def undo_import(
        self,
        graph: str,
        id_: int,
        dry_run: bool = False,
        *,
        within: str = SHARED,
        progress: Callable[[int, int], None] | None = None,
    ) -> UndoResult:
        """Take an import back out, as far as nobody has built on it since. Raises NotFound, Conflict for one that runs.

        What it created is deleted and what it changed is again as it was, unless somebody changed it since; an entity
        to which relationships of others lead stays. A dry run only counts. Broken off it goes on when asked again.
        """
        await self.get_import(graph, id_, within=within)
        return await undoing.undo_import(self.parts, graph, id_, dry_run=dry_run, progress=progress)

    @property
    def uploads(self) -> UploadFolder:
        """Where the files of submitted imports are put. Raises InvalidInput for a memory that takes none."""
        return uploading.uploads_of(self.parts)

    async def check_import(self, graph: str, options: ImportOptions, files: Sequence[Path] = ()) -> None:
        """Say what is wrong with an import before its files, known by name, are sent. Raises NotFound, InvalidInput."""
        await uploading.check_import(self.parts, graph, options, files)

    async def submit_import(self, graph: str, upload: str, options: ImportOptions) -> tuple[Import, int | None]:
        """Ask a worker to import an upload that is complete; gives the import and its job. Raises InvalidInput."""
        return await uploading.submit_import(self.parts, graph, upload, options)

    async def resume_import(self, graph: str, id_: int, *, within: str = SHARED) -> tuple[Import, int | None]:
        """Let a submitted import that failed go on; gives it with its job. Raises NotFound, Conflict."""
        await self.get_import(graph, id_, within=within)
        return await uploading.resume_import(self.parts, graph, id_)

    async def submit_undo(self, graph: str, id_: int, *, within: str = SHARED) -> tuple[Import, int | None]:
        """Ask a worker to take an import back out; gives it with its job. Raises NotFound, Conflict."""
        held = await self.get_import(graph, id_, within=within)
        return held, await undoing.submit_undo(self.parts, held)

    async def run_upload(self, graph: str, import_: int) -> None:
        """Import an upload, from where it was broken off; a worker's task."""
        await uploading.run_upload(self.parts, graph, import_)

    async def run_undo(self, graph: str, import_: int) -> None:
        """Take an import back out; a worker's task."""
        await undoing.undo_import(self.parts, graph, import_)

    async def tend_uploads(self) -> int:
        """Ask again for uploads that wait, and remove those that nobody needs; gives how many went."""
        return await uploading.tend_uploads(self.parts)

    async def export_file(
        self,
        graph: str,
        target: Target,
        options: ExportOptions | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> ExportResult:
        """Write what a graph holds to a file ("-": standard output), from one snapshot."""
        return await exporting.export_file(self.parts, graph, target, options or ExportOptions(), progress)

    def stream_export(
        self, graph: str, options: ExportOptions | None = None, compression: Compression | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Give what a graph holds as a file in chunks, from one snapshot; errors come before the first chunk."""
        return streaming.stream_export(self.parts, graph, options or ExportOptions(), compression)

    async def export_losses(self, graph: str, options: ExportOptions | None = None) -> ExportResult:
        """Give what an export would hold, and what its format would leave out. Raises NotFound, InvalidInput."""
        return await streaming.export_losses(self.parts, graph, options or ExportOptions())
