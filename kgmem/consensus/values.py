"""Claimed values as they are compared: read by the rule of their predicate, the same or so far apart."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.consensus.names import joined, people, plain
from kgmem.domain.consensus import ClaimedValue, ValueKind, ValueRule
from kgmem.domain.errors import InvalidInput
from kgmem.domain.geometry import haversine_km
from kgmem.domain.interval import DAY, parse_time
from kgmem.domain.place import parse_place

# Each unit as a multiple of the one that its quantity is compared in.
_UNITS: dict[str, tuple[str, float]] = {
    **{
        unit: ("m", size)
        for unit, size in {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "ft": 0.3048, "mi": 1609.344}.items()
    },
    **{unit: ("g", size) for unit, size in {"mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6, "lb": 453.59237}.items()},
    **{unit: ("s", size) for unit, size in {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}.items()},
    **{unit: ("m2", size) for unit, size in {"m2": 1.0, "ha": 1e4, "km2": 1e6}.items()},
    "%": ("1", 0.01),
}
_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d,\s]*)?\.?\d+(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?$")
_SEPARATORS = re.compile(r"[;|]")
_PART = "\x1f"


def read(value: Any, rule: ValueRule) -> ClaimedValue:
    """Give a value as it is compared. Raises InvalidInput for one that is not of the rule's kind."""
    kind = rule.kind or _kind(value, rule)
    if kind is ValueKind.NUMBER:
        return _number(value, rule)
    if kind is ValueKind.SET:
        return _set(value, rule)
    if kind is ValueKind.DATE:
        return _date(value)
    if kind is ValueKind.PLACE:
        place = parse_place(value)
        return ClaimedValue(kind, f"{place.lon:.6f},{place.lat:.6f}", value, place=(place.lon, place.lat))
    return ClaimedValue(kind, folded(str(value)) if rule.fold else str(value), value)


def folded(text: str) -> str:
    """Give a text in small letters, without accents and punctuation, its words apart by one space."""
    words = re.sub(r"[^\w]+", " ", plain(text).casefold().replace("_", " "))
    return words.strip() or text.strip()


def distance(one: ClaimedValue, other: ClaimedValue) -> float:
    """Give how far two values of a kind are apart: numbers in their unit, dates in days, places in km, else 0 to 1.

    Sets are apart by Jaccard's distance, texts by that of their words; categories are the same or not.
    """
    if one.key == other.key:
        return 0.0
    if one.number is not None and other.number is not None:
        return abs(one.number - other.number)
    if one.place is not None and other.place is not None:
        return haversine_km(one.place, other.place)
    if one.kind in {ValueKind.SET, ValueKind.TEXT}:
        mine = set(one.parts or one.key.split())
        theirs = set(other.parts or other.key.split())
        return 1 - len(mine & theirs) / max(len(mine | theirs), 1)
    return 1.0


def same(one: ClaimedValue, other: ClaimedValue, rule: ValueRule) -> bool:
    """Say whether two values count as one under the rule's tolerance."""
    if one.key == other.key:
        return True
    if one.number is None and one.place is None:
        return False
    most = rule.tolerance
    if one.kind is ValueKind.NUMBER and one.number is not None and other.number is not None:
        most = max(most, rule.relative * max(abs(one.number), abs(other.number)))
    return most > 0 and distance(one, other) <= most


def merged(values: Sequence[ClaimedValue], rule: ValueRule) -> dict[str, str]:
    """Say for the key of each value of a fact which key stands for it: values within tolerance of a lower one are it.

    The lowest of a cluster (by number, else key) stands for it, and all of a cluster are within tolerance of it.
    """
    if rule.names:
        return joined(value.key for value in values)
    distinct = sorted({value.key: value for value in values}.values(), key=lambda v: (v.number or 0.0, v.key))
    if rule.tolerance <= 0 and rule.relative <= 0:
        return {value.key: value.key for value in distinct}
    stands: dict[str, str] = {}
    firsts: list[ClaimedValue] = []
    for value in distinct:
        near = next((first for first in firsts if same(first, value, rule)), None)
        if near is None:
            firsts.insert(0, value)
        stands[value.key] = (near or value).key
    return stands


def _kind(value: Any, rule: ValueRule) -> ValueKind:
    if rule.names or isinstance(value, list | tuple | set | frozenset):
        return ValueKind.SET
    if isinstance(value, bool):
        return ValueKind.CATEGORY
    if isinstance(value, int | float) or (isinstance(value, Mapping) and "value" in value):
        return ValueKind.NUMBER
    return ValueKind.PLACE if isinstance(value, Mapping) else ValueKind.CATEGORY


def _number(value: Any, rule: ValueRule) -> ClaimedValue:
    unit = rule.unit
    amount: Any = value
    if isinstance(value, Mapping):
        amount, unit = value.get("value"), value.get("unit", rule.unit)
    elif isinstance(value, str):
        found = _NUMBER.match(value)
        amount = re.sub(r"[,\s]", "", found[1]) if found else None
        unit = (found[2] or "").strip() or rule.unit if found else None
    try:
        number = float(amount)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise InvalidInput(f"{value!r} is not a number.", mend="Give a number, with its unit if it has one.")
    number *= _factor(unit, rule.unit)
    return ClaimedValue(ValueKind.NUMBER, repr(number + 0.0), value, number=number)


def _factor(unit: str | None, wanted: str | None) -> float:
    if unit is None or wanted is None or unit == wanted:
        return 1.0
    mine, theirs = _UNITS.get(unit), _UNITS.get(wanted)
    if mine is None or theirs is None or mine[0] != theirs[0]:
        raise InvalidInput(f"{unit!r} cannot be converted to {wanted!r}.", mend=f"Give the value in {wanted}.")
    return mine[1] / theirs[1]


def _set(value: Any, rule: ValueRule) -> ClaimedValue:
    separated = _SEPARATORS.split(value) if isinstance(value, str) and not rule.names else [value]
    items = value if isinstance(value, list | tuple | set | frozenset) else separated
    written: dict[str, str] = {}
    for text in sorted(str(item) for item in items):
        found = people(text) if rule.names else {folded(text) if rule.fold else text: text.strip()}
        written |= {key: way for key, way in found.items() if key.strip() and key not in written}
    keys = tuple(sorted(written))
    if not keys:
        raise InvalidInput(f"{value!r} names nothing.", mend="Give a list with at least one part.")
    return ClaimedValue(ValueKind.SET, _PART.join(keys), value, parts=keys, written=tuple(written[key] for key in keys))


def _date(value: Any) -> ClaimedValue:
    span = parse_time(str(value))
    start, end = span.start or 0, span.end or 0
    return ClaimedValue(ValueKind.DATE, f"{start}/{end}", value, number=(start + end) / 2 / DAY)
