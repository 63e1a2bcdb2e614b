"""Functions of numbers."""

import decimal
import math
import random
from collections.abc import Callable, Mapping

from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.evaluation.arithmetic import whole
from kgmem.query.values import Value

_MODES = {
    "UP": decimal.ROUND_UP,
    "DOWN": decimal.ROUND_DOWN,
    "CEILING": decimal.ROUND_CEILING,
    "FLOOR": decimal.ROUND_FLOOR,
    "HALF_UP": decimal.ROUND_HALF_UP,
    "HALF_DOWN": decimal.ROUND_HALF_DOWN,
    "HALF_EVEN": decimal.ROUND_HALF_EVEN,
}
_PLACES = 1100  # More digits than any float has.
_CONTEXT = decimal.Context(prec=_PLACES)


def number(value: Value) -> int | float:
    """Return a value that must be a number. Raises ValueProblem."""
    if type(value) is int or type(value) is float:
        return value
    raise wrong_type("a number", value)


def integer(value: Value) -> int:
    """Return a value that must be an integer. Raises ValueProblem."""
    if type(value) is int:
        return value
    raise wrong_type("an integer", value)


def _real(compute: Callable[[float], float]) -> Callable[[Value], Value]:
    """Return a function of real numbers that is NaN where it is not defined, and infinite where it is too large."""

    def run(value: Value) -> float:
        given = float(number(value))
        try:
            return compute(given)
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return math.nan

    return run


def _logarithm(compute: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: -math.inf if x == 0 else compute(x)


def _rounding(compute: Callable[[float], int]) -> Callable[[Value], Value]:
    def run(value: Value) -> float:
        given = float(number(value))
        return float(compute(given)) if math.isfinite(given) else given

    return run


def _abs(value: Value) -> Value:
    given = number(value)
    return whole(abs(given)) if type(given) is int else abs(given)


def _sign(value: Value) -> int:
    given = number(value)
    return (given > 0) - (given < 0)


def _round(value: Value, places: Value = 0, mode: Value = None) -> float:
    given, digits = float(number(value)), integer(places)
    if not math.isfinite(given):
        return given
    if digits < 0:
        raise ValueProblem(f"Cannot round to {digits} decimal places.", detail="NumberOutOfRange")
    if mode is None and digits == 0:
        return float(math.floor(given + 0.5)) if abs(given) < 2**52 else given
    named = _MODES.get(str(mode or "HALF_UP").upper())
    if named is None:
        raise ValueProblem(f"Unknown rounding mode {mode!r}.", hint=f"Modes are {', '.join(_MODES)}.")
    exact = decimal.Decimal(repr(given))
    rounded = exact.quantize(decimal.Decimal(1).scaleb(-min(digits, _PLACES // 3)), named, _CONTEXT)
    return float(rounded)


def _is_nan(value: Value) -> bool:
    return math.isnan(number(value))


def _atan2(y: Value, x: Value) -> float:
    return math.atan2(number(y), number(x))


PURE: Mapping[str, Callable[..., Value]] = {
    "abs": _abs,
    "acos": _real(math.acos),
    "asin": _real(math.asin),
    "atan": _real(math.atan),
    "atan2": _atan2,
    "ceil": _rounding(math.ceil),
    "ceiling": _rounding(math.ceil),
    "cos": _real(math.cos),
    "cosh": _real(math.cosh),
    "cot": _real(lambda x: math.inf if x == 0 else 1 / math.tan(x)),
    "coth": _real(lambda x: 1 / math.tanh(x)),
    "degrees": _real(math.degrees),
    "e": lambda: math.e,
    "exp": _real(math.exp),
    "floor": _rounding(math.floor),
    "haversin": _real(lambda x: (1 - math.cos(x)) / 2),
    "isnan": _is_nan,
    "ln": _real(_logarithm(math.log)),
    "log": _real(_logarithm(math.log)),
    "log10": _real(_logarithm(math.log10)),
    "pi": lambda: math.pi,
    "radians": _real(math.radians),
    "rand": random.random,
    "round": _round,
    "sign": _sign,
    "sin": _real(math.sin),
    "sinh": _real(math.sinh),
    "sqrt": _real(math.sqrt),
    "tan": _real(math.tan),
    "tanh": _real(math.tanh),
}
