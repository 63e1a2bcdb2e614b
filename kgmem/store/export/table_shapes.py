"""The records of a graph as mappings: whole label tables by COPY, without an object for any record.

The keys of all items are in memory meanwhile, about 30 bytes each: to join them in the database would take longer than
all the rest.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
import numpy as np
import orjson

from kgmem.domain.agents.decision import LABEL, RESTS_ON, edge_without_ids, without_ids
from kgmem.domain.graph.batch import Shapes
from kgmem.domain.graph.entity import ENTITY
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.store.db.sql import SQL
from kgmem.store.graph.labels import as_stated
from kgmem.store.graph.layout import EDGE, VERTEX, Label, Layout, learn_labels
from kgmem.store.graph.records import OWN_NAMES, PLAIN_TYPES, loads, others_of, place_of
from kgmem.store.sync.index_sync import scope_of

MOST_ITEMS = 5_000_000  # Of a graph whose keys are held in memory.
_BLOCK = 512 * 1024  # Bytes that are made into shapes at once.
_AHEAD = 4  # Blocks that wait for whoever takes them.
_LAST_WORDS = 2.0  # Seconds for a COPY that nobody takes to come to its end.
# JSON has no such characters outside of escapes, so that COPY quotes nothing and every line is a row.
_COPY: Mapping[str, str] = {"format": "csv", "delimiter": "\x02", "quote": "\x01"}
_DELIMITER, _QUOTE = b"\x02", b"\x01"
_ENTITY_OWN, _EDGE_OWN = OWN_NAMES["entity"], OWN_NAMES["relationship"]
# Keys of entities are those of the index.
_ENTITY_TYPES = {name: types for name, types in PLAIN_TYPES["entity"].items() if name != "key"}
_EDGE_TYPES = PLAIN_TYPES["relationship"]
_ESCAPED = b'_": '  # Behind a property's name that may be another's, as AGE writes it.


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a graph's items, by id."""

    ids: Any  # In ascending order.
    kinds: Any
    starts: Any  # Where each key begins in `text`, and at the end where the last one ends.
    text: bytes

    def of(self, ids: Any, *, entities: bool) -> list[str | None]:
        """Return the key of each item; None where it does not exist, or is no entity with `entities`."""
        if not len(self.ids):
            return [None] * len(ids)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        found = self.ids[places] == ids
        if entities:
            found &= self.kinds[places] == ENTITY
        begins, ends = self.starts[places].tolist(), self.starts[places + 1].tolist()
        text = self.text
        return [
            text[begin:end].decode() if there else None
            for there, begin, end in zip(found.tolist(), begins, ends, strict=True)
        ]


async def read_keys(connection: asyncpg.Connection, layout: Layout) -> Keys | None:
    """Return the keys of all items; None where there are too many, or one that is no line."""
    sql = layout.sql("shapes", "items")
    count = await connection.fetchval(layout.sql("shapes", "count_items"), MOST_ITEMS + 1)
    if count > MOST_ITEMS:
        return None
    ids, kinds, lengths = np.empty(count, np.int64), np.empty(count, np.int8), np.empty(count, np.int64)
    text = bytearray()
    number, plain = 0, True
    async for block in _blocks(connection, sql):
        plain = plain and _QUOTE not in block  # Around a key with a line feed, as only other AGE clients write.
        if not plain:
            continue  # A COPY that is broken off would end the transaction.
        rows = [line.split(_DELIMITER, 2) for line in block.split(b"\n")[:-1]]
        until = number + len(rows)
        ids[number:until] = [int(row[0]) for row in rows]
        kinds[number:until] = [int(row[1]) for row in rows]
        lengths[number:until] = [len(row[2]) for row in rows]
        text += b"".join(row[2] for row in rows)
        number = until
    if not plain:
        return None
    return Keys(ids, kinds, np.concatenate(([0], np.cumsum(lengths))), bytes(text))


async def entity_shapes(connection: asyncpg.Connection, layout: Layout, keys: Keys) -> AsyncGenerator[Shapes, None]:
    """Return all entities, label by label."""
    for label in await _labels(connection, layout, VERTEX):
        if label.name != EPISODE_LABEL:
            async with aclosing(_blocks(connection, layout.sql("shapes", "vertices", label=label.age_name))) as blocks:
                async for block in blocks:
                    yield Shapes("entity", partial(_entities, block, label.name, keys))


async def relationship_shapes(
    connection: asyncpg.Connection, layout: Layout, keys: Keys
) -> AsyncGenerator[Shapes, None]:
    """Return all relationships between entities, kind by kind."""
    for label in await _labels(connection, layout, EDGE):
        async with aclosing(_blocks(connection, layout.sql("shapes", "edges", label=label.age_name))) as blocks:
            async for block in blocks:
                yield Shapes("relationship", partial(_relationships, block, label.name, keys))


async def _labels(connection: asyncpg.Connection, layout: Layout, kind: int) -> list[Label]:
    await learn_labels(connection, layout)
    return sorted((label for label in layout.by_id.values() if label.kind == kind), key=lambda label: label.id)


async def _blocks(connection: asyncpg.Connection, sql: SQL) -> AsyncGenerator[bytes, None]:
    """Return what COPY writes in blocks of whole lines, while the next ones are being read."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
    held = bytearray()
    given_up = False

    async def take(data: bytes) -> None:
        if given_up:
            return
        held.extend(data)
        if len(held) >= _BLOCK:
            end = held.rfind(b"\n") + 1
            await queue.put(bytes(held[:end]))
            del held[:end]

    async def copy() -> None:
        try:
            await connection.copy_from_query(sql, output=take, **_COPY)
            if held and not given_up:
                await queue.put(bytes(held))
        finally:
            if not given_up:
                await queue.put(None)  # Whoever takes the blocks raises what went wrong.

    task = asyncio.create_task(copy())
    try:
        while (block := await queue.get()) is not None:
            yield block
        await task
    finally:
        given_up = True
        while not queue.empty():  # One more may wait for its place.
            queue.get_nowait()
        await _ended(connection, task)


async def _ended(connection: asyncpg.Connection, task: asyncio.Task[None]) -> None:
    """Wait until a COPY that nobody takes has ended; a long one ends with its connection.

    It is not cancelled: asyncpg then asks Postgres to stop, and where COPY has just ended by itself it waits for ever
    for an answer.
    """
    if not (await asyncio.wait({task}, timeout=_LAST_WORDS))[0]:
        connection.terminate()
    await asyncio.gather(task, return_exceptions=True)


def _entities(block: bytes, label: str, keys: Keys) -> Iterator[dict[str, Any]]:
    rows = [line.split(_DELIMITER, 1) for line in block.split(b"\n")[:-1]]
    known = keys.of(np.array([int(row[0]) for row in rows], np.int64), entities=True)
    for row, key in zip(rows, known, strict=True):
        if key is not None:
            yield _entity(row[1], label, key)


def _entity(text: bytes, label: str, key: str) -> dict[str, Any]:
    stored = _loads(text)
    main, further = as_stated(label, stored.get("labels"))
    shape: dict[str, Any] = {"key": key, "label": main}
    own = _ENTITY_OWN & stored.keys()
    if "place" in own and (place := place_of(stored)):
        shape["place"] = dict(place.geometry)
    if "scope" in own and (scope := scope_of(stored)):
        shape["scope"] = scope
    if further:
        shape["labels"] = further
    if _ESCAPED in text:
        properties = others_of(stored, "entity")
        shape |= _fitting(stored, own, _ENTITY_TYPES)
    else:
        for name in own:
            value = stored.pop(name)
            if type(value) in _ENTITY_TYPES.get(name, ()):
                shape[name] = value
        properties = stored
    if main == LABEL:
        properties = dict(without_ids(properties))
    if properties:
        shape["properties"] = properties
    return shape


def _relationships(block: bytes, kind: str, keys: Keys) -> Iterator[dict[str, Any]]:
    rows = [line.split(_DELIMITER, 2) for line in block.split(b"\n")[:-1]]
    starts = keys.of(np.array([int(row[0]) for row in rows], np.int64), entities=True)
    ends = keys.of(np.array([int(row[1]) for row in rows], np.int64), entities=False)
    for row, start, end in zip(rows, starts, ends, strict=True):
        if start is not None and end is not None:
            yield _relationship(row[2], kind, start, end)


def _relationship(text: bytes, kind: str, start: str, end: str) -> dict[str, Any]:
    stored = _loads(text)
    shape: dict[str, Any] = {"kind": kind, "from": start, "to": end}
    if not _EDGE_OWN.isdisjoint(stored) or _ESCAPED in text:
        own = _EDGE_OWN & stored.keys()
        shape |= _fitting(stored, own, _EDGE_TYPES)
        if "scope" in own and (scope := scope_of(stored)):
            shape["scope"] = scope
        stored = others_of(stored, "relationship")
    stored = dict(edge_without_ids(kind, stored)) if kind == RESTS_ON else stored
    if stored:
        shape["properties"] = stored
    return shape


def _fitting(stored: Mapping[str, Any], own: frozenset[str], known: Mapping[str, frozenset[type]]) -> dict[str, Any]:
    """Return the fields that have a value of their type: another client may have written anything."""
    return {name: stored[name] for name in own & known.keys() if type(stored[name]) in known[name]}


def _loads(text: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:  # A numeric of AGE's, or NaN.
        return loads(text.decode())
    return value if isinstance(value, dict) else {}
