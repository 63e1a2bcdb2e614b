"""What rows hold of a graph: nodes, relationships and paths, however deep in lists and maps."""

from collections.abc import Iterable, Iterator
from typing import Any

from kgmem.domain.cypher import FoundInRows
from kgmem.query.values.elements import Node, Path, Relationship


def found_in(rows: Iterable[Iterable[Any]]) -> FoundInRows:
    """Return the keys of the nodes, and the element ids of the ends of relationships that are not among them."""
    nodes: dict[str, str] = {}
    ends: dict[str, None] = {}
    for row in rows:
        for value in _elements(row):
            if isinstance(value, Node):
                key = value.properties.get("key")
                # What has no key is known by its id, as everywhere in kgmem.
                nodes[value.element_id] = key if isinstance(key, str) and key else f"_{value.id}"
            else:
                ends.update({str(value.start): None, str(value.end): None})
    return FoundInRows(list(dict.fromkeys(nodes.values())), [end for end in ends if end not in nodes])


def _elements(value: Any) -> Iterator[Node | Relationship]:
    if isinstance(value, Node | Relationship):
        yield value
    elif isinstance(value, Path):
        yield from value.nodes
        yield from value.relationships
    elif isinstance(value, dict):
        for each in value.values():
            yield from _elements(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _elements(each)
