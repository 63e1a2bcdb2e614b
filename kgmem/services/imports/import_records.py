"""The run of an import: batch by batch, in constant memory; every rejected record is reported with its line.

Each batch is registered in the transaction that stores it, so an import that was killed continues where it was. Two
lanes store in parallel; statements about one item keep their order, since an item has one lane.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.batch import Batch, BatchKind, BatchResult, Columns, Stated, lane_of
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.slices import slice_over
from kgmem.formats.io.files import Paths
from kgmem.formats.records import Record
from kgmem.formats.wire import from_wire, to_wire
from kgmem.services.imports.files import Found
from kgmem.services.imports.import_reader import ImportReader
from kgmem.services.imports.options import ImportOptions, OnProgress
from kgmem.services.imports.write_batch import patiently
from kgmem.services.ports import Ports
from kgmem.services.texts import remember

_LANES = 2
_KINDS: Sequence[tuple[BatchKind, type[Record]]] = (("entity", Entity), ("relationship", Relationship))
_BELIEFS = 7  # The piece of a chunk that holds what the graph believes.
_PIECES = 8  # Numbers that a chunk of the files has for its pieces.
_CHUNKING = 1  # Counted up, to 3, by a release that cuts the same files into other chunks.
_PLAN_BITS = 58  # Numbers begin again where chunks are made in another way, as when the schema was changed meanwhile.


class ImportRun(ImportReader):
    """One import in progress."""

    def __init__(self, ports: Ports, graph: Graph, options: ImportOptions, id_: int, stored: frozenset[int]) -> None:
        """Take the ports, the graph as it is stored, how to read, and which batches are stored already."""
        super().__init__(ports, graph, options)
        self._id = id_
        self._stored = stored
        self._began = time.monotonic()
        self._fresh: float | None = None  # When all that was stored before was read past.
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._entities_under_way = False
        self._scoped_under_way = False  # Relationships whose ends depend on which entities are there.
        # Which of two records gets a value that shall be unique must not depend on which lane is faster.
        self._width = 1 if _has_unique(remember.schema_of(ports.core_schema, graph)) else _LANES

    async def read(self, files: Paths, progress: OnProgress | None) -> None:
        """Read all files and store what can be stored, unless it is interrupted as the tally tells."""
        first = (4 * _CHUNKING + 2 * self.in_columns + (self._width == _LANES)) << _PLAN_BITS
        try:
            async with aclosing(self.chunks(files, progress)) as chunks:
                async for chunk in chunks:
                    await self._take(chunk, first)
                    first += _PIECES
                    if await self._break_off():
                        break
            await self._settle()
        finally:
            for task in self._lanes.values():
                task.cancel()
            await asyncio.gather(*self._lanes.values(), return_exceptions=True)

    async def link(self, progress: OnProgress | None) -> None:
        """Store what names entities, now that these are there, unless it is interrupted as the tally tells."""
        self._fresh = self._fresh or time.monotonic()
        imports, most, name = self.ports.imports, self.options.batch, self.graph.name
        waiting = await patiently(lambda: imports.waiting(self._id))
        total, done = waiting.relationships + waiting.episodes, 0
        steps: Sequence[Callable[[], Awaitable[BatchResult | None]]] = (
            lambda: imports.link(name, self._id, most),
            lambda: imports.link_episodes(name, self._id, most, self._episode),
            lambda: imports.link_beliefs(name, self._id, most, self._belief),
            lambda: imports.link_states(name, self._id, self._belief),
        )
        for link in steps:
            while result := await patiently(link):
                done += self._count(result)
                if progress:
                    progress(self.tally.progress("linking", done, total))
                if await self._break_off():
                    return
        await self._let_vectors_follow()

    async def _take(self, chunk: Sequence[Found], first: int) -> None:
        """Store what a chunk holds: sources and what is rejected, entities, relationships; episodes have to wait."""
        good, bad = await self.parted(chunk)
        episodes = [
            (file, line, orjson.dumps(to_wire(record)).decode()) for file, line, record in good.get(Episode, [])
        ]
        if (bad or episodes or Source in good) and self._is_new(first):
            imports, sources = self.ports.imports, good.get(Source, [])
            self._count(
                await patiently(
                    lambda: imports.note(
                        self.graph.name, self._id, first, sources=sources, waiting=episodes, rejections=bad
                    )
                )
            )
        if good.get(BeliefRecord) and self._is_new(first + _BELIEFS):
            waiting = [
                (file, line, orjson.dumps(to_wire(record)).decode(), record)
                for file, line, record in good[BeliefRecord]
            ]
            imports = self.ports.imports
            await patiently(lambda: imports.await_beliefs(self.graph.name, self._id, first + _BELIEFS, waiting))
        names = list(dict.fromkeys(file for file, _ in chunk))
        for piece, (kind, type_) in enumerate(_KINDS):
            columns = [(file, found) for file, found in chunk if isinstance(found, Columns) and found.kind == kind]
            lanes = self._parted(good.get(type_, []))
            if not columns and not any(lanes):
                continue
            if self._entities_under_way if kind == "relationship" else self._scoped_under_way:
                await self._settle()
            for lane, records in enumerate(lanes):
                number = first + 1 + piece * _LANES + lane
                if (records or columns) and self._is_new(number):
                    told = (names, self.options.source, self.options.scope)
                    await self._submit(lane, number, Batch(kind, records, columns, lane, self._width, *told))
            self._entities_under_way |= kind == "entity"
            self._scoped_under_way |= kind == "relationship" and self._is_scoped(good.get(type_, []), columns)

    def _is_new(self, number: int) -> bool:
        if number not in self._stored:
            self._fresh = self._fresh or time.monotonic()
            return True
        return False

    async def _break_off(self) -> bool:
        """Whether the rest is left to another run, since others wait.

        A run reads past what is stored already, and then stores for at least as long as that took. So what is read
        again and again takes no more time than all the rest.
        """
        now = time.monotonic()
        if self._fresh is not None and now - self._fresh >= self._fresh - self._began:
            self.tally.broken_off = await slice_over()
            if self.tally.broken_off:
                await self._let_vectors_follow()
        return self.tally.broken_off

    def _parted(self, records: Sequence[Stated[Any]]) -> list[list[Stated[Any]]]:
        """Part records into lanes by what they are about, the same in every run."""
        lanes: list[list[Stated[Any]]] = [[] for _ in range(self._width)]
        for stated in records:
            record = stated.record
            about = record.key or record.start if isinstance(record, Relationship) else record.key
            lanes[lane_of(about, self._width)].append(stated)
        return lanes

    async def is_held(self, entity: Entity, beside: Collection[tuple[str, str]]) -> bool:
        """Return whether an entity is stored, or stated `beside`, once all batches in progress are stored."""
        await self._settle()
        return await super().is_held(entity, beside)

    def _is_scoped(self, stated: Sequence[Stated[Any]], columns: Sequence[tuple[str, Columns]]) -> bool:
        if self.options.scope or any("scope" in found.fields for _, found in columns):
            return True
        return any(each.record.scope for each in stated)

    async def _submit(self, lane: int, number: int, batch: Batch) -> None:
        """Store a batch in a lane, as soon as the batch before it is stored."""
        before = self._lanes.get(lane)
        if before:
            await before
        self._lanes[lane] = asyncio.create_task(self._store(number, batch))

    async def _settle(self) -> None:
        """Wait until all lanes are done."""
        for task in self._lanes.values():
            await task
        self._entities_under_way = self._scoped_under_way = False

    async def _store(self, number: int, batch: Batch) -> None:
        with step("store"):
            result = await patiently(lambda: self.ports.imports.store(self.graph.name, self._id, number, batch))
            self._count(result)
        if batch.kind == "entity":
            await self._let_vectors_follow()

    async def _let_vectors_follow(self) -> None:
        if self.ports.embedder and self.graph.space and self.tally.created + self.tally.updated:
            await patiently(lambda: self.ports.jobs.defer("embed", graph=self.graph.name))

    def _episode(self, record: str) -> Episode:
        """Return an episode that waited."""
        read = from_wire("episode", orjson.loads(record))
        assert isinstance(read, Episode)  # noqa: S101 - from_wire gives what it is asked for
        return read

    def _belief(self, record: str, kind: BeliefKind) -> BeliefRecord:
        """Return a record of what the graph believes that waited."""
        read = from_wire(kind, orjson.loads(record))
        assert isinstance(read, BeliefRecord)  # noqa: S101 - from_wire gives what it is asked for
        return read

    def _count(self, result: BatchResult) -> int:
        """Add what was stored to the tally; returns of how many records that tells."""
        self.tally.created += result.created
        self.tally.updated += result.updated
        self.tally.unchanged += result.unchanged
        self.tally.rejected += len(result.rejections)
        count(
            created=result.created, updated=result.updated, unchanged=result.unchanged, rejected=len(result.rejections)
        )
        if result.rejections:
            self.stop_at(result.rejections[0])
        return result.created + result.updated + result.unchanged + len(result.rejections)


def _has_unique(schema: GraphSchema) -> bool:
    labels, kinds = schema.labels.values(), schema.kinds.values()
    declared = [*(label.properties for label in labels), *(kind.properties for kind in kinds)]
    flagged = any(property_.unique for properties in declared for property_ in properties.values())
    return flagged or any(index.unique for index in schema.indexes.values())
