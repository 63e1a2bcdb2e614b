"""Uploads: files that a client sent are imported by a worker of the machine that holds them, and then removed."""

from kgmem.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from kgmem.domain.imports import Import
from kgmem.domain.ports import UploadFolder
from kgmem.formats.registry import reader_of
from kgmem.services.import_files import check_options, reason_of, run_import
from kgmem.services.importing import ImportOptions
from kgmem.services.parts import Parts
from kgmem.services.reading_files import identity


def uploads_of(parts: Parts) -> UploadFolder:
    """Give where uploads lie. Raises InvalidInput for a memory that takes none."""
    if parts.uploads is None:
        raise InvalidInput("This memory has no folder for uploads.", mend="Open it with kgmem.open(), or serve it.")
    return parts.uploads


async def submit_import(parts: Parts, graph: str, upload: str, options: ImportOptions) -> tuple[Import, int | None]:
    """Register the import of an upload that is complete, and ask for it; gives it with its job.

    Raises NotFound, and InvalidInput for options that are wrong; then the upload is the caller's to remove.
    """
    check_options(options)
    await parts.graphs.get(graph)
    uploads = uploads_of(parts)
    files = uploads.files(upload)
    for file in files:
        reader_of(file, options.format)
    # Beside what tells imports apart, what a worker has to know: it also keeps this from being resumed elsewhere.
    told = {**options.told(), "on_error": options.on_error}
    id_ = await parts.imports.begin(graph, identity(files), told, options.source, upload=upload)
    job = await _ask(parts, graph, id_)
    return await parts.imports.get(graph, id_), job


async def run_upload(parts: Parts, graph: str, import_: int) -> None:
    """Do a submitted import; one that a worker began and did not end goes on. Its files are removed at its end."""
    uploads = uploads_of(parts)
    held = await parts.imports.get(graph, import_)
    if held.upload is None or held.state not in {"waiting", "running"}:
        return
    await parts.imports.start(import_)
    options = ImportOptions.as_told(held.options)
    try:
        files = uploads.files(held.upload)
        await run_import(parts, await parts.graphs.get(graph), import_, files=files, options=options)
    except (Unavailable, Conflict) as error:
        await parts.imports.wait(import_)
        raise Unavailable(error.message, mend=error.mend) from error  # The job is tried again.
    except InvalidInput as error:  # The client's to mend; it is told by the import.
        await parts.imports.finish(import_, "failed", reason_of(error))
    except NotFound:  # The graph is gone, and the import with it.
        uploads.remove(held.upload)
        raise
    except Exception as error:
        await parts.imports.finish(import_, "failed", reason_of(error))
        uploads.remove(held.upload)
        raise
    except BaseException:
        await parts.imports.wait(import_)
        raise
    uploads.remove(held.upload)


async def tend_uploads(parts: Parts) -> int:
    """Ask again for uploads that wait without a job, and remove those that nobody needs; gives how many went."""
    uploads = uploads_of(parts)
    needed = await parts.imports.uploads()
    for upload, graph, id_ in needed:
        held = await parts.imports.get(graph, id_)
        if held.state == "waiting" and uploads.holds(upload):
            await _ask(parts, graph, id_)
    return uploads.sweep([upload for upload, _, _ in needed])


async def _ask(parts: Parts, graph: str, id_: int) -> int | None:
    return await parts.jobs.defer("import", graph=graph, place=uploads_of(parts).place, import_=id_)
