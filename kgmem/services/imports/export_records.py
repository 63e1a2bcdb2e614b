"""Export: a graph into a file, or the files of one format, from one snapshot, in constant memory."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.claims.records import BELIEF_KINDS, BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import Shapes
from kgmem.domain.graph.embedding import EmbeddingSpace, WhichVectors
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.formats.io.files import STANDARD, bare_name, create_file, names_folder
from kgmem.formats.io.folders import create_parts
from kgmem.formats.records import (
    AnyRecord,
    BeliefWriter,
    Destination,
    Format,
    Kind,
    ShapeWriter,
    WriteOptions,
    Writer,
    kind_of,
)
from kgmem.formats.registry import format_of
from kgmem.formats.tables.options import check_names
from kgmem.services.ports import Ports

Target: TypeAlias = Path | str | BinaryIO | Destination

_BATCH = 1000
_PLURALS: Mapping[Kind, str] = {  # Of kinds whose plural is not made by an s.
    "trust": "learned trust",
    "agent_state": "agent states",
    "agent_state_version": "versions of agent states",
    "agent_retention": "retention rules of agents",
    "session_message": "roles and tool calls of messages",
    "memory_block": "memory blocks",
    "memory_block_version": "versions of memory blocks",
    "feedback": "feedback on hits",
    "ledger_record": "records of the ledger",
    "retention_rule": "retention rules",
    "distillation": "runs of distillation",
}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is written, and how."""

    format: str | None = None  # None: as the file's extension tells.
    kind: Kind | None = None  # Only this kind; formats that are tables need one.
    scope: str | None = None  # Exactly this scope; None: all of them.
    below: bool = False  # With the scopes below it.
    session: str | None = None  # Only what belongs to this session of the scope (None: the shared one).
    embeddings: WhichVectors = "given"  # Vectors of entities: those that callers gave, all, none.
    sources: bool = True  # With the registry of sources, which is the whole graph's.
    escape_formulas: bool = False  # CSV: let no spreadsheet take a text for a formula.
    format_options: Mapping[str, str] = field(default_factory=dict)  # The format's own.


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written, by kind, and what the format could not carry, in words, each with how often."""

    records: Mapping[str, int]
    seconds: float
    lost: Mapping[str, int] = field(default_factory=dict)


async def export_file(
    ports: Ports,
    graph: str,
    target: Target,
    options: ExportOptions,
    progress: Callable[[int], None] | None = None,
) -> ExportResult:
    """Write what a graph holds to a file or stream; a file appears when all is written. Raises NotFound, InvalidInput.

    A format of several files writes them into a folder (one that exists, or a name that ends with a slash), else a
    zip file of them. `progress` gets the number of records written so far.
    """
    started = time.perf_counter()
    _check_part(options)
    held = await ports.graphs.get(graph)
    counts: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    with _writer(target, options, held.space) as writer:
        writing: asyncio.Task[dict[str, int]] | None = None
        try:
            async with aclosing(_pages(ports, graph, writer, options)) as pages:
                async for page in pages:
                    kind = _kind_of(page)
                    if kind in BELIEF_KINDS and not isinstance(page, Shapes) and not isinstance(writer, BeliefWriter):
                        lost[_PLURALS.get(kind, f"{kind}s")] += len(page)
                        continue
                    if kind is None or options.kind not in {None, kind} or (kind == "source" and not options.sources):
                        continue
                    if writing:
                        counts.update(await writing)
                        if progress:
                            progress(counts.total())
                    writing = asyncio.create_task(asyncio.to_thread(_write, writer, kind, page))
        finally:
            if writing:
                counts.update(await writing)
        if progress and counts:
            progress(counts.total())
        await asyncio.to_thread(writer.close)
        lost.update({what: count for what, count in writer.lost.items() if count})
    return ExportResult(dict(counts), time.perf_counter() - started, dict(lost))


def _pages(
    ports: Ports, graph: str, writer: Writer, options: ExportOptions
) -> AsyncGenerator[Sequence[AnyRecord] | Shapes, None]:
    """Return what the store holds, as shapes where the writer takes them."""
    if isinstance(writer, ShapeWriter) and options.scope is options.session is None:
        return ports.store.export_shapes(graph, options.embeddings)
    return records_of(ports, graph, options)


def records_of(ports: Ports, graph: str, options: ExportOptions) -> AsyncGenerator[Sequence[AnyRecord], None]:
    """Return what the options select, in pages of one kind. Raises InvalidInput."""
    _check_part(options)
    if options.session is not None:
        return ports.store.export(graph, options.scope or SHARED, options.embeddings, session=options.session)
    return ports.store.export(graph, options.scope, options.embeddings, below=options.below)


def _check_part(options: ExportOptions) -> None:
    """Raise InvalidInput where scope, scopes below it and session are no part of a graph."""
    check_scope(options.scope or SHARED)
    if options.below and options.scope is None:
        raise InvalidInput("below is given without a scope.", hint="Name the scope, or omit below.", field="below")
    if options.below and options.session is not None:
        raise InvalidInput("A session belongs to one scope.", hint="Give session or below, not both.", field="below")
    if options.session is not None:
        try:
            SessionAddress(options.session, options.scope or SHARED).checked()
        except InvalidInput as error:
            raise InvalidInput(error.message, hint=error.hint, field="session") from error


def _kind_of(page: Sequence[AnyRecord] | Shapes) -> Kind | None:
    """Return the kind of which all of a page are; None of an empty one."""
    if isinstance(page, Shapes):
        return page.kind
    return kind_of(page[0]) if page else None


def _write(writer: Writer, kind: Kind, page: Sequence[AnyRecord] | Shapes) -> dict[str, int]:
    """Write a page; returns how many records of its kind these were."""
    if not isinstance(page, Shapes):
        beliefs = [record for record in page if isinstance(record, BeliefRecord)]
        if beliefs and isinstance(writer, BeliefWriter):
            writer.write_beliefs(beliefs)
        else:
            writer.write([record for record in page if not isinstance(record, BeliefRecord)])
        return {kind: len(page)}
    return {kind: writer.write_shapes(kind, page.make()) if isinstance(writer, ShapeWriter) else 0}


@contextmanager
def _writer(target: Target, options: ExportOptions, space: EmbeddingSpace | None) -> Iterator[Writer]:
    """Return the writer to the target. Raises InvalidInput for a format that is only read."""
    told = WriteOptions(options.kind, options.escape_formulas, options.format_options, space)
    if isinstance(target, Destination):
        with target.writer(told) as writer:
            yield writer
        return
    format_ = format_of(target if isinstance(target, Path | str) else STANDARD, options.format)
    check_names(options.format_options, format_.options, f"{format_.name} has no option")
    if format_.parts is not None and _is_several(format_, options) and not (format_.writer and target == STANDARD):
        with create_parts(target, alone=_holds_one_part(format_, target, options.kind)) as open_part:
            yield format_.parts(open_part, told)
    elif format_.writer is not None:
        with create_file(target) as stream:
            yield format_.writer(stream, told)
    else:
        hint = "Give the format of the files in it." if format_.name == "zip" else "Export one of the others."
        raise InvalidInput(f"kgmem can read {format_.name}, but not write it.", hint=hint)


def holds_several(options: ExportOptions) -> bool:
    """Return whether an export to a stream is a zip file of several files. Raises InvalidInput for no such format."""
    return _is_several(format_of(STANDARD, options.format), options)


def _is_several(format_: Format, options: ExportOptions) -> bool:
    """Return whether the format is several files: some that are tables are one for one kind of record."""
    return format_.parts is not None and not (options.kind and format_.writer)


def _holds_one_part(format_: Format, target: Path | str | BinaryIO, kind: Kind | None) -> bool:
    """Return whether the target is to be one of the format's files itself. Raises InvalidInput when it cannot."""
    if not isinstance(target, Path | str) or names_folder(target) or not bare_name(target).endswith(format_.extensions):
        return False
    if kind is None:
        raise InvalidInput(
            f"{Path(target).name} can contain only one kind of record.",
            hint="Name a folder, as in out/, or a .zip file for all of them, or say which kind.",
        )
    return True
