"""The queries to the store for the rows of a pattern: their bound ids, and the values that predicates compare with.

The values are computed first, for all rows. Rows whose values the store compares in different ways go into separate
queries.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgmem.query.errors import CypherError
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.graph import Condition
from kgmem.query.planning.steps import ELEMENT_ID, SMALL_ID, Lookup, Pattern
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.traversal import names_in
from kgmem.query.values import Node, Relationship
from kgmem.query.values.elements import graph_id

IDS = frozenset({ELEMENT_ID, SMALL_ID})
_LONGEST_ID, _MOST_IDS = 19, 2**63  # Digits, and numbers, that an id of the graph may have.
_EXACT = 2**53  # Up to here integers and floats compare alike, whatever compares them.


@dataclass(frozen=True, slots=True)
class StoreQuery:
    """One query to the store: the rows of `source`, numbered by `origins`, and the values that it is sent with.

    Equal rows are sent once: `places` contains, for each row of `source`, its index in `rows`.
    """

    source: Rows
    origins: Sequence[int]
    rows: Sequence[Mapping[str, Any]]
    places: Sequence[int]
    conditions: Sequence[Condition]
    answered: frozenset[int]  # The predicates that the store answers for sure, by their identity.

    @property
    def is_shared(self) -> bool:
        """Whether several rows share an answer."""
        return len(self.rows) < len(self.source)


async def questions(run: Run, pattern: Pattern, rows: Rows, at: int) -> list[StoreQuery]:
    """Return the queries to the store; each row is in exactly one."""
    bound = {name: [_identity(run, row[name], at) for row in rows] for name in pattern.bound}
    constants: list[tuple[Lookup, Any]] = []
    columns: list[tuple[int, Lookup, Sequence[Any]]] = []
    for number, lookup in enumerate(pattern.lookups):
        by_row = len(rows) > 1 and bool(names_in(lookup.value))
        values = await attempted(run, lookup.value, rows if by_row else rows[:1])
        if values is None:
            continue
        asked, values = await _with_merged_keys(run, lookup, values, rows)
        values = [wanted(asked, value) for value in values]
        if by_row:
            columns.append((number, asked, values))
        elif values and _can_be_asked(asked, values[0]):
            constants.append((asked, values[0]))
    groups = _grouped(columns, len(rows))
    return [_question(rows, origins, bound, constants, [columns[n] for n in asked]) for asked, origins in groups]


async def _with_merged_keys(run: Run, lookup: Lookup, values: list[Any], rows: Rows) -> tuple[Lookup, list[Any]]:
    """Return a lookup by keys of nodes, and its values: any key that means one of these may be stored."""
    if not lookup.key_of or not await run.has_merges():
        return lookup, values
    nodes = [type(row.get(lookup.key_of)) is Node for row in rows[: len(values)]]
    named = await run.keys_of_kept([value if node else None for value, node in zip(values, nodes, strict=True)])
    if all(len(each) == 1 for each in named):
        return lookup, values
    listed = [each if node else [value] for value, node, each in zip(values, nodes, named, strict=True)]
    return replace(lookup, operator="IN"), listed


async def attempted(run: Run, expression: Expression, rows: Rows) -> list[Any] | None:
    """The value of an expression for each row; None where one has none, which is an error only if it is needed."""
    try:
        return await run.values(expression, rows)
    except CypherError as error:
        if error.type == "ResourceExhausted":
            raise
        return None


def constant(lookup: Lookup, value: Any) -> Condition | None:
    """The condition of a lookup with a value that is the same for all rows; None where the store cannot ask it."""
    if not _can_be_asked(lookup, value):
        return None
    if lookup.operator == "IN":
        value = [each for each in value or () if each is not None]
    return Condition(lookup.name, lookup.property, lookup.operator, value)


def _grouped(
    columns: Sequence[tuple[int, Lookup, Sequence[Any]]], count: int
) -> list[tuple[tuple[int, ...], Sequence[int]]]:
    """Return the numbers of the columns that can be asked, each with the numbers of the rows for which that is so."""
    if not columns:
        return [((), range(count))]
    masks = [[_can_be_asked_by_row(lookup, value) for value in values] for _, lookup, values in columns]
    if all(map(all, masks)):
        return [(tuple(range(len(columns))), range(count))]
    groups: dict[tuple[bool, ...], list[int]] = defaultdict(list)
    for number, mask in enumerate(zip(*masks, strict=True)):
        groups[mask].append(number)
    return [(tuple(n for n, can in enumerate(mask) if can), origins) for mask, origins in groups.items()]


def _question(
    rows: Rows,
    origins: Sequence[int],
    bound: Mapping[str, Sequence[Any]],
    constants: Sequence[tuple[Lookup, Any]],
    columns: Sequence[tuple[int, Lookup, Sequence[Any]]],
) -> StoreQuery:
    conditions = [held for lookup, value in constants if (held := constant(lookup, value)) is not None]
    answered = {id(lookup.predicate) for lookup, value in constants if _is_answered(lookup, [value])}
    told: dict[str, Sequence[Any]] = {name: [values[n] for n in origins] for name, values in bound.items()}
    for number, lookup, values in columns:
        name = f"\0{number}"
        told[name] = mine = [values[n] for n in origins]
        numbers = any(_has_numbers(value) for value in mine)
        conditions.append(Condition(lookup.name, lookup.property, lookup.operator, column=name, numbers=numbers))
        if _is_answered(lookup, mine):
            answered.add(id(lookup.predicate))
    source = [rows[n] for n in origins]
    if not told:
        asked: list[Mapping[str, Any]] = [{}] if source else []
        return StoreQuery(source, origins, asked, [0] * len(source), conditions, frozenset(answered))
    asked, places = _once_each(told)
    return StoreQuery(source, origins, asked, places, conditions, frozenset(answered))


def _once_each(columns: Mapping[str, Sequence[Any]]) -> tuple[list[Mapping[str, Any]], list[int]]:
    """Return the different rows that columns make, and for each row which of these it is."""
    number_of: dict[Any, int] = {}
    found: list[Mapping[str, Any]] = []
    places = []
    names = tuple(columns)
    for held in zip(*columns.values(), strict=True):
        place = number_of.setdefault(tuple(map(_hashable, held)), len(found))
        if place == len(found):
            found.append(dict(zip(names, held, strict=True)))
        places.append(place)
    return found, places


def wanted(lookup: Lookup, value: Any) -> Any:
    """Return the value that a lookup compares with: for ids, those that the graph knows; no node has another."""
    if lookup.property not in IDS:
        return value
    if lookup.operator == "IN":
        return [_graph_id(lookup, each) for each in value] if isinstance(value, list) else value
    return _graph_id(lookup, value)


def _graph_id(lookup: Lookup, value: Any) -> int | None:
    found: int | None = None
    if lookup.property == ELEMENT_ID:
        text = value if isinstance(value, str) and len(value) <= _LONGEST_ID and value.isascii() else ""
        found = int(text) if text.isdigit() and str(int(text)) == text else None
    elif not isinstance(value, bool) and isinstance(value, int | float) and value == value // 1:
        found = graph_id(int(value)) if 0 <= value < _MOST_IDS else None
    return found if found is not None and found < _MOST_IDS else None


def _can_be_asked_by_row(lookup: Lookup, value: Any) -> bool:
    # Each item of a list is joined by itself, and so must be equal to what the store has in one way only.
    return _can_be_asked(lookup, value) and (lookup.operator != "IN" or _is_answered(lookup, [value]))


def _can_be_asked(lookup: Lookup, value: Any) -> bool:
    """Whether the store finds all that Cypher finds with this value, and perhaps more."""
    if lookup.property in IDS:
        return lookup.operator != "IN" or value is None or isinstance(value, list)
    return _can_be_compared(lookup.operator, value)


def _can_be_compared(operator: str, value: Any) -> bool:
    if operator == "IN":
        return value is None or (isinstance(value, list) and all(_can_be_compared("=", each) for each in value))
    if isinstance(value, str):
        return operator == "=" and "\0" not in value and value.isprintable()
    if isinstance(value, bool):
        return operator == "="
    if isinstance(value, int | float):
        return math.isfinite(value) and (operator == "=" or abs(value) <= _EXACT)
    return value is None


def _is_answered(lookup: Lookup, values: Sequence[Any]) -> bool:
    return lookup.property in IDS or all(_is_sure(lookup.operator, value) for value in values)


def _is_sure(operator: str, value: Any) -> bool:
    """Whether the store finds just what Cypher finds with this value."""
    if operator == "IN":
        return all(_is_sure("=", each) for each in value or ())
    return operator == "=" and (not isinstance(value, int | float) or abs(value) <= _EXACT)


def _has_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else (type(value), value)


def _identity(run: Run, value: Any, at: int) -> Any:
    """Return the id of what is bound already, or the ids of a list."""
    if isinstance(value, Node | Relationship):
        return run.own(value.id, at)
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(each, Relationship) for each in value):
        return [run.own(each.id, at) for each in value]
    problem = "A variable in a pattern is neither a node nor a relationship."
    raise run.error("InvalidArgumentType", problem, at, type="TypeError")
