"""Between what Cypher shows of nodes and relationships and what their rows in AGE's tables hold.

Further labels and the scope stand among a row's properties under reserved names, and are shown as no properties; a
caller's property of such a name is stored with an underscore behind it, as everywhere in kgmem.
"""

from collections.abc import Mapping
from typing import Any

from kgmem.query.values import Node, Relationship
from kgmem.query.values.agtype import from_agtype, to_agtype
from kgmem.store.graph.labels import borne

_OF_NODES = frozenset({"labels", "scope"})
_OF_RELATIONSHIPS = frozenset({"scope"})


def stored_name(name: str, *, of_node: bool = True) -> str:
    """Return the name under which a property is stored."""
    return name + "_" if name.rstrip("_") in (_OF_NODES if of_node else _OF_RELATIONSHIPS) else name


def node_of(id_: int, label: str, text: str) -> Node:
    """Return the node that a row tells of; `label` is its table's, empty for none."""
    held = from_agtype(text)
    labels = tuple(each for each in borne(label, held.get("labels")) if each)
    return Node(id_, labels, _shown(held, _OF_NODES), str(id_))


def relationship_of(id_: int, kind: str, ends: tuple[int, int], text: str) -> Relationship:
    """Return the relationship that a row tells of."""
    return Relationship(id_, kind, *ends, _shown(from_agtype(text), _OF_RELATIONSHIPS), str(id_))


def node_text(properties: Mapping[str, Any], labels: list[str], scope: str) -> str:
    """Return the properties of a node's row as agtype; `labels` as they are stored. Raises ValueProblem for others."""
    held = _named(properties, _OF_NODES)
    if labels:
        held["labels"] = labels
    if scope:
        held["scope"] = scope
    return to_agtype(held)


def relationship_text(properties: Mapping[str, Any], scope: str) -> str:
    """Return the properties of a relationship's row as agtype. Raises ValueProblem for what cannot be stored."""
    held = _named(properties, _OF_RELATIONSHIPS)
    if scope:
        held["scope"] = scope
    return to_agtype(held)


def _shown(held: dict[str, Any], own: frozenset[str]) -> dict[str, Any]:
    if own.isdisjoint(held) and not any(name[-1:] == "_" for name in held):
        return held
    return {
        name[:-1] if name[-1:] == "_" and name.rstrip("_") in own else name: value
        for name, value in held.items()
        if name not in own
    }


def _named(properties: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    return {name + "_" if name.rstrip("_") in own else name: value for name, value in properties.items()}
