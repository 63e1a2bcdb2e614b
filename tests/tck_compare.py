"""Whether a result is what a TCK scenario expects: values with their types, rows, order."""

import math
from typing import Any

from kgmem.query.values import Node, Path, Relationship
from tests import tck_values
from tests.tck import Rows


def same_rows(columns: tuple[str, ...], rows: list[tuple[Any, ...]], expected: Rows) -> bool:
    """Whether rows are those expected, in the order expected where that counts."""
    if expected.columns and columns != expected.columns:
        return False
    found = [tuple(plain(value, ordered=expected.lists_ordered) for value in row) for row in rows]
    wanted = [tuple(plain(value, ordered=expected.lists_ordered) for value in row) for row in expected.rows]
    if not expected.columns:
        return not found
    return found == wanted if expected.ordered else sorted(found, key=repr) == sorted(wanted, key=repr)


def plain(value: Any, *, ordered: bool) -> Any:
    """Return what is equal for a value of the engine and for the TCK's notation of the same value, and for no other."""
    if isinstance(value, float) and math.isnan(value):
        return ("float", "NaN")
    if value is None or isinstance(value, bool | int | float | str):
        return (type(value).__name__, value)
    if isinstance(value, list):
        items = [plain(each, ordered=ordered) for each in value]
        return ("list", tuple(items if ordered else sorted(items, key=repr)))
    if isinstance(value, dict):
        return ("map", _entries(value, ordered=ordered))
    if isinstance(value, Node | tck_values.Node):
        return ("node", tuple(sorted(value.labels)), _entries(value.properties, ordered=ordered))
    if isinstance(value, Relationship):
        return ("relationship", value.type, _entries(value.properties, ordered=ordered))
    if isinstance(value, tck_values.Relationship):
        return ("relationship", value.kind, _entries(value.properties, ordered=ordered))
    if isinstance(value, Path):
        forward = tuple(each.start == node.id for each, node in zip(value.relationships, value.nodes, strict=False))
        return _path(value, forward, ordered=ordered)
    if isinstance(value, tck_values.Path):
        return _path(value, value.forward, ordered=ordered)
    # Dates, times and durations stand in the TCK's tables as their texts.
    return ("str", str(value))


def _path(value: Any, forward: tuple[bool, ...], *, ordered: bool) -> Any:
    nodes = tuple(plain(each, ordered=ordered) for each in value.nodes)
    return ("path", nodes, tuple(plain(each, ordered=ordered) for each in value.relationships), forward)


def _entries(held: Any, *, ordered: bool) -> Any:
    return tuple(sorted((name, plain(each, ordered=ordered)) for name, each in held.items()))
