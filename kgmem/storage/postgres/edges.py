"""Writing edges: relationships into label tables, edge index and change feed, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import asyncpg

from kgmem.domain.entity import RELATIONSHIP
from kgmem.domain.errors import UnknownEntities, VersionConflict
from kgmem.domain.interval import valid_interval
from kgmem.domain.relationship import Relationship
from kgmem.domain.scope import visible_from
from kgmem.storage.postgres.layout import EDGE, Layout, label_id
from kgmem.storage.postgres.records import dumps, loads, merge_relationship
from kgmem.storage.postgres.vertices import CREATED, UPDATED, Outcome, keep_history

_SHOWN = 10  # Unknown keys that an error spells out.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class _Edge:
    """One edge on its way in: everything its rows need."""

    at: int
    id: int
    source: int
    target: int
    kind: int
    scope: int
    discriminator: int
    stated: Relationship
    stored: Mapping[str, Any]
    digest: int
    text: str


async def write_edges(
    connection: asyncpg.Connection,
    layout: Layout,
    stated: Sequence[Relationship],
    digests: Sequence[int],
    *,
    starts: Sequence[int] | None = None,
) -> Outcome:
    """Merge a batch of relationships (each identity once) into the graph. Raises UnknownEntities, VersionConflict.

    `starts` gives the ids of the vertices they leave where those are not entities (an episode's mentions).
    """
    outcome = Outcome()
    ends = await _ends(connection, layout, stated, starts)
    ids = await _take_ids(connection, layout, stated)
    edges = [
        _edge(layout, (at, id_, pair), item, digest)
        for at, (id_, pair, item, digest) in enumerate(zip(ids, ends, stated, digests, strict=True))
    ]
    fresh = [edge for edge in edges if edge.stated.version in (None, 0)]
    rows = await connection.fetch(layout.sql("write", "insert_edges"), *_insert_columns(layout, fresh)) if fresh else []
    inserted = {row["id"] for row in rows}
    created = fresh if len(inserted) == len(fresh) else [edge for edge in fresh if edge.id in inserted]
    for label, group in _by_kind(layout, created):
        await connection.execute(
            layout.sql("write", "insert_label_edges", label=label),
            [e.id for e in group],
            [e.source for e in group],
            [e.target for e in group],
            [e.text for e in group],
        )
    for edge in created:
        outcome.ids[edge.at], outcome.versions[edge.at] = edge.id, 1
        outcome.created.append(edge.id)
    rest = [edge for edge in edges if edge.at not in outcome.ids]
    if rest:
        await _merge(connection, layout, rest, outcome)
    for operation, changed in ((CREATED, outcome.created), (UPDATED, outcome.updated)):
        if changed:
            await connection.execute(layout.sql("write", "change"), operation, RELATIONSHIP, changed, [])
    return outcome


def identity(item: Relationship) -> tuple[str, ...]:
    """Give what makes a relationship the same one within a batch."""
    if item.key is not None:
        return (item.scope, item.key)
    return (item.scope, item.kind, item.start, item.end, item.valid_from or "")


def discriminator(told: str | None) -> int:
    """Give the number that tells parallel edges apart, made of the key or the valid_from; 0 without either."""
    return int.from_bytes(blake2b(told.encode(), digest_size=8).digest(), "big", signed=True) if told else 0


async def _ends(
    connection: asyncpg.Connection, layout: Layout, stated: Sequence[Relationship], starts: Sequence[int] | None
) -> list[tuple[int, int]]:
    """Give the ids of both ends of each, seen from its scope, the nearest first. Raises UnknownEntities."""
    keys = [item.end for item in stated] if starts else [k for item in stated for k in (item.start, item.end)]
    if any(item.scope for item in stated):
        paths = [_SEPARATOR.join(visible_from(item.scope)) for item in stated for _ in range(1 if starts else 2)]
        rows = await connection.fetch(layout.sql("write", "ends_in_scopes"), keys, paths)
    else:
        rows = await connection.fetch(layout.sql("write", "ends"), keys)
    found = [row["id"] for row in rows]
    missing = list(dict.fromkeys(key for key, id_ in zip(keys, found, strict=True) if id_ is None))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise UnknownEntities(
            f"These entities do not exist: {', '.join(map(repr, missing[:_SHOWN]))}{more}.",
            mend="Store the entities first; a relationship sees its own scope, those above it and what is shared.",
            keys=missing[:1000],
        )
    return list(zip(starts, found, strict=True)) if starts else list(zip(found[::2], found[1::2], strict=True))


async def _take_ids(connection: asyncpg.Connection, layout: Layout, stated: Sequence[Relationship]) -> list[int]:
    counts: dict[str, int] = defaultdict(int)
    for item in stated:
        counts[item.kind] += 1
    blocks = {}
    for kind, count in counts.items():
        label = layout.labels[EDGE, kind]
        rows = await connection.fetch(layout.sql("write", "take_ids"), label.id, label.sequence, count)
        blocks[kind] = iter([row["id"] for row in rows])
    return [next(blocks[item.kind]) for item in stated]


def _edge(layout: Layout, place: tuple[int, int, tuple[int, int]], item: Relationship, digest: int) -> _Edge:
    at, id_, ends = place
    told = item.key if item.key is not None else item.valid_from
    number = discriminator(told)
    stored = merge_relationship({}, item)
    kind = layout.labels[EDGE, item.kind].id
    scope = layout.scopes[item.scope]
    return _Edge(at, id_, ends[0], ends[1], kind, scope, number, item, stored, digest, dumps(stored))


def _insert_columns(layout: Layout, edges: Sequence[_Edge]) -> list[list[Any]]:
    valid = [valid_interval(e.stated.valid_from, e.stated.valid_to) for e in edges]
    return [
        [e.id for e in edges],
        [e.source for e in edges],
        [e.target for e in edges],
        [e.kind for e in edges],
        [e.scope for e in edges],
        [layout.sources.get(e.stated.source or "") for e in edges],
        [e.stated.strength for e in edges],
        [e.stated.confidence for e in edges],
        [interval.start for interval in valid],
        [interval.end for interval in valid],
        [e.discriminator for e in edges],
        [e.digest for e in edges],
        [e.stated.key for e in edges],
    ]


async def _merge(connection: asyncpg.Connection, layout: Layout, rest: Sequence[_Edge], outcome: Outcome) -> None:
    """Merge relationships into edges that are held; one that vanished meanwhile makes the caller start again."""
    changed: dict[int, tuple[_Edge, Any]] = {}
    for edge, row in await _held(connection, layout, rest):
        version = edge.stated.version
        if version is not None and version != (row["version"] if row else 0):
            held = row["version"] if row else 0
            raise VersionConflict(
                f"The relationship {edge.stated.kind!r} is held in version {held}, not {version}.",
                mend="Read it again, decide anew, and send the version that you read.",
            )
        if row is None:
            raise asyncpg.SerializationError("the relationship was deleted while it was being merged")
        outcome.ids[edge.at], outcome.versions[edge.at] = row["id"], row["version"]
        if row["stated"] != edge.digest:
            changed[row["id"]] = (edge, row)
    if changed:
        await _merge_changed(connection, layout, changed, outcome)


async def _held(connection: asyncpg.Connection, layout: Layout, rest: Sequence[_Edge]) -> list[tuple[_Edge, Any]]:
    plain = [edge for edge in rest if edge.stated.key is None]
    keyed = [edge for edge in rest if edge.stated.key is not None]
    pairs: list[tuple[_Edge, Any]] = []
    if plain:
        columns = zip(*((e.source, e.target, e.kind, e.scope, e.discriminator) for e in plain), strict=True)
        rows = await connection.fetch(layout.sql("write", "lock_edges"), *map(list, columns))
        found = {row["at"]: row for row in rows}
        pairs += [(edge, found.get(at)) for at, edge in enumerate(plain, start=1)]
    if keyed:
        rows = await connection.fetch(
            layout.sql("write", "lock_keyed_edges"), [e.scope for e in keyed], [e.stated.key for e in keyed]
        )
        found = {row["at"]: row for row in rows}
        pairs += [(edge, found.get(at)) for at, edge in enumerate(keyed, start=1)]
    return pairs


async def _merge_changed(
    connection: asyncpg.Connection, layout: Layout, changed: Mapping[int, tuple[_Edge, Any]], outcome: Outcome
) -> None:
    before = await read_edges(connection, layout, list(changed))
    written: list[tuple[_Edge, Any, dict[str, Any]]] = []
    same: list[tuple[int, int]] = []
    for id_, (edge, row) in changed.items():
        ends, stored = before.get(id_, ((row["source"], row["target"]), {}))
        merged = merge_relationship(stored, edge.stated)
        if merged == stored and ends == (edge.source, edge.target):
            same.append((id_, edge.digest))
        else:
            written.append((edge, row, merged))
    if same:
        await connection.execute(layout.sql("write", "restate_edges"), *map(list, zip(*same, strict=True)))
    if not written:
        return
    versions = [(row, before[row["id"]][1], before[row["id"]][0]) for _, row, _ in written if row["id"] in before]
    await keep_history(connection, layout, RELATIONSHIP, versions, deleted=False)
    groups: dict[int, list[tuple[_Edge, Any, dict[str, Any]]]] = defaultdict(list)
    for item in written:
        groups[label_id(item[1]["id"])].append(item)
    for label, group in groups.items():
        await connection.execute(
            layout.sql("write", "update_label_edges", label=layout.by_id[label].age_name),
            [row["id"] for _, row, _ in group],
            [edge.source for edge, _, _ in group],
            [edge.target for edge, _, _ in group],
            [dumps(merged) for _, _, merged in group],
        )
    rows = [_update_row(layout, edge, row, merged) for edge, row, merged in written]
    await connection.execute(layout.sql("write", "update_edges"), *map(list, zip(*rows, strict=True)))
    for edge, row, _ in written:
        outcome.versions[edge.at] += 1
        outcome.updated.append(row["id"])


def _update_row(layout: Layout, edge: _Edge, row: Any, merged: Mapping[str, Any]) -> tuple[Any, ...]:
    valid = valid_interval(merged.get("valid_from"), merged.get("valid_to"))
    source = layout.sources.get(edge.stated.source or "")
    numbers = (merged.get("strength"), merged.get("confidence"))
    return (row["id"], edge.source, edge.target, source, *numbers, valid.start, valid.end, edge.digest)


async def read_edges(
    connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]
) -> dict[int, tuple[tuple[int, int], dict[str, Any]]]:
    """Read edges by id: their ends and stored properties; those that are gone are missing."""
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in ids:
        groups[label_id(id_)].append(id_)
    found = {}
    for label, group in groups.items():
        if label in layout.by_id:
            sql = layout.sql("write", "read_label_edges", label=layout.by_id[label].age_name)
            for row in await connection.fetch(sql, group):
                found[row["id"]] = ((row["start_id"], row["end_id"]), loads(row["properties"]))
    return found


def _by_kind(layout: Layout, edges: Sequence[_Edge]) -> list[tuple[str, list[_Edge]]]:
    groups: dict[int, list[_Edge]] = defaultdict(list)
    for edge in edges:
        groups[edge.kind].append(edge)
    return [(layout.by_id[kind].age_name, group) for kind, group in sorted(groups.items())]
