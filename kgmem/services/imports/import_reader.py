"""Reading for an import and its dry run: the records of the files with the import's defaults, and their errors."""

import asyncio
from bisect import insort
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord, check_shape
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import Rejection, Stated
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED, NamedShared, reaches
from kgmem.domain.graph.statement import check_entities, check_episodes, check_relationships
from kgmem.domain.imports import Duplicates
from kgmem.domain.schema.schema import GraphSchema
from kgmem.formats.io.files import Paths
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.records import AnyRecord, Located, Rejected
from kgmem.services import merged_keys
from kgmem.services.imports.files import Found, Reading, ahead, count_of
from kgmem.services.imports.options import ImportOptions, OnProgress, Tally
from kgmem.services.imports.stated_keys import StatedKeys
from kgmem.services.imports.write_batch import patiently
from kgmem.services.ports import Ports
from kgmem.services.texts import remember


def describe(record: AnyRecord) -> str:
    """Return a record as text, for those that are rejected: as JSON, unless it has something that JSON cannot hold."""
    try:
        return dump(record).decode().rstrip()
    except TypeError:
        return repr(record)


class ImportReader:
    """Reads files for one graph."""

    def __init__(self, ports: Ports, graph: Graph, options: ImportOptions) -> None:
        """Take the ports, the graph as it is stored, and how to read."""
        self.tally = Tally()
        self.duplicates: Sequence[Duplicates] = ()  # Known when all is read.
        self.keys = StatedKeys(options.scope)
        self.ports = ports
        self.graph = graph
        self.options = options
        self.schema: GraphSchema | None = None
        if graph.strict or graph.schema:
            self.schema = remember.schema_of(ports.core_schema, graph)
        # A schema is checked record by record, and so is the scope that all keep to.
        self.in_columns = self.schema is None and not options.dry_run and not options.within

    async def chunks(self, files: Paths, progress: OnProgress | None) -> AsyncGenerator[list[Found], None]:
        """Return the files' records in chunks of the size of a batch."""
        reading = Reading(files, self.options, columns=self.in_columns, space=self.graph.space)
        try:
            async with aclosing(ahead(reading.records, self.options.batch, reading.stop)) as chunks:
                async for chunk in chunks:
                    self.tally.read += count_of(chunk)
                    await asyncio.to_thread(self.keys.take, chunk)
                    yield chunk
                    if progress:
                        progress(self.tally.progress("reading", reading.position(), reading.total))
            self.duplicates = await asyncio.to_thread(self.keys.duplicates)
        finally:
            reading.close()

    def close(self) -> None:
        """Release what was noted of the files."""
        self.keys.close()

    async def parted(self, chunk: Sequence[Found]) -> tuple[dict[type[Any], list[Stated[Any]]], list[Rejection]]:
        """Split a chunk into valid records by kind, and rejections. Raises InvalidInput if it must stop at one."""
        good: dict[type[Any], list[Stated[Any]]] = {}
        bad: dict[int, Rejection] = {}
        partial: list[Stated[Any]] = []
        places: dict[int, int] = {}
        for at, (file, found) in enumerate(chunk):
            if isinstance(found, Rejected):
                bad[at] = Rejection(file, found.line, found.reason, found.record)
            elif isinstance(found, Located):
                stated: Stated[Any] = Stated(file, found.line, self.with_defaults(found.record))
                places[id(stated)] = at
                reason, lacks = self._fault(stated.record)
                if lacks:
                    partial.append(stated)
                if reason:
                    bad[at] = Rejection(file, found.line, reason, describe(stated.record))
                else:
                    good.setdefault(type(stated.record), []).append(stated)
        if partial:
            for stated in await self._partial_of_held(partial, good.get(Entity, [])):
                del bad[places[id(stated)]]
                # In its place: an entity becomes what its records state one after the other.
                insort(good.setdefault(Entity, []), stated, key=lambda each: places[id(each)])
        rejections = [rejection for _, rejection in sorted(bad.items())]
        if rejections:
            self.stop_at(rejections[0])
        return good, rejections

    async def _partial_of_held(
        self, partial: Sequence[Stated[Entity]], good: Sequence[Stated[Entity]]
    ) -> list[Stated[Entity]]:
        """Return those statements that merge into a stored entity, which need not repeat what a new one requires."""
        beside = {(each.record.scope, each.record.key) for each in good}
        kept = await self.kept(partial)
        return [each for each, entity in zip(partial, kept, strict=True) if await self.is_held(entity, beside)]

    async def kept(self, stated: Sequence[Stated[Entity]]) -> Sequence[Entity]:
        """Return the entities that statements are of: the key of one that was merged away means the kept one."""
        entities = [each.record for each in stated]
        return await patiently(lambda: merged_keys.of_entities(self.ports, self.graph.name, entities))

    async def is_held(self, entity: Entity, beside: Collection[tuple[str, str]]) -> bool:
        """Return whether an entity is stored, or stated `beside` (scope and key)."""
        if (entity.scope, entity.key) in beside:
            return True
        return await patiently(lambda: remember.is_held(self.ports, self.graph.name, entity))

    def stop_at(self, rejection: Rejection) -> None:
        """Raise InvalidInput if the import must stop at a rejected record."""
        if self.options.on_error == "stop":
            raise InvalidInput(
                f"{rejection.file}, line {rejection.line}: {rejection.reason}",
                hint="Correct it and import again: records that are stored already count as unchanged.",
                file=rejection.file,
                line=rejection.line,
            )

    def with_defaults(self, record: AnyRecord) -> AnyRecord:
        """Return a record with the import's source and scope where it has none."""
        if isinstance(record, BeliefRecord):
            scoped = record.scope or record.told.get("scope") == "" or not self.options.scope
            return record if scoped else BeliefRecord(record.kind, {**record.told, "scope": self.options.scope})
        if isinstance(record, Source):
            return record
        named = isinstance(record.scope, NamedShared)
        scope, source = SHARED if named else record.scope or self.options.scope, record.source or self.options.source
        same = not named and scope == record.scope and source == record.source
        return record if same else replace(record, scope=scope, source=source)

    def _fault(self, record: AnyRecord) -> tuple[str | None, bool]:
        """What is wrong with a record, as far as the graph's own settings tell, and if only that it is partial."""
        outside = _scope_outside(record, self.options.within) if self.options.within else None
        if outside is not None:
            shared = " (shared by the whole graph)" if not outside else ""
            names = "It names the scope" if outside != getattr(record, "scope", outside) else "Its scope is"
            told = "A source is the whole graph's"
            what = told if isinstance(record, Source) else f"{names} {outside!r}{shared}"
            return f"{what}, but this import is restricted to {self.options.within!r}.", False
        if self.options.statements_only and isinstance(record, BeliefRecord) and record.kind != "claim":
            return f"A record of the kind {record.kind} needs a key with the role writer.", False
        refused = _refused(record)
        if refused:
            return refused, False
        if isinstance(record, Entity) and record.embedding is not None:
            wanted = self.graph.space.dimension if self.graph.space else None
            if len(record.embedding) != wanted:
                return (
                    f"The embedding has {len(record.embedding)} dimensions, but the graph accepts {wanted or 'none'}."
                ), False
        if self.schema and isinstance(record, Entity | Relationship):
            found = remember.violations_of(self.schema, self.graph.strict, record)
            if found:
                partial = isinstance(record, Entity) and all(violation.rule == "required" for violation in found)
                return "The graph's schema refuses it: " + "; ".join(map(str, found)) + ".", partial
        return None, False


def _refused(record: AnyRecord) -> str | None:
    """Return why nothing could be made of a record, whatever the graph: what the store would say of it."""
    try:
        if isinstance(record, Entity):
            check_entities([record])
        elif isinstance(record, Relationship):
            check_relationships([record])
        elif isinstance(record, Episode):
            check_episodes([record])
        elif isinstance(record, BeliefRecord):
            check_shape(record)
    except InvalidInput as error:
        return str(error)
    return None


def _scope_outside(record: AnyRecord, bound: str) -> str | None:
    """Return a scope of a record that is not within another; the registry of sources is the whole graph's."""
    if isinstance(record, BeliefRecord):
        return record.scope_outside(bound)
    if isinstance(record, Source):
        return SHARED
    return None if reaches(bound, record.scope) else record.scope
