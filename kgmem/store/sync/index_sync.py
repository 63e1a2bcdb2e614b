"""Absorbing: bring the index in line with label tables that others wrote, or that it is rebuilt from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.time.interval import ALWAYS, Interval
from kgmem.log import EventLog
from kgmem.store.db.codecs import range_of
from kgmem.store.graph import unique_rules
from kgmem.store.graph.layout import (
    EDGE,
    VERTEX,
    Layout,
    know_labels,
    label_id,
    learn_subsystems,
    register_foreign_labels,
    scope_ids,
    source_ids,
)
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write import claims_from_edges, claims_from_entities, fact_index
from kgmem.store.write.edges import parallel_edge_hash, read_edges
from kgmem.store.write.passages import COPIED, Passages, drop_passages_of
from kgmem.store.write.rows import NO_PARTS, entity_row, episode_row, fraction_of, item_sql, valid_of
from kgmem.store.write.vertices import CREATED, DELETED, UPDATED, existing
from kgmem.tasks import in_turns

log = EventLog(__name__)

StoredEdge = tuple[tuple[int, int], Mapping[str, Any]]  # The ends of an edge, and its properties.
_PLAIN = (None, *NO_PARTS)  # Of an item without a source too.
_EDGE_COLUMNS = (
    "id", "source", "target", "kind", "scope", "parallel_edge_hash", "key", "origin", "strength", "confidence", "valid",
)  # fmt: skip
_ALWAYS = range_of(ALWAYS)
_LONGEST_NAME = 2000  # Bytes of a key or a source that still fit into an index entry of Postgres.


@dataclass(frozen=True, slots=True)
class IndexSync:
    """Writes vertices and edges into the index, inside of a transaction.

    `is_rebuild`: the index is rebuilt and no record was written, so that each keeps its version and the time since
    which it is known, and causes no change event. `derived_from`: by id, the origins of what sources state by what is
    written.
    """

    connection: asyncpg.Connection
    layout: Layout
    is_rebuild: bool = False
    derived_from: Mapping[int, Sequence[str]] = field(default_factory=dict)

    async def sync(self, ids: Sequence[int]) -> int:
        """Index these vertices and edges as the label tables hold them now; return how many came, changed or went."""
        if ids:
            await self.layout.ensure("history")
        await register_foreign_labels(self.connection, self.layout)
        groups: dict[int, list[int]] = defaultdict(list)
        for id_ in ids:
            label = self.layout.by_id.get(label_id(id_))
            if label:
                groups[label.kind].append(id_)
        edges = await read_edges(self.connection, self.layout, groups[EDGE])
        ends = {end for both, _ in edges.values() for end in both}
        there = await existing(self.connection, self.layout, ends)
        # What another process is syncing, but has not committed yet, is synced here too.
        vertices = {*groups[VERTEX], *await self._unindexed(there)}
        new = await self._unindexed(vertices)
        passages = Passages(self.layout, is_rebuild=self.is_rebuild)
        try:
            # Vertices first, since an edge of this batch may lead to a vertex of this batch.
            changed = await self.vertices(sorted(vertices), passages)
            await self._fill_unique_values(sorted(vertices))
            if new and not self.is_rebuild:  # Edges that were there before the vertices they lead to; else they follow.
                groups[EDGE] = sorted({*groups[EDGE], *await edges_at(self.connection, self.layout, new)})
            changed += await self.edges(groups[EDGE], passages)
            await passages.store(self.connection)
        except asyncpg.UniqueViolationError as error:
            raise asyncpg.SerializationError("another writer took a key at the same time") from error
        return changed

    async def _fill_unique_values(self, ids: Sequence[int]) -> None:
        """Take in the unique values of nodes that others wrote; who comes second stays without, and is reported."""
        if self.is_rebuild or not ids:
            return
        doubled = await unique_rules.fill(self.connection, self.layout, ids)
        if doubled:
            log.warning("foreign_values_not_unique", graph=self.layout.graph.name, values=doubled)

    async def catch_up(self, ids: Sequence[int], passages: Passages) -> None:
        """Index vertices and edges of other clients that are not indexed yet, with the vertices these lead to."""
        await know_labels(self.connection, self.layout, ids)
        groups: dict[int, list[int]] = defaultdict(list)
        for id_ in ids:
            if label_id(id_) in self.layout.by_id:
                groups[self.layout.by_id[label_id(id_)].kind].append(id_)
        edges = await read_edges(self.connection, self.layout, groups[EDGE])
        ends = await self._unindexed({end for both, _ in edges.values() for end in both})
        await self.vertices(sorted({*groups[VERTEX], *ends}), passages)
        await self.edges(groups[EDGE], passages)

    async def vertices(self, ids: Sequence[int], passages: Passages) -> int:
        """Index these vertices; `passages` gathers what they are searched by, for the caller to store."""
        if not ids:
            return 0
        # Locked before they are read, so that what a writer of kgmem's changes meanwhile is not overwritten by older.
        held = {row["id"]: row for row in await self._fetch("items", list(ids))}
        stored = await read_vertices(self.connection, self.layout, ids)
        versions = await self._versions(held, stored)
        gone = [id_ for id_ in held if id_ not in stored]
        await self._put_vertices(stored, passages, held, versions)
        return len(stored) + await remove(self.connection, self.layout, gone)

    async def new_vertices(self, stored: Mapping[int, Mapping[str, Any]], passages: Passages) -> None:
        """Index vertices that this transaction has made, given their properties as they are stored."""
        if stored:
            await self.layout.ensure("history")
            await self._put_vertices(stored, passages, {}, dict.fromkeys(stored, 1), made=True)

    async def _put_vertices(
        self,
        stored: Mapping[int, Mapping[str, Any]],
        passages: Passages,
        held: Mapping[int, Any],
        versions: Mapping[int, int],
        *,
        made: bool = False,
    ) -> None:
        scopes = await self._learn(stored.values())
        rows = []
        async for id_, properties in in_turns(sorted(stored.items())):
            kind = EPISODE if self.layout.by_id[label_id(id_)].name == EPISODE_LABEL else ENTITY
            row = episode_row(properties) if kind == EPISODE else entity_row(properties)
            passages.want(id_, row.passages, new=made)
            source = self.layout.sources.get(name_of(properties.get("source")))
            scope, key = scopes[scope_of(properties)], name_of(properties.get("key")) or f"_{id_}"
            rows.append((id_, kind, scope, key, source, *row.parts))
        # A key of kgmem's own making has its id in it, which nothing else has.
        named = [(row[0], row[2], row[3], row[1]) for row in rows if row[3] != f"_{row[0]}"]
        taken = await self._taken("keys_taken", named)
        # Another client may store a second vertex under a key; both stay to be seen.
        told = [(*row[:3], f"{row[3]}#{row[0]}" if row[0] in taken else row[3], *row[4:]) for row in rows]
        await self._rename_kept({row[0]: row[3] for row in told if row[1] == ENTITY}, held)
        plain = [row for row in told if made and row[4:] == _PLAIN]
        if len(plain) >= COPIED:
            await self._copy("item", ("id", "kind", "scope", "key"), (row[:4] for row in plain))
        elif plain:
            sql = self.layout.sql("index_sync", "put_plain_items")
            await self.connection.execute(sql, *map(list, zip(*(row[:4] for row in plain), strict=True)))
        if not self.is_rebuild:
            said = [
                each
                async for row in in_turns(told)
                for each in claims_from_entities.said_in(
                    self.layout, (row[2], row[3]), stored[row[0]], self.derived_from.get(row[0], ())
                )
                if row[1] == ENTITY
            ]
            await claims_from_entities.record(self.connection, self.layout, said, whole=not made)
        others = told if not plain else [row for row in told if row[4:] != _PLAIN]
        if others:
            columns = map(list, zip(*((*row[:4], versions[row[0]], *row[4:]) for row in others), strict=True))
            await self.connection.execute(
                item_sql(self.layout.sql("index_sync", "put_items")), self.is_rebuild, *columns
            )
        for kind in (ENTITY, EPISODE):
            await self._tell(kind, [row[0] for row in rows if row[1] == kind], held)

    async def _rename_kept(self, keys: Mapping[int, str], held: Mapping[int, Any]) -> None:
        """Keep merged keys leading to entities that have new keys now; all at once, since two may swap theirs."""
        renamed = [(held[id_]["scope"], held[id_]["key"], key) for id_, key in keys.items()
                   if id_ in held and held[id_]["key"] != key]  # fmt: skip
        if not renamed:
            return
        await learn_subsystems(self.connection, self.layout)
        if "merges" in self.layout.subsystems.made:
            sql = self.layout.sql("merge", "rename_kept")
            await self.connection.execute(sql, *map(list, zip(*renamed, strict=True)))

    async def edges(self, ids: Sequence[int], passages: Passages) -> int:
        """Index these edges, of which the ends are indexed; `passages` gathers what facts are searched by."""
        if not ids:
            return 0
        held = {row["id"]: row for row in await self._fetch("edges", list(ids))}
        stored = await read_edges(self.connection, self.layout, ids)
        # One that leads to a vertex which is gone, as another client can leave it, is not indexed.
        there = await existing(self.connection, self.layout, {end for both, _ in stored.values() for end in both})
        stored = {id_: told for id_, told in stored.items() if there.issuperset(told[0])}
        versions = await self._versions(held, stored)
        gone = [id_ for id_ in held if id_ not in stored]
        await self._put_edges(stored, held, versions)
        await fact_index.keep(self.connection, passages, stored, is_rebuild=self.is_rebuild)
        return len(stored) + await remove(self.connection, self.layout, gone)

    async def new_edges(self, stored: Mapping[int, StoredEdge], passages: Passages) -> None:
        """Index edges that this transaction has made between vertices that it holds: their ends and properties."""
        if stored:
            await self._put_edges(stored, {}, dict.fromkeys(stored, 1), made=True)
            await fact_index.put(self.connection, passages, stored, new=True)

    async def _put_edges(
        self,
        stored: Mapping[int, StoredEdge],
        held: Mapping[int, Any],
        versions: Mapping[int, int],
        *,
        made: bool = False,
    ) -> None:
        scopes = await self._learn(properties for _, properties in stored.values())
        rows = []
        async for id_, ((source, target), told) in in_turns(sorted(stored.items())):
            valid = valid_of(told.get("valid_from"), told.get("valid_to"))
            key, origin = name_of(told.get("key")) or None, self.layout.sources.get(name_of(told.get("source")))
            number = parallel_edge_hash(key, name_of(told.get("valid_from")) or None)
            numbers = (fraction_of(told.get("strength")), fraction_of(told.get("confidence")))
            ends = (source, target, label_id(id_), scopes[scope_of(told)])
            rows.append((id_, *ends, number, key, origin, *numbers, valid.start, valid.end))
        # AGE allows parallel edges that kgmem would call the same; its id tells such a one apart.
        parallel = await self._taken("edges_taken", [row[:6] for row in rows])
        named = await self._taken("edge_keys_taken", [(row[0], row[4], row[6]) for row in rows if row[6]])
        told_apart = [
            (
                *row[:5],
                row[0] if row[0] in parallel else row[5],
                f"{row[6]}#{row[0]}" if row[0] in named else row[6],
                *row[7:],
                versions[row[0]],
            )
            for row in rows
        ]
        if made and len(told_apart) >= COPIED:
            await self._copy("edge", _EDGE_COLUMNS, map(_edge_record, told_apart))
        else:
            await self._put("put_edges", told_apart)
        await self._tell(RELATIONSHIP, list(stored), held)
        if not self.is_rebuild:
            written = {id_: properties for id_, (_, properties) in stored.items()}
            await claims_from_edges.record_stored(self.connection, self.layout, written, self.derived_from)

    async def _copy(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        schema = self.layout.index_name
        await self.connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=rows)

    async def _unindexed(self, ids: Iterable[int]) -> set[int]:
        return {row["id"] for row in await self._fetch("unindexed", list(ids))}

    async def _taken(self, query: str, wanted: Sequence[tuple[Any, ...]]) -> set[int]:
        """Return those (id first) whose name another one bears already, in the index or before them in the batch."""
        if not wanted:
            return set()
        first: dict[tuple[Any, ...], int] = {}
        doubles = {id_ for id_, *name in wanted if first.setdefault(tuple(name), id_) != id_}
        rows = await self._fetch(query, *map(list, zip(*wanted, strict=True)))
        return doubles | {row["id"] for row in rows}

    async def _versions(self, held: Mapping[int, Any], stored: Iterable[int]) -> dict[int, int]:
        """Return the version that each has from now on."""
        new = [id_ for id_ in stored if id_ not in held]
        before = {row["id"]: row["version"] for row in await self._fetch("history_versions", new)} if new else {}
        kept = {id_: row["version"] + (not self.is_rebuild) for id_, row in held.items()}
        return kept | {id_: before.get(id_, 0) + 1 for id_ in new}

    async def _put(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            sql = self.layout.sql("index_sync", query)
            await self.connection.execute(sql, *map(list, zip(*rows, strict=True)), self.is_rebuild)

    async def _tell(self, kind: int, ids: Sequence[int], held: Mapping[int, Any]) -> None:
        """Put into the change feed what was created and, unless the index is only rebuilt, what changed."""
        created = [id_ for id_ in ids if id_ not in held]
        updated = [] if self.is_rebuild else [id_ for id_ in ids if id_ in held]
        for operation, group in ((CREATED, created), (UPDATED, updated)):
            if group:
                await self.connection.execute(self.layout.sql("write", "change"), operation, kind, group, [])

    async def _learn(self, stored: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Register the named sources, and return the numbers of the scopes."""
        properties = list(stored)
        await source_ids(self.connection, self.layout, [name_of(p.get("source")) for p in properties], make=True)
        return await scope_ids(self.connection, self.layout, {scope_of(p) for p in properties}, make=True)

    async def _fetch(self, query: str, *arguments: Any) -> list[Any]:
        return list(await self.connection.fetch(self.layout.sql("index_sync", query), *arguments))


async def remove(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> int:
    """Take vertices that no longer exist, with their edges, and other edges out of the index, with their passages."""
    if not ids:
        return 0
    await connection.execute(layout.sql("write", "ends_may_go"))
    held = await connection.fetch(layout.sql("index_sync", "items"), list(ids))
    await learn_subsystems(connection, layout)
    for kind in (ENTITY, EPISODE):
        rows = [row for row in held if row["kind"] == kind]
        if rows:
            gone = [row["id"] for row in rows]
            await drop_passages_of(connection, layout, gone)
            await connection.execute(layout.sql("write", "delete_items"), gone)
            await connection.execute(layout.sql("communities", "leave"), gone)
            await connection.execute(layout.sql("feedback", "forget"), gone)
            await connection.execute(layout.sql("tiers", "forget"), gone)
            await unique_rules.fill(connection, layout, gone)
            await connection.execute(layout.sql("write", "change"), DELETED, kind, gone, [row["key"] for row in rows])
    # Behind the vertices, since now nobody makes an edge to them any more.
    joined = await connection.fetch(layout.sql("index_sync", "edges_of"), [row["id"] for row in held])
    edges = await connection.fetch(layout.sql("index_sync", "edges"), [*ids, *(row["id"] for row in joined)])
    if edges:
        gone = [row["id"] for row in edges]
        await fact_index.drop(connection, layout, gone)
        await connection.execute(layout.sql("write", "delete_edges"), gone)
        await connection.execute(layout.sql("communities", "unsay"), gone)
        await connection.execute(layout.sql("feedback", "forget"), gone)
        await connection.execute(layout.sql("tiers", "forget"), gone)
        await connection.execute(layout.sql("claims", "withdraw_edges"), gone)
        await connection.execute(layout.sql("write", "change"), DELETED, RELATIONSHIP, gone, [])
    return len(held) + len(edges)


def _edge_record(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row of put_edges as COPY takes it, without the version: it is the first."""
    *before, start, end, _ = row
    return (*before, _ALWAYS if start is None and end is None else range_of(Interval(start, end)))


async def edges_at(connection: asyncpg.Connection, layout: Layout, ids: Iterable[int]) -> set[int]:
    """Return the edges in the label tables that lead from or to these vertices."""
    kinds = [label for label in layout.by_id.values() if label.kind == EDGE]
    found: set[int] = set()
    for label in kinds:
        rows = await connection.fetch(layout.sql("index_sync", "label_edges_at", label=label.age_name), list(ids))
        found |= {row["id"] for row in rows}
    return found


def name_of(value: Any) -> str:
    """Return a text that can be a key or name a source, else an empty one."""
    return value if isinstance(value, str) and len(value.encode()) <= _LONGEST_NAME else ""


def scope_of(stored: Mapping[str, Any]) -> str:
    """Return the scope of what another client may have written: shared where it names none that can be one."""
    try:
        return check_scope(name_of(stored.get("scope")))
    except InvalidInput:
        return ""
