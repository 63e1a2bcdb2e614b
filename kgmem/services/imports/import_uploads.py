"""Uploads: files sent by a client, imported by a worker of the machine that stores them, and then removed."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, closing
from functools import partial
from pathlib import Path

from kgmem.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from kgmem.domain.flows.trace import step
from kgmem.domain.graph.graph import Graph
from kgmem.domain.imports import Import
from kgmem.domain.slices import put_off
from kgmem.domain.time.interval import SECOND, now, parse_time
from kgmem.formats.tables.mapping import read_mapping
from kgmem.log import EventLog
from kgmem.services.imports.check_files import Check
from kgmem.services.imports.files import check_files, identity
from kgmem.services.imports.import_files import check_options, reason_of, run_import
from kgmem.services.imports.options import ImportOptions
from kgmem.services.imports.write_batch import patiently, signs_of_life
from kgmem.services.ports import Ports
from kgmem.tasks import caller, writing_as

log = EventLog(__name__)

_SILENCE = 60 * SECOND  # Without a heartbeat for so long, it is looked what became of an import's job.
_SMALL = 256 * 1024  # Bytes of an upload that is imported within seconds.
_PAUSE = 1.0  # Seconds after which an import looks again whether those before it are done.
_JOBS = 1000  # The newest jobs of a graph, among which that of an import is looked for.
_GONE = "The uploaded files are gone. Send them again: records that are stored already count as unchanged."


async def check_import(ports: Ports, graph: str, options: ImportOptions, files: Sequence[Path] = ()) -> None:
    """Check the options and file names of an import before its files are sent. Raises NotFound, InvalidInput."""
    await ports.graphs.get(graph)
    check_options(options)
    if options.mapping:
        read_mapping(options.mapping)
    check_files(files, options)


async def submit_import(ports: Ports, graph: str, upload: str, options: ImportOptions) -> tuple[Import, int | None]:
    """Register and enqueue the import of a complete upload; returns it with its job.

    The job is None where the queue is unavailable: `tend_uploads` enqueues it later. Raises NotFound, and InvalidInput
    for invalid options; then the caller removes the upload.
    """
    files = ports.uploads.files(upload)
    await check_import(ports, graph, options, files)
    # Beside what tells imports apart, what a worker has to know: it also keeps this from being resumed elsewhere.
    told = {**options.told(), "on_error": options.on_error, "dry_run": options.dry_run, **_sender()}
    if options.statements_only:
        told["statements_only"] = True
    id_ = await ports.imports.begin(
        graph, await asyncio.to_thread(identity, files), told, options.source, upload=upload
    )
    held = await ports.imports.get(graph, id_)
    return held, await _ask(ports, held, upload)


def _sender() -> dict[str, str]:
    """Return what a worker has to know of who sends an import: the key by which its claims come, where there is one."""
    by = caller()
    return {"key": by.key} if by is not None else {}


async def resume_import(ports: Ports, graph: str, id_: int) -> tuple[Import, int | None]:
    """Resume a failed import whose files still exist; returns it with its job. Raises Conflict."""
    held = await ports.imports.get(graph, id_)
    if held.upload is None or not await ports.imports.again(id_):
        why = "did not fail" if held.state != "failed" else "has no uploaded files any more"
        raise Conflict(
            f"The import {id_} {why}, so it cannot be resumed.",
            hint="Send the files again: records that are stored already count as unchanged.",
        )
    job = await _ask(ports, held, held.upload)
    return await ports.imports.get(graph, id_), job


async def run_upload(ports: Ports, graph: str, import_: int) -> None:
    """Do a submitted import; one that a worker began and did not end goes on. Its files are removed at its end.

    In a worker it makes room for others after its slice, and waits for those of its graph that were sent before it: it
    may build on them, and what is stated last about a thing is what holds.
    """
    uploads = ports.uploads
    held = await ports.imports.get(graph, import_)
    if held.upload is None or held.state not in {"waiting", "running"}:
        return
    if await _comes_later(ports, held) and put_off(_PAUSE):
        return
    await ports.imports.start(import_)
    broken_off = False
    try:
        with writing_as(held.options.get("key")):
            broken_off = await _run(ports, held, uploads.files(held.upload))
    except (Unavailable, Conflict) as error:
        await ports.imports.wait(import_)
        raise Unavailable(error.message, hint=error.hint) from error  # The job is tried again.
    except InvalidInput as error:  # The client's to fix; it is told by the import.
        await ports.imports.finish(import_, "failed", reason_of(error))
    except NotFound as error:  # The graph is gone, and the import with it; or else the files are.
        await ports.imports.finish(import_, "failed", reason_of(error))
        uploads.remove(held.upload)
        raise
    except Exception as error:  # Not the client's fault: it may go on when kgmem is fixed.
        await ports.imports.finish(import_, "failed", reason_of(error), keeping=True)
        raise
    except BaseException:
        await ports.imports.wait(import_)
        raise
    if broken_off:
        await ports.imports.wait(import_)
    else:
        await asyncio.to_thread(uploads.remove, held.upload)


async def tend_uploads(ports: Ports) -> int:
    """Maintain the imports that wait for a worker of this place, and remove unused uploads; returns how many.

    An import without a job gets one again; one that lost its files, or crashed too many workers, is marked as failed.
    """
    uploads = ports.uploads
    needed = await ports.imports.uploads()
    for upload, graph, id_ in needed:
        if uploads.place_of(upload) == uploads.place:
            try:
                await _look_after(ports, await ports.imports.get(graph, id_), uploads.holds(upload))
            except NotFound:  # Its graph was deleted meanwhile.
                log.debug("import_gone", import_id=id_)
    return await asyncio.to_thread(uploads.sweep, [upload for upload, _, _ in needed])


async def _run(ports: Ports, held: Import, files: Sequence[Path]) -> bool:
    """Run an import or its dry run; returns whether it was interrupted for other jobs."""
    options = ImportOptions.as_told(held.options)
    graph = await ports.graphs.get(held.graph)
    if held.is_dry_run:
        about = f"import/{held.id}"
        with ports.flows.run("import", graph.name, scope=options.within or None, about=about), step("check"):
            await _check(ports, graph, held.id, files, options)
        return False
    return (await run_import(ports, graph, held.id, files=files, options=options)).broken_off


async def _check(ports: Ports, graph: Graph, id_: int, files: Sequence[Path], options: ImportOptions) -> None:
    """Do a dry run: note what is good and what is rejected, part by part.

    One that another worker goes on with reads all again, since later parts are checked by what earlier ones hold.
    """
    imports = ports.imports
    stored = await patiently(lambda: imports.stored(id_))
    check = Check(ports, graph, options)
    async with signs_of_life(ports, id_) as tell:
        with closing(check):
            async with aclosing(check.parts_checked(files, lambda far: tell(far.told()))) as parts_checked:
                number = 0
                async for part in parts_checked:
                    if number not in stored:
                        note = partial(imports.note, graph.name, id_, number, sources=(), waiting=())
                        await patiently(partial(note, rejections=part.rejections, checked=part.kinds))
                    number += 1
        await patiently(lambda: imports.report_duplicates(id_, check.duplicates))
    await patiently(lambda: imports.finish(id_, "done"))


async def _look_after(ports: Ports, held: Import, here: bool) -> None:
    if held.upload is None or held.state not in {"waiting", "running"}:
        return
    if not here:
        await ports.imports.finish(held.id, "failed", _GONE)
    elif held.state == "waiting":
        await _ask(ports, held, held.upload)
    elif held.heartbeat_at is None or (parse_time(held.heartbeat_at).start or 0) < now() - _SILENCE:
        jobs = await ports.jobs.list(graph=held.graph, status=None, limit=_JOBS)
        last = next((job for job in jobs if job.task == "import" and job.arguments.get("import_") == held.id), None)
        if last is not None and last.status == "failed":
            told = "Its workers crashed or were killed too many times."
            await ports.imports.finish(held.id, "failed", told, keeping=True)
        elif last is None or last.status not in {"waiting", "running"}:
            await _ask(ports, held, held.upload)


async def _ask(ports: Ports, held: Import, upload: str) -> int | None:
    """Queue a job for the place that stores the upload; None when one waits already, or the queue is away.

    A small upload need not wait for large ones, but for those of its graph that came before: it may build on them. No
    import waits for a dry run, which changes nothing.
    """
    uploads = ports.uploads
    try:
        small = await asyncio.to_thread(uploads.size, upload) <= _SMALL
        small = small and not await _unfinished_before(ports, held.graph, held.id, uploads.place_of(upload))
        return await ports.jobs.defer(
            "import",
            graph=held.graph,
            place=uploads.place_of(upload),
            small=small,
            check=held.is_dry_run and not small,
            import_=held.id,
        )
    except Unavailable as error:
        log.warning("import_deferred", import_id=held.id, error=error)
        return None


async def _comes_later(ports: Ports, held: Import) -> bool:
    """Whether others of the same graph come before an import."""
    if held.upload is None:
        return False
    return await _unfinished_before(ports, held.graph, held.id, ports.uploads.place_of(held.upload))


async def _unfinished_before(ports: Ports, graph: str, id_: int, place: str) -> bool:
    """Whether imports of a graph that were sent to a place before this one wait or run, dry runs aside."""
    uploads = ports.uploads
    before = [
        other
        for upload, of, other in await ports.imports.uploads()
        if of == graph and other < id_ and uploads.place_of(upload) == place
    ]
    imports = [await ports.imports.get(graph, other) for other in before]
    return any(each.state in {"waiting", "running"} and not each.is_dry_run for each in imports)
