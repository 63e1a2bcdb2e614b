"""Properties of nodes and relationships: between Cypher and AGE's tables, in statements, and in ORDER BY.

AGE's rows store further labels and the scope among the properties under reserved names, and Cypher does not show them
as properties. A caller's property of such a name is stored with an underscore behind it, as everywhere in kgmem.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kgmem.query.planning.steps import LinkPart, NodePart, Order
from kgmem.query.values import Node, Relationship
from kgmem.query.values.agtype import from_agtype, to_agtype
from kgmem.store.cypher.labels import kinds_of, tables_of
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join, literal, number, stripped
from kgmem.store.graph.labels import borne
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, Label, Layout

_OF_NODES = frozenset({"labels", "scope"})
_OF_RELATIONSHIPS = frozenset({"scope"})
_FIRST, _LAST = -1, 9  # Sort before and after the ranks of all types of values.
_FILE = "cypher"
_MOST_TABLES = 12  # How many tables a statement looks into for what may be in any of them.


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


def ordered(layout: Layout, columns: Sequence[SQL], rest: Sequence[SQL], text: SQL, by: tuple[Order, int]) -> SQL:
    """Return the SQL of the first rows of a statement by a property, ordered as Cypher orders values of all types.

    The last column says whether SQL cannot order these rows exactly. `rest` is the SQL after the columns, `text` the
    property as text, `by` the order and the number of rows.
    """
    order, most = by
    names = [compose("c{}", number(place)) for place in range(len(columns))]
    return fill(
        layout.sql("cypher", "ordered"),
        {
            "names": join(", ", names),
            "columns": join(
                ", ", (compose("{} AS {}", column, name) for column, name in zip(columns, names, strict=True))
            ),
            "text": text,
            "rest": join(" ", rest),
            "way": SQL("DESC") if order.descending else SQL("ASC"),
            "odd": number(_LAST if order.descending else _FIRST),
            "most": number(most),
        },
    )


def property_of(properties: SQL, name: str, *, of_node: bool = True) -> SQL:
    """Return the SQL of one property, as AGE writes it itself, so that the indexes on it are used."""
    stored = literal(orjson.dumps(stored_name(name, of_node=of_node)).decode())
    return compose("agtype_access_operator(VARIADIC ARRAY[{}, {}::agtype])", properties, stored)


def node_properties(layout: Layout, node: NodePart, id_: SQL) -> SQL:
    """Return the SQL of all properties of a node by its id; empty where too many tables could have it.

    It holds where no node has further labels.
    """
    labels = tables_of(layout, node.labels, ())
    return chosen(layout, labels, id_) if len(labels) <= _MOST_TABLES else NOTHING


def link_properties(layout: Layout, link: LinkPart, id_: SQL) -> SQL:
    """Return the SQL of all properties of a relationship by its id; empty where too many tables could have it."""
    kinds = kinds_of(layout, link.types)
    labels = [each for each in layout.by_id.values() if each.kind == EDGE and (kinds is None or each.id in kinds)]
    return chosen(layout, labels, id_) if len(labels) <= _MOST_TABLES else NOTHING


def chosen(layout: Layout, labels: list[Label], id_: SQL) -> SQL:
    """Return the SQL that looks into the table of the label that is in an id; null where it is none; empty for none."""
    if not labels:
        return NOTHING
    cases = join(
        " ",
        (
            compose("WHEN {} THEN {}", number(label.id), fill(_properties_by_id(layout, label), {"id": id_}))
            for label in sorted(labels, key=lambda label: label.id)
        ),
    )
    return compose("CASE ({}) >> {} {cases} END", id_, number(LABEL_SHIFT), cases=cases)


def _properties_by_id(layout: Layout, label: Label) -> SQL:
    return stripped(layout.sql(_FILE, "properties_by_id", label=label.age_name))
