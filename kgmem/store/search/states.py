"""States in time: whether an item is current, past, superseded or yet to come.

What ended is past, and an answer like any other. Superseded is only what a later statement replaced: a fact of a
one-valued (functional) kind that is over, where another one of the same start began later.
"""

from collections.abc import Mapping
from typing import Final

from kgmem.domain.recall.question import TimeState
from kgmem.store.db.sql import SQL, compose, fill
from kgmem.store.graph.layout import EDGE, Layout
from kgmem.store.search.request import Parameters

CURRENT, SUPERSEDED, NOT_YET_VALID, PAST = 0, 1, 2, 8
NAMES: Final[Mapping[int, TimeState]] = {
    CURRENT: "current",
    SUPERSEDED: "superseded",
    NOT_YET_VALID: "not_yet_valid",
    PAST: "past",
}


def state_of(layout: Layout, parameters: Parameters, now: SQL) -> SQL:
    """Return the SQL of the state of an item `i`, one of the numbers above; `now` is that of the moment that counts so.

    Later statements count in the scopes of the table `seen` of the statement.
    """
    functional = [layout.labels[EDGE, name].id for name in _functional(layout) if (EDGE, name) in layout.labels]
    replaced = SQL("false")
    if functional:
        places = {"functional": parameters.add(functional, "bigint[]"), "now": now}
        replaced = compose("({})", fill(layout.sql("recall", "replaced"), places))
    return compose("({})", fill(layout.sql("recall", "state"), {"now": now, "replaced": replaced}))


def _functional(layout: Layout) -> list[str]:
    schema = layout.schema()
    declared = (kind.name for kind in schema.kinds.values() if kind.functional)
    return list(dict.fromkeys((*declared, *(name for name, rule in schema.rules.items() if rule.functional))))
