"""What publications stored in other scopes beside claims: whether it is still as they stored it."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import asyncpg

from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import CONSENSUS, dumps, stored_name
from kgmem.store.graph.stored_properties import read_vertices

_FILE: Final = "published_items"


def digest_of(stored: Mapping[str, Any]) -> int:
    """Return the hash of the stored properties of a vertex, without those that repeat values of facts."""
    repeated = {CONSENSUS, *believed_values(stored)}
    own = {name: value for name, value in stored.items() if name not in repeated}
    data = dumps(_ordered(own)).encode()
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)


def believed_values(stored: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the stored properties that repeat values of facts, and the predicates of these."""
    believed = stored.get(CONSENSUS)
    return {stored_name(name, "entity"): name for name in believed} if isinstance(believed, Mapping) else {}


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


async def note_restated(
    connection: asyncpg.Connection, layout: Layout, outcomes: Sequence[tuple[int, int, str]]
) -> None:
    """Note that what a publication stored is the other scope's own now, since somebody there states it, too."""
    if "publications" in layout.subsystems.made:
        ids = [id_ for id_, _, became in outcomes if became != "created"]
        if ids:
            await connection.execute(layout.sql(_FILE, "restated"), ids)


async def note_stored(
    connection: asyncpg.Connection, layout: Layout, publication: int, kind: int, items: Iterable[int]
) -> None:
    """Note what a publication has stored, as it is now."""
    stored = await read_vertices(connection, layout, items)
    if stored:
        digests = [digest_of(each) for each in stored.values()]
        await connection.execute(layout.sql(_FILE, "put"), publication, kind, list(stored), digests)


async def unchanged_items(connection: asyncpg.Connection, layout: Layout, items: Iterable[int]) -> frozenset[int]:
    """Return which of these items publications stored and nobody changed."""
    if "publications" not in layout.subsystems.made:
        return frozenset()
    rows = await connection.fetch(layout.sql(_FILE, "noted"), list(items))
    return await unchanged_among(connection, layout, ((row["item"], row["digest"]) for row in rows))


async def note_again(connection: asyncpg.Connection, layout: Layout, items: Iterable[int]) -> None:
    """Note items as they are now: kgmem changed them itself."""
    stored = await read_vertices(connection, layout, items)
    if stored:
        digests = [digest_of(each) for each in stored.values()]
        await connection.execute(layout.sql(_FILE, "note_again"), list(stored), digests)


async def unchanged_among(
    connection: asyncpg.Connection, layout: Layout, digests: Iterable[tuple[int, int]]
) -> frozenset[int]:
    """Return which items have the properties of which these are the digests."""
    wanted = dict(digests)
    stored = await read_vertices(connection, layout, wanted)
    return frozenset(id_ for id_, each in stored.items() if digest_of(each) == wanted[id_])
