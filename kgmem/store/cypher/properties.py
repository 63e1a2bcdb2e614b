"""Properties of the matched nodes and relationships, read in the same statement, and ORDER BY a property."""

from collections.abc import Sequence

import orjson

from kgmem.query.planning.steps import LinkPart, NodePart, Order
from kgmem.store.cypher.labels import kinds_of, tables_of
from kgmem.store.cypher.stored import stored_name
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join, literal, number, stripped
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, Label, Layout

_FIRST, _LAST = -1, 9  # Sort before and after the ranks of all types of values.


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


_FILE = "cypher"
_MOST_TABLES = 12  # How many tables a statement looks into for what may be in any of them.


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
