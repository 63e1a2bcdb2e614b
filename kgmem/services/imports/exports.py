"""Exports of a graph: as items, as a file, as a stream."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.claims.source import Source
from kgmem.domain.graph.embedding import WhichVectors
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.services.imports import export_records as exporting
from kgmem.services.imports import stream_export as streaming
from kgmem.services.imports.export_records import ExportOptions, ExportResult, Target
from kgmem.services.imports.stream_export import Compression
from kgmem.services.ports import Ports


class Exports:
    """Exports of a graph: as items, as a file, as a stream."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def items(
        self, graph: str, *, scope: str | None = None, embeddings: WhichVectors = "given"
    ) -> AsyncGenerator[Entity | Relationship | Episode | Source, None]:
        """All that is stated in a graph (in one scope, or in all), sources and entities first, from one snapshot.

        What it believes (claims, decisions, trust) is written by `export_file` besides.
        """
        async with aclosing(self._ports.store.export(graph, scope, embeddings)) as pages:
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
        """Write what a graph holds to a file ("-": standard output), from one snapshot."""
        return await exporting.export_file(self._ports, graph, target, options or ExportOptions(), progress)

    def stream(
        self, graph: str, options: ExportOptions | None = None, compression: Compression | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Return what a graph holds as a file in chunks, from one snapshot; errors come before the first chunk."""
        return streaming.stream_export(self._ports, graph, options or ExportOptions(), compression)

    async def losses(self, graph: str, options: ExportOptions | None = None) -> ExportResult:
        """Return what an export would hold, and what its format would leave out. Raises NotFound, InvalidInput."""
        return await streaming.export_losses(self._ports, graph, options or ExportOptions())
