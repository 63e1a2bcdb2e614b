"""Functions that make dates, times and durations; and kgmem's own: what was true or known at a time."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import Interval, parse_time, valid_interval
from kgmem.query.errors import ValueProblem, shown, wrong_type
from kgmem.query.evaluation.environment import Environment
from kgmem.query.values import (
    Date,
    DateTime,
    Duration,
    LocalDateTime,
    LocalTime,
    Node,
    Relationship,
    Time,
    Value,
    components,
    text,
)
from kgmem.query.values.calendar import parse_zone
from kgmem.query.values.durations import of_parts, parse_duration
from kgmem.query.values.instants import INSTANTS, Instant, at_instant
from kgmem.query.values.temporal_arithmetic import between, in_days, in_months, in_seconds, truncated

_Function = Callable[..., Value]
_ABSENT: Any = object()
_PARSERS: Mapping[type[Instant], Callable[[str], Instant]] = {
    Date: text.parse_date,
    LocalTime: text.parse_local_time,
    Time: text.parse_time,
    LocalDateTime: text.parse_local_date_time,
    DateTime: text.parse_date_time,
}
_BUILDERS: Mapping[type[Instant], Callable[[Mapping[str, Any]], Instant]] = {
    Date: components.build_date,
    LocalTime: components.build_local_time,
    Time: components.build_time,
    LocalDateTime: components.build_local_date_time,
    DateTime: components.build_date_time,
}
_KINDS: Mapping[str, type[Instant]] = {
    "date": Date,
    "localtime": LocalTime,
    "time": Time,
    "localdatetime": LocalDateTime,
    "datetime": DateTime,
}


def converted(kind: type[Instant], value: Value) -> Instant:
    """Return the instant of a kind that a string, a map or another instant stands for. Raises ValueProblem."""
    if type(value) is str:
        return _PARSERS[kind](value.strip())
    if type(value) is dict:
        return _BUILDERS[kind](value)
    if not isinstance(value, INSTANTS):
        raise wrong_type("a string, a map, a date or a time", value)
    if kind is Date:
        return components.build_date({"date": value})
    if kind in {LocalTime, Time}:
        return _BUILDERS[kind]({"time": value})
    return _BUILDERS[kind]({"date" if isinstance(value, Date) else "datetime": value})


def now_as(kind: type[Instant], instant: int, zone: Value) -> Instant:
    """Return what a clock in a zone (UTC where it is absent) shows at an instant, as a value of a kind."""
    if zone is not _ABSENT and type(zone) is not str:
        raise wrong_type("the name of a time zone", zone)
    found = at_instant(instant, *parse_zone("Z" if zone is _ABSENT else zone))
    return found if kind is DateTime else converted(kind, found)


def _maker(kind: type[Instant]) -> Callable[[Environment], _Function]:
    def settled(setting: Environment) -> _Function:
        def make(value: Value = _ABSENT) -> Value:
            if value is _ABSENT:
                return now_as(kind, setting.clock.statement, _ABSENT)
            if type(value) is dict and value.keys() == {"timezone"}:
                zone = value["timezone"]
                return None if zone is None else now_as(kind, setting.clock.statement, zone)
            return converted(kind, value)

        return make

    return settled


def _clock(kind: type[Instant], read: Callable[[Environment], int]) -> Callable[[Environment], _Function]:
    return lambda setting: lambda zone=_ABSENT: now_as(kind, read(setting), zone)


def _truncate(kind: type[Instant]) -> Callable[[Environment], _Function]:
    def settled(setting: Environment) -> _Function:
        def truncate(unit: Value, instant: Value = _ABSENT, parts: Value = _ABSENT) -> Value:
            if type(unit) is not str:
                raise wrong_type("the name of a unit", unit)
            if parts is not _ABSENT and type(parts) is not dict:
                raise wrong_type("a map", parts)
            value = now_as(DateTime, setting.clock.statement, _ABSENT) if instant is _ABSENT else instant
            return truncated(kind, unit, value, {} if parts is _ABSENT else parts)

        return truncate

    return settled


def _of_kind(name: str, kind: type[Instant]) -> dict[str, Callable[[Environment], _Function]]:
    return {
        name: _maker(kind),
        f"{name}.statement": _clock(kind, lambda setting: setting.clock.statement),
        f"{name}.transaction": _clock(kind, lambda setting: setting.clock.transaction),
        f"{name}.realtime": _clock(kind, lambda _setting: time.time_ns()),
        f"{name}.truncate": _truncate(kind),
    }


def _duration(value: Value) -> Duration:
    if type(value) is str:
        return parse_duration(value.strip())
    if type(value) is dict:
        return of_parts(value)
    if type(value) is Duration:
        return value
    raise wrong_type("a string, a map or a duration", value)


def _from(compute: Callable[[Instant, Instant], Duration]) -> _Function:
    def run(start: Value, end: Value) -> Duration:
        for each in (start, end):
            if not isinstance(each, INSTANTS):
                raise wrong_type("a date or time", each)
        return compute(start, end)

    return run


def _from_epoch(seconds: Value, nanoseconds: Value) -> DateTime:
    for each in (seconds, nanoseconds):
        if type(each) is not int:
            raise ValueProblem(f"Seconds and nanoseconds must be integers, got {shown(each)}.")
    return at_instant(seconds * 10**9 + nanoseconds, 0, None)


def _from_epoch_millis(milliseconds: Value) -> DateTime:
    if type(milliseconds) is not int:
        raise ValueProblem(f"Milliseconds must be an integer, got {shown(milliseconds)}.")
    return at_instant(milliseconds * 10**6, 0, None)


def _time(value: Value) -> str:
    """Return a time as kgmem reads one."""
    if type(value) is DateTime:
        return str(DateTime(value.days, value.nanoseconds, value.offset))
    if type(value) is Date or type(value) is LocalDateTime:
        return str(value)
    if type(value) is str:
        return value
    raise wrong_type("a date, a time with its date, or a string in ISO 8601", value)


def _interval(read: Callable[[], Interval]) -> Interval:
    try:
        return read()
    except ValueProblem:
        raise
    except InvalidInput as error:
        raise ValueProblem(error.message, hint=error.hint) from error


def _element(value: Value) -> Node | Relationship:
    if type(value) is Node or type(value) is Relationship:
        return value
    raise wrong_type("a node or relationship", value)


def _valid_at(element: Value, when: Value) -> bool:
    """Whether something is true at a time; what has no times is true at every one."""
    held = _element(element).properties
    start, end = held.get("valid_from"), held.get("valid_to")
    if start is None and end is None:
        return True
    asked = _interval(lambda: parse_time(_time(when)))
    ends = [None if each is None else _time(each) for each in (start, end)]
    return _interval(lambda: valid_interval(ends[0], ends[1])).overlaps(asked)


def _known_at(setting: Environment) -> Callable[..., Value]:
    def known_at(element: Value, when: Value) -> bool | None:
        asked = _interval(lambda: parse_time(_time(when)))
        since = setting.known_from(_element(element).id)
        return None if since is None or asked.end is None else since < asked.end

    return known_at


def _any_property(holder: Value, name: Value) -> Value:
    """Return a property of an element or map, as apoc.any.property does."""
    held = holder if isinstance(holder, dict) else _element(holder).properties
    return held.get(name) if isinstance(name, str) else None


PURE: Mapping[str, _Function] = {
    "duration": _duration,
    "duration.between": _from(between),
    "duration.indays": _from(in_days),
    "duration.inmonths": _from(in_months),
    "duration.inseconds": _from(in_seconds),
    "datetime.fromepoch": _from_epoch,
    "datetime.fromepochmillis": _from_epoch_millis,
    "apoc.any.property": _any_property,
    "kgmem.valid_at": _valid_at,
}
SETTLED: Mapping[str, Callable[[Environment], _Function]] = {
    **{name: each for kind_name, kind in _KINDS.items() for name, each in _of_kind(kind_name, kind).items()},
    "timestamp": lambda setting: lambda: setting.clock.statement // 1_000_000,
    "kgmem.known_at": _known_at,
}
