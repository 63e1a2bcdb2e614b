"""How values compare: equality and order with null as the third truth, the order of ORDER BY, and equivalence."""

from collections.abc import Callable, Hashable
from typing import Any

from kgmem.query.values.durations import Duration
from kgmem.query.values.elements import Node, Path, Relationship
from kgmem.query.values.instants import Date, DateTime, LocalDateTime, LocalTime, Time
from kgmem.query.values.points import Point

_INCOMPARABLE = 2  # What `_compared` gives where a part is NaN: nothing holds, not even null.
_NUMBERS = (int, float)

# Where each type stands in ORDER BY; null comes last.
_RANKS: dict[type, int] = {
    dict: 0,
    Node: 1,
    Relationship: 2,
    list: 3,
    tuple: 3,
    Path: 4,
    Point: 5,
    DateTime: 6,
    LocalDateTime: 7,
    Date: 8,
    Time: 9,
    LocalTime: 10,
    Duration: 11,
    str: 12,
    bool: 13,
    int: 14,
    float: 14,
    bytes: 16,
}
_NAN = (15,)
_NULL = (17,)


def equals(left: Any, right: Any) -> bool | None:
    """Whether two values are equal: true, false, or None where a null leaves it open."""
    if left is None or right is None:
        return None
    a, b = type(left), type(right)
    if a is b and a not in _NESTED:
        return bool(left == right)
    if a in _NUMBERS and b in _NUMBERS:
        return bool(left == right)
    if a is list and b is list:
        return _equal_lists(left, right)
    if a is dict and b is dict:
        return _equal_maps(left, right)
    return False


_NESTED = frozenset({list, dict})


def _equal_lists(left: list[Any], right: list[Any]) -> bool | None:
    if len(left) != len(right):
        return False
    found: bool | None = True
    for a, b in zip(left, right, strict=True):
        same = equals(a, b)
        if same is False:
            return False
        if same is None:
            found = None
    return found


def _equal_maps(left: dict[str, Any], right: dict[str, Any]) -> bool | None:
    if left.keys() != right.keys():
        return False
    return _equal_lists(list(left.values()), [right[key] for key in left])


def less(left: Any, right: Any) -> bool | None:
    """Whether left < right: true, false, or None where the two cannot be compared."""
    found = _compared(left, right)
    return None if found is None else found == -1


def at_most(left: Any, right: Any) -> bool | None:
    """Whether left <= right: true, false, or None where the two cannot be compared."""
    found = _compared(left, right)
    return None if found is None else found in {-1, 0}


def greater(left: Any, right: Any) -> bool | None:
    """Whether left > right: true, false, or None where the two cannot be compared."""
    found = _compared(left, right)
    return None if found is None else found == 1


def at_least(left: Any, right: Any) -> bool | None:
    """Whether left >= right: true, false, or None where the two cannot be compared."""
    found = _compared(left, right)
    return None if found is None else found in {0, 1}


def contains(items: list[Any], value: Any) -> bool | None:
    """Whether a list has a value that equals this one: IN."""
    found: bool | None = False
    for item in items:
        same = equals(item, value)
        if same:
            return True
        if same is None:
            found = None
    return found


def _compared(left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1; None where the values cannot be compared, and _INCOMPARABLE where one is NaN."""
    a, b = type(left), type(right)
    if a in _NUMBERS and b in _NUMBERS:
        return -1 if left < right else 1 if left > right else 0 if left == right else _INCOMPARABLE
    if a is not b:
        return None
    if a is str or a is bool:
        return -1 if left < right else int(left > right)
    if a is list:
        return _compared_lists(left, right)
    key = _INSTANT_KEYS.get(a)
    if key is None:
        return None
    one, other = key(left), key(right)
    return -1 if one < other else int(one > other)


def _compared_lists(left: list[Any], right: list[Any]) -> int | None:
    for one, other in zip(left, right, strict=False):
        found = _compared(one, other)
        if found != 0:
            return found
    return (len(left) > len(right)) - (len(left) < len(right))


_INSTANT_KEYS: dict[type, Callable[[Any], Any]] = {
    Date: lambda value: value.days,
    LocalTime: lambda value: value.nanoseconds,
    Time: lambda value: (value.instant, value.offset),
    LocalDateTime: lambda value: (value.days, value.nanoseconds),
    # Of one instant, the clock that shows the earlier time comes first.
    DateTime: lambda value: (value.instant, value.offset, value.zone or ""),
}


def order_key(value: Any) -> tuple[Any, ...]:
    """Return what sorts values of all types as ORDER BY does, ascending, null last."""
    kind = type(value)
    rank = _RANKS.get(kind, 17)
    if rank == 14:
        return (14, value) if value == value else _NAN  # noqa: PLR0124 - NaN does not equal itself
    if rank in {12, 13, 16}:
        return (rank, value)
    if rank == 17:
        return _NULL
    if rank == 3:
        return (3, tuple(map(order_key, value)))
    if rank == 0:
        entries = sorted(value.items())
        names = tuple(name for name, _ in entries)
        return (0, len(entries), names, tuple(order_key(each) for _, each in entries))
    return (rank, _others_key(value))


def _others_key(value: Any) -> Any:
    if isinstance(value, Node | Relationship):
        return value.id
    if isinstance(value, Path):
        return tuple(element.id for element in value.elements)
    if isinstance(value, Point):
        return value.srid, value.coordinates
    if isinstance(value, Duration):
        return value.average, value.months, value.days, value.clock
    return _INSTANT_KEYS[type(value)](value)


def group_key(value: Any) -> Hashable:
    """Return what is the same for values that DISTINCT and grouping take for the same: null is null, NaN is NaN."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if value == value else _NAN  # noqa: PLR0124 - NaN does not equal itself
    if kind is bool:
        return ("bool", value)  # True is 1 to Python, and true is not 1 to Cypher.
    if kind is list:
        return ("list", *map(group_key, value))
    if kind is dict:
        return ("map", frozenset((name, group_key(each)) for name, each in value.items()))
    return value  # type: ignore[no-any-return]
