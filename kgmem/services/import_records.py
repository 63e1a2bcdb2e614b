"""Import: files into a graph, in batches, in constant memory, with every record that is not taken told by its line."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import orjson

from kgmem.domain.entity import Entity
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph import Graph
from kgmem.domain.relationship import Relationship
from kgmem.domain.schema import GraphSchema
from kgmem.domain.scope import check_scope
from kgmem.domain.source import Source
from kgmem.formats.files import OpenFile, Paths, open_file, sizes
from kgmem.formats.jsonl import dump
from kgmem.formats.records import Located, ReadOptions, Record, Rejected, kind_of
from kgmem.formats.registry import reader_of
from kgmem.services import remember
from kgmem.services.importing import KEPT_REJECTIONS, ImportOptions, ImportResult, OnProgress, Tally
from kgmem.services.parts import Parts
from kgmem.services.spool import Spool
from kgmem.services.write_batch import write_batch

Item = TypeVar("Item")
_Found = tuple[str, Located | Rejected]


async def import_files(
    parts: Parts, graph: str, files: Paths, options: ImportOptions, progress: OnProgress | None = None
) -> ImportResult:
    """Import files into a graph: sources and entities as they are read, then relationships, then episodes.

    What is stored already counts as unchanged, so an import that was broken off is just run again. Raises NotFound,
    InvalidInput for a file that is none of its format, and with `on_error="stop"` for the first bad record.
    """
    check_scope(options.scope)
    for file in files:
        if isinstance(file, Path | str):
            reader_of(file, options.format)
    held = await parts.graphs.get(graph)
    with Spool("relationship") as relationships, Spool("episode") as episodes:
        run = _Import(parts, held, options, {"relationship": relationships, "episode": episodes})
        try:
            await run.read(files, progress)
            await run.link(progress)
        finally:
            run.close()
    return run.tally.result()


class _Import:
    """One import under way."""

    def __init__(self, parts: Parts, graph: Graph, options: ImportOptions, spools: dict[str, Spool]) -> None:
        self.tally = Tally()
        self._parts = parts
        self._graph = graph
        self._options = options
        self._spools = spools
        self._schema: GraphSchema | None = None
        if graph.strict or graph.schema:
            self._schema = remember.schema_of(parts.core_schema, graph)
        self._rejected: BinaryIO | None = None

    async def read(self, files: Paths, progress: OnProgress | None) -> None:
        """Read all files; store sources and entities, set the others aside."""
        reading = _Reading(files, self._options)
        try:
            async with aclosing(_ahead(reading.records, self._options.batch)) as chunks:
                async for chunk in chunks:
                    self.tally.read += len(chunk)
                    await self._take(chunk)
                    if progress:
                        progress(self.tally.progress("reading", reading.position(), reading.total))
        finally:
            reading.close()

    async def link(self, progress: OnProgress | None) -> None:
        """Store what names entities, now that these are there."""
        total, done = sum(spool.count for spool in self._spools.values()), 0
        for spool in self._spools.values():
            async with aclosing(_ahead(spool.read(), self._options.batch)) as chunks:
                async for chunk in chunks:
                    await self._write([(file, Located(line, record)) for file, line, record in chunk])
                    done += len(chunk)
                    if progress:
                        progress(self.tally.progress("linking", done, total))

    def close(self) -> None:
        """Close the file of rejected records, if there are any."""
        if self._rejected:
            self._rejected.close()

    async def _take(self, chunk: Sequence[_Found]) -> None:
        """Check a chunk of what was read, set aside what must wait, and store the rest: sources before entities."""
        now: dict[type[Record], list[tuple[str, Located]]] = {Source: [], Entity: []}
        for file, found in chunk:
            if isinstance(found, Rejected):
                self._reject(replace(found, file=file))
                continue
            record = self._with_defaults(found.record)
            reason = self._fault(record)
            if reason:
                self._reject(Rejected(found.line, reason, dump(record).decode().rstrip(), file))
            elif self._options.dry_run:
                self._count(record)
                self.tally.checked += 1
            elif type(record) in now:
                now[type(record)].append((file, Located(found.line, record)))
            else:
                self._spools[kind_of(record)].add(file, found.line, record)
        for batch in now.values():
            await self._write(batch)

    async def _write(self, batch: Sequence[tuple[str, Located]]) -> None:
        """Store records of one kind."""
        if not batch:
            return
        records = [located.record for _, located in batch]
        outcome = await write_batch(self._put(records[0]), records)
        self.tally.created += outcome.created
        self.tally.updated += outcome.updated
        self.tally.unchanged += outcome.unchanged
        refused = dict(outcome.refused)
        for place, (file, located) in enumerate(batch):
            if place in refused:
                text = dump(located.record).decode().rstrip()
                self._reject(Rejected(located.line, refused[place], text, file))
            else:
                self._count(located.record)

    def _put(self, example: Record) -> Any:
        """Give what stores records of the example's kind."""
        parts, graph = self._parts, self._graph.name
        if isinstance(example, Source):
            return lambda records: parts.store.put_sources(graph, records)
        if isinstance(example, Entity):
            return lambda records: remember.put_entities(parts, graph, records)
        if isinstance(example, Relationship):
            return lambda records: remember.put_relationships(parts, graph, records)
        return lambda records: remember.put_episodes(parts, graph, records)

    def _with_defaults(self, record: Record) -> Record:
        if isinstance(record, Source):
            return record
        scope, source = record.scope or self._options.scope, record.source or self._options.source
        same = scope == record.scope and source == record.source
        return record if same else replace(record, scope=scope, source=source)

    def _fault(self, record: Record) -> str | None:
        """Give what is wrong with a record, as far as the graph's own settings tell."""
        if isinstance(record, Entity) and record.embedding is not None:
            wanted = self._graph.space.dimension if self._graph.space else None
            if len(record.embedding) != wanted:
                return f"The embedding has {len(record.embedding)} dimensions, and the graph takes {wanted or 'none'}."
        if self._schema and isinstance(record, Entity | Relationship):
            found = remember.violations_of(self._schema, self._graph.strict, record)
            if found:
                return "The graph's schema refuses it: " + "; ".join(map(str, found)) + "."
        return None

    def _count(self, record: Record) -> None:
        self.tally.kinds[kind_of(record)] += 1

    def _reject(self, rejected: Rejected) -> None:
        """Note a record that was not taken. Raises InvalidInput when the import is to stop there."""
        if self._options.on_error == "stop":
            raise InvalidInput(
                f"{rejected.file}, line {rejected.line}: {rejected.reason}",
                mend="Correct it and import again: what is stored already then counts as unchanged.",
                file=rejected.file,
                line=rejected.line,
            )
        self.tally.rejected += 1
        if len(self.tally.rejections) < KEPT_REJECTIONS:
            self.tally.rejections.append(rejected)
        if self._options.rejected_to:
            self._rejected = self._rejected or _created(self._options.rejected_to)
            self._rejected.write(orjson.dumps(rejected, option=orjson.OPT_APPEND_NEWLINE))


def _created(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}.", mend="Name another file for the rejected records."
        ) from error


class _Reading:
    """The files being read, and how far."""

    def __init__(self, files: Paths, options: ImportOptions) -> None:
        self.total = sizes(files)
        self._files = files
        self._options = options
        self._before = 0
        self._open: OpenFile | None = None
        self.records = self._read()

    def position(self) -> int:
        """Give how many bytes of the files were read."""
        return self._before + (self._open.position() if self._open else 0)

    def close(self) -> None:
        """Close the file that is open."""
        self.records.close()

    def _read(self) -> Generator[_Found, None, None]:
        """Give what the files hold, one after the other, each with its file's name."""
        options = ReadOptions(self._options.kind)
        for file in self._files:
            with open_file(file) as self._open:
                named = self._options.format or (None if isinstance(file, Path | str) else "jsonl")
                read = reader_of(file if isinstance(file, Path | str) else "", named)
                for found in read(self._open.stream, options):
                    yield self._open.name, found
                self._before += self._open.size or 0
            self._open = None


async def _ahead(items: Iterable[Item], size: int) -> AsyncGenerator[list[Item], None]:
    """Give chunks of the items, each made in a thread while the one before is being worked on."""
    iterator = iter(items)
    task = asyncio.create_task(asyncio.to_thread(_chunk, iterator, size))
    try:
        while chunk := await task:
            task = asyncio.create_task(asyncio.to_thread(_chunk, iterator, size))
            yield chunk
    finally:
        # A thread cannot be stopped; the file that it reads may be closed only when it is done.
        await asyncio.gather(task, return_exceptions=True)


def _chunk(items: Iterator[Item], size: int) -> list[Item]:
    return list(islice(items, size))
