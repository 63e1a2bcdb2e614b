"""The nodes and relationships in what a query returned, wherever they stand in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from neo4j.graph import Node, Path, Relationship

from kgmem.bridges.neo4j.ids import Kind


def elements(value: Any) -> Iterator[tuple[Kind, str]]:
    """Give kind and id of each node and relationship in a value: itself, on a path, in lists and maps.

    A relationship brings its ends. The same one may come more than once.
    """
    waiting = [value]
    while waiting:
        held = waiting.pop()
        if isinstance(held, Node):
            yield "node", held.element_id
        elif isinstance(held, Relationship):
            yield "relationship", held.element_id
            yield from (("node", node.element_id) for node in held.nodes if node is not None)
        elif isinstance(held, Path):
            waiting += [*held.nodes, *held.relationships]
        elif isinstance(held, Mapping):
            waiting += held.values()
        elif isinstance(held, list | tuple):
            waiting += held
