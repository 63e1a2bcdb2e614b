"""What a graph holds, read from AGE's tables and not through the engine, so that its side effects are seen."""

from dataclasses import dataclass
from typing import Any

import orjson

from kgmem.store.db.database import Database
from kgmem.store.db.sql import identifier
from kgmem.store.graph.labels import borne
from kgmem.store.graph.layout import Layout, label_id

_RESERVED = frozenset({"labels", "scope"})


@dataclass(frozen=True, slots=True)
class State:
    """Nodes and relationships by id with their properties, and the labels that nodes have."""

    nodes: dict[int, dict[str, Any]]
    relationships: dict[int, dict[str, Any]]
    labels: frozenset[str]

    def changes(self, after: "State") -> dict[str, int]:
        """Return what is different afterwards, counted as the TCK counts it; what is not different is left out."""
        before, now = _entries(self.nodes, self.relationships), _entries(after.nodes, after.relationships)
        counts = {
            "+nodes": len(after.nodes.keys() - self.nodes.keys()),
            "-nodes": len(self.nodes.keys() - after.nodes.keys()),
            "+relationships": len(after.relationships.keys() - self.relationships.keys()),
            "-relationships": len(self.relationships.keys() - after.relationships.keys()),
            "+labels": len(after.labels - self.labels),
            "-labels": len(self.labels - after.labels),
            "+properties": len(now - before),
            "-properties": len(before - now),
        }
        return {name: count for name, count in counts.items() if count}


def _entries(*held: dict[int, dict[str, Any]]) -> frozenset[tuple[int, int, str, bytes]]:
    return frozenset(
        (kind, id_, name, orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
        for kind, elements in enumerate(held)
        for id_, properties in elements.items()
        for name, value in properties.items()
    )


async def state(database: Database, layout: Layout) -> State:
    """Read what a graph holds now."""
    graph = identifier(layout.age_name)
    async with database.connection() as connection:
        nodes = await connection.fetch(f"SELECT id, properties FROM {graph}._ag_label_vertex")
        edges = await connection.fetch(f"SELECT id, properties FROM {graph}._ag_label_edge")
    held = {row["id"]: _parsed(row["properties"]) for row in nodes}
    labels = {name for id_, each in held.items() for name in borne(_name(layout, id_), each.get("labels")) if name}
    return State(_plain(held), _plain({row["id"]: _parsed(row["properties"]) for row in edges}), frozenset(labels))


def _parsed(text: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        parsed = {"as it is": text}
    return parsed


def _plain(held: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {id_: {n: v for n, v in each.items() if n not in _RESERVED} for id_, each in held.items()}


def _name(layout: Layout, id_: int) -> str:
    label = layout.by_id.get(label_id(id_))
    return label.name if label else ""
