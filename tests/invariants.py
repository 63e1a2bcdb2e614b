"""What always holds between the label tables and the index made of them."""

import json
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.time.interval import ALWAYS, Interval, valid_interval
from kgmem.memory import Memory
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, label_id, learn_labels
from kgmem.store.graph.records import loads
from kgmem.store.write.fact_index import cut
from kgmem.store.write.rows import entity_row, episode_row

_ITEMS = """
    SELECT i.id, i.kind, s.path AS scope, i.key, o.key AS source, lower(i.valid) AS start, upper(i.valid) AS end_,
           i.place::text, i.area::text, i.labels, i.version, i.known_from, i.trust
    FROM {0}.item i LEFT JOIN {0}.scope s ON s.id = i.scope LEFT JOIN {0}.source o ON o.id = i.source
"""
_EDGES = """
    SELECT e.id, e.source, e.target, e.kind, s.path AS scope, e.key, o.key AS origin, lower(e.valid) AS start,
           upper(e.valid) AS end_, e.strength, e.confidence, e.version, e.known_from, e.trust
    FROM {0}.edge e LEFT JOIN {0}.scope s ON s.id = e.scope LEFT JOIN {0}.source o ON o.id = e.origin
"""


async def assert_index_matches_labels(memory: Memory, graph: str) -> None:
    """Compare every vertex and edge in the label tables with its rows of the index, both ways."""
    catalog: Any = memory.ports.graphs
    catalog.forget(graph)
    layout: Layout = await catalog.layout(graph)
    async with catalog.database.connection() as connection, connection.transaction(isolation="repeatable_read"):
        await learn_labels(connection, layout)
        vertices, edges = await _label_tables(connection, layout)
        rows = await connection.fetch(_ITEMS.format(layout.index_name))
        items = {row["id"]: row for row in rows if row["kind"] != RELATIONSHIP}
        facts = {row["id"]: row for row in rows if row["kind"] == RELATIONSHIP}
        index_edges = {row["id"]: row for row in await connection.fetch(_EDGES.format(layout.index_name))}
        passages = await connection.fetch(f"SELECT id, item, ordinal, body FROM {layout.index_name}.passage")
        bodies: dict[int, list[tuple[int, str]]] = {row["id"]: [] for row in rows}
        for row in passages:
            bodies[row["item"]].append((row["ordinal"], row["body"]))
        _compare_vertices(vertices, items, bodies)
        # Another client can delete a vertex without its edges; these are not indexed.
        edges = {id_: edge for id_, edge in edges.items() if {edge[1], edge[2]} <= set(vertices)}
        _compare_edges(edges, index_edges)
        _compare_facts(layout, edges, index_edges, facts, bodies)
        ends = {row[end] for row in index_edges.values() for end in ("source", "target")}
        assert ends <= set(items), "an edge leads to a vertex that is gone"
        await _check_vectors(connection, layout, {row["id"]: row["item"] for row in passages})
        await _check_history(connection, layout)


async def _label_tables(connection: Any, layout: Layout) -> tuple[dict[int, Any], dict[int, Any]]:
    vertices: dict[int, Any] = {}
    edges: dict[int, Any] = {}
    for label in layout.by_id.values():
        ends = ", start_id, end_id" if label.kind == EDGE else ""
        for row in await connection.fetch(f"SELECT id, properties::text{ends} FROM {layout.table(label)}"):
            if label.kind == EDGE:
                edges[row["id"]] = (label.id, row["start_id"], row["end_id"], loads(row["properties"]))
            else:
                kind = EPISODE if label.name == EPISODE_LABEL else ENTITY
                vertices[row["id"]] = (kind, loads(row["properties"]))
    return vertices, edges


def _compare_vertices(vertices: Any, items: Any, bodies: Any) -> None:
    assert set(items) == set(vertices), "the index holds other vertices than the label tables"
    for id_, (kind, stored) in vertices.items():
        row = items[id_]
        made = episode_row(stored) if kind == EPISODE else entity_row(stored)
        place = made.place
        expected = {
            "kind": kind,
            "scope": _scope(stored),
            "source": _name(stored.get("source")),
            "start": made.valid.start,
            "end_": made.valid.end,
            "labels": list(made.labels) if made.labels else None,
        }
        assert {name: row[name] for name in expected} == expected, f"item {id_} tells otherwise than its vertex"
        assert row["key"] == stored.get("key") or _foreign_key(row["key"], id_), f"item {id_} has another key"
        assert (row["place"] is None) == (place is None) == (row["area"] is None)
        if place:
            lon, lat = json.loads(row["place"].replace("(", "[").replace(")", "]"))
            assert (round(lon, 9), round(lat, 9)) == (round(place.lon, 9), round(place.lat, 9))
        assert sorted(bodies[id_]) == [(p.ordinal, p.body) for p in made.passages], f"item {id_} has other passages"


def _compare_edges(edges: Any, index_edges: Any) -> None:
    assert set(index_edges) == set(edges), "the index holds other edges than the label tables"
    for id_, (kind, start, end, stored) in edges.items():
        row = index_edges[id_]
        valid = _edge_valid(stored)
        expected = {
            "kind": kind,
            "source": start,
            "target": end,
            "scope": _scope(stored),
            "origin": _name(stored.get("source")),
            "start": valid.start,
            "end_": valid.end,
        }
        assert {name: row[name] for name in expected} == expected, f"edge {id_} tells otherwise than its label table"
        assert row["key"] == stored.get("key") or _foreign_key(row["key"], id_)
        for name in ("strength", "confidence"):
            told = stored.get(name)
            assert row[name] == (pytest.approx(told) if isinstance(told, int | float) else None), (
                f"{name} of edge {id_}"
            )


def _compare_facts(layout: Layout, edges: Any, index_edges: Any, facts: Any, bodies: Any) -> None:
    """Every edge that the graph's setting makes a fact is one, with what the edge's row tells; nothing else is."""
    setting, episodes = layout.graph.facts, layout.labels[VERTEX, EPISODE_LABEL].id
    wanted = {}
    for id_, (_, start, _, stored) in edges.items():
        told = stored.get("text")
        said = [(p.ordinal, p.body) for p in cut(told)] if isinstance(told, str) else []
        if setting != "none" and label_id(start) != episodes and (said or setting == "all"):
            wanted[id_] = said
    assert set(facts) == set(wanted), "the index holds other facts than the edges make"
    for id_, said in wanted.items():
        row, edge = facts[id_], index_edges[id_]
        names = ("scope", "start", "end_", "version", "known_from", "trust")
        assert {n: row[n] for n in names} == {n: edge[n] for n in names}, f"fact {id_} tells otherwise than its edge"
        assert (row["source"], row["key"]) == (edge["origin"], str(id_))
        assert (row["place"], row["area"], row["labels"]) == (None, None, None)
        found = sorted(bodies[id_])
        # A worded fact may still tell the former name of an end.
        assert found == said if said else len(found) == 1, f"fact {id_} has other passages"


def _name(value: Any) -> str | None:
    """What of a stored value names a source: a text, not an endless one. Another client may have written anything."""
    return value if isinstance(value, str) and 0 < len(value.encode()) <= 2000 else None


def _scope(stored: Any) -> str:
    try:
        return check_scope(_name(stored.get("scope")) or "")
    except InvalidInput:
        return ""


def _edge_valid(stored: Any) -> Interval:
    try:
        return valid_interval(stored.get("valid_from"), stored.get("valid_to"))
    except (InvalidInput, AttributeError, TypeError):  # Another client may have written anything.
        return ALWAYS


def _foreign_key(key: str | None, id_: int) -> bool:
    """Whether kgmem made the key, since another client gave none or one that is taken."""
    return key is None or key == f"_{id_}" or key.endswith(f"#{id_}")


async def _check_vectors(connection: Any, layout: Layout, passages: dict[int, int]) -> None:
    """Every passage has a vector in each embedding space of the graph, or waits for one; nothing else has."""
    waiting = await connection.fetch(f"SELECT passage, space FROM {layout.index_name}.embedding_queue")
    spaces = [(layout.graph.space.id if layout.graph.space else None, layout.vectors)]
    spaces.append((layout.next_space, layout.next_vectors))
    known = {space for space, _ in spaces if space}
    assert {row["space"] for row in waiting} <= known, "passages wait for a space that is gone"
    for space, table in spaces:
        if space is None:
            continue
        rows = await connection.fetch(f"SELECT passage, item FROM {layout.index_name}.{table}")
        have = {row["passage"]: row["item"] for row in rows}
        wait = {row["passage"] for row in waiting if row["space"] == space}
        assert have == {passage: passages.get(passage) for passage in have}, "vectors without their passage"
        assert wait <= set(passages), "what is gone waits for a vector"
        assert have.keys() | wait == set(passages), "a passage has no vector and waits for none"


async def _check_history(connection: Any, layout: Layout) -> None:
    """Versions of one thing follow each other in known time without overlap, the held one last."""
    rows = await connection.fetch(
        f"SELECT id, version, lower(known) AS start, upper(known) AS end_, isempty(known) AS empty "
        f"FROM {layout.index_name}.history ORDER BY id, version"
    )
    held = {
        row["id"]: (row["version"], row["known_from"])
        for table in ("item", "edge")
        for row in await connection.fetch(f"SELECT id, version, known_from FROM {layout.index_name}.{table}")
    }
    last: dict[int, tuple[int, int]] = {}
    for row in rows:
        assert not row["empty"], f"version {row['version']} of {row['id']} was known at no time"
        if row["id"] in last:
            version, end = last[row["id"]]
            assert row["version"] > version
            assert row["start"] >= end, f"versions {version} and {row['version']} of {row['id']} overlap"
        last[row["id"]] = (row["version"], row["end_"])
    for id_, (version, end) in last.items():
        if id_ in held:
            assert held[id_][0] > version
            assert held[id_][1] >= end, f"the held version of {id_} overlaps with version {version}"
