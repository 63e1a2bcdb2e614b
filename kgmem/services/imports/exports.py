"""Exports of a graph, to files or as a stream of bytes to a client that may read slowly.

A stream is written to a temporary file and read from there while the export runs: so the snapshot and a thread are in
use no longer than the export takes, however slowly the client reads.
"""

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from threading import Lock
from typing import Any, BinaryIO, Literal, cast

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import WhichVectors
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.io.compression import compressing
from kgmem.services.imports import export_records as exporting
from kgmem.services.imports.export_records import ExportOptions, ExportResult, Target, export_file
from kgmem.services.ports import Ports

Compression = Literal["gzip", "xz", "zstd"]
SUFFIXES: dict[Compression, str] = {"gzip": ".gz", "xz": ".xz", "zstd": ".zst"}
_CHUNK = 256 * 1024


async def stream_export(
    ports: Ports, graph: str, options: ExportOptions, compression: Compression | None = None
) -> AsyncGenerator[bytes, None]:
    """Return a graph as a file in chunks of bytes; the default format is JSON Lines.

    Raises NotFound and InvalidInput before the first chunk.
    """
    more = asyncio.Event()
    loop = asyncio.get_running_loop()
    followed = _Followed(lambda: loop.call_soon_threadsafe(more.set))
    task = asyncio.create_task(_export(ports, graph, _Sink(followed.put), options, compression))
    task.add_done_callback(lambda _: more.set())
    try:
        while True:
            more.clear()
            done = task.done()
            if chunk := await asyncio.to_thread(followed.take):
                yield chunk
            elif done:
                await task
                return
            else:
                await more.wait()
    finally:
        followed.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def export_losses(ports: Ports, graph: str, options: ExportOptions) -> ExportResult:
    """Return the counts of an export, and what its format cannot represent. Raises NotFound, InvalidInput."""
    told = replace(options, format=options.format or "jsonl")
    return await export_file(ports, graph, cast(BinaryIO, _Sink(len)), told)


async def _export(
    ports: Ports, graph: str, target: "_Sink", options: ExportOptions, compression: Compression | None
) -> None:
    buffered = io.BufferedWriter(target, _CHUNK)
    packed = compressing(cast(BinaryIO, buffered), SUFFIXES[compression]) if compression else None
    told = replace(options, format=options.format or "jsonl")
    await export_file(ports, graph, packed or cast(BinaryIO, buffered), told)
    if packed:
        await asyncio.to_thread(packed.close)
    await asyncio.to_thread(buffered.flush)


class _Followed:
    """A temporary file that one thread writes while another reads behind it."""

    def __init__(self, told: Callable[[], object]) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by close()
        self._told = told
        self._lock = Lock()
        self._written = self._taken = 0
        self._closed = False

    def put(self, data: Any) -> int:
        """Write bytes; returns how many."""
        with self._lock:
            if self._closed:
                raise InvalidInput("The client has stopped reading this export.", hint="Request it again.")
            self._file.seek(self._written)
            count = self._file.write(data)
            self._written += count
        self._told()
        return count

    def take(self) -> bytes:
        """Return the next bytes; empty where none are written yet."""
        with self._lock:
            self._file.seek(self._taken)
            data = self._file.read(_CHUNK)
            self._taken += len(data)
        return data

    def close(self) -> None:
        """Drop what was written, and accept no more."""
        with self._lock:
            self._closed = True
            self._file.close()


class _Sink(io.RawIOBase):
    """A stream over what takes bytes."""

    def __init__(self, put: Callable[[Any], int]) -> None:
        self._put = put

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._put(data)


class Exports:
    """Exports of a graph: as records, as a file, as a stream."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def items(
        self,
        graph: str,
        *,
        scope: str | None = None,
        below: bool = False,
        session: str | None = None,
        embeddings: WhichVectors = "given",
    ) -> AsyncGenerator[Entity | Relationship | Episode | Source, None]:
        """Return the records of a graph (of one scope, or of all), sources and entities first, from one snapshot.

        `below` adds the scopes below the scope; `session` returns only what belongs to that session of the scope.
        Claims, decisions and source reliability are not included; `write` exports them too.
        """
        options = ExportOptions(scope=scope, below=below, session=session, embeddings=embeddings)
        async with aclosing(exporting.records_of(self._ports, graph, options)) as pages:
            async for page in pages:
                for item in page:
                    if not isinstance(item, BeliefRecord):
                        yield item

    async def write(
        self,
        graph: str,
        target: Target,
        options: ExportOptions | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> ExportResult:
        """Write a graph to a file ("-": standard output), from one snapshot."""
        return await exporting.export_file(self._ports, graph, target, options or ExportOptions(), progress)

    def stream(
        self, graph: str, options: ExportOptions | None = None, compression: Compression | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Return a graph as a file in chunks of bytes, from one snapshot; errors come before the first chunk."""
        return stream_export(self._ports, graph, options or ExportOptions(), compression)

    async def losses(self, graph: str, options: ExportOptions | None = None) -> ExportResult:
        """Return the counts of an export, and what its format cannot represent. Raises NotFound, InvalidInput."""
        return await export_losses(self._ports, graph, options or ExportOptions())
