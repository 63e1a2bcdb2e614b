"""Reading: single items, pages, and the change feed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import asyncpg

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import ENTITY, EPISODE, Entity, Page
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Change, Operation
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.time.interval import iso
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, label_id, learn_labels
from kgmem.store.graph.records import dumps, entity_of, episode_of, relationship_of
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write.edges import read_edges
from kgmem.store.write.vertices import existing

_KINDS = {1: "entity", 2: "episode", 3: "relationship", 4: "schema", 5: "claim", 6: "fact"}
_OPERATIONS = {1: "created", 2: "updated", 3: "deleted"}
MENTIONS = "MENTIONS"


async def kept_keys(
    connection: asyncpg.Connection, layout: Layout, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return for (scope, key) of entities that were merged away the key of the kept one; others are missing."""
    if "merges" not in layout.subsystems.made:
        return {}
    rows = [(scope, seen, key) for scope, key in sorted(set(keys)) for seen in visible_from(scope)]
    if not rows:
        return {}
    found = await connection.fetch(layout.sql("read", "kept_keys"), *map(list, zip(*rows, strict=True)))
    return {(row["path"], row["gone"]): row["kept"] for row in found}


@dataclass(frozen=True, slots=True)
class PageRange:
    """Which part of a listing: after a cursor, at most so many."""

    cursor: str | None
    limit: int

    @property
    def after(self) -> int:
        """The id after which the part begins. Raises InvalidInput for a cursor that kgmem did not give."""
        if self.cursor is None:
            return 0
        if not self.cursor.isdecimal() or not self.cursor.isascii() or len(self.cursor) > 19:
            raise InvalidInput(f"{self.cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        return int(self.cursor)


async def entity(connection: asyncpg.Connection, layout: Layout, key: str, scope: str) -> Entity | None:
    """Return the entity that a scope sees under a key, or None."""
    row = await connection.fetchrow(layout.sql("read", "item"), list(visible_from(scope)), key, ENTITY)
    found = await entities_of(connection, layout, [row] if row else [])
    return found[0] if found else None


async def merged_entity(connection: asyncpg.Connection, layout: Layout, key: str, scope: str) -> Entity | None:
    """Return the entity into which a scope sees the one under a key merged, through further merges; or None."""
    kept = await connection.fetchval(layout.sql("read", "merged_into"), list(visible_from(scope)), key)
    return None if kept is None else await entity(connection, layout, kept, scope)


async def episode(connection: asyncpg.Connection, layout: Layout, key: str, scope: str) -> Episode:
    """Return the episode that a scope sees under a key. Raises NotFound."""
    row = await connection.fetchrow(layout.sql("read", "item"), list(visible_from(scope)), key, EPISODE)
    found = await episodes_of(connection, layout, [row] if row else [])
    if not found:
        raise NotFound(f"There is no episode {key!r}.", hint="List the episodes, or recall by its words.")
    return found[0]


async def relationship(connection: asyncpg.Connection, layout: Layout, id_: int, scope: str) -> Relationship:
    """Return a relationship that a scope sees. Raises NotFound."""
    row = await connection.fetchrow(layout.sql("read", "edge"), id_, list(visible_from(scope)))
    found = await relationships_of(connection, layout, await _with_ends(connection, layout, [row] if row else []))
    if not found:
        raise NotFound(f"There is no relationship {id_}.", hint="List the relationships.")
    return found[0]


async def entities(
    connection: asyncpg.Connection, layout: Layout, scope: str, label: str | None, part: PageRange
) -> Page[Entity]:
    """Return a page of the entities that a scope sees."""
    number = await _number_of(connection, layout, VERTEX, label)
    rows = await connection.fetch(
        layout.sql("read", "items"), ENTITY, list(visible_from(scope)), part.after, number, label, part.limit + 1
    )
    return _page(await entities_of(connection, layout, rows[: part.limit]), rows, part)


async def episodes(
    connection: asyncpg.Connection, layout: Layout, scope: str, session: str | None, part: PageRange
) -> Page[Episode]:
    """Return a page of the episodes that a scope sees, of one session or of all."""
    visible = list(visible_from(scope))
    if session is None:
        rows = await connection.fetch(
            layout.sql("read", "items"), EPISODE, visible, part.after, None, None, part.limit + 1
        )
    else:
        sql = layout.sql("read", "items_of_session", label=EPISODE_LABEL)
        quoted = dumps({"s": session})[len('{"s":') : -1]
        rows = await connection.fetch(sql, visible, part.after, quoted, part.limit + 1)
    return _page(await episodes_of(connection, layout, rows[: part.limit]), rows, part)


async def relationships(
    connection: asyncpg.Connection, layout: Layout, scope: str, of: tuple[str | None, str | None], part: PageRange
) -> Page[Relationship]:
    """Return a page of the relationships that a scope sees, of one kind and of one entity (key)."""
    kind, key = of
    number = await _number_of(connection, layout, EDGE, kind)
    arguments = [list(visible_from(scope)), part.after, number, part.limit + 1]
    if key is None:
        rows = await connection.fetch(layout.sql("read", "edges"), *arguments)
    else:
        item = await connection.fetchrow(layout.sql("read", "item"), list(visible_from(scope)), key, ENTITY)
        if item is None:
            raise NotFound(f"There is no entity {key!r}.", hint="List the entities, or recall by name.")
        rows = await connection.fetch(layout.sql("read", "edges_of"), *arguments, item["id"])
    whole = await _with_ends(connection, layout, rows[: part.limit])
    return _page(await relationships_of(connection, layout, whole), rows, part)


async def sources(connection: asyncpg.Connection, layout: Layout) -> list[Source]:
    """Return the registered sources, by key."""
    return [Source(**dict(row)) for row in await connection.fetch(layout.sql("read", "sources"))]


async def sources_of_scope(connection: asyncpg.Connection, layout: Layout, scope: str) -> list[Source]:
    """Return the registered sources named by records in this scope only, by key."""
    rows = await connection.fetch(layout.sql("read", "sources_of_scope"), scope)
    return [Source(**dict(row)) for row in rows]


async def changes(connection: asyncpg.Connection, layout: Layout, after: int, limit: int) -> list[Change]:
    """Return the changes after a cursor before which no other can still appear."""
    rows = await connection.fetch(layout.sql("read", "changes"), after, limit)
    return [
        Change(
            id=row["id"],
            operation=cast("Operation", _OPERATIONS[row["operation"]]),
            kind=cast("Any", _KINDS[row["kind"]]),
            ids=row["ids"],
            keys=row["keys"],
            at=iso(row["at"]),
        )
        for row in rows
    ]


async def entities_of(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[Entity]:
    """Return the entities of rows of the index, as far as the label tables hold them."""
    stored = await read_vertices(connection, layout, [row["id"] for row in rows])
    return [
        entity_of(row["id"], layout.by_id[label_id(row["id"])].name, stored[row["id"]], **_held(row), key=row["key"])
        for row in rows
        if row["id"] in stored
    ]


async def episodes_of(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[Episode]:
    """Return the episodes of rows of the index, as far as the label tables hold them."""
    ids = [row["id"] for row in rows]
    stored = await read_vertices(connection, layout, ids)
    mentions: dict[int, list[str]] = defaultdict(list)
    if (EDGE, MENTIONS) in layout.labels:
        kind = layout.labels[EDGE, MENTIONS].id
        for row in await connection.fetch(layout.sql("read", "mentions"), ids, kind):
            mentions[row["source"]].append(row["key"])
    return [
        episode_of(row["id"], stored[row["id"]], mentions[row["id"]], **_held(row), key=row["key"])
        for row in rows
        if row["id"] in stored
    ]


async def _with_ends(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[Any]:
    """Return the edges of which another client has not just deleted an end."""
    there = await existing(connection, layout, {row[end] for row in rows for end in ("source", "target")})
    return [row for row in rows if {row["source"], row["target"]} <= there]


async def relationships_of(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[Relationship]:
    """Return the relationships of rows of the index, as far as the label tables hold them."""
    stored = await read_edges(connection, layout, [row["id"] for row in rows])
    return [
        relationship_of(
            row["id"],
            layout.by_id[row["kind"]].name,
            (row["start_key"] or "", row["end_key"] or ""),
            stored[row["id"]][1],
            **_held(row),
        )
        for row in rows
        if row["id"] in stored
    ]


async def _number_of(connection: asyncpg.Connection, layout: Layout, kind: int, name: str | None) -> int | None:
    """Return the number of a label, -1 where the graph has no label of that name; None for None."""
    if name is None:
        return None
    if (kind, name) not in layout.labels:
        await learn_labels(connection, layout)
    return layout.labels[kind, name].id if (kind, name) in layout.labels else -1


def _held(row: Any) -> dict[str, Any]:
    return {"scope": row["scope"], "version": row["version"], "known_from": _known_from(row["known_from"])}


_known_from = lru_cache(maxsize=10_000)(iso)  # What came in one transaction is known since one instant.


def _page(items: list[Any], rows: Sequence[Any], part: PageRange) -> Page[Any]:
    more = len(rows) > part.limit
    return Page(items, str(rows[part.limit - 1]["id"]) if more else None)
