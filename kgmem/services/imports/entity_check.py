"""Versions and unique values of entities in a dry run, record by record in the order of the files."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import orjson

from kgmem.domain.agents.taken_keys import check_same_decision
from kgmem.domain.errors import Conflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.imports import EntityState, UniqueValue
from kgmem.domain.ports import EntityReplay
from kgmem.domain.schema.refusal import version_conflict
from kgmem.formats.wire import from_wire, to_wire
from kgmem.services.imports.stated_keys import Place, StatedKeys
from kgmem.services.imports.write_batch import patiently


class EntityCheck:
    """What the entities of the files would be; only those are worked out on which a refusal may depend."""

    def __init__(self, keys: StatedKeys, replay: EntityReplay) -> None:
        """Take the temporary database, and what knows of the graph and of its rules."""
        self._keys = keys
        self._replay = replay

    async def refused(self, records: Sequence[Entity]) -> list[str | None]:
        """Return for each record why the import would reject it; None for what it would store."""
        watched = [each for each in records if self._is_watched(each)]
        places = list(dict.fromkeys((each.scope, each.key) for each in watched))
        states = await self._states(places)
        held: dict[UniqueValue, str] = {}
        if self._replay.has_rules:
            wanted = {value for each in self._possible(states, watched) for value in self._replay.unique(each)}
            held = dict(await patiently(lambda: self._replay.holders(sorted(wanted, key=repr))))
        known = set(places)
        before = await asyncio.to_thread(self._keys.states, [(each.scope, each.key) for each in records])
        states |= {place: state for place, state in before.items() if place not in known}
        known |= before.keys()
        return [await self._refused(each, states, known, held) for each in records]

    def _is_watched(self, record: Entity) -> bool:
        return self._replay.has_rules or record.version is not None or "content_hash" in record.properties

    async def _refused(
        self, record: Entity, states: dict[Place, EntityState], known: set[Place], held: Mapping[UniqueValue, str]
    ) -> str | None:
        place = (record.scope, record.key)
        if place not in known:  # Only its place among the statements of the key counts, should a version be asked for.
            await asyncio.to_thread(self._keys.say, place, orjson.dumps(to_wire(record)).decode())
            return None
        state = states.get(place)
        version = state.version if state else 0
        if record.version is not None and record.version != version:
            return str(version_conflict(record.key, version, record.version))
        try:
            check_same_decision(state.stored if state else None, record)
        except Conflict as error:
            return str(error)
        after = self._replay.after(state, record)
        if self._replay.has_rules:
            values = self._replay.unique(after)
            refused = await self._taken(place, values, held)
            if refused:
                return refused
            await asyncio.to_thread(self._keys.hold_values, place, [_row(value) for value in values])
        states[place] = after
        row = (after.version, after.label, orjson.dumps(dict(after.stored)).decode())
        await asyncio.to_thread(self._keys.put_state, place, row)
        return None

    async def _taken(self, place: Place, values: Sequence[UniqueValue], held: Mapping[UniqueValue, str]) -> str | None:
        for value in values:
            holder = await asyncio.to_thread(self._keys.holder_of, _row(value))
            if holder is None:
                found = held.get(value)
                if found is None:  # A value that only a refusal before it made possible.
                    found = (await patiently(partial(self._replay.holders, [value]))).get(value)
                if found is not None and found != place[1]:
                    # One that the files changed has what they say by now.
                    changed = await asyncio.to_thread(self._keys.states, [(place[0], found)])
                    holder = None if changed else found
            if holder is not None and holder != place[1]:
                return self._replay.refusal(value, holder)
        return None

    async def _states(self, places: Sequence[Place]) -> dict[Place, EntityState]:
        """Return what entities are by now: in the graph, and after what the files have said of them."""
        states = dict(await asyncio.to_thread(self._keys.states, places))
        left = [place for place in places if place not in states]
        states |= await patiently(lambda: self._replay.states(left))
        for place in left:
            for text in await asyncio.to_thread(self._keys.said, place):
                record = from_wire("entity", orjson.loads(text))
                assert isinstance(record, Entity)  # noqa: S101 - from_wire gives what it is asked for
                states[place] = self._replay.after(states.get(place), record)
        return states

    def _possible(self, states: Mapping[Place, EntityState], records: Sequence[Entity]) -> list[EntityState]:
        """Return what entities become if nothing is refused."""
        found, now = [], dict(states)
        for record in records:
            place = (record.scope, record.key)
            now[place] = self._replay.after(now.get(place), record)
            found.append(now[place])
        return found


def _row(value: UniqueValue) -> tuple[str, str, str, str]:
    return (value.label, "\x1f".join(value.properties), value.scope or "", value.value)
