"""The order in which items expire, kept in the transactions that write them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.graph.expiry import CLAIM, DOCUMENTS, NEVER, TOPIC_KIND, ExpiredItem, expiry_of, moment_of
from kgmem.domain.time.interval import now, valid_interval
from kgmem.store.db.sql import fill
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.edges import read_edges

_FILE: Final = "expiry"


async def note_written(connection: asyncpg.Connection, layout: Layout) -> None:
    """Note when the items expire that this transaction has written; `Layout.ensure` has made the tables."""
    rows = await connection.fetch(layout.sql(_FILE, "written"))
    stored = await _stored(connection, layout, [(row["kind"], row["id"]) for row in rows])
    await _note(connection, layout, {place: expiry_in(found) for place, found in stored.items()})


async def note_claims(
    connection: asyncpg.Connection, layout: Layout, ids: Sequence[int], stated: Sequence[ClaimStatement]
) -> None:
    """Note when claims (by id) expire of which a statement says it; a later statement of a claim counts."""
    told = {(CLAIM, id_): each.expires_at for id_, each in zip(ids, stated, strict=True) if each.expires_at is not None}
    times = {place: None if at == NEVER else moment_of(at) for place, at in told.items()}
    if told and "expiry" in layout.subsystems.made:
        await _note(connection, layout, times)


async def note_document(
    connection: asyncpg.Connection, layout: Layout, place: tuple[int, int], expires_at: str | None
) -> None:
    """Note when a block, a state or a session (kind, id) is deleted; None leaves what is stored."""
    if expires_at is not None and "expiry" in layout.subsystems.made:
        await _note(connection, layout, {place: None if expires_at == NEVER else moment_of(expires_at)})


async def note_changes(connection: asyncpg.Connection, layout: Layout, times: Mapping[int, int]) -> None:
    """Note when what is true of topics (by id) changes by time alone; a change that is due already stays noted."""
    if times:
        await layout.ensure("expiry")
        await connection.execute(layout.sql(_FILE, "put_changes"), TOPIC_KIND, list(times), list(times.values()))


async def note_stated(
    connection: asyncpg.Connection, layout: Layout, stated: Iterable[tuple[int, str | None, str | None]]
) -> None:
    """Note when what is true of topics changes by the times for which it is stated: topic, from and to."""
    present, times = now(), dict[int, int]()
    for topic, valid_from, valid_to in stated:
        valid = valid_interval(valid_from, valid_to)
        for bound in (valid.start, valid.end):
            if bound is not None and bound > present:
                times[topic] = min(bound, times.get(topic, bound))
    await note_changes(connection, layout, times)


async def begin_changes(connection: asyncpg.Connection, layout: Layout, topics: Sequence[int]) -> None:
    """Note the changes of locked topics that are due no more, in the transaction that carries them out."""
    places = [(TOPIC_KIND, id_) for id_ in topics]
    if places:
        await connection.execute(layout.sql(_FILE, "settle"), *map(list, zip(*places, strict=True)))


async def restore_expiry(
    connection: asyncpg.Connection, layout: Layout, place: tuple[int, int], told: Mapping[str, Any]
) -> None:
    """Note when a block, a state or a session of a file is deleted. Raises InvalidInput for a time that is over."""
    expires_at = expiry_of(told.get("expires_at"), None)
    if expires_at not in {None, NEVER}:
        await layout.ensure("expiry")
    await note_document(connection, layout, place, expires_at)


async def is_over(connection: asyncpg.Connection, layout: Layout, place: tuple[int, int]) -> bool:
    """Return whether the time of an item (kind, id) is over."""
    return bool(await connection.fetchval(layout.sql(_FILE, "is_over"), *place))


async def due(connection: asyncpg.Connection, layout: Layout, most: int) -> tuple[Sequence[ExpiredItem], int]:
    """Return items whose time is over, and how many were looked at.

    What another AGE client has given another time since is noted with that time. What is gone is noted no more.
    """
    sql = fill(layout.sql(_FILE, "due"), {"items": layout.sql(_FILE, "items")})
    rows = await connection.fetch(sql, layout.id, most)
    stored = await _stored(connection, layout, [(row["kind"], row["id"]) for row in rows])
    times = {place: expiry_in(found) for place, found in stored.items()}
    expired: list[ExpiredItem] = []
    changed: dict[tuple[int, int], int | None] = {}
    for row in rows:
        place = (row["kind"], row["id"])
        if row["scope"] is None:
            changed[place] = None
        elif place in times and times[place] != row["expires_at"]:
            changed[place] = times[place]
        else:
            expired.append(ExpiredItem(*place, row["scope"], row["key"]))
    await _note(connection, layout, changed)
    return expired, len(rows)


async def settle(connection: asyncpg.Connection, layout: Layout, items: Sequence[ExpiredItem]) -> None:
    """End the history of deleted items at the time at which they expired, and note them no more.

    Who carries out the change of a topic has done that already.
    """
    items = [each for each in items if each.kind != TOPIC_KIND]
    if not items:
        return
    ids = [each.id for each in items if each.kind not in DOCUMENTS]
    for name in ("end_history", "end_items", "end_edges", "end_claims"):
        await connection.execute(layout.sql(_FILE, name), ids)
    places = [(each.kind, each.id) for each in items]
    await connection.execute(layout.sql(_FILE, "settle"), *map(list, zip(*places, strict=True)))


def expiry_in(stored: Mapping[str, Any]) -> int | None:
    """Return when stored properties say that an item expires; another client may have written anything there."""
    told = stored.get("expires_at")
    if not isinstance(told, str):
        return None
    try:
        return moment_of(told)
    except InvalidInput:
        return None


async def _stored(
    connection: asyncpg.Connection, layout: Layout, places: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Mapping[str, Any]]:
    edges = [id_ for kind, id_ in places if kind == RELATIONSHIP]
    vertices = {id_: kind for kind, id_ in places if kind in {ENTITY, EPISODE}}
    found: dict[tuple[int, int], Mapping[str, Any]] = {
        (vertices[id_], id_): stored for id_, stored in (await read_vertices(connection, layout, vertices)).items()
    }
    if edges:
        found |= {(RELATIONSHIP, id_): told[1] for id_, told in (await read_edges(connection, layout, edges)).items()}
    return found


async def _note(connection: asyncpg.Connection, layout: Layout, times: Mapping[tuple[int, int], int | None]) -> None:
    await _remove(connection, layout, [place for place, at in times.items() if at is None])
    known = [(*place, at) for place, at in times.items() if at is not None]
    if known:
        await connection.execute(layout.sql(_FILE, "put"), *map(list, zip(*known, strict=True)))


async def _remove(connection: asyncpg.Connection, layout: Layout, places: Sequence[tuple[int, int]]) -> None:
    if places:
        await connection.execute(layout.sql(_FILE, "remove"), *map(list, zip(*places, strict=True)))
