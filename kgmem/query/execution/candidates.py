"""What a pattern may match: what the store finds, put into rows, before the predicates that it could not answer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.graph import Condition, Matched, Sought
from kgmem.query.execution.paths import build_path
from kgmem.query.execution.run import WEIGHT, Rows, Run
from kgmem.query.planning.names import names_in
from kgmem.query.planning.needs import ALL, IDENTITY
from kgmem.query.planning.steps import LinkPart, Lookup, Order, Pattern
from kgmem.query.tree.expressions import Expression
from kgmem.query.values import Node, Relationship

_EXACT = 2**53  # Up to here integers and floats compare alike, whatever compares them.
Found = list[tuple[int, Row]]


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of a pattern; see `Match`. Without `needs` everything that it names is."""

    pattern: Pattern
    needs: Mapping[str, frozenset[str]] | None = None
    lean: Mapping[str, frozenset[str]] | None = None
    shown: frozenset[str] = frozenset()
    most: int | None = None
    folded: bool = False
    order: Order | None = None  # By which `most` counts.

    def full(self) -> Mapping[str, frozenset[str]]:
        """Give what is needed where the store leaves all predicates to be computed."""
        if self.needs is not None:
            return self.needs
        pattern = self.pattern
        asked = frozenset().union(pattern.named, *map(names_in, pattern.predicates))
        asked |= {path.name for path in pattern.paths}
        asked |= {name for path in pattern.paths for name in path.elements}
        return dict.fromkeys(asked, frozenset({ALL}))


async def candidates(run: Run, asking: Asking, rows: Rows, at: int) -> tuple[Found, Sequence[Expression]]:
    """Give rows that may match, each with the number of the row that it comes of, and what is left to be asked."""
    pattern = asking.pattern
    asked = await _Question.of(run, pattern, rows, at)
    predicates: Sequence[Expression] = [each for each in pattern.predicates if id(each) not in asked.answered]
    sure = not predicates
    most = run.limits.rows + 1
    bounded = asking.most if sure and asking.most is not None and asking.most < most else most
    needs = asking.full()
    enough = asking.lean is not None and len(asked.answered) == len(pattern.lookups)
    lean = asking.lean if enough and asking.lean is not None else needs
    folded = asking.folded and sure and len(rows) == 1
    order = asking.order if bounded < most else None
    sought = Sought(pattern, asked.rows, bounded, lean, asked.conditions, lean=True, folded=folded, order=order)
    matched = await run.transaction.match(sought)
    if matched is None and order is not None:
        bounded = most
        matched = await run.transaction.match(replace(sought, most=most, order=None))
    if matched is None:
        predicates = pattern.predicates
        matched = await run.transaction.match(Sought(pattern, asked.rows, most, needs, asked.conditions))
        lean = needs
    assert matched is not None  # noqa: S101 - only what is asked to be lean can be refused
    run.given += len(matched.ways)
    run.check(matched.ways, at)
    found = _bound(run, await _binder(run, asking, lean, matched), matched, asked, at)
    if asking.most is not None and bounded < most and len(found) < bounded <= len(matched.ways):
        # Something was found that is gone: others may stand in its place.
        return await candidates(run, _unbounded(asking), rows, at)
    return found, predicates


async def constant_conditions(run: Run, pattern: Pattern) -> tuple[list[Condition], dict[str, Any]]:
    """Give the conditions of a pattern for a row that is not known yet, and what stands for its values."""
    conditions: list[Condition] = []
    row: dict[str, Any] = {}
    for number, lookup in enumerate(pattern.lookups):
        if names_in(lookup.value):
            if lookup.operator != "IN":
                row[f"\0{number}"] = 0
                conditions.append(Condition(lookup.name, lookup.property, lookup.operator, column=f"\0{number}"))
            continue
        value = await run.value(lookup.value, {})
        if _can_be_asked(lookup.operator, value):
            conditions.append(_constant(lookup, value))
    return conditions, row


def _unbounded(asking: Asking) -> Asking:
    return Asking(asking.pattern, asking.needs, asking.lean, asking.shown, folded=asking.folded)


@dataclass(frozen=True, slots=True)
class _Question:
    """What of the rows the store is asked with: each once, by the number under which `places` says a row is found."""

    source: Rows
    rows: Sequence[Mapping[str, Any]]
    places: Sequence[int]
    conditions: Sequence[Condition]
    answered: frozenset[int]  # The predicates that the store answers for sure, by their identity.

    @classmethod
    async def of(cls, run: Run, pattern: Pattern, rows: Rows, at: int) -> "_Question":
        bound = pattern.bound
        columns = {name: [_identity(run, row[name], at) for row in rows] for name in bound}
        conditions, answered = [], set()
        for number, lookup in enumerate(pattern.lookups):
            per_row = bool(names_in(lookup.value)) and len(rows) > 1
            values = await run.values(lookup.value, rows if per_row else rows[:1])
            whole = lookup.operator == "=" and all(
                type(value) is int and -_EXACT <= value <= _EXACT for value in values
            )
            if not whole and (
                not all(_can_be_asked(lookup.operator, value) for value in values)
                or (per_row and lookup.operator == "IN")
            ):
                continue
            if per_row:
                name = f"\0{number}"
                columns[name] = values
                conditions.append(Condition(lookup.name, lookup.property, lookup.operator, column=name))
            else:
                conditions.append(_constant(lookup, values[0]))
            if whole or all(_is_sure(lookup.operator, value) for value in values):
                answered.add(id(lookup.predicate))
        if not columns:
            return cls(rows, [{}] if rows else [], [0] * len(rows), conditions, frozenset(answered))
        number_of: dict[Any, int] = {}
        asked: list[Mapping[str, Any]] = []
        places = []
        names = tuple(columns)
        for held in zip(*columns.values(), strict=True):
            place = number_of.setdefault(tuple(map(_hashable, held)), len(asked))
            if place == len(asked):
                asked.append(dict(zip(names, held, strict=True)))
            places.append(place)
        return cls(rows, asked, places, conditions, frozenset(answered))


def _constant(lookup: Lookup, value: Any) -> Condition:
    if lookup.operator == "IN":
        value = [each for each in value or () if each is not None]
    return Condition(lookup.name, lookup.property, lookup.operator, value)


def _can_be_asked(operator: str, value: Any) -> bool:
    """Whether the store finds all that Cypher finds with this value, and perhaps more."""
    if operator == "IN":
        return value is None or (isinstance(value, list) and all(_can_be_asked("=", each) for each in value))
    if isinstance(value, str):
        return operator == "=" and "\0" not in value and value.isprintable()
    if isinstance(value, bool):
        return operator == "="
    if isinstance(value, int | float):
        return math.isfinite(value) and (operator == "=" or abs(value) <= _EXACT)
    return value is None


def _is_sure(operator: str, value: Any) -> bool:
    """Whether the store finds just what Cypher finds with this value."""
    if operator == "IN":
        return all(_is_sure("=", each) for each in value or ())
    return operator == "=" and (not isinstance(value, int | float) or abs(value) <= _EXACT)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else (type(value), value)


def _identity(run: Run, value: Any, at: int) -> Any:
    """Give the id of what is bound already, or the ids of a list."""
    if isinstance(value, Node | Relationship):
        return value.id
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(each, Relationship) for each in value):
        return [each.id for each in value]
    problem = "A variable in a pattern is neither a node nor a relationship."
    raise run.error("InvalidArgumentType", problem, at, type="TypeError")


def _bound(run: Run, binder: "Binder", matched: Matched, asked: _Question, at: int) -> Found:
    """Put what was found into rows; what is gone meanwhile is left out."""
    ways: list[list[tuple[Any, ...]]] = [[] for _ in asked.rows] or [[]]
    for way in matched.ways:
        ways[way[0] - 1].append(way)
    made: Found = []
    for origin, (row, place) in enumerate(zip(asked.source, asked.places, strict=True)):
        for way in ways[place]:
            new = binder(row, way)
            if new is not None:
                made.append((origin, new))
        run.check(made, at)
    return made


Binder = Callable[[Row, Sequence[Any]], Row | None]


async def _binder(run: Run, asking: Asking, needs: Mapping[str, frozenset[str]], matched: Matched) -> Binder:
    """Read what the store has named by its id only, and give what makes a row of a row and a way."""
    pattern = asking.pattern
    fresh = [(part, at) for at, part in enumerate(pattern.parts, start=2) if not part.bound and part.name in needs]
    paths = [path for path in pattern.paths if path.name in needs]
    along = {name for path in paths for name in path.elements}
    wanted_links: set[int] = set()
    wanted_nodes: set[int] = set()
    for part, at in fresh:
        if not needs[part.name] - {IDENTITY}:
            continue
        if isinstance(part, LinkPart):
            wanted_links |= _ids(matched, at, repeats=part.repeats)
        else:
            wanted_nodes |= _ids(matched, at, repeats=False)
    relationships = await run.transaction.relationships(wanted_links) if wanted_links else {}
    if any(isinstance(part, LinkPart) and part.repeats and part.name in along for part in pattern.parts):
        # A path shows the nodes between as well.
        wanted_nodes |= {end for each in relationships.values() for end in (each.start, each.end)}
    read = await run.transaction.nodes(wanted_nodes) if wanted_nodes else {}
    makers = [(part.name, at, _maker(part, needs[part.name], relationships, read)) for part, at in fresh]
    folded = asking.folded

    def bind(row: Row, way: Sequence[Any]) -> Row | None:
        if way[1] == 0:
            return None
        new = dict(row)
        for name, at, make in makers:
            held = new[name] = make(way[at])
            if held is None:
                return None
        for path in paths:
            new[path.name] = build_path(new, path.elements, read)
        if folded and way[1] != 1:
            new[WEIGHT] = way[1] * row.get(WEIGHT, 1)
        return new

    return bind


def _ids(matched: Matched, at: int, *, repeats: bool) -> set[int]:
    """Give the ids of what is not read yet."""
    if repeats:
        return {id_ for way in matched.ways for id_ in way[at]}
    return {way[at] for way in matched.ways if type(way[at]) is int}


def _maker(
    part: Any, need: frozenset[str], relationships: Mapping[int, Relationship], read: Mapping[int, Node]
) -> Callable[[Any], Any]:
    """Give what makes the value of a part of what the store gave for it; None where that is gone."""
    known = bool(need - {IDENTITY})
    if isinstance(part, LinkPart) and part.repeats:
        return lambda ids: _chain(relationships, ids) if known else [_bare_link(each) for each in ids]
    held: Mapping[int, Any] = relationships if isinstance(part, LinkPart) else read
    bare = _bare_link if isinstance(part, LinkPart) else _bare_node

    def make(value: Any) -> Any:
        if type(value) is int:
            return held.get(value) if known else bare(value)
        return bare(0) if value is None else value

    return make


def _bare_node(id_: int) -> Node:
    """Give a node of which nothing matters but which it is."""
    return Node(id_, (), {}, str(id_))


def _bare_link(id_: int) -> Relationship:
    """Give a relationship of which nothing matters but which it is."""
    return Relationship(id_, "", 0, 0, {}, str(id_))


def _chain(relationships: Mapping[int, Relationship], ids: Sequence[int]) -> list[Relationship] | None:
    chain = [relationships.get(id_) for id_ in ids]
    return None if any(each is None for each in chain) else [each for each in chain if each is not None]
