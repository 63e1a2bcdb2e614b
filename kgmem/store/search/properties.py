"""Properties: what a question asks of them, as a condition on items; label tables hold them, as agtype.

agtype orders its types: maps, lists, text, booleans, numbers. So a comparison has a bound on its other side that keeps
it within the type of its value, and both use an index that a schema declares.
"""

from collections.abc import Iterable, Sequence

import orjson

from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.recall.question_checks import Predicate, predicates_of
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, join, number
from kgmem.store.db.unique_values import access
from kgmem.store.graph.layout import EDGE, VERTEX, Label, Layout
from kgmem.store.graph.records import asked_name
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

_MOST_TABLES = 200  # That a statement names one by one; the rest is read through the table that they all inherit from.
_FROM_INDEX = {"eq", "gt", "gte", "lt", "lte", "in"}
_SIGNS = {
    "eq": SQL("="),
    "ne": SQL("<>"),
    "gt": SQL(">"),
    "gte": SQL(">="),
    "lt": SQL("<"),
    "lte": SQL("<="),
}
# By whether the value is a text and whether greater ones are asked for: the bound on the other side.
_EDGES = {
    (True, True): (SQL("<"), SQL("'false'")),
    (True, False): (SQL(">="), SQL("'\"\"'")),
    (False, True): (SQL("<"), SQL("'null'")),
    (False, False): (SQL(">"), SQL("'true'")),
}
_TYPE = SQL("::ag_catalog.agtype")
_IS_TEXT = compose("%(value)s >= '\"\"'{} AND %(value)s < 'false'{}", _TYPE, _TYPE)
_IS_LIST = compose("%(value)s >= '[]'{} AND %(value)s < '\"\"'{}", _TYPE, _TYPE)


def properties(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return the condition that a question's properties make, read through each item's own label table alone."""
    what = request.question.what
    if not what.properties:
        return None
    asked = predicates_of(what.properties)
    conditions = _Conditions(layout, asked, parameters)
    named = set(what.labels)
    known = sorted(layout.labels.values(), key=lambda label: (label.name not in named, label.kind, label.id))
    tables = known[:_MOST_TABLES]
    whens = join(
        " ",
        (compose("WHEN {} THEN {}", number(label.id), _read(layout, label, conditions.of(label))) for label in tables),
    )
    rest = _read(layout, None, conditions.of(None))
    return Dimension(
        "properties",
        condition=compose(
            "CASE {} >> 48 {whens} ELSE {rest} END",
            SQL("i.thing") if layout.is_past else SQL("i.id"),
            whens=whens,
            rest=rest,
        ),
        # An index knows the present only.
        reads=NOTHING
        if layout.is_past
        else _reads(layout, [each for each in tables if each.name in named], conditions),
    )


def _read(layout: Layout, label: Label | None, condition: SQL) -> SQL:
    table = layout.table(label) if label else compose("{}._ag_label_vertex", identifier(layout.age_name))
    if layout.is_past:
        table = fill(layout.sql("temporal", "properties_then", held=layout.held_name), {"table": table})
        return compose("(SELECT {} FROM ({}) l)", condition, table)
    return compose("(SELECT {} FROM {} l WHERE l.id = i.id::text::ag_catalog.graphid)", condition, table)


def _reads(layout: Layout, named: Sequence[Label], conditions: "_Conditions") -> SQL:
    """What reads candidates by the schema's indexes, where each table has one that the question's labels name."""
    found = []
    for label in named:
        condition = conditions.indexed(label)
        if not condition:
            return NOTHING
        found.append(compose("SELECT (l.id::text)::bigint AS id FROM {} l WHERE {}", layout.table(label), condition))
    if not found:
        return NOTHING
    return join(" UNION ALL ", [*found, layout.sql("prefilter", "labelled_besides")])


class _Conditions:
    """The predicates as conditions on the properties in label tables; each value is bound once."""

    def __init__(self, layout: Layout, asked: Iterable[Predicate], parameters: Parameters) -> None:
        self._schema = layout.schema()
        self._parameters = parameters
        self._asked = [(each, self._bound(each)) for each in asked]
        self._names: dict[str, SQL] = {}

    def of(self, label: Label | None) -> SQL:
        """Return the condition on what a label's table holds; of None on any."""
        return join(" AND ", (_compared(each, self._value(each.name, label), bound) for each, bound in self._asked))

    def indexed(self, label: Label) -> SQL:
        """Return the condition that an index of the label's table answers, or nothing."""
        for each, bound in self._asked:
            if each.operator in _FROM_INDEX and self._declared(each.name, label):
                return _compared(each, self._value(each.name, label), bound)
        return NOTHING

    def _declared(self, name: str, label: Label) -> bool:
        declared = self._schema.properties_of(label.name).get(name)
        return label.kind == VERTEX and declared is not None and (declared.indexed or declared.unique)

    def _value(self, name: str, label: Label | None) -> SQL:
        """Return the SQL of a property's value; of one that is declared as the index has it."""
        what = "relationship" if label and label.kind == EDGE else "entity"
        stored = asked_name(name, "episode" if label and label.name == EPISODE_LABEL else what)
        if label and self._declared(name, label):
            return access(stored)
        plain = compose("ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, {}])", self._bind(stored))
        if "." not in name:
            return plain
        return compose("coalesce({}, l.properties OPERATOR(ag_catalog.#>) {})", plain, self._bind(name.split(".")))

    def _bind(self, value: object) -> SQL:
        text = orjson.dumps(value).decode()
        if text not in self._names:
            self._names[text] = self._parameters.add(text, "ag_catalog.agtype")
        return self._names[text]

    def _bound(self, asked: Predicate) -> SQL:
        value, add = asked.value, self._parameters.add
        if asked.operator == "in":
            return add([orjson.dumps(each).decode() for each in value], "ag_catalog.agtype[]")
        if asked.operator == "starts_with" or (asked.operator == "contains" and isinstance(value, str)):
            return add(value, "text")
        if asked.operator == "contains":
            # agtype finds 1 and 1.0 equal, but not in a list.
            same = [value] if isinstance(value, bool) or value != int(value) else [int(value), float(value)]
            return add([f"[{orjson.dumps(each).decode()}]" for each in same], "ag_catalog.agtype[]")
        return add(orjson.dumps(value).decode(), "ag_catalog.agtype")


def _compared(asked: Predicate, value: SQL, bound: SQL) -> SQL:
    """Return one predicate as SQL."""
    if asked.operator == "exists":
        return compose("{} IS NOT NULL", value) if asked.value else compose("{} IS NULL", value)
    if asked.operator == "in":
        return compose("{} = ANY ({})", value, bound)
    if asked.operator in {"starts_with", "contains"}:
        return _within(asked, value, bound)
    compared = compose("{} OPERATOR(ag_catalog.{}) {}", value, _SIGNS[asked.operator], bound)
    if asked.operator in {"eq", "ne"}:
        return compared
    sign, edge = _EDGES[isinstance(asked.value, str), asked.operator in {"gt", "gte"}]
    return compose(
        "({compared} AND {value} OPERATOR(ag_catalog.{sign}) {edge}{type})",
        compared=compared,
        value=value,
        sign=sign,
        edge=edge,
        type=_TYPE,
    )


def _within(asked: Predicate, value: SQL, bound: SQL) -> SQL:
    """Return the predicate on a part of a value: the start of a text, a stretch of it, or an element of a list."""
    own = {"value": value}
    if asked.operator == "starts_with":
        return compose(
            "CASE WHEN {} THEN starts_with(ag_catalog.agtype_to_text({value}), {bound}) END",
            fill(_IS_TEXT, own),
            value=value,
            bound=bound,
        )
    if not isinstance(asked.value, str):
        return compose(
            "CASE WHEN {} THEN {value} OPERATOR(ag_catalog.@>) ANY ({bound}) END",
            fill(_IS_LIST, own),
            value=value,
            bound=bound,
        )
    contains = compose("{} OPERATOR(ag_catalog.@>) jsonb_build_array({})::text::ag_catalog.agtype", value, bound)
    found = compose("position({} IN ag_catalog.agtype_to_text({})) > 0", bound, value)
    return compose(
        "CASE WHEN {} THEN {found} WHEN {} THEN {contains} END",
        fill(_IS_TEXT, own),
        fill(_IS_LIST, own),
        found=found,
        contains=contains,
    )
