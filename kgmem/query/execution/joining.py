"""Hash joins: of what the store gives for many rows at once, which of it can be of which row."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import product
from typing import Any

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.questions import Question, attempted
from kgmem.query.execution.run import Run
from kgmem.query.planning.steps import JoinKey
from kgmem.query.values.comparison import group_key

Way = tuple[Any, ...]
# What gives the ways that may be of a row, by its number.
Choose = Callable[[int], Iterable[Way]]
_Table = dict[tuple[Hashable, ...], list[Way]]


async def chooser(
    run: Run, keys: Sequence[JoinKey], asked: Question, ways: Sequence[Sequence[Way]], bind: Callable[[Row, Way], Any]
) -> Choose:
    """Give what says which ways may be of a row: those that are equal to it by the keys, whose predicates remain.

    A key is left out where a value of it cannot be computed: it is an error only where a row asks for it.
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
    """Give the values that a row looks for, none twice; null is equal to nothing."""
    if value is None:
        return ()
    if not key.listed:
        return (group_key(value),)
    if not isinstance(value, list):  # Which is an error, when the predicate is computed.
        return _ANYTHING
    return list(dict.fromkeys(group_key(each) for each in value if each is not None))
