"""Writing vertices: entities and episodes into label tables, index and change feed, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from kgmem.domain.errors import Conflict
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.entity import RELATIONSHIP
from kgmem.domain.schema.refusal import version_conflict
from kgmem.store.graph.labels import borne, main_label, relabelled
from kgmem.store.graph.layout import VERTEX, Layout, know_labels, label_id
from kgmem.store.graph.records import alike, dumps
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import VertexRow, item_sql
from kgmem.tasks import each, in_turns

CREATED, UPDATED, DELETED = 1, 2, 3  # Operations, as the change feed numbers them.


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a vertex: how it merges into the stored properties, and its row of the index."""

    scope: str
    key: str
    label: str
    merge: Callable[[Mapping[str, Any]], dict[str, Any]]
    row: Callable[[Mapping[str, Any]], VertexRow]
    content_hash: int
    relabels: bool = False  # The statement names the label itself, so it must be the one that is held.
    source: str | None = None
    version: int | None = None
    vector: Vector | None = None


@dataclass(slots=True)
class Outcome:
    """What became of the statements of one batch, by their place in it."""

    ids: dict[int, int] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    created: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    claimed: set[int] = field(default_factory=set)  # Places of what its source had not stated before.


@dataclass(frozen=True, slots=True)
class _Written:
    """One vertex that a batch creates or changes: everything its rows need."""

    at: int
    id: int
    statement: Statement
    stored: dict[str, Any]
    row: VertexRow
    text: str


async def write_vertices(
    connection: asyncpg.Connection, passages: Passages, kind: int, statements: Sequence[Statement]
) -> Outcome:
    """Merge a batch of statements (each scope and key once) into the graph. Raises VersionConflict.

    `passages` gathers what they are searched by; the caller stores it at the end of the transaction.
    """
    outcome, layout = Outcome(), passages.layout
    await layout.ensure("history")
    fresh = [(at, statement) for at, statement in enumerate(statements) if statement.version in (None, 0)]
    created = await _insert(connection, layout, kind, await each(lambda one: _first(*one), fresh))
    await _store_created(connection, passages, created)
    for written in created:
        outcome.ids[written.at], outcome.versions[written.at] = written.id, 1
        outcome.created.append(written.id)
    rest = {at: statement for at, statement in enumerate(statements) if at not in outcome.ids}
    if rest:
        await _merge(connection, passages, kind, rest, outcome)
    for operation, ids in ((CREATED, outcome.created), (UPDATED, outcome.updated)):
        if ids:
            await connection.execute(layout.sql("write", "change"), operation, kind, ids, [])
    return outcome


def _first(at: int, statement: Statement) -> _Written:
    stored = statement.merge({})
    return _Written(at, 0, statement, stored, statement.row(stored), dumps(stored))


async def _insert(
    connection: asyncpg.Connection, layout: Layout, kind: int, fresh: Sequence[_Written]
) -> list[_Written]:
    """Insert new vertices; return the statements that were inserted, with ids."""
    if not fresh:
        return []
    # Stored in one order for all writers, so that none waits for another that waits for it.
    ordered = sorted(range(len(fresh)), key=lambda n: (fresh[n].statement.scope, fresh[n].statement.key))
    places = sorted(range(len(fresh)), key=ordered.__getitem__)
    labels = [layout.labels[VERTEX, w.statement.label] for w in fresh]
    rows = await connection.fetch(
        item_sql(layout.sql("write", "insert_items")),
        kind,
        [label.id for label in labels],
        [label.sequence for label in labels],
        [layout.scopes[w.statement.scope] for w in fresh],
        [w.statement.key for w in fresh],
        places,
        *_columns(layout, fresh),
    )
    by_key = {(layout.scopes[w.statement.scope], w.statement.key): w for w in fresh}
    found = [(by_key[row["scope"], row["key"]], row["id"]) for row in rows]
    return [_Written(w.at, id_, w.statement, w.stored, w.row, w.text) for w, id_ in found]


def _columns(layout: Layout, written: Sequence[_Written]) -> list[list[Any]]:
    """Return what insert and update share: sources, digests, and the parts of the columns made of properties."""
    return [
        [layout.sources.get(w.statement.source or "") for w in written],
        [w.statement.content_hash for w in written],
        *map(list, zip(*(w.row.parts for w in written), strict=True)),
    ]


async def _store_created(connection: asyncpg.Connection, passages: Passages, created: Sequence[_Written]) -> None:
    layout = passages.layout
    for label, group in _by_label(layout, created):
        sql = layout.sql("write", "insert_vertices", label=label)
        await connection.execute(sql, [w.id for w in group], [w.text for w in group])
    async for w in in_turns(created):
        passages.want(w.id, w.row.passages, w.statement.vector, new=True)


async def _merge(
    connection: asyncpg.Connection, passages: Passages, kind: int, rest: Mapping[int, Statement], outcome: Outcome
) -> None:
    """Merge statements into existing vertices; one that vanished meanwhile makes the caller start again."""
    layout = passages.layout
    held = await connection.fetch(
        layout.sql("write", "lock_items"),
        kind,
        [layout.scopes[s.scope] for s in rest.values()],
        [s.key for s in rest.values()],
    )
    await know_labels(connection, layout, [row["id"] for row in held])
    by_key = {(row["scope"], row["key"]): dict(row) for row in held}
    changed: dict[int, tuple[int, Statement, dict[str, Any]]] = {}
    repeated: dict[int, tuple[int, Statement, dict[str, Any]]] = {}
    for at, statement in rest.items():
        row = by_key.get((layout.scopes[statement.scope], statement.key))
        _check_version(statement, row)
        if row is None:
            raise asyncpg.SerializationError("the item was deleted while it was being merged")
        if label_id(row["id"]) not in layout.by_id:
            raise Conflict(
                f"{statement.key!r} is stored under a label that another client has dropped.",
                hint="Wait until that was noticed (some seconds), or run kgmem index rebuild.",
                key=statement.key,
            )
        outcome.ids[at], outcome.versions[at] = row["id"], row["version"]
        same = row["content_hash"] == statement.content_hash and not _relabels(
            layout, statement, row["id"], row["labels"]
        )
        (repeated if same else changed)[row["id"]] = (at, statement, row)
    # What another client deleted is stored anew, also by a statement that says nothing new.
    there = await existing(connection, layout, repeated)
    changed |= {id_: what for id_, what in repeated.items() if id_ not in there}
    if changed:
        await _merge_changed(connection, passages, kind, changed, outcome)


async def _merge_changed(
    connection: asyncpg.Connection,
    passages: Passages,
    kind: int,
    changed: Mapping[int, tuple[int, Statement, dict[str, Any]]],
    outcome: Outcome,
) -> None:
    layout = passages.layout
    before = await read_vertices(connection, layout, list(changed))
    written, same = [], []
    async for id_, (at, statement, _) in in_turns(changed.items()):
        stored = statement.merge(before.get(id_, {}))
        if _relabels(layout, statement, id_, stored.get("labels")):
            stored = relabelled(layout.by_id[label_id(id_)].name, stored, statement.label)
        if id_ in before and alike(stored, before[id_]) and statement.vector is None:
            same.append((id_, statement.content_hash))
        else:
            written.append(_Written(at, id_, statement, stored, statement.row(stored), dumps(stored)))
    if same:
        await connection.execute(layout.sql("write", "restate_items"), *map(list, zip(*same, strict=True)))
    if not written:
        return
    versions = [(changed[w.id][2], before[w.id], None) for w in written if w.id in before]
    await keep_history(connection, layout, kind, versions, deleted=False)
    for name in ("update_vertices", "insert_vertices"):
        for label, group in _by_label(layout, [w for w in written if (w.id in before) == (name == "update_vertices")]):
            sql = layout.sql("write", name, label=label)
            await connection.execute(sql, [w.id for w in group], [w.text for w in group])
    sql = item_sql(layout.sql("write", "update_items"))
    await connection.execute(sql, [w.id for w in written], *_columns(layout, written))
    for w in written:
        passages.want(w.id, w.row.passages, w.statement.vector, new=False)
        outcome.versions[w.at] += 1
        outcome.updated.append(w.id)


def _relabels(layout: Layout, statement: Statement, id_: int, labels: Any) -> bool:
    """Whether a statement names another label than the main one of the vertex, which bears these."""
    return statement.relabels and borne(layout.by_id[label_id(id_)].name, labels)[0] != statement.label


async def keep_history(
    connection: asyncpg.Connection,
    layout: Layout,
    kind: int,
    versions: Iterable[tuple[Any, Mapping[str, Any], tuple[int, int] | None]],
    *,
    deleted: bool,
) -> int:
    """Move versions (index row, stored properties, ends of an edge) to the history; return how many."""
    rows = []
    async for row, stored, ends in in_turns(versions):
        label = layout.by_id[label_id(row["id"])].name
        if kind != RELATIONSHIP:
            label = main_label(label, stored)
        record: dict[str, Any] = {"label": label, "properties": dict(stored)}
        if ends:
            record["start"], record["end"] = ends
        rows.append((row["id"], row["version"], row["known_from"], dumps(record)))
    if rows:
        columns = map(list, zip(*rows, strict=True))
        await connection.execute(layout.sql("write", "keep_history"), kind, deleted, *columns)
    return len(rows)


async def existing(connection: asyncpg.Connection, layout: Layout, ids: Iterable[int]) -> set[int]:
    """Return those of the ids that the label tables still hold."""
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in ids:
        groups[label_id(id_)].append(id_)
    await know_labels(connection, layout, (group[0] for group in groups.values()))
    found: set[int] = set()
    for label, group in groups.items():
        if label not in layout.by_id:
            continue
        sql = layout.sql("write", "existing", label=layout.by_id[label].age_name)
        found |= {row["id"] for row in await connection.fetch(sql, group)}
    return found


def _by_label(layout: Layout, written: Iterable[_Written]) -> Iterable[tuple[str, list[_Written]]]:
    groups: dict[int, list[_Written]] = defaultdict(list)
    for w in written:
        groups[label_id(w.id)].append(w)
    return [(layout.by_id[label].age_name, group) for label, group in sorted(groups.items())]


def _check_version(statement: Statement, row: Any) -> None:
    held = row["version"] if row else 0
    if statement.version is not None and statement.version != held:
        raise version_conflict(statement.key, held, statement.version)
