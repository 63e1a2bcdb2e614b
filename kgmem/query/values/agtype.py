"""Properties as AGE stores them: JSON with NaN and infinities, and what JSON has not as a map with a tag.

A date is {"$type": "date", "value": "1984-10-11"}: any AGE client can read it, and n.born.value is its text. A map of a
caller's that has the key $type itself is wrapped, so that what comes back is what was stored.
"""

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from kgmem.query.errors import ValueProblem
from kgmem.query.values.durations import Duration, parse_duration
from kgmem.query.values.instants import Date, DateTime, LocalDateTime, LocalTime, Time
from kgmem.query.values.points import Point, point_of
from kgmem.query.values.text import (
    parse_date,
    parse_date_time,
    parse_local_date_time,
    parse_local_time,
    parse_time,
)

TAG = "$type"
_BYTES = "bytes"
# Stands before the name of a number that JSON has not, on its way through JSON; Postgres can store it in no text.
_MARKED = "\x00"
_ESCAPED = "\\u0000"
_NAMES = {Date: "date", LocalTime: "localtime", Time: "time", LocalDateTime: "localdatetime", DateTime: "datetime"}
_NAMES[Duration] = "duration"
_READERS: Mapping[str, Callable[[str], Any]] = {
    "date": parse_date,
    "localtime": parse_local_time,
    "time": parse_time,
    "localdatetime": parse_local_date_time,
    "datetime": parse_date_time,
    "duration": parse_duration,
    _BYTES: lambda text: base64.b64decode(text, validate=True),
}
_ANNOTATION = re.compile(r'("(?:[^"\\]|\\.)*")|::(?:vertex|edge|path|numeric)|(-?\b(?:NaN|Infinity)\b)')
_UNUSUAL = re.compile(r"::|NaN|Infinity")
_MARKED_NUMBER = re.compile(r'"\\u0000(-?(?:NaN|Infinity))"')
_TAGGED = f'"{TAG}"'
_MOST = 2**63


def to_agtype(value: Any) -> str:
    """Return a value (a property, or a map of all properties) as the text of an agtype. Raises ValueProblem."""
    plain = stored(value)
    try:
        text = orjson.dumps(plain)
    except (TypeError, ValueError) as error:
        raise ValueProblem(f"This cannot be stored: {error}.") from error
    found = text.decode()
    return _MARKED_NUMBER.sub(r"\1", found) if _ESCAPED in found else found


def from_agtype(text: str) -> Any:
    """Return the value that an agtype's text stands for."""
    if _UNUSUAL.search(text):
        text = _ANNOTATION.sub(lambda found: found[1] or (f'"{_ESCAPED}{found[2]}"' if found[2] else ""), text)
    plain = orjson.loads(text)
    return restored(plain) if _TAGGED in text or _ESCAPED in text else plain


def stored(value: Any) -> Any:
    """Return a value in the types of JSON, those that JSON has not as tagged maps."""
    kind = type(value)
    if kind is str or kind is int or kind is float:
        return _storable(value) if kind is str else _number(value)
    if kind is bool or value is None:
        return value
    if kind is list or kind is tuple:
        return [stored(each) for each in value]
    if kind is dict or isinstance(value, Mapping):
        plain = {_storable(name): stored(each) for name, each in value.items()}
        return {TAG: "map", "value": plain} if TAG in plain else plain
    if kind is Point:
        return {TAG: "point", "srid": value.srid, "value": list(value.coordinates)}
    if kind is bytes or kind in _NAMES:
        told = base64.b64encode(value).decode() if kind is bytes else str(value)
        return {TAG: _NAMES.get(kind, _BYTES), "value": told}
    raise ValueProblem(
        "Nodes, relationships and paths cannot be stored in a property.", type="TypeError", detail="InvalidPropertyType"
    )


def _number(value: Any) -> Any:
    if type(value) is int and not -_MOST <= value < _MOST:
        raise ValueProblem(f"{value} does not fit into a 64-bit integer.", detail="NumberOutOfRange")
    return _MARKED + _special(value) if type(value) is float and not math.isfinite(value) else value


def _storable(text: str) -> str:
    if _MARKED in text:
        raise ValueProblem("The character U+0000 cannot be stored.", hint="Leave it out.")
    return text


def restored(plain: Any) -> Any:
    """Return the value that JSON types stand for; a tagged map that no value of Cypher's wrote stays a map."""
    kind = type(plain)
    if kind is dict:
        if TAG in plain:
            return _of_tagged(plain)
        return {name: restored(each) for name, each in plain.items()}
    if kind is list:
        return [restored(each) for each in plain]
    if kind is str and plain[:1] == _MARKED and plain[1:] in _SPECIAL:
        return _SPECIAL[plain[1:]]
    return plain


_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _of_tagged(plain: dict[str, Any]) -> Any:
    name, value = plain[TAG], plain.get("value")
    try:
        if len(plain) == 2 and isinstance(value, str) and name in _READERS:
            return _READERS[name](value)
        if len(plain) == 3 and name == "point" and isinstance(value, list):
            return point_of(plain["srid"], tuple(map(float, value)))
    except (ValueProblem, KeyError, TypeError, ValueError):
        pass
    else:
        if len(plain) == 2 and name == "map" and isinstance(value, dict):
            return {key: restored(each) for key, each in value.items()}
    return {key: restored(each) for key, each in plain.items()}
