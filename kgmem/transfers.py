"""The part of the façade that is about files: imports with their register, and exports."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from kgmem.domain.batch import Rejection
from kgmem.domain.entity import Page
from kgmem.domain.imports import Import, ImportItem, Undone
from kgmem.domain.ports import UploadFolder
from kgmem.domain.scope import SHARED, check_scope
from kgmem.formats.files import Paths
from kgmem.formats.folder_files import with_folders
from kgmem.services import export_records as exporting
from kgmem.services import import_files as importing
from kgmem.services import import_uploads as uploading
from kgmem.services import undo_import as undoing
from kgmem.services.export_records import ExportOptions, ExportResult, Target
from kgmem.services.importing import ImportOptions, ImportResult, OnProgress
from kgmem.services.parts import Parts


class Transfers:
    """What comes in as files, what became of it, and what goes out."""

    def __init__(self, parts: Parts) -> None:
        """Take the ports; kgmem.open() is the way to get a memory."""
        self.parts = parts

    async def import_files(
        self, graph: str, files: Paths, options: ImportOptions | None = None, *, progress: OnProgress | None = None
    ) -> ImportResult:
        """Import files ("-": standard input) into a graph; what is not taken is told with its line and reason.

        Of a folder all files are imported that kgmem reads.
        """
        told = options or ImportOptions()
        given, _ = await asyncio.to_thread(with_folders, files, told.format)
        return await importing.import_files(self.parts, graph, given, told, progress)

    async def imports(
        self, graph: str, *, within: str = SHARED, before: int | None = None, limit: int = 100
    ) -> Sequence[Import]:
        """Give the imports of a graph, newest first: those with ids below one, and within a scope. Raises NotFound."""
        return await self.parts.imports.list(graph, within=check_scope(within), before=before, limit=limit)

    async def get_import(self, graph: str, id_: int, *, within: str = SHARED) -> Import:
        """Give an import: its state, its counts, how far it is. Raises NotFound."""
        return await self.parts.imports.get(graph, id_, within=check_scope(within))

    async def import_items(
        self, graph: str, id_: int, *, cursor: str | None = None, limit: int = 100
    ) -> Page[ImportItem]:
        """Give a page of what an import created and changed, in its order. Raises NotFound."""
        await self.parts.imports.get(graph, id_)
        return await self.parts.imports.items(graph, id_, cursor, limit)

    async def import_rejections(self, graph: str, id_: int) -> AsyncGenerator[Rejection, None]:
        """Give the records that an import rejected, with line and reason. Raises NotFound."""
        await self.parts.imports.get(graph, id_)
        async for rejection in self.parts.imports.rejections(id_):
            yield rejection

    async def undo_import(
        self, graph: str, id_: int, dry_run: bool = False, *, progress: Callable[[int, int], None] | None = None
    ) -> Undone:
        """Take an import back out, as far as nobody has built on it since. Raises NotFound, Conflict for one that runs.

        What it created is deleted and what it changed is again as it was, unless somebody changed it since; an entity
        to which relationships of others lead stays. A dry run only counts. Broken off it goes on when asked again.
        """
        return await undoing.undo_import(self.parts, graph, id_, dry_run=dry_run, progress=progress)

    @property
    def uploads(self) -> UploadFolder:
        """Where the files of submitted imports are put. Raises InvalidInput for a memory that takes none."""
        return uploading.uploads_of(self.parts)

    async def submit_import(self, graph: str, upload: str, options: ImportOptions) -> tuple[Import, int | None]:
        """Ask a worker to import an upload that is complete; gives the import and its job. Raises InvalidInput."""
        return await uploading.submit_import(self.parts, graph, upload, options)

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
