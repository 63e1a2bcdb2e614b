"""Conversions between types: toInteger, toFloat, toBoolean, toString, in all their forms."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from kgmem.query.errors import TYPE, ValueProblem, shown, wrong_type
from kgmem.query.values import Value
from kgmem.query.values.text import text_of
from kgmem.query.values.typed import type_name

_INTEGER = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,5})?[dDfF]?|[+-]?(?:Infinity|NaN)", re.ASCII)
_HEX = re.compile(r"([+-]?)0x([0-9a-fA-F]{1,16})")
_LEAST, _MOST = -(2**63), 2**63 - 1


def to_integer(value: Value) -> int | None:
    """Return a number, boolean or string as an integer; None of a string that is none."""
    if type(value) is bool:
        return int(value)
    if type(value) is int:
        return value
    if type(value) is float:
        return _cut(value)
    if type(value) is not str:
        raise _inconvertible("an integer", value)
    text = value.strip()
    if found := _HEX.fullmatch(text):
        return _kept(int(found[2], 16) * (-1 if found[1] == "-" else 1))
    if _INTEGER.fullmatch(text):
        return _kept(int(text))
    number = to_float(text)
    return None if number is None else _cut(number)


def _kept(number: int) -> int:
    if _LEAST <= number <= _MOST:
        return number
    raise ValueProblem(f"{number} does not fit into a 64-bit integer.", detail="NumberOutOfRange")


def _cut(number: float) -> int | None:
    """Return a float without its fraction; what is out of bounds becomes the nearest integer, as in Java."""
    if math.isnan(number):
        return 0
    return (
        int(max(min(number, float(_MOST)), float(_LEAST)))
        if abs(number) < 2.0**63
        else (_MOST if number > 0 else _LEAST)
    )


def to_float(value: Value) -> float | None:
    """Return a number or string as a float; None of a string that is none."""
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is not str:
        raise _inconvertible("a float", value)
    text = value.strip()
    return float(text.rstrip("dDfF") if text[-1:] in "dDfF" else text) if _FLOAT.fullmatch(text) else None


def to_boolean(value: Value) -> bool | None:
    """Return a boolean, integer or string as a boolean; None of a string that is neither true nor false."""
    if type(value) is bool:
        return value
    if type(value) is int:
        return value != 0
    if type(value) is not str:
        raise _inconvertible("a boolean", value)
    return {"true": True, "false": False}.get(value.strip().lower())


def to_string(value: Value) -> str:
    """Return the text of a value that has one."""
    text = text_of(value)
    if text is None:
        raise _inconvertible("a string", value)
    return text


def _inconvertible(what: str, value: Value) -> ValueProblem:
    return ValueProblem(f"Cannot convert {shown(value)} to {what}.", type=TYPE)


def _or_null(convert: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def converted(value: Value) -> Value:
        try:
            return convert(value)
        except ValueProblem:
            return None

    return converted


def _each(convert: Callable[[Value], Value]) -> Callable[[Value], Value]:
    lenient = _or_null(convert)

    def converted(items: Value) -> list[Value]:
        if type(items) is not list:
            raise wrong_type("a list", items)
        return [None if item is None else lenient(item) for item in items]

    return converted


def _with_variants(name: str, convert: Callable[[Any], Value]) -> dict[str, Callable[..., Value]]:
    return {name: convert, f"{name}ornull": _or_null(convert), f"{name}list": _each(convert)}


PURE: Mapping[str, Callable[..., Value]] = {
    **_with_variants("tointeger", to_integer),
    **_with_variants("tofloat", to_float),
    **_with_variants("toboolean", to_boolean),
    **_with_variants("tostring", to_string),
}
WITH_NULLS: Mapping[str, Callable[..., Value]] = {"valuetype": type_name}
