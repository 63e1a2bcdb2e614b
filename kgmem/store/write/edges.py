"""Writing edges: relationships into label tables, edge index and change feed, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, NamedTuple

import asyncpg

from kgmem.domain.errors import Conflict, VersionConflict
from kgmem.domain.graph.entity import RELATIONSHIP
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.schema.refusal import unknown_entities
from kgmem.domain.time.interval import ALWAYS, valid_interval
from kgmem.store.db.codecs import range_of
from kgmem.store.graph.layout import EDGE, Layout, know_labels, label_id
from kgmem.store.graph.records import alike, dumps, loads, merge_relationship, stored_name
from kgmem.store.write import claims_from_edges, endpoint_checks, fact_index
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import fraction_of, valid_of
from kgmem.store.write.vertices import CREATED, UPDATED, Outcome, existing, keep_history
from kgmem.tasks import in_turns

_SHOWN = 10  # Unknown keys that an error spells out.
_BULK, _PROBES = 200, 20  # From how many edges on a batch may be copied, and how many of them are looked up first.
_INDEX_COLUMNS = (
    "id", "source", "target", "kind", "scope", "origin", "strength", "confidence", "valid", "parallel_edge_hash",
    "content_hash", "key", "trust",
)  # fmt: skip
_LABEL_COLUMNS = ("id", "start_id", "end_id", "properties")
_ALWAYS = range_of(ALWAYS)
_SEPARATOR = "\x1f"
_CLAIMED = frozenset({"source", "valid_from", "valid_to", "confidence"})  # What claims tell, beside a value.


class _Edge(NamedTuple):
    """One edge on its way in: everything its rows need. (A tuple, since bulk loads make millions.)"""

    at: int
    id: int
    source: int
    target: int
    kind: int
    scope: int
    parallel_edge_hash: int
    stated: Relationship
    content_hash: int
    text: str
    trust: float | None


async def write_edges(
    connection: asyncpg.Connection,
    passages: Passages,
    stated: Sequence[Relationship],
    *,
    starts: Sequence[int] | None = None,
    ends: Sequence[int] | None = None,
    trust: Sequence[float] | None = None,
) -> Outcome:
    """Merge a batch of relationships (each identity once) into the graph.

    Raises UnknownEntities, VersionConflict, and SchemaViolation for labels that a strict graph does not let them join.
    `passages` gathers what facts are searched by; the caller stores it at the end of the transaction.
    `starts` and `ends` give the ids of what they join where that is no entity (an episode's mentions); `trust` how far
    new ones are believed, where claims were weighed.
    """
    outcome, layout = Outcome(), passages.layout
    if starts is None:
        await claims_from_edges.lock_topics(connection, layout, stated)
    found = await _resolve(connection, layout, stated, starts, ends)
    if layout.graph.strict and starts is None:
        await endpoint_checks.check(connection, layout, stated, [(source, target) for _, source, target in found])
    edges = [
        _edge(layout, at, ids, item, trust[at] if trust else None)
        async for at, (ids, item) in in_turns(enumerate(zip(found, stated, strict=True)))
    ]
    created = await _insert(connection, layout, [edge for edge in edges if edge.stated.version in (None, 0)])
    for edge in created:
        outcome.ids[edge.at], outcome.versions[edge.at] = edge.id, 1
        outcome.created.append(edge.id)
    if layout.graph.facts == "all" or any(edge.stated.text for edge in created):
        told = {edge.id: ((edge.source, edge.target), {"text": edge.stated.text}) for edge in created}
        await fact_index.put(connection, passages, told, new=True)
    rest = [edge for edge in edges if edge.at not in outcome.ids]
    if rest:
        await _merge(connection, passages, rest, outcome)
    for operation, changed in ((CREATED, outcome.created), (UPDATED, outcome.updated)):
        if changed:
            await connection.execute(layout.sql("write", "change"), operation, RELATIONSHIP, changed, [])
    if starts is None:
        await _record_claims(connection, layout, stated, outcome)
    return outcome


async def _record_claims(
    connection: asyncpg.Connection, layout: Layout, stated: Sequence[Relationship], outcome: Outcome
) -> None:
    """Record what the sources of statements state by them; notes the places of what is new."""
    new = set(outcome.created)
    said: dict[int, claims_from_edges.SourceStatement] = {}
    for at, id_ in outcome.ids.items():
        if (each := claims_from_edges.said_by(layout, id_, stated[at], fresh=id_ in new)) is not None:
            said[at] = each
    ats = list(said)
    outcome.claimed |= {ats[n] for n in await claims_from_edges.record(connection, layout, list(said.values()))}


async def _insert(connection: asyncpg.Connection, layout: Layout, fresh: list[_Edge]) -> list[_Edge]:
    """Insert new edges; return those that were inserted.

    A large batch of edges that all seem new goes in by COPY, which costs a third of INSERT; where one of them exists
    after all, that is rolled back and INSERT decides edge by edge.
    """
    if len(fresh) >= _BULK and not await _any_held(connection, layout, fresh[:: len(fresh) // _PROBES]):
        try:
            async with connection.transaction():
                await _copy(connection, layout.index_name, "edge", _INDEX_COLUMNS, map(_index_record(layout), fresh))
        except asyncpg.UniqueViolationError:
            pass
        else:
            await _store(connection, layout, fresh)
            return fresh
    columns = zip(*map(_index_record(layout), fresh), strict=True)
    rows = await connection.fetch(layout.sql("write", "insert_edges"), *map(list, columns)) if fresh else []
    inserted = {row["id"] for row in rows}
    created = [edge for edge in fresh if edge.id in inserted]
    await _store(connection, layout, created)
    return created


async def _any_held(connection: asyncpg.Connection, layout: Layout, probes: Sequence[_Edge]) -> bool:
    columns = zip(*((e.source, e.target, e.kind, e.scope, e.parallel_edge_hash) for e in probes), strict=True)
    held: bool = await connection.fetchval(layout.sql("write", "any_edge"), *map(list, columns))
    return held


async def _store(connection: asyncpg.Connection, layout: Layout, created: Sequence[_Edge]) -> None:
    """Write new edges into their label tables."""
    for label, group in _by_kind(layout, created):
        await _copy(
            connection, layout.age_name, label, _LABEL_COLUMNS, ((e.id, e.source, e.target, e.text) for e in group)
        )


async def _copy(
    connection: asyncpg.Connection, schema: str, table: str, columns: Sequence[str], records: Iterable[tuple[Any, ...]]
) -> None:
    await connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=records)


def _index_record(layout: Layout) -> Callable[[_Edge], tuple[Any, ...]]:
    """Return what makes an edge's row of the index, in the order of _INDEX_COLUMNS."""

    def record(edge: _Edge) -> tuple[Any, ...]:
        told = edge.stated
        timed = told.valid_from is not None or told.valid_to is not None
        valid = range_of(valid_interval(told.valid_from, told.valid_to)) if timed else _ALWAYS
        origin = layout.sources.get(told.source) if told.source else None
        return (
            edge.id, edge.source, edge.target, edge.kind, edge.scope, origin, told.strength, told.confidence, valid,
            edge.parallel_edge_hash, edge.content_hash, told.key, edge.trust,
        )  # fmt: skip

    return record


def identity(item: Relationship) -> tuple[str, ...]:
    """Return what makes a relationship the same one within a batch."""
    if item.key is not None:
        return (item.scope, item.key)
    return (item.scope, item.kind, item.start, item.end, item.valid_from or "")


def parallel_edge_hash(key: str | None, valid_from: str | None) -> int:
    """Return the hash of the key, or else of valid_from, by which parallel edges differ; 0 without either."""
    if key is None and valid_from is None:
        return 0
    told = f"from {valid_from}" if key is None else f"key {key}"
    return int.from_bytes(blake2b(told.encode(), digest_size=8).digest(), "big", signed=True)


async def _resolve(
    connection: asyncpg.Connection,
    layout: Layout,
    stated: Sequence[Relationship],
    starts: Sequence[int] | None,
    ends: Sequence[int] | None,
) -> list[tuple[int, int, int]]:
    """Return a new id and the ids of both ends of each, seen from its scope, the nearest first. Raises UnknownEntities.

    An id that is not used in the end is lost, which costs nothing.
    """
    labels = [layout.labels[EDGE, item.kind] for item in stated]
    arguments: list[list[Any]] = [
        [item.start for item in stated],
        [item.end for item in stated],
        [label.id for label in labels],
        [label.sequence for label in labels],
    ]
    if any(item.scope for item in stated):
        paths = [_SEPARATOR.join(visible_from(item.scope)) for item in stated]
        rows = await connection.fetch(layout.sql("write", "ends_in_scopes"), *arguments, paths)
    else:
        rows = await connection.fetch(layout.sql("write", "ends"), *arguments)
    found = [
        (row["id"], starts[at] if starts else row["source"], ends[at] if ends else row["target"])
        for at, row in enumerate(rows)
    ]
    missing = dict.fromkeys(
        key
        for item, (_, source, target) in zip(stated, found, strict=True)
        for key, end in ((item.start, source), (item.end, target))
        if end is None
    )
    if missing:
        raise unknown_entities(list(missing))
    return found


def _edge(layout: Layout, at: int, ids: tuple[int, int, int], item: Relationship, trust: float | None) -> _Edge:
    text = dumps(merge_relationship({}, item))
    # Who states it is a claim of its own, and so makes no difference to what is stated.
    sourceless = dumps(merge_relationship({}, replace(item, source=None))) if item.source else text
    number = parallel_edge_hash(item.key, item.valid_from)
    kind = layout.labels[EDGE, item.kind].id
    return _Edge(at, *ids, kind, layout.scopes[item.scope], number, item, _content_hash(item, sourceless), text, trust)


def _content_hash(item: Relationship, text: str) -> int:
    """Return the hash of a statement: its ends, what it sets, and which properties it removes."""
    removed = [name for name, value in item.properties.items() if value is None]
    told = f"{item.start}\x1f{item.end}\x1f{text}{removed or ''}"
    return int.from_bytes(blake2b(told.encode(), digest_size=8).digest(), "big", signed=True)


async def _merge(connection: asyncpg.Connection, passages: Passages, rest: Sequence[_Edge], outcome: Outcome) -> None:
    """Merge relationships into existing edges; one that vanished meanwhile makes the caller start again."""
    layout = passages.layout
    changed: dict[int, tuple[_Edge, Any]] = {}
    repeated: dict[int, tuple[_Edge, Any]] = {}
    for edge, row in await _held(connection, layout, rest):
        version = edge.stated.version
        if version is not None and version != (row["version"] if row else 0):
            held = row["version"] if row else 0
            raise VersionConflict(
                f"The relationship {edge.stated.kind!r} is stored in version {held}, not {version}.",
                hint="Read it again, and send the version that you read.",
            )
        if row is None:
            raise asyncpg.SerializationError("the relationship was deleted while it was being merged")
        if row["kind"] != edge.kind:
            raise Conflict(
                f"The relationship {edge.stated.key!r} is stored as another kind than {edge.stated.kind!r}.",
                hint="Give the other one a key of its own, or delete the existing one first.",
                key=edge.stated.key,
            )
        outcome.ids[edge.at], outcome.versions[edge.at] = row["id"], row["version"]
        stored = (row["content_hash"], row["source"], row["target"])
        says_no_more = stored == (edge.content_hash, edge.source, edge.target)
        says_no_more = says_no_more and not (row["origin"] is None and edge.stated.source)
        (repeated if says_no_more else changed)[row["id"]] = (edge, row)
    # What another client deleted is stored anew, also by a statement that says nothing new.
    there = await existing(connection, layout, repeated)
    changed |= {id_: what for id_, what in repeated.items() if id_ not in there}
    if changed:
        await _merge_changed(connection, passages, changed, outcome)


async def _held(connection: asyncpg.Connection, layout: Layout, rest: Sequence[_Edge]) -> list[tuple[_Edge, Any]]:
    plain = [edge for edge in rest if edge.stated.key is None]
    keyed = [edge for edge in rest if edge.stated.key is not None]
    pairs: list[tuple[_Edge, Any]] = []
    if plain:
        columns = zip(*((e.source, e.target, e.kind, e.scope, e.parallel_edge_hash) for e in plain), strict=True)
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
    connection: asyncpg.Connection, passages: Passages, changed: Mapping[int, tuple[_Edge, Any]], outcome: Outcome
) -> None:
    layout = passages.layout
    before = await read_edges(connection, layout, list(changed))
    written: list[tuple[_Edge, Any, dict[str, Any]]] = []
    same: list[tuple[int, int]] = []
    async for id_, (edge, row) in in_turns(changed.items()):
        endpoint_checks, stored = before.get(id_, (None, {}))
        merged = _merged(layout, stored, edge.stated)
        if alike(merged, stored) and endpoint_checks == (edge.source, edge.target):
            same.append((id_, edge.content_hash))
        else:
            written.append((edge, row, merged))
    if same:
        await connection.execute(layout.sql("write", "restate_edges"), *map(list, zip(*same, strict=True)))
    if not written:
        return
    versions = [(row, before[row["id"]][1], before[row["id"]][0]) for _, row, _ in written if row["id"] in before]
    await keep_history(connection, layout, RELATIONSHIP, versions, deleted=False)
    groups: dict[tuple[int, str], list[tuple[_Edge, Any, dict[str, Any]]]] = defaultdict(list)
    for item in written:
        id_ = item[1]["id"]
        groups[label_id(id_), "update_label_edges" if id_ in before else "insert_label_edges"].append(item)
    for (label, name), group in groups.items():
        await connection.execute(
            layout.sql("write", name, label=layout.by_id[label].age_name),
            [row["id"] for _, row, _ in group],
            [edge.source for edge, _, _ in group],
            [edge.target for edge, _, _ in group],
            [dumps(merged) for _, _, merged in group],
        )
    rows = [_update_row(layout, edge, row, merged) for edge, row, merged in written]
    await connection.execute(layout.sql("write", "update_edges"), *map(list, zip(*rows, strict=True)))
    # What had a text has one still, so none of the others was a fact under the setting that holds.
    told = {row["id"]: ((edge.source, edge.target), merged) for edge, row, merged in written}
    await fact_index.put(connection, passages, told, new=False)
    for edge, row, _ in written:
        outcome.versions[edge.at] += 1
        outcome.updated.append(row["id"])


def _merged(layout: Layout, stored: Mapping[str, Any], stated: Relationship) -> dict[str, Any]:
    """Return what a relationship holds after a statement.

    The statement of another source than the first leaves what the first one claims: source, value, times, confidence.
    What it states instead is a claim of its own.
    """
    merged = merge_relationship(stored, stated)
    first = stored.get("source")
    if not isinstance(first, str) or stated.source in (None, first):
        return merged
    rule = layout.schema().rules.get(stated.kind)
    claimed = {stored_name(name, "relationship") for name in (rule.value if rule else ())} | _CLAIMED
    return merged | {name: stored[name] for name in claimed & stored.keys()}


def _update_row(layout: Layout, edge: _Edge, row: Any, merged: Mapping[str, Any]) -> tuple[Any, ...]:
    valid = valid_of(merged.get("valid_from"), merged.get("valid_to"))
    source = layout.sources.get(edge.stated.source or "") if merged.get("source") == edge.stated.source else None
    numbers = (fraction_of(merged.get("strength")), fraction_of(merged.get("confidence")))
    return (row["id"], edge.source, edge.target, source, *numbers, valid.start, valid.end, edge.content_hash)


async def read_edges(
    connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]
) -> dict[int, tuple[tuple[int, int], dict[str, Any]]]:
    """Read edges by id: their ends and stored properties; those that are gone are missing."""
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in ids:
        groups[label_id(id_)].append(id_)
    await know_labels(connection, layout, (group[0] for group in groups.values()))
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
