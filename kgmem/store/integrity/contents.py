"""The label tables against the retrieval index: every node and relationship with its row and passages, both ways."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import asyncpg

from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.graph.entity import ENTITY, EPISODE
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.space.place import Place
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, VERTEX, Label, Layout, label_id
from kgmem.store.graph.records import loads, text_of
from kgmem.store.sync.index_sync import name_of, scope_of
from kgmem.store.write.archive import is_same
from kgmem.store.write.fact_index import cut
from kgmem.store.write.rows import INDEXED_NAMES, entity_row, episode_row, fraction_of, item_sql, valid_of
from kgmem.store.write.vertices import existing

PAGE = 2000  # Rows that are compared at a time.
_ROUNDING = 1e-6  # Of degrees, and of strengths, which the index stores as real.

Bodies = Mapping[int, list[tuple[int, str]]]


class IndexComparison:
    """One comparison of a graph's label tables with its index, page by page, each page in a snapshot of its own."""

    def __init__(self, database: Database, layout: Layout, *, facts: bool) -> None:
        """Take the database and the graph; `facts` says whether its facts are as its setting says."""
        self.found: dict[str, list[int]] = defaultdict(list)  # Check -> ids of what is wrong.
        self._database = database
        self._layout = layout
        self._facts = facts

    async def compare(self, label: Label) -> None:
        """Compare all that bears one label; `found` gathers the ids."""
        after, last = label.id << LABEL_SHIFT, ((label.id + 1) << LABEL_SHIFT) - 1
        while after < last:

            async def work(connection: asyncpg.Connection, after: int = after) -> tuple[int, dict[str, list[int]]]:
                await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
                page = _Page(connection, self._layout, label, facts=self._facts)
                return await page.compare(after, last), page.found

            after, found = await self._database.transact(work, isolation="repeatable_read")
            for check, ids in found.items():
                self.found[check] += ids


class _Page:
    """The comparison of one page, in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, layout: Layout, label: Label, *, facts: bool) -> None:
        self.connection = connection
        self.layout = layout
        self.label = label
        self.found: dict[str, list[int]] = defaultdict(list)
        self._facts = facts
        self._captured: set[int] = set()  # What other AGE clients wrote here and nobody has indexed yet.

    async def compare(self, after: int, last: int) -> int:
        """Compare the page behind an id; return the last id that it covers."""
        of_edges = self.label.kind == EDGE
        name = "edges_page" if of_edges else "vertices_page"
        rows = await self.connection.fetch(self.layout.sql("integrity", name, label=self.label.age_name), after, PAGE)
        until = int(rows[-1]["id"]) if len(rows) == PAGE else last
        ends = {row[end] for row in rows for end in ("start", "end_")} if of_edges else set()
        captured = await self.connection.fetch(
            statement("integrity", "captured"), self.layout.id, after, until, list(ends)
        )
        self._captured = {row["id"] for row in captured}
        if of_edges:
            await self._edges(rows, after, until, ends)
        else:
            await self._vertices(rows, after, until)
        return until

    async def _vertices(self, rows: list[asyncpg.Record], after: int, until: int) -> None:
        items = {row["id"]: row for row in await self._items(after, until)}
        bodies = dict(await self._bodies(after, until))
        archived = await self._archived(after, until)
        for row in rows:
            id_ = row["id"]
            item = items.pop(id_, None)
            if id_ in self._captured:
                continue
            if item is None:
                self.found["nodes-unindexed"].append(id_)
                continue
            stored = loads(row["properties"])
            if id_ in archived and id_ not in bodies and is_same(episode_row(stored).passages, archived[id_]):
                bodies[id_] = [(p.ordinal, p.body) for p in episode_row(stored).passages]
            wrong = _vertex_differs(self.label, id_, stored, item, bodies.get(id_, []))
            if wrong:
                self.found[wrong].append(id_)
        self.found["nodes-gone"] += [id_ for id_ in items if id_ not in self._captured]

    async def _edges(self, rows: list[asyncpg.Record], after: int, until: int, ends: set[int]) -> None:
        edges = {row["id"]: row for row in await self._fetch("edges_between", after, until)}
        facts = {row["id"]: row for row in await self._fetch("facts_between", after, until)}
        bodies = await self._bodies(after, until)
        there = await existing(self.connection, self.layout, ends)
        for row in rows:
            id_ = row["id"]
            if not {row["start"], row["end_"]} <= there:
                self.found["ends-gone"].append(id_)
                continue
            edge, fact = edges.pop(id_, None), facts.pop(id_, None)
            if not self._captured.isdisjoint((id_, row["start"], row["end_"])):
                continue
            if edge is None:
                self.found["relationships-unindexed"].append(id_)
                continue
            stored = loads(row["properties"])
            if _edge_differs(self.label, row, stored, edge):
                self.found["relationships-differ"].append(id_)
            elif self._facts and (wrong := self._fact_differs(row, stored, edge, fact, bodies.get(id_, []))):
                self.found[wrong].append(id_)
        self.found["relationships-gone"] += [id_ for id_ in edges if id_ not in self._captured]
        self.found["relationships-gone"] += [id_ for id_ in facts if id_ not in edges and id_ not in self._captured]

    def _fact_differs(
        self, row: asyncpg.Record, stored: Mapping[str, Any], edge: Any, fact: Any, bodies: list[tuple[int, str]]
    ) -> str | None:
        """Return the check that a relationship fails as a fact: it is one when it should be none, or the reverse."""
        setting, episodes = self.layout.graph.facts, self.layout.labels.get((VERTEX, EPISODE_LABEL))
        derived = self.layout.labels.get((EDGE, SIMILAR_TO))
        said = [(p.ordinal, p.body) for p in cut(text_of(stored, "text") or "")]
        of_episode = episodes is not None and label_id(row["start"]) == episodes.id
        worded = setting == "all" and not (derived and label_id(row["id"]) == derived.id)
        wanted = setting != "none" and not of_episode and bool(said or worded)
        if wanted != (fact is not None):
            return "facts-differ"
        if fact is None:
            return None
        names = ("scope", "start", "end_", "version", "known_from", "trust")
        if any(fact[name] != edge[name] for name in names) or fact["key"] != str(row["id"]):
            return "facts-differ"
        # A worded fact may still have the former name of an end, so that only its presence is compared.
        return None if (sorted(bodies) == said if said else bodies) else "passages-differ"

    async def _items(self, after: int, until: int) -> list[asyncpg.Record]:
        sql = item_sql(self.layout.sql("integrity", "items_between"))
        return list(await self.connection.fetch(sql, after, until))

    async def _bodies(self, after: int, until: int) -> Bodies:
        bodies: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for row in await self._fetch("bodies_between", after, until):
            bodies[row["item"]].append((row["ordinal"], row["body"]))
        return bodies

    async def _archived(self, after: int, until: int) -> dict[int, list[Any]]:
        """Return the rows of archived items (ordinal, digest), which have no passages."""
        archived: dict[int, list[Any]] = defaultdict(list)
        for row in await self.connection.fetch(self.layout.sql("archive", "digests_between"), after, until):
            archived[row["item"]].append(row)
        return archived

    async def _fetch(self, name: str, *arguments: Any) -> list[asyncpg.Record]:
        return list(await self.connection.fetch(self.layout.sql("integrity", name), *arguments))


def _vertex_differs(label: Label, id_: int, stored: Any, item: Any, bodies: list[tuple[int, str]]) -> str | None:
    kind = EPISODE if label.name == EPISODE_LABEL else ENTITY
    made = episode_row(stored) if kind == EPISODE else entity_row(stored)
    expected = (kind, scope_of(stored), name_of(stored.get("source")) or None, made.valid.start, made.valid.end)
    told = (item["kind"], item["scope"], item["source"], item["start"], item["end_"])
    labels = list(made.labels) if made.labels else None
    fields = tuple(item[name] for name in INDEXED_NAMES)
    if (*expected, *made.fields) != (*told, *fields) or labels != item["labels"] or not _same_place(made.place, item):
        return "nodes-differ"
    if not _same_key(name_of(stored.get("key")) or f"_{id_}", item["key"], id_):
        return "nodes-differ"
    return None if sorted(bodies) == [(p.ordinal, p.body) for p in made.passages] else "passages-differ"


def _edge_differs(label: Label, row: Any, stored: Any, edge: Any) -> bool:
    valid = valid_of(stored.get("valid_from"), stored.get("valid_to"))
    ends = (label.id, row["start"], row["end_"], scope_of(stored), name_of(stored.get("source")) or None)
    told = (edge["kind"], edge["source"], edge["target"], edge["scope"], edge["origin"])
    if (*ends, valid.start, valid.end) != (*told, edge["start"], edge["end_"]):
        return True
    key = name_of(stored.get("key")) or None
    if edge["key"] != key and (key is None or not _same_key(key, edge["key"] or "", row["id"])):
        return True
    return any(not _near(fraction_of(stored.get(name)), edge[name]) for name in ("strength", "confidence"))


def _same_key(expected: str, key: str, id_: int) -> bool:
    """Return whether keys are the same; a key that another item had already was extended by the id."""
    return key in (expected, f"{expected}#{id_}")


def _same_place(place: Place | None, item: Any) -> bool:
    if place is None or item["lon"] is None:
        return place is None and item["lon"] is None and item["area"] is None
    box, area = place.box, item["area"]
    corners = (*sorted(box[::2]), *sorted(box[1::2]))
    same = area is not None and all(_near(one, other) for one, other in zip(corners, area, strict=True))
    return same and _near(place.lon, item["lon"]) and _near(place.lat, item["lat"])


def _near(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else abs(one - other) <= _ROUNDING
