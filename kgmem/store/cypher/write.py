"""Writes of Cypher: label tables, retrieval index and change feed, in the transaction of the statement."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg

from kgmem.domain.errors import Conflict, Forbidden
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.retention.hold import held_by
from kgmem.query.execution.graph import NewNode, NewRelationship
from kgmem.query.values import Node, Relationship
from kgmem.store.cypher.origins import StatedOrigins
from kgmem.store.cypher.properties import node_text, relationship_text
from kgmem.store.cypher.read import Reader
from kgmem.store.cypher.schema_checks import check
from kgmem.store.db.database import Database
from kgmem.store.graph.labels import NO_LABEL, main_labels, stored_labels
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, ensure_labels, label_id, learn_subsystems, scope_ids
from kgmem.store.graph.records import loads
from kgmem.store.sync.index_sync import IndexSync
from kgmem.store.write import delete as deleting
from kgmem.store.write.passages import COPIED, Passages
from kgmem.store.write.vertices import keep_history
from kgmem.tasks import in_turns, parts, writing_as

_FILE = "cypher"
_AT_ONCE = 4000  # Rows of one step: what is sent is made into bytes without a pause.
_Item = TypeVar("_Item", Node, Relationship)


@dataclass(slots=True)
class Writer:
    """Writes on one connection; `scope` is whose memory it writes (None: what exists stays whose it is).

    `seen` holds the rows as the statement has read them: what somebody else has changed since makes it begin again.
    """

    connection: asyncpg.Connection
    layout: Layout
    database: Database
    scope: str | None
    seen: dict[int, str] = field(default_factory=dict)
    _own: set[int] = field(default_factory=set)  # What this transaction has written, and so holds.
    _created: set[int] = field(default_factory=set)
    _keyed: set[int] = field(default_factory=set)  # What this transaction has given its key.
    wrote: bool = False
    _stated: dict[int, Node | Relationship] = field(default_factory=dict)
    _passages: Passages | None = None

    @property
    def passages(self) -> Passages:
        """What the index shall find of what was written, stored at the end."""
        if self._passages is None:
            self._passages = Passages(self.layout)
        return self._passages

    async def create_nodes(self, nodes: Sequence[NewNode]) -> list[Node]:
        """Make nodes, each in the table of its first label."""
        self.wrote = True
        return [node for part in parts(nodes, _AT_ONCE) for node in await self._create_nodes(part)]

    async def _create_nodes(self, nodes: Sequence[NewNode]) -> list[Node]:
        names = [node.labels[0] if node.labels else NO_LABEL for node in nodes]
        ids = await self._take_ids(VERTEX, names)
        groups: dict[str, list[tuple[int, str]]] = defaultdict(list)
        origins = StatedOrigins()
        async for id_, name, node in in_turns(zip(ids, names, nodes, strict=True)):
            properties = origins.take(id_, self.scope or "", node.properties)
            text = node_text(properties, list(node.labels[1:]), self.scope or "")
            groups[self.layout.labels[VERTEX, name].age_name].append((id_, text))
        for label, rows in sorted(groups.items()):
            await self._insert(label, "insert_vertices", ("id", "properties"), rows)
        self._mark(ids)
        self._keyed.update(id_ for id_, node in zip(ids, nodes, strict=True) if node.properties.get("key") is not None)
        told = {id_: loads(text) async for id_, text in in_turns(row for rows in groups.values() for row in rows)}
        async with self._indexing(origins) as absorber:
            await absorber.new_vertices(told, self.passages)
        made = zip(ids, nodes, strict=True)
        return self._state([Node(id_, tuple(node.labels), dict(node.properties), str(id_)) for id_, node in made])

    async def create_relationships(self, relationships: Sequence[NewRelationship]) -> list[Relationship]:
        """Make relationships between nodes that are there. Raises what makes the statement begin again otherwise."""
        self.wrote = True
        ends = {end async for each in in_turns(relationships) for end in (each.start, each.end)}
        rows = await self._rows_of("hold_ends", ends)
        scopes = {row["id"]: row["path"] async for row in in_turns(rows)}
        if len(scopes) < len(ends):
            raise asyncpg.SerializationError("a node was deleted while a relationship to it was made")
        return [
            made for part in parts(relationships, _AT_ONCE) for made in await self._create_relationships(part, scopes)
        ]

    async def _create_relationships(
        self, relationships: Sequence[NewRelationship], scopes: Mapping[int, str]
    ) -> list[Relationship]:
        ids = await self._take_ids(EDGE, [each.type for each in relationships])
        groups: dict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
        origins = StatedOrigins()
        async for id_, each in in_turns(zip(ids, relationships, strict=True)):
            scope = max(scopes[each.start], scopes[each.end], key=len) if self.scope is None else self.scope
            text = relationship_text(origins.take(id_, scope, each.properties), scope)
            groups[self.layout.labels[EDGE, each.type].age_name].append((id_, each.start, each.end, text))
        for label, edges in sorted(groups.items()):
            await self._insert(label, "insert_label_edges", ("id", "start_id", "end_id", "properties"), edges)
        self._mark(ids)
        every = in_turns(row for rows in groups.values() for row in rows)
        told = {id_: ((start, end), loads(text)) async for id_, start, end, text in every}
        async with self._indexing(origins) as absorber:
            await absorber.new_edges(told, self.passages)
        made = zip(ids, relationships, strict=True)
        return self._state(
            [Relationship(id_, each.type, each.start, each.end, dict(each.properties), str(id_)) for id_, each in made]
        )

    async def update_nodes(self, nodes: Sequence[Node]) -> None:
        """Write labels and properties."""
        self.wrote = True
        # In one order over all parts, as every writer locks them.
        for part in parts(sorted(nodes, key=lambda node: node.id), _AT_ONCE):
            await self._update_nodes(part)

    async def _update_nodes(self, nodes: Sequence[Node]) -> None:
        locked = await self._locked("lock_nodes", [node.id for node in nodes])
        stored = await self._unchanged((await Reader(self.connection, self.layout).nodes(list(locked)))[1])
        await self._refuse_held(nodes, stored)
        await self._keep(locked, stored)
        groups: dict[str, list[tuple[int, str]]] = defaultdict(list)
        origins = StatedOrigins()
        async for node in in_turns(nodes):
            if node.id not in stored:
                raise asyncpg.SerializationError("a node was deleted while it was changed")
            if stored[node.id].get("key") != node.properties.get("key"):
                self._keyed.add(node.id)
            label = self.layout.by_id[label_id(node.id)]
            labels = stored_labels(label.name, node.labels)
            scope = str(stored[node.id].get("scope") or "")
            text = node_text(origins.take(node.id, scope, node.properties, stored[node.id]), labels, scope)
            groups[label.age_name].append((node.id, text))
        for name, rows in sorted(groups.items()):
            sql = self.layout.sql("write", "update_vertices", label=name)
            await self.connection.execute(sql, *map(list, zip(*rows, strict=True)))
        ids = [node.id for node in self._state(nodes)]
        self._own.update(ids)
        async with self._indexing(origins) as absorber:
            await absorber.vertices(ids, self.passages)

    async def update_relationships(self, relationships: Sequence[Relationship]) -> None:
        """Write the properties of relationships."""
        self.wrote = True
        for part in parts(sorted(relationships, key=lambda each: each.id), _AT_ONCE):
            await self._update_relationships(part)

    async def _update_relationships(self, relationships: Sequence[Relationship]) -> None:
        locked = await self._locked_edges([each.id for each in relationships])
        stored = await self._unchanged((await Reader(self.connection, self.layout).relationships(list(locked)))[1])
        ends = {each.id: (each.start, each.end) for each in relationships}
        await self._refuse_held(relationships, stored)
        await self._keep(locked, stored, ends)
        groups: dict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
        origins = StatedOrigins()
        async for each in in_turns(relationships):
            if each.id not in stored:
                raise asyncpg.SerializationError("a relationship was deleted while it was changed")
            scope = str(stored[each.id].get("scope") or "")
            text = relationship_text(origins.take(each.id, scope, each.properties, stored[each.id]), scope)
            label = self.layout.by_id[label_id(each.id)].age_name
            groups[label].append((each.id, each.start, each.end, text))
        for label, rows in sorted(groups.items()):
            sql = self.layout.sql("write", "update_label_edges", label=label)
            await self.connection.execute(sql, *map(list, zip(*rows, strict=True)))
        self._own.update(ends)
        self._state(relationships)
        async with self._indexing(origins) as absorber:
            await absorber.edges(list(ends), self.passages)

    async def delete(self, nodes: Collection[int], relationships: Collection[int]) -> None:
        """Delete relationships and nodes, with what the index has of them."""
        self.wrote = True
        await self.connection.execute(self.layout.sql("write", "ends_may_go"))
        locked = await self._locked("lock_nodes_to_delete", nodes)
        edges = await self._locked_edges(relationships)
        for gone in parts(list(edges.values()), _AT_ONCE):
            await deleting.delete_edges(self.connection, self.layout, gone)
        for kind in (ENTITY, EPISODE):
            for rows in parts([row for row in locked.values() if row["kind"] == kind], _AT_ONCE):
                await deleting.delete_vertices(self.connection, self.layout, kind, rows)
        self.passages.forget({*nodes, *relationships})
        for id_ in (*nodes, *relationships):
            self._stated.pop(id_, None)

    async def finish(self) -> None:
        """Check what holds at the end, and store what is searched by; nothing may follow but COMMIT."""
        ends = {
            end for each in self._stated.values() if isinstance(each, Relationship) for end in (each.start, each.end)
        }
        mains = await main_labels(self.connection, self.layout, ends) if ends else {}
        check(self.layout, self._stated.values(), mains)
        await self._check_keys()
        if self._passages is not None:
            await self._passages.store(self.connection)

    async def _check_keys(self) -> None:
        """Raise Conflict where a key that was given is another one's in its scope.

        Another AGE client may leave two under one key, which the index distinguishes by their ids; kgmem does not.
        """
        if not self._keyed:
            return
        await self._check_merged_keys()
        sql = self.layout.sql(_FILE, "doubled_keys")
        doubled = [row["id"] for row in await self.connection.fetch(sql, sorted(self._keyed))]
        if not doubled:
            return
        async with self._indexing() as absorber:  # What had the key may have another one by now.
            await absorber.vertices(doubled, self.passages)
        for row in await self.connection.fetch(sql, doubled):
            key = str(row["key"]).removesuffix(f"#{row['id']}")
            hint = "MERGE (n {key: ...}) finds what has it; give what is new another key, or none."
            raise Conflict(f"The key {key[:100]!r} is taken in this scope.", hint=hint)

    async def _check_merged_keys(self) -> None:
        """Raise Conflict where a key that was given is that of an entity which was merged into another."""
        await learn_subsystems(self.connection, self.layout)
        if "merges" not in self.layout.subsystems.made:
            return
        for row in await self.connection.fetch(self.layout.sql(_FILE, "merged_keys"), sorted(self._keyed)):
            raise Conflict(
                f"The key {row['gone'][:100]!r} is of an entity that was merged into {row['kept'][:100]!r}.",
                hint="MATCH (n {key: ...}) finds the kept one by it; choose another key, or undo the merge first.",
            )

    async def _insert(self, label: str, sql: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put rows into a label's table: many by COPY, which costs half of INSERT."""
        if len(rows) < COPIED:
            sql = self.layout.sql("write", sql, label=label)
            await self.connection.execute(sql, *map(list, zip(*rows, strict=True)))
            return
        await self.connection.copy_records_to_table(
            label, schema_name=self.layout.age_name, columns=columns, records=rows
        )

    async def _take_ids(self, kind: int, names: Sequence[str]) -> list[int]:
        counts = Counter(names)
        missing = [name for name in counts if (kind, name) not in self.layout.labels]
        if missing:
            await ensure_labels(self.database, self.layout, kind, missing)
        taken = {}
        for name, count in counts.items():
            label = self.layout.labels[kind, name]
            rows = await self.connection.fetch(self.layout.sql(_FILE, "take_ids"), label.id, label.sequence, count)
            taken[name] = iter(row["id"] for row in rows)
        return [next(taken[name]) for name in names]

    def _state(self, items: Sequence[_Item]) -> list[_Item]:
        """Keep in mind what shall meet the schema at the end, after all that the transaction changes of it."""
        if self.layout.graph.strict or self.layout.graph.schema:
            self._stated.update((item.id, item) for item in items)
        return list(items)

    def _mark(self, ids: Iterable[int]) -> None:
        held = list(ids)
        self._own.update(held)
        self._created.update(held)

    @asynccontextmanager
    async def _indexing(self, origins: StatedOrigins | None = None) -> AsyncIterator[IndexSync]:
        """Lend what brings the index in line. Raises what makes the statement begin again."""
        derived = await origins.resolve(self.connection, self.layout) if origins else {}
        try:
            yield IndexSync(self.connection, self.layout, derived_from=derived)
        except asyncpg.UniqueViolationError as error:
            raise asyncpg.SerializationError("another writer took a key at the same time") from error

    async def _locked(self, statement: str, ids: Collection[int]) -> dict[int, Any]:
        if not ids:
            return {}
        rows = await self._rows_of(statement, ids)
        await self._check_scope(rows)
        return {row["id"]: row for row in rows}

    async def _locked_edges(self, ids: Collection[int]) -> dict[int, Any]:
        if not ids:
            return {}
        rows = await self._rows_of("edges", ids, file="index_sync")
        await self._check_scope(rows)
        return {row["id"]: row for row in rows}

    async def _rows_of(self, statement: str, ids: Collection[int], *, file: str = _FILE) -> list[Any]:
        """Return the rows of the index for what was read; what another AGE client has made is taken into it before."""
        rows: list[Any] = []
        for part in parts(sorted(ids), _AT_ONCE):
            rows += await self._rows_of_part(statement, part, file)
        return rows

    async def _rows_of_part(self, statement: str, ids: Sequence[int], file: str) -> list[Any]:
        sql = self.layout.sql(file, statement)
        rows = list(await self.connection.fetch(sql, ids))
        if len(rows) == len(ids):
            return rows
        missing = sorted(set(ids) - {row["id"] for row in rows} - self._own)
        async with self._indexing() as absorber:
            with writing_as(None):  # What another client states is not stated by this caller's key.
                await absorber.catch_up(missing, self.passages)
        return list(await self.connection.fetch(sql, ids))

    async def _check_scope(self, rows: Iterable[Any]) -> None:
        if self.scope is None:
            return
        number = (await scope_ids(self.connection, self.layout, [self.scope], make=True))[self.scope]
        if any(row["scope"] != number for row in rows):
            raise Forbidden(
                "The query would change what belongs to another scope.",
                hint=f"Change only what is of {self.scope!r}, or run the query in the scope that it is of.",
            )

    async def _unchanged(self, texts: Mapping[int, str]) -> dict[int, dict[str, Any]]:
        """Return stored properties, when they still are what the statement has read."""
        for id_, text in texts.items():
            if id_ not in self._own and self.seen.get(id_, text) != text:
                raise asyncpg.SerializationError("another writer changed what the statement has read")
        return {id_: loads(text) async for id_, text in in_turns(texts.items())}

    async def _refuse_held(
        self, changed: Sequence[Node] | Sequence[Relationship], stored: Mapping[int, Mapping[str, Any]]
    ) -> None:
        """Raise OnHold where what a legal hold covers loses properties; the history keeps values that change."""
        lose = [
            each.id
            for each in changed
            if not each.properties.keys() >= stored.get(each.id, {}).keys() - {"scope", "labels"}
        ]
        if lose:
            rows = await self.connection.fetch(self.layout.sql("holds", "held"), self.layout.id, lose)
            if rows:
                raise held_by(rows[0]["hold"], rows[0]["reason"])

    async def _keep(
        self,
        locked: Mapping[int, Any],
        stored: Mapping[int, Mapping[str, Any]],
        ends: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        """Move versions that end now to the history."""
        groups: dict[int, list[tuple[Any, Mapping[str, Any], tuple[int, int] | None]]] = defaultdict(list)
        for id_, row in locked.items():
            if id_ in stored and id_ not in self._created:
                kind = RELATIONSHIP if ends else row["kind"]
                groups[kind].append((row, stored[id_], ends[id_] if ends else None))
        for kind, versions in groups.items():
            await keep_history(self.connection, self.layout, kind, versions, deleted=False)
