"""Parts of a schema document, each with its path for errors, and the types of properties."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import parse_time

_DATE = re.compile(r"[+-]?\d{1,6}(-\d{2}){0,2}")
_LIST = re.compile(r"list\[(\w+)\]")


def is_property_type(text: str) -> bool:
    """Return whether a text is a property type: one of PROPERTY_TYPES, or a list of one such as list[string]."""
    inner = _LIST.fullmatch(text)
    return (inner[1] if inner else text) in _CHECKS


def fits(value: Any, type_: str) -> bool:
    """Return whether a JSON value is of the type.

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


_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the document, and its path from the top."""

    path: str
    values: Mapping[str, Any]

    def under(self, key: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def wrong(self, key: str, what: str, hint: str) -> InvalidInput:
        """Return the error for a key."""
        path = self.under(key)
        return InvalidInput(f"{path}: {what}.", hint=hint, path=path)


def section(value: Any, path: str, known: Sequence[str]) -> Section:
    """Return a table. Raises InvalidInput for unknown keys."""
    part = _table(value, path)
    for key in part.values:
        if key not in known:
            raise part.wrong(key, "unknown part of a schema", f"Known here: {', '.join(known)}.")
    return part


def sections(outer: Section, key: str, known: Sequence[str], short: str = "") -> Iterator[tuple[str, Section]]:
    """Return the named tables under a key; a text instead of a table is its `short` key. Raises InvalidInput."""
    named = _table(outer.values.get(key, {}), outer.under(key))
    for name, value in named.values.items():
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise named.wrong(name[:80], "not a valid name", f"Give 1 to {_LONGEST_NAME} printable characters.")
        table = {short: value} if short and isinstance(value, str) else value
        yield name, section(table, named.under(name), known)


def _table(value: Any, path: str) -> Section:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidInput(
            f"{path or 'The schema'}: expected a table.", hint="Use a table whose keys are names.", path=path
        )
    return Section(path, value)


def read_text(part: Section, key: str) -> str:
    """Return the text under the key, or an empty one. Raises InvalidInput."""
    value = part.values.get(key, "")
    if not isinstance(value, str):
        raise part.wrong(key, f"{value!r} is not a text", "Give a text.")
    return value


def read_bool(part: Section, key: str) -> bool:
    """Return the truth value under the key, or False. Raises InvalidInput."""
    value = part.values.get(key, False)
    if not isinstance(value, bool):
        raise part.wrong(key, f"{value!r} is neither true nor false", "Give true or false.")
    return value


def read_names(part: Section, key: str) -> tuple[str, ...]:
    """Return the names under the key, sorted, each once. Raises InvalidInput."""
    value = part.values.get(key, ())
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        raise part.wrong(key, f"{value!r} is not a list of names", 'Give a list such as ["Person", "Organization"].')
    return tuple(sorted(set(value)))


def read_ordered(part: Section, key: str) -> tuple[str, ...]:
    """Return the names under the key in their order. Raises InvalidInput, also where one stands there twice."""
    if len(read_names(part, key)) != len(part.values.get(key, ())):
        raise part.wrong(key, "it contains a name twice", "List each name once.")
    return tuple(part.values.get(key, ()))


def read_type(part: Section, key: str) -> str:
    """Return the property type under the key, or any. Raises InvalidInput."""
    value = part.values.get(key, "any")
    if not isinstance(value, str) or not is_property_type(value):
        known = f"Types are {', '.join(PROPERTY_TYPES)}, and lists of them such as list[string]."
        raise part.wrong(key, f"{value!r} is not a property type", known)
    return value
