"""kgmem's own functions of time: what was true at a time, what was known by then; and what tools expect."""

from collections.abc import Callable, Mapping

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import Interval, parse_time, valid_interval
from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.evaluation.environment import Environment
from kgmem.query.values import Date, DateTime, LocalDateTime, Node, Relationship, Value


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


PURE: Mapping[str, Callable[..., Value]] = {"apoc.any.property": _any_property, "kgmem.valid_at": _valid_at}
SETTLED: Mapping[str, Callable[[Environment], Callable[..., Value]]] = {"kgmem.known_at": _known_at}
