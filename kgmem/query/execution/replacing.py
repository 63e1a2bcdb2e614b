"""Rows after a write: wherever a node or relationship stands in them, it is what it has become."""

from collections.abc import Mapping
from typing import Any

from kgmem.query.evaluation.setting import Row
from kgmem.query.values import Node, Path, Relationship

Changed = Mapping[int, Any]  # Nodes and relationships by id.


def renewed(row: Row, changed: Changed) -> Row:
    """Give a row with what has changed in it; the row itself where nothing has."""
    new = {name: now for name, value in row.items() if (now := _now(value, changed)) is not value}
    return {**row, **new} if new else row


def _now(value: Any, changed: Changed) -> Any:
    if isinstance(value, Node | Relationship):
        return changed.get(value.id, value)
    if isinstance(value, Path):
        nodes = tuple(_now(each, changed) for each in value.nodes)
        relationships = tuple(_now(each, changed) for each in value.relationships)
        same = all(a is b for a, b in zip((*nodes, *relationships), (*value.nodes, *value.relationships), strict=True))
        return value if same else Path(nodes, relationships)
    if isinstance(value, list):
        items = [_now(each, changed) for each in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if isinstance(value, dict):
        entries = {name: _now(each, changed) for name, each in value.items()}
        return value if all(entries[name] is each for name, each in value.items()) else entries
    return value
