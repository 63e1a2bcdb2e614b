"""What comes first by a property: ORDER BY in SQL, as Cypher orders values of all types."""

from collections.abc import Sequence

from kgmem.query.planning.steps import Order
from kgmem.store.graph.layout import Layout

_FIRST, _LAST = -1, 9  # Before and behind all kinds of values.


def ordered(layout: Layout, columns: Sequence[str], rest: Sequence[str], told: str, by: tuple[Order, int]) -> str:
    """Give the SQL of what comes first of a statement; its last column says whether that is not so in truth.

    `rest` is what stands behind the columns, `told` the SQL of the property as text, and `by` the order with how many.
    """
    order, most = by
    names = [f"c{number}" for number in range(len(columns))]
    return layout.sql("cypher", "ordered") % {
        "names": ", ".join(names),
        "columns": ", ".join(f"{column} AS {name}" for column, name in zip(columns, names, strict=True)),
        "told": told,
        "rest": " ".join(rest),
        "way": "DESC" if order.descending else "ASC",
        "odd": _LAST if order.descending else _FIRST,
        "most": int(most),
    }
