"""Dry run of an import: everything is read and checked as by the import, and nothing is stored."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from kgmem.domain.agents.taken_keys import decision_of, key_taken, orphaned
from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BELIEF_KINDS, BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import Rejection, Stated
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship, missing_end
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.domain.schema.refusal import end_refused, unknown_entities, unknown_episodes
from kgmem.formats.io.files import Paths, create_file
from kgmem.formats.records import Kind, kind_of
from kgmem.formats.wire import from_wire, to_wire
from kgmem.services.imports.entity_check import EntityCheck
from kgmem.services.imports.import_reader import ImportReader, describe
from kgmem.services.imports.options import KEPT_REJECTIONS, ImportOptions, ImportResult, OnProgress
from kgmem.services.imports.stated_keys import Place, Spooled
from kgmem.services.imports.write_batch import patiently
from kgmem.services.ports import Ports


@dataclass(slots=True)
class Checked:
    """The result of a dry run for some records: how many are valid, by kind, and the rejections."""

    kinds: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)


class Check(ImportReader):
    """A dry run."""

    _entities: EntityCheck | None = None  # Made with the first entities.

    def __init__(self, ports: Ports, graph: Graph, options: ImportOptions) -> None:
        """Take the ports, the graph as it is stored, and how to read."""
        super().__init__(ports, graph, options)
        self._taken: set[Place] = set()  # Decisions that are rejected, since others have their keys.

    async def run(self, files: Paths, progress: OnProgress | None) -> ImportResult:
        """Check files. Rejected records are also written to the file for them, if there are any."""
        rejections: list[Rejection] = []
        async with AsyncExitStack() as stack:
            stack.callback(self.close)
            parts = await stack.enter_async_context(aclosing(self.parts_checked(files, progress)))
            file: BinaryIO | None = None
            async for checked in parts:
                bad = checked.rejections
                if bad and self.options.rejected_to:
                    file = file or stack.enter_context(create_file(self.options.rejected_to))
                    _note_rejected(file, bad, self.options.rejected_to)
                rejections += bad[: KEPT_REJECTIONS - len(rejections)]
        return self.tally.result(rejections, self.duplicates)

    async def parts_checked(self, files: Paths, progress: OnProgress | None) -> AsyncGenerator[Checked, None]:
        """Return what is found of one chunk of the files after the other, and then of what waits for all entities."""
        async with aclosing(self.chunks(files, progress)) as chunks:
            async for chunk in chunks:
                good, bad = await self.parted(chunk)
                checked = Checked(rejections=bad)
                for type_, stated in good.items():
                    if type_ is Source:
                        checked.kinds["source"] += len(stated)
                await self._check_entities(good.get(Entity, []), checked)
                await self._check_relationships(good.get(Relationship, []), checked, last=False)
                await self._spool(good.get(Episode, []))
                await self._spool(good.get(BeliefRecord, []))
                yield self._count(checked)
        # As the import does: relationships first, then episodes, then what speaks of both.
        late: tuple[Kind, ...] = ("relationship", "episode", *BELIEF_KINDS)
        for kind in late:
            for spooled in self.keys.spooled(kind, self.options.batch):
                yield self._count(await self._check_last([_read(each) for each in spooled]))

    async def is_held(self, entity: Entity, beside: Collection[Place]) -> bool:
        """Return whether an entity is stored, stated `beside` (scope and key), or was stated before."""
        place = (entity.scope, entity.key)
        return bool(self.keys.present("entity", [place])) or await super().is_held(entity, beside)

    async def _check_entities(self, stated: Sequence[Stated[Entity]], checked: Checked) -> None:
        """Reject entities with another version than the stored one, or with unique values of others."""
        if self._entities is None:
            imports, name = self.ports.imports, self.graph.name
            self._entities = EntityCheck(self.keys, await patiently(lambda: imports.entity_replay(name)))
        good = []
        kept = await self.kept(stated)
        for each, entity, refused in zip(stated, kept, await self._entities.refused(kept), strict=True):
            if refused is not None:
                self._reject(checked, each, refused)
                if refused == str(key_taken(entity.key, entity.scope)):
                    self._taken.add((entity.scope, entity.key))
            else:
                good.append((entity.scope, entity.key, entity.label))
        checked.kinds["entity"] += len(good)
        await asyncio.to_thread(self.keys.add_present, "entity", good)

    async def _check_relationships(
        self, stated: Sequence[Stated[Relationship]], checked: Checked, *, last: bool
    ) -> None:
        """Sort relationships into valid ones, rejected ones, and those that wait for an end."""
        labels = await self._labels((each.record.scope, (each.record.start, each.record.end)) for each in stated)
        waiting: list[Stated[Relationship]] = []
        for each in stated:
            item = each.record
            decision = decision_of(item.start, item.end, item.key)
            if decision is not None and (item.scope, decision) in self._taken:
                self._reject(checked, each, orphaned(decision))
                continue
            start, end = (_seen(labels, item.scope, key) for key in (item.start, item.end))
            refused = None
            if start is None or end is None:
                if not last:
                    waiting.append(each)
                    continue
                refused = missing_end(item.start if start is None else item.end)
            elif self.schema and self.graph.strict:
                refused = end_refused(self.schema, item, start, end)
            if refused:
                self._reject(checked, each, refused)
            else:
                checked.kinds["relationship"] += 1
        await self._spool(waiting)

    async def _check_episodes(self, stated: Sequence[Stated[Episode]], checked: Checked) -> None:
        """Reject episodes that mention unknown entities."""
        labels = await self._labels((each.record.scope, each.record.mentions) for each in stated)
        for each in stated:
            item = each.record
            missing = [key for key in dict.fromkeys(item.mentions) if _seen(labels, item.scope, key) is None]
            if missing:
                self._reject(checked, each, str(unknown_entities(missing)))
            else:
                checked.kinds["episode"] += 1
        key_of = self.ports.imports.episode_key
        good = [(each.record.scope, key_of(each.record), None) for each in stated]
        await asyncio.to_thread(self.keys.add_present, "episode", good)

    async def _check_beliefs(self, stated: Sequence[Stated[BeliefRecord]], checked: Checked) -> None:
        """Reject claims that cite unknown episodes, except withdrawn claims."""
        cited = [_cited(each.record) for each in stated]
        wanted = sorted({(path, key) for scope, key in cited if key is not None for path in visible_from(scope)})
        there = set(await asyncio.to_thread(self.keys.present, "episode", wanted))
        left = [place for place in wanted if place not in there]
        if left:
            imports = self.ports.imports
            there |= (await patiently(lambda: imports.items_at(self.graph.name, left, episodes=True))).keys()
        for each, (scope, key) in zip(stated, cited, strict=True):
            if key is not None and there.isdisjoint((path, key) for path in visible_from(scope)):
                self._reject(checked, each, str(unknown_episodes([key])))
            else:
                checked.kinds[each.record.kind] += 1

    async def _check_last(self, stated: Sequence[Stated[Any]]) -> Checked:
        checked = Checked()
        if isinstance(stated[0].record, Relationship):
            await self._check_relationships(stated, checked, last=True)
        elif isinstance(stated[0].record, Episode):
            await self._check_episodes(stated, checked)
        else:
            await self._check_beliefs(stated, checked)
        return checked

    async def _spool(self, stated: Sequence[Stated[Any]]) -> None:
        """Write records to disk until all entities are read."""
        if stated:
            records = [
                (each.file, each.line, kind_of(each.record), orjson.dumps(to_wire(each.record)).decode())
                for each in stated
            ]
            await asyncio.to_thread(self.keys.spool, records)

    def _reject(self, checked: Checked, stated: Stated[Any], reason: str) -> None:
        rejection = Rejection(stated.file, stated.line, reason, describe(stated.record))
        self.stop_at(rejection)
        checked.rejections.append(rejection)

    async def _labels(self, named: Iterable[tuple[str, Iterable[str]]]) -> Mapping[Place, str]:
        """Return the labels of all entities that keys may mean in scopes: those of the files and those of the graph.

        The key of an entity that was merged away has the label of the kept one.
        """
        places = [(scope, key) for scope, keys in named for key in keys]
        labels = await self._stored_labels(places)
        missing = [place for place in places if _seen(labels, *place) is None]
        kept = await patiently(lambda: self.ports.store.kept_keys(self.graph.name, missing)) if missing else {}
        if kept:
            of_kept = await self._stored_labels([(scope, key) for (scope, _), key in kept.items()])
            found = {(scope, gone): _seen(of_kept, scope, key) for (scope, gone), key in kept.items()}
            labels = {**labels, **{place: label for place, label in found.items() if label is not None}}
        return labels

    async def _stored_labels(self, places: Iterable[Place]) -> Mapping[Place, str]:
        """Return the labels of the entities that have one of these keys themselves."""
        wanted = {(path, key) for scope, key in places for path in visible_from(scope)}
        stated = await asyncio.to_thread(self.keys.present, "entity", sorted(wanted))
        # Who is stated without a label keeps the one that the graph holds.
        held = await self._held([place for place in sorted(wanted) if stated.get(place) is None])
        labels = dict.fromkeys(stated, DEFAULT_LABEL) | {place: label for place, (label, _) in held.items()}
        return labels | {place: label for place, label in stated.items() if label}

    async def _held(self, places: Sequence[Place]) -> Mapping[Place, tuple[str, int]]:
        """Return label and version of those entities that the graph holds."""
        if not places:
            return {}
        return await patiently(lambda: self.ports.imports.items_at(self.graph.name, places))

    def _count(self, checked: Checked) -> Checked:
        self.tally.rejected += len(checked.rejections)
        for kind, count in checked.kinds.items():
            if count:
                self.tally.checked += count
                self.tally.kinds[kind] += count
        checked.kinds = +checked.kinds
        return checked


def _seen(labels: Mapping[Place, str], scope: str, key: str) -> str | None:
    """Return the label of the entity of a key that is seen from a scope: the nearest; None where there is none."""
    return next((labels[path, key] for path in reversed(visible_from(scope)) if (path, key) in labels), None)


def _cited(record: BeliefRecord) -> tuple[str, str | None]:
    """The scope of a record and the episode that it cites; a claim that was withdrawn may cite a forgotten one."""
    told = record.told
    current = record.kind == "claim" and told.get("known_to") is None
    return record.scope, told.get("episode") if current else None


def _read(spooled: Spooled) -> Stated[Any]:
    file, line, kind, record = spooled
    return Stated(file, line, from_wire(kind, orjson.loads(record)))


def _note_rejected(file: BinaryIO, rejections: Sequence[Rejection], path: Path) -> None:
    """Write rejected records to an open file, one JSON object a line. Raises InvalidInput."""
    try:
        file.write(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in rejections))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.", hint="Name another file.") from error
