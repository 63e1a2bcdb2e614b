"""Cypher values to and from plain Python, and the nodes, relationships and paths that rows contain."""

import datetime as python
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from kgmem.domain.cypher import RowNodes
from kgmem.query.errors import ValueProblem
from kgmem.query.values.durations import Duration, of_clock
from kgmem.query.values.elements import Node, Path, Relationship
from kgmem.query.values.instants import DAY, INSTANTS, Date, DateTime, LocalDateTime, LocalTime, Time, zoned
from kgmem.query.values.points import Point

_EPOCH = python.date(1970, 1, 1)
_LEAST, _MOST = -(2**63), 2**63 - 1
_OWN = (*INSTANTS, Duration, Point, Node, Relationship, Path)
_DEEPEST = 100


def from_python(value: Any, depth: int = 0) -> Any:
    """Return a parameter as a Cypher value. Raises ValueProblem for what is none."""
    if value is None or isinstance(value, (bool, *_OWN)):
        return value
    if isinstance(value, str | float):
        return str(value) if isinstance(value, str) else _finite(float(value))
    if isinstance(value, int):
        if _LEAST <= value <= _MOST:
            return int(value)
        raise ValueProblem(f"{value} does not fit into a 64-bit integer.", detail="NumberOutOfRange")
    if depth > _DEEPEST:
        raise ValueProblem(f"A parameter is nested more than {_DEEPEST} levels deep.")
    if isinstance(value, Mapping):
        return {_name(name): from_python(each, depth + 1) for name, each in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [from_python(each, depth + 1) for each in value]
    return _other(value)


def _finite(value: float) -> float:
    if math.isfinite(value):
        return value
    raise ValueProblem(
        "A number is NaN, infinite or too large.",
        detail="NumberOutOfRange",
        hint="Leave it out. A query can compute such values (0.0 / 0.0), but no property can store them.",
    )


def _name(name: Any) -> str:
    if isinstance(name, str):
        return name
    raise ValueProblem(f"The keys of a map must be strings, got {name!r}.")


def _other(value: Any) -> Any:
    if isinstance(value, python.datetime):
        return _date_time(value)
    if isinstance(value, python.date):
        return Date((value - _EPOCH).days)
    if isinstance(value, python.time):
        offset = value.utcoffset()
        clock = _clock(value)
        return LocalTime(clock) if offset is None else Time(clock, round(offset.total_seconds()))
    if isinstance(value, python.timedelta):
        return of_clock(0, value.days, value.seconds * 10**9 + value.microseconds * 1000)
    if isinstance(value, Decimal | bytes | bytearray):
        return _finite(float(value)) if isinstance(value, Decimal) else bytes(value)
    if isinstance(value, UUID):
        return str(value)
    raise ValueProblem(
        f"Unsupported type {type(value).__name__}.",
        hint="Use None, bool, int, float, str, list, dict, dates and times, or values of kgmem.query.values.",
    )


def _clock(value: python.datetime | python.time) -> int:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 10**9 + value.microsecond * 1000


def _date_time(value: python.datetime) -> LocalDateTime | DateTime:
    days, clock = (value.date() - _EPOCH).days, _clock(value) % DAY
    offset = value.utcoffset()
    if offset is None:
        return LocalDateTime(days, clock)
    zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None
    return zoned(days, clock, round(offset.total_seconds()), zone)


def found_in(rows: Iterable[Iterable[Any]]) -> RowNodes:
    """Return the keys of the nodes, and the element ids of the ends of relationships that are not among them."""
    nodes: dict[str, str] = {}
    ends: dict[str, None] = {}
    for row in rows:
        for value in _elements(row):
            if isinstance(value, Node):
                key = value.properties.get("key")
                # What has no key is known by its id, as everywhere in kgmem.
                nodes[value.element_id] = key if isinstance(key, str) and key else f"_{value.id}"
            else:
                ends.update({str(value.start): None, str(value.end): None})
    return RowNodes(list(dict.fromkeys(nodes.values())), [end for end in ends if end not in nodes])


def _elements(value: Any) -> Iterator[Node | Relationship]:
    if isinstance(value, Node | Relationship):
        yield value
    elif isinstance(value, Path):
        yield from value.nodes
        yield from value.relationships
    elif isinstance(value, dict):
        for each in value.values():
            yield from _elements(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _elements(each)
