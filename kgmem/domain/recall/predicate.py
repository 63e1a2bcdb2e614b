"""Predicates: what a question asks of the properties of its hits.

A value asks for equality; a table asks by operators, all of which must hold: {"gte": 5, "lt": 9}. A property that an
item does not have meets nothing but {"exists": false} and null. Numbers are compared with numbers and text with text,
so that {"gt": 5} passes no text; a date is compared as the text that it is.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from kgmem.domain.errors import InvalidInput

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "contains", "starts_with"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
MOST_PREDICATES = 50
_MOST_VALUES = 1000  # Of one `in`.
_LARGEST = 2**63
_SCALARS = (str, int, float)  # A bool is an int.


@dataclass(frozen=True, slots=True)
class Predicate:
    """One condition on one property."""

    name: str
    operator: Operator
    value: Any


def predicates_of(properties: Mapping[str, Any]) -> list[Predicate]:
    """Return the predicates that a question's properties state. Raises InvalidInput that names the property."""
    found = [predicate for name, told in properties.items() for predicate in _of(name, told)]
    if len(found) > MOST_PREDICATES:
        raise InvalidInput(f"what.properties asks {len(found)} things.", hint=f"Ask {MOST_PREDICATES} at the most.")
    return found


def _of(name: str, told: Any) -> Iterator[Predicate]:
    if not name or "\0" in name:
        raise InvalidInput(f"what.properties: {name!r} is no name.", hint="Give the name of a property.")
    if told is None:
        yield Predicate(name, "exists", False)
        return
    if not isinstance(told, Mapping):
        yield Predicate(name, "eq", _plain(name, told))
        return
    if not told:
        raise _wrong(name, "asks nothing", f"Give a value, or operators: {', '.join(OPERATORS)}.")
    for operator, value in told.items():
        if operator not in OPERATORS:
            hint = f'Operators are {", ".join(OPERATORS)}; a table is compared as {{"eq": {{...}}}}.'
            raise _wrong(name, f"has no operator {operator!r}", hint)
        _check(name, operator, value)
        yield Predicate(name, operator, value)


def _check(name: str, operator: Operator, value: Any) -> None:
    """Raise InvalidInput where an operator does not go with a value."""
    where = f"{name}.{operator}"
    if operator == "exists" and not isinstance(value, bool):
        raise _wrong(where, f"is {value!r}", "Give true or false.")
    if operator == "starts_with" and not isinstance(value, str):
        raise _wrong(where, f"is {value!r}", "Give a text.")
    if operator == "contains" and not isinstance(value, _SCALARS):
        raise _wrong(where, f"is {value!r}", "Give a text that the text contains, or an element of the list.")
    if operator in {"gt", "gte", "lt", "lte"} and (isinstance(value, bool) or not isinstance(value, _SCALARS)):
        raise _wrong(where, f"is {value!r}", "Give a number or a text, such as a date.")
    if operator == "in" and not (isinstance(value, list | tuple) and 1 <= len(value) <= _MOST_VALUES):
        raise _wrong(where, f"is {value!r}"[:100], f"Give a list of 1 to {_MOST_VALUES} values.")
    if value is None:
        raise _wrong(where, "is null", 'Ask {"exists": true} or {"exists": false}.')
    _plain(where, value)


def _plain(where: str, value: Any) -> Any:
    """Return a value back that can stand in a property: JSON, with numbers that a graph holds."""
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(where, f"is {value}", "Give a number.")
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise _wrong(where, f"is {value}", "Give an integer of 64 bits.")
    if isinstance(value, str) and "\0" in value:
        raise _wrong(where, "holds a NUL", "Leave it out.")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _plain(f"{where}.{_plain(where, key)}", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            _plain(where, inner)
    elif value is not None and not isinstance(value, _SCALARS):
        raise _wrong(where, f"is {value!r}", "Give text, numbers, true, false, or lists of them.")
    return value


def _wrong(where: str, what: str, hint: str) -> InvalidInput:
    return InvalidInput(f"what.properties.{where} {what}.", hint=hint, property=where)
