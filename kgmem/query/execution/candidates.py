"""What a pattern may match: what the store finds, put into rows, before the predicates that it could not answer."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import WEIGHT, Rows, Run, slices
from kgmem.query.execution.graph import Condition, MatchQuery, MatchRows, SecondRequest
from kgmem.query.execution.paths.selection import build_path
from kgmem.query.execution.store_queries import StoreQuery, attempted, constant, questions, wanted
from kgmem.query.planning.column_pruning import ALL, IDENTITY
from kgmem.query.planning.steps import JoinKey, LinkPart, Order, Pattern
from kgmem.query.tree.expressions import Expression, KeptKey
from kgmem.query.tree.traversal import compares_keys, names_in
from kgmem.query.values import Node, Relationship
from kgmem.query.values.comparison import group_key

# Hash joins: of what the store gives for many rows at once, which of it can be of which row.

Way = tuple[Any, ...]
# What gives the ways that may be of a row, by its number.
Choose = Callable[[int], Iterable[Way]]
_Table = dict[tuple[Hashable, ...], list[Way]]


async def chooser(
    run: Run, keys: Sequence[JoinKey], asked: StoreQuery, ways: Sequence[Sequence[Way]], bind: Callable[[Row, Way], Any]
) -> Choose:
    """Return a function from a row to its possible matches: equal in the keys, with the remaining predicates.

    A key whose value cannot be computed is omitted: that is an error only where a row needs it.
    """
    if not keys or not asked.is_shared:
        return lambda row: ways[asked.places[row]]
    first = {place: asked.source[row] for row, place in reversed(list(enumerate(asked.places)))}
    bound = [(place, way, bind(first[place], way)) for place, found in enumerate(ways) for way in found]
    there = [(place, way, row) for place, way, row in bound if row is not None]
    samples = [row for _, _, row in there]
    joined: list[tuple[JoinKey, list[Any], list[Any]]] = []
    for key in keys:
        known = await attempted(run, key.known, asked.source)
        own = await attempted(run, key.own, samples)
        if known is not None and own is not None:
            by_key = {type(row.get(key.key_of)) is Node for row in asked.source} if key.key_of else {False}
            if len(by_key) > 1:  # The key of a node for some rows, the value of a map for others.
                continue
            if by_key == {True}:
                own = await run.redirected(own)
            joined.append((key, known, own))
    if not joined:
        return lambda row: ways[asked.places[row]]
    table: _Table = defaultdict(list)
    for number, (place, way, _) in enumerate(there):
        values = [own[number] for _, _, own in joined]
        if all(value is not None for value in values):
            table[place, *map(group_key, values)].append(way)

    def choose(row: int) -> Iterable[Way]:
        place = asked.places[row]
        wanted = [_wanted(key, known[row]) for key, known, _ in joined]
        if any(each is _ANYTHING for each in wanted):
            return ways[place]
        return [way for held in product(*wanted) for way in table.get((place, *held), ())]

    return choose


_ANYTHING: tuple[Hashable, ...] = ("\0anything",)


def _wanted(key: JoinKey, value: Any) -> Sequence[Hashable]:
    """Return the values that a row looks for, none twice; null is equal to nothing."""
    if value is None:
        return ()
    if not key.listed:
        return (group_key(value),)
    if not isinstance(value, list):  # Which is an error, when the predicate is computed.
        return _ANYTHING
    return list(dict.fromkeys(group_key(each) for each in value if each is not None))


Found = list[tuple[int, Row]]


@dataclass(frozen=True, slots=True)
class MatchOptions:
    """The options of a match; see `Match`. Without `needs` everything that the pattern binds is read."""

    pattern: Pattern
    needs: Mapping[str, frozenset[str]] | None = None
    lean: Mapping[str, frozenset[str]] | None = None
    shown: frozenset[str] = frozenset()
    most: int | None = None
    folded: bool = False
    order: Order | None = None  # By which `most` counts.

    def full(self) -> Mapping[str, frozenset[str]]:
        """Return what is read where the store leaves all predicates to the executor."""
        if self.needs is not None:
            return self.needs
        pattern = self.pattern
        asked = frozenset().union(pattern.named, *map(names_in, pattern.predicates))
        asked |= {path.name for path in pattern.paths}
        asked |= {name for path in pattern.paths for name in path.elements}
        return dict.fromkeys(asked, frozenset({ALL}))


async def candidates(run: Run, asking: MatchOptions, rows: Rows, at: int) -> tuple[Found, Sequence[Expression]]:
    """Return matches that may belong to rows, each with the number of its row, and the predicates left to check."""
    if not run.transaction.once or not await run.has_merges() or not _is_named_by_keys(asking.pattern):
        return await _candidates(run, asking, rows, at)
    # What is asked once looks up no keys: where each row finds a node by the key as it is, none was merged away.
    with run.keys_as_they_are():
        found, left = await _candidates(run, asking, rows, at)
    if len({origin for origin, _ in found}) < len(rows):
        raise SecondRequest
    return found, left


def _is_named_by_keys(pattern: Pattern) -> bool:
    """Whether each key that a pattern names must be a node's: it stands alone in n.key = value."""
    alone = {id(each.predicate) for each in pattern.lookups if each.operator == "=" and isinstance(each.value, KeptKey)}
    named = {id(each) for each in pattern.predicates if compares_keys(each)}
    return bool(named) and named <= alone


async def _candidates(run: Run, asking: MatchOptions, rows: Rows, at: int) -> tuple[Found, Sequence[Expression]]:
    asked = await questions(run, asking.pattern, rows, at)
    if len(asked) == 1:
        return await _of_question(run, asking, asked[0], at)
    # What the store has answered for some rows is asked of all: so everything is needed of them.
    full = replace(asking, lean=None, most=None, order=None)
    found: Found = []
    left: dict[int, Expression] = {}
    for question in asked:
        part, predicates = await _of_question(run, full, question, at)
        found += part
        left |= {id(each): each for each in predicates}
        run.check(found, at)
    return sorted(found, key=lambda each: each[0]), list(left.values())


async def _of_question(
    run: Run, asking: MatchOptions, asked: StoreQuery, at: int
) -> tuple[Found, Sequence[Expression]]:
    pattern = asking.pattern
    predicates: Sequence[Expression] = [each for each in pattern.predicates if id(each) not in asked.answered]
    sure = not predicates
    most = run.limits.rows + 1
    bounded = asking.most if sure and asking.most is not None and asking.most < most else most
    needs = asking.full()
    enough = asking.lean is not None and len(asked.answered) == len(pattern.lookups)
    lean = asking.lean if enough and asking.lean is not None else needs
    folded = asking.folded and sure and len(asked.source) == 1
    order = asking.order if bounded < most else None
    sought = MatchQuery(pattern, asked.rows, bounded, lean, asked.conditions, lean=True, folded=folded, order=order)
    matched = await run.transaction.match(sought)
    if matched is None and order is not None:
        bounded = most
        matched = await run.transaction.match(replace(sought, most=most, order=None))
    if matched is None:
        predicates = pattern.predicates
        matched = await run.transaction.match(MatchQuery(pattern, asked.rows, most, needs, asked.conditions))
        lean = needs
    assert matched is not None  # noqa: S101 - only what is asked to be lean can be refused
    run.given += len(matched.ways)
    run.check(matched.ways, at)
    keys = [each for each in pattern.keys if id(each.predicate) not in asked.answered]
    found = await _bound(run, await _binder(run, asking, lean, matched), matched, asked, keys=keys, at=at)
    if asking.most is not None and bounded < most and len(found) < bounded <= len(matched.ways):
        # Something was found that is gone: others may stand in its place.
        return await _of_question(run, _unbounded(asking), asked, at)
    return found, predicates


async def constant_conditions(run: Run, pattern: Pattern) -> tuple[list[Condition], dict[str, Any]]:
    """Return the conditions of a pattern for a row that is not known yet, and what represents its values."""
    conditions: list[Condition] = []
    row: dict[str, Any] = {}
    for number, lookup in enumerate(pattern.lookups):
        if names_in(lookup.value):
            if lookup.operator != "IN":
                row[f"\0{number}"] = 0
                conditions.append(Condition(lookup.name, lookup.property, lookup.operator, column=f"\0{number}"))
            continue
        values = await attempted(run, lookup.value, [{}])
        condition = None if values is None else constant(lookup, wanted(lookup, values[0]))
        if condition is not None:
            conditions.append(condition)
    return conditions, row


def _unbounded(asking: MatchOptions) -> MatchOptions:
    return MatchOptions(asking.pattern, asking.needs, asking.lean, asking.shown, folded=asking.folded)


async def _bound(
    run: Run, binder: "Binder", matched: MatchRows, asked: StoreQuery, *, keys: Sequence[JoinKey], at: int
) -> Found:
    """Put what was found into rows; what is gone meanwhile is omitted."""
    ways: list[list[tuple[Any, ...]]] = [[] for _ in asked.rows] or [[]]
    for way in matched.ways:
        ways[way[0] - 1].append(way)
    choose = await chooser(run, keys, asked, ways, binder)
    made: Found = []
    for number, (origin, row) in enumerate(zip(asked.origins, asked.source, strict=True)):
        for part in slices(list(choose(number))):
            bound = [binder(row, way) for way in part]
            made += [(origin, new) for new in bound if new is not None]
            await run.turn()
        run.check(made, at)
    return made


Binder = Callable[[Row, Sequence[Any]], Row | None]


async def _binder(run: Run, asking: MatchOptions, needs: Mapping[str, frozenset[str]], matched: MatchRows) -> Binder:
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


def _ids(matched: MatchRows, at: int, *, repeats: bool) -> set[int]:
    """Return the ids of what is not read yet."""
    if repeats:
        return {id_ for way in matched.ways for id_ in way[at]}
    return {way[at] for way in matched.ways if type(way[at]) is int}


def _maker(
    part: Any, need: frozenset[str], relationships: Mapping[int, Relationship], read: Mapping[int, Node]
) -> Callable[[Any], Any]:
    """Return what makes the value of a part of what the store gave for it; None where that is gone."""
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
    """Return a node of which nothing matters but which it is."""
    return Node(id_, (), {}, str(id_))


def _bare_link(id_: int) -> Relationship:
    """Return a relationship of which nothing matters but which it is."""
    return Relationship(id_, "", 0, 0, {}, str(id_))


def _chain(relationships: Mapping[int, Relationship], ids: Sequence[int]) -> list[Relationship] | None:
    chain = [relationships.get(id_) for id_ in ids]
    return None if any(each is None for each in chain) else [each for each in chain if each is not None]
