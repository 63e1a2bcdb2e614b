"""The types that a schema gives to properties, and the check of a value against one."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import parse_time

_DATE = re.compile(r"[+-]?\d{1,6}(-\d{2}){0,2}")
_LIST = re.compile(r"list\[(\w+)\]")


def is_property_type(text: str) -> bool:
    """Say whether a text names a type: one of SCALARS, map, any, or a list of one of them such as list[string]."""
    inner = _LIST.fullmatch(text)
    return (inner[1] if inner else text) in _CHECKS


def fits(value: Any, type_: str) -> bool:
    """Say whether a JSON value is of the type.

    A float may be written as an integer; true and false are no numbers; NaN and infinity are no floats. A date is an
    ISO 8601 year, month or day; a datetime is any time that `parse_time` reads, dates included.
    """
    inner = _LIST.fullmatch(type_)
    if inner:
        return isinstance(value, list | tuple) and all(_CHECKS[inner[1]](item) for item in value)
    return _CHECKS[type_](value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_float(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def _is_datetime(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse_time(value)
    except InvalidInput:
        return False
    return True


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None and _is_datetime(value)


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "boolean": lambda value: isinstance(value, bool),
    "date": _is_date,
    "datetime": _is_datetime,
    "float": _is_float,
    "integer": _is_integer,
    "map": _is_map,
    "string": lambda value: isinstance(value, str),
}
PROPERTY_TYPES = tuple(_CHECKS)
