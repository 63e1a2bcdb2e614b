"""Export: a graph into a file, from one snapshot, in constant memory."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kgmem.domain.errors import InvalidInput
from kgmem.formats.files import create_file
from kgmem.formats.records import Kind, Record, WriteOptions, kind_of
from kgmem.formats.registry import format_of
from kgmem.services.parts import Parts

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is written, and how."""

    format: str | None = None  # None: as the file's extension tells.
    kind: Kind | None = None  # Only this kind; formats that are tables need one.
    scope: str | None = None  # Exactly this scope; None: all of them.
    escape_formulas: bool = False  # CSV: let no spreadsheet take a text for a formula.


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written, by kind."""

    records: Mapping[str, int]
    seconds: float


async def export_file(
    parts: Parts,
    graph: str,
    target: Path | str | BinaryIO,
    options: ExportOptions,
    progress: Callable[[int], None] | None = None,
) -> ExportResult:
    """Write what a graph holds to a file or stream; a file appears when all is written. Raises NotFound, InvalidInput.

    `progress` is told how many records were written so far.
    """
    started = time.perf_counter()
    await parts.graphs.get(graph)
    format_ = format_of(target if isinstance(target, Path | str) else "-", options.format)
    counts: Counter[str] = Counter()
    batch: list[Record] = []
    if format_.writer is None:
        raise InvalidInput(f"kgmem reads {format_.name} and does not write it.", mend="Export one of the others.")
    with create_file(target) as stream:
        writer = format_.writer(stream, WriteOptions(options.kind, options.escape_formulas))
        async for record in parts.store.export(graph, options.scope):
            if options.kind not in {None, kind_of(record)}:
                continue
            counts[kind_of(record)] += 1
            batch.append(record)
            if len(batch) == _BATCH:
                await asyncio.to_thread(writer.write, batch)
                batch = []
                if progress:
                    progress(counts.total())
        await asyncio.to_thread(writer.write, batch)
        await asyncio.to_thread(writer.close)
    return ExportResult(dict(counts), time.perf_counter() - started)
