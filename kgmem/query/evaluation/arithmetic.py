"""Sums, products and the like, of numbers of 64 bits, strings, lists, and temporal values."""

import math
from typing import Any

from kgmem.query.errors import ARITHMETIC, TYPE, ValueProblem, shown
from kgmem.query.values import Duration
from kgmem.query.values.durations import added, exact, scaled
from kgmem.query.values.instants import INSTANTS
from kgmem.query.values.points import Point
from kgmem.query.values.temporal_arithmetic import shifted
from kgmem.query.values.text import text_of

_LEAST, _MOST = -(2**63), 2**63 - 1
LONGEST_TEXT = 50_000_000  # Characters, and items of a list: what a few additions cannot be made to exceed.
LONGEST_LIST = 10_000_000
_NUMBERS = (int, float)


def whole(number: int) -> int:
    """Return an integer, or raise ValueProblem where it has more than 64 bits."""
    if _LEAST <= number <= _MOST:
        return number
    raise ValueProblem(
        "Integer overflow: the result does not fit into 64 bits.",
        type=ARITHMETIC,
        detail="NumberOutOfRange",
        hint="Use floating-point numbers: toFloat(x).",
    )


def add(left: Any, right: Any) -> Any:
    """Return left + right."""
    a, b = type(left), type(right)
    if a is int and b is int:
        return whole(left + right)
    if a in _NUMBERS and b in _NUMBERS:
        return left + right
    if left is None or right is None:
        return None
    if a is list or b is list:
        return joined(left if a is list else [left], right if b is list else [right])
    if a is str or b is str:
        return _concatenated(left, right)
    return _add_durations(left, right)


def _add_durations(left: Any, right: Any) -> Any:
    if type(left) is Duration and type(right) is Duration:
        return added(left, right)
    instant, duration = (right, left) if type(left) is Duration else (left, right)
    if type(duration) is Duration and type(instant) in INSTANTS:
        return shifted(instant, duration)
    raise _unfit("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """Return left - right."""
    a, b = type(left), type(right)
    if a is int and b is int:
        return whole(left - right)
    if a in _NUMBERS and b in _NUMBERS:
        return left - right
    if left is None or right is None:
        return None
    if b is Duration and a is Duration:
        return added(left, right, -1)
    if b is Duration and a in INSTANTS:
        return shifted(left, right, -1)
    raise _unfit("-", left, right)


def multiply(left: Any, right: Any) -> Any:
    """Return left * right."""
    a, b = type(left), type(right)
    if a is int and b is int:
        return whole(left * right)
    if a in _NUMBERS and b in _NUMBERS:
        return left * right
    if left is None or right is None:
        return None
    if a is Duration and b in _NUMBERS:
        return scaled(left, exact(right))
    if b is Duration and a in _NUMBERS:
        return scaled(right, exact(left))
    raise _unfit("*", left, right)


def divide(left: Any, right: Any) -> Any:
    """Return left / right: of integers towards zero."""
    a, b = type(left), type(right)
    if a is int and b is int:
        if right == 0:
            raise _by_zero()
        found = abs(left) // abs(right)
        return whole(found if (left < 0) == (right < 0) else -found)
    if a in _NUMBERS and b in _NUMBERS:
        return _float_quotient(float(left), float(right))
    if left is None or right is None:
        return None
    if a is Duration and b in _NUMBERS:
        by = exact(right)
        if not by:
            raise _by_zero()
        return scaled(left, 1 / by)
    raise _unfit("/", left, right)


def remainder(left: Any, right: Any) -> Any:
    """Return left % right, with the sign of the left one."""
    a, b = type(left), type(right)
    if a is int and b is int:
        if right == 0:
            raise _by_zero()
        found = abs(left) % abs(right)
        return found if left >= 0 else -found
    if a in _NUMBERS and b in _NUMBERS:
        if right == 0 or math.isinf(left):
            return math.nan
        return math.fmod(left, right)
    if left is None or right is None:
        return None
    raise _unfit("%", left, right)


def power(left: Any, right: Any) -> float | None:
    """Return left ^ right, which is a floating-point number always."""
    if left is None or right is None:
        return None
    if type(left) not in _NUMBERS or type(right) not in _NUMBERS:
        raise _unfit("^", left, right)
    base, exponent = float(left), float(right)
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        # Zero to a negative power, or the root of a negative number.
        return math.inf if base == 0 else math.nan


def concatenate(left: Any, right: Any) -> Any:
    """Return left || right, of two strings or two lists."""
    if left is None or right is None:
        return None
    if type(left) is str and type(right) is str:
        return _limited(left + right)
    if type(left) is list and type(right) is list:
        return joined(left, right)
    raise _unfit("||", left, right)


def negated(value: Any) -> Any:
    """Return -value."""
    if value is None:
        return None
    if type(value) is int:
        return whole(-value)
    if type(value) is float:
        return -value
    if type(value) is Duration:
        return scaled(value, exact(-1))
    raise ValueProblem(f"Cannot apply - to {shown(value)}.", type=TYPE, detail="InvalidArgumentType")


def same(value: Any) -> Any:
    """Return +value."""
    if value is None or type(value) in {int, float, Duration}:
        return value
    raise ValueProblem(f"Cannot apply + to {shown(value)}.", type=TYPE, detail="InvalidArgumentType")


def joined(left: list[Any], right: list[Any]) -> list[Any]:
    """Return two lists as one. Raises ValueProblem where it is too long."""
    if len(left) + len(right) > LONGEST_LIST:
        raise ValueProblem(f"A list cannot have more than {LONGEST_LIST:,} items.", detail="TooManyItems")
    return left + right


def _concatenated(left: Any, right: Any) -> str:
    texts = text_of(left), text_of(right)
    if texts[0] is None or texts[1] is None or isinstance(left, Point) or isinstance(right, Point):
        raise _unfit("+", left, right)
    return _limited(texts[0] + texts[1])


def _limited(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueProblem(f"A string cannot have more than {LONGEST_TEXT:,} characters.", detail="StringTooLong")
    return text


def _float_quotient(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.inf if math.copysign(1, left) == math.copysign(1, right) else -math.inf


def _by_zero() -> ValueProblem:
    return ValueProblem("Division by zero.", type=ARITHMETIC, detail="DivisionByZero")


def _unfit(operator: str, left: Any, right: Any) -> ValueProblem:
    problem = f"Cannot apply {operator} to {shown(left)} and {shown(right)}."
    return ValueProblem(problem, type=TYPE, detail="InvalidArgumentType")
