"""Statements for patterns, kept: what a query asks again is not put together again."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.query.execution.graph import MatchQuery
from kgmem.store.cypher.composed_sql import Value
from kgmem.store.cypher.match import MatchStatement
from kgmem.store.cypher.result_shapes import Reader
from kgmem.store.db.sql import SQL
from kgmem.store.graph.layout import Layout

_KEPT = 1000


@dataclass(frozen=True, slots=True)
class ComposedPattern:
    """The SQL for a pattern, what gives its parameters, and what reads its rows.

    `answers`: all conditions are in it. `of` is what its key names by identity, kept so that nothing takes its place.
    """

    text: SQL
    values: Sequence[Value]
    readers: Sequence[Reader]
    answers: bool
    of: tuple[Any, ...]


class StatementCache:
    """Puts statements together, each once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: OrderedDict[Hashable, ComposedPattern] = OrderedDict()

    def of(
        self, layout: Layout, sought: MatchQuery, scopes: Sequence[int] | None, further: frozenset[int] = frozenset()
    ) -> ComposedPattern:
        """Return the statement for what is sought; `further` are the tables of which nodes have further labels."""
        key = (
            layout.index_name,
            layout.age_name,
            tuple(layout.by_id),
            id(sought.pattern),
            id(sought.needs),
            tuple((each.name, each.property, each.operator, each.column, each.numbers) for each in sought.conditions),
            sought.most,
            sought.lean,
            sought.folded,
            sought.order,
            None if scopes is None else tuple(scopes),
            further,
        )
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        found = self._kept[key] = _composed(layout, sought, scopes, further)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found


def _composed(
    layout: Layout, sought: MatchQuery, scopes: Sequence[int] | None, further: frozenset[int]
) -> ComposedPattern:
    statement = MatchStatement(layout, sought, scopes, lean=sought.lean, further=further)
    text = statement.text()
    of = (sought.pattern, sought.needs)
    return ComposedPattern(text, statement.parameters.values, statement.shapes.readers, statement.answers, of)
