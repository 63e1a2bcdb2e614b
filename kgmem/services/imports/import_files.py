"""Run an import: files into a graph, registered, and resumed where an earlier run was interrupted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from kgmem.domain.errors import InvalidInput, KgmemError
from kgmem.domain.flows.trace import step
from kgmem.domain.graph.batch import Rejection
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.scope import check_scope, reaches
from kgmem.formats.io.files import Paths, check_target, create_file
from kgmem.log import EventLog
from kgmem.services.claims.claim import weigh_new
from kgmem.services.imports.check_files import Check
from kgmem.services.imports.files import check_files, check_marks, identity, marks_of
from kgmem.services.imports.import_records import ImportRun
from kgmem.services.imports.locate_evidence import locate_evidence
from kgmem.services.imports.options import (
    KEPT_REJECTIONS,
    ImportOptions,
    ImportProgress,
    ImportResult,
    OnProgress,
    Tally,
)
from kgmem.services.imports.write_batch import patiently, signs_of_life
from kgmem.services.ports import Ports

log = EventLog(__name__)


async def import_files(
    ports: Ports, graph: str, files: Paths, options: ImportOptions, progress: OnProgress | None = None
) -> ImportResult:
    """Import files into a graph: what can be stored at once, then relationships that waited, then episodes.

    Stored records count as unchanged. Raises NotFound, InvalidInput for a file that is not of its format, and with
    `on_error="stop"` for the first rejected record.
    """
    check_options(options)
    check_files(files, options)
    held = await ports.graphs.get(graph)
    if options.rejected_to:
        check_target(options.rejected_to)
        _check_is_no_input(options.rejected_to, files)
    if options.dry_run:
        return await Check(ports, held, options).run(files, progress)
    told = await asyncio.to_thread(identity, files)
    id_, anew = None, None
    if options.resume:
        anew = await _hindrance(ports, graph, told)
        id_ = None if anew else await ports.imports.resume(graph, told, options.told())
    if id_ is None:
        starting = asyncio.ensure_future(ports.imports.begin(graph, told, options.told(), options.source))
        try:
            id_ = await asyncio.shield(starting)
        except asyncio.CancelledError:  # It is registered all the same, and nothing else would note that it has ended.
            async with noting_failure(ports, await starting):
                raise
    async with noting_failure(ports, id_):
        tally = await run_import(ports, held, id_, files=files, options=options, progress=progress)
    return replace(await _result(ports, graph, id_, tally, options), anew=anew)


async def run_import(
    ports: Ports, graph: Graph, id_: int, *, files: Paths, options: ImportOptions, progress: OnProgress | None = None
) -> Tally:
    """Do what is left to do of an import that is registered, to its end; returns what was done now.

    In a worker it is interrupted after its slice where others wait, as the tally tells. What is stored stays, indexes
    that were set aside stay so, and the next run goes on behind it.
    """
    with ports.flows.run("import", graph.name, scope=options.within or None, about=f"import/{id_}"):
        return await _run_import(ports, graph, id_, files=files, options=options, progress=progress)


async def _run_import(
    ports: Ports, graph: Graph, id_: int, *, files: Paths, options: ImportOptions, progress: OnProgress | None
) -> Tally:
    marks = marks_of(files)
    async with signs_of_life(ports, id_) as tell:

        def told(far: ImportProgress) -> None:
            tell(far.told())
            if progress:
                progress(far)

        stored = await patiently(lambda: ports.imports.stored(id_))
        run = ImportRun(ports, graph, options, id_, stored)
        try:
            with closing(run), step("read"):
                await run.read(files, told)
            check_marks(marks)
            if not run.tally.broken_off:
                await patiently(lambda: ports.imports.report_duplicates(id_, run.duplicates))
                with step("link"):
                    await run.link(told)
        except InvalidInput:  # For the caller to fix, who need not do that soon.
            await patiently(lambda: ports.imports.build_indexes(graph.name))
            raise
        if run.tally.broken_off:
            return run.tally
        with step("build_indexes"):
            await patiently(lambda: ports.imports.build_indexes(graph.name))
    with step("resolve_facts"):
        await patiently(lambda: weigh_new(ports, graph.name))
        await locate_evidence(ports, graph.name, id_)
    await patiently(lambda: ports.imports.finish(id_, "done"))
    return run.tally


def check_options(options: ImportOptions) -> None:
    """Raise InvalidInput for scopes that are invalid, or contradict each other."""
    check_scope(options.scope)
    check_scope(options.within)
    if not reaches(options.within, options.scope):
        raise InvalidInput(
            f"The scope {options.scope!r} is not within {options.within!r}.", hint="Give a scope within it."
        )


@asynccontextmanager
async def noting_failure(ports: Ports, id_: int) -> AsyncIterator[None]:
    """Register the reason when an import fails."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(KgmemError):  # A database that is away learns of it when the import is resumed.
            await ports.imports.finish(id_, "failed", reason_of(error))
        raise


def reason_of(error: BaseException) -> str:
    """Return the reason for the end of an import, for users."""
    if isinstance(error, KgmemError):
        return str(error)
    if not isinstance(error, Exception):
        return "The import was stopped."
    log.crash("import_failed", error)
    return f"Internal error ({type(error).__name__}); see the log of kgmem."


async def write_rejections(ports: Ports, id_: int, path: Path) -> None:
    """Write the rejected records of an import to a file, one JSON object a line. Raises InvalidInput."""
    try:
        with create_file(path) as file:
            async with aclosing(ports.imports.rejections(id_)) as rejections:
                async for rejection in rejections:
                    file.write(orjson.dumps(rejection, option=orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise InvalidInput(
            f"The import is done, but {path} cannot be written: {error.strerror}.",
            hint=f"The rejected records are kept: kgmem imports rejected {id_} writes them.",
        ) from error


def _check_is_no_input(target: Path, files: Paths) -> None:
    """Raise InvalidInput when the file for what is rejected is one of those to be read: it would take its place."""
    for file in files:
        if isinstance(file, Path | str) and target.is_file() and Path(file).is_file() and target.samefile(file):
            raise InvalidInput(
                f"{target} is a file to import; the rejected records would overwrite it.",
                hint="Name another file for the rejected records.",
            )


async def _hindrance(ports: Ports, graph: str, told: Sequence[Mapping[str, Any]]) -> str | None:
    """Return why an import cannot be gone on with, in words; None where nothing speaks against it."""
    unknown = [file["name"] for file in told if file.get("size") is None]
    if unknown:
        return f"kgmem cannot tell whether {unknown[0]} has changed, so it was read again from the start."
    names = [file["name"] for file in told]
    for held in await ports.imports.list(graph):
        if held.state in {"running", "failed"} and [file["name"] for file in held.files] == names:
            changed = [file["name"] for file, before in zip(told, held.files, strict=True) if file != before]
            if not changed:
                return None
            return (
                f"{changed[0]} has changed since import {held.id} was interrupted, so it was read again from the start."
            )
    return None


async def _result(ports: Ports, graph: str, id_: int, tally: Tally, options: ImportOptions) -> ImportResult:
    held = await patiently(lambda: ports.imports.get(graph, id_))
    kept: list[Rejection] = []
    if held.rejected:
        async with aclosing(ports.imports.rejections(id_)) as rejections:
            async for rejection in rejections:
                kept.append(rejection)
                if len(kept) == KEPT_REJECTIONS:
                    break
        if options.rejected_to:
            await write_rejections(ports, id_, options.rejected_to)
    return ImportResult(
        id=id_,
        read=held.read,
        created=held.created,
        updated=held.updated,
        unchanged=held.unchanged,
        checked=0,
        rejected=held.rejected,
        seconds=tally.seconds(),
        kinds=held.kinds,
        rejections=tuple(kept),
        duplicates=tuple(held.duplicates),
    )
