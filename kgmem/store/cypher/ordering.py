"""What comes first by a property: ORDER BY in SQL, as Cypher orders values of all types."""

from collections.abc import Sequence

from kgmem.query.planning.steps import Order
from kgmem.store.db.sql import SQL, compose, fill, join, number
from kgmem.store.graph.layout import Layout

_FIRST, _LAST = -1, 9  # Before and behind all kinds of values.


def ordered(layout: Layout, columns: Sequence[SQL], rest: Sequence[SQL], told: SQL, by: tuple[Order, int]) -> SQL:
    """Return the SQL of what comes first of a statement; its last column says whether that is not so in truth.

    `rest` is what stands behind the columns, `told` the SQL of the property as text, and `by` the order with how many.
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
            "told": told,
            "rest": join(" ", rest),
            "way": SQL("DESC") if order.descending else SQL("ASC"),
            "odd": number(_LAST if order.descending else _FIRST),
            "most": number(most),
        },
    )
