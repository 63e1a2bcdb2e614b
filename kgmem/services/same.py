"""Whether a claimed value is one that the graph holds, by plain comparison."""

import re
from typing import Any

_NUMBER = re.compile(r"\s*([+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(.*)$")


def same_value(one: Any, other: Any, tolerance: tuple[float, float] = (0.0, 0.0)) -> bool:
    """Say whether two values are the same: texts without letter case and spaces, numbers within a tolerance.

    `tolerance` is absolute, and as a share of the larger. Lists are the same with the same parts in any order.
    """
    if isinstance(one, list | tuple) or isinstance(other, list | tuple):
        ones, others = (list(each) if isinstance(each, list | tuple) else [each] for each in (one, other))
        return sorted(map(_folded, ones)) == sorted(map(_folded, others))
    first, second = _number(one), _number(other)
    if first is not None and second is not None and first[1] == second[1]:
        allowed = max(tolerance[0], tolerance[1] * max(abs(first[0]), abs(second[0])))
        return abs(first[0] - second[0]) <= allowed
    return _folded(one) == _folded(other)


def _number(value: Any) -> tuple[float, str] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value), ""
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return (float(found[1].replace(",", "")), found[2].strip().casefold()) if found else None


def _folded(value: Any) -> str:
    return " ".join(re.sub(r"[^\w]+", " ", str(value).casefold()).split())
