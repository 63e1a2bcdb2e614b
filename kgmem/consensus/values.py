"""Claimed values as they are compared: read by the rule of their predicate, the same or so far apart."""

import html
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kgmem.consensus.written_values import UNITS, iso_date, number_key, uninverted, written_key
from kgmem.domain.claims.consensus import ClaimedValue, ValueKind, ValueRule
from kgmem.domain.errors import InvalidInput
from kgmem.domain.space.geometry import haversine_km
from kgmem.domain.space.place import parse_place
from kgmem.domain.time.interval import DAY, parse_time

# Names of people as catalogues write them: lists taken apart, names brought to surname and first initial.

_ROLES = re.compile(
    r"\([^)]*\)|\[[^\]]*\]|\b(?:edt|eds?|editors?|authors?|et al|phd|dr|prof|jr|sr|ii|iii|by|with|foreword|afterword|"
    r"contributors?|joint|introduction|illustrators?|not available)\b\.?",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+&\s+|\s+and\s+|[/|]", re.IGNORECASE)
# "Murray, AndrewWeafer, Vincent": a list whose separators were lost.
_GLUED = re.compile(r"(?<=[a-z.])(?=[A-Z][a-z]+(?:-[A-Z][a-z]+)?,)")
_WORD = re.compile(r"[a-z'\-]+")


def plain(text: str) -> str:
    """Return a text without accents and HTML's ways of writing them."""
    parts = unicodedata.normalize("NFKD", html.unescape(text))
    return "".join(char for char in parts if not unicodedata.combining(char))


def people(text: str) -> dict[str, str]:
    """Return the people of a list, by "surname initial", or "surname" where that is all that is said, as written out.

    Reads "Last, First; Last, First", "First Last, First Last" and the like; notes such as "(editor)" are omitted.
    """
    cleaned = re.sub(r"\d", "", _ROLES.sub(" ", plain(text)))
    cleaned = _GLUED.sub(";", _AND.sub(";", cleaned))
    found: dict[str, str] = {}
    for part in cleaned.split(";"):
        for last, rest in _of_part(part):
            if key := _key(last, rest):
                found.setdefault(key, " ".join(f"{rest} {last}".split()))
    return found


def joined(keys: Iterable[str]) -> dict[str, str]:
    """Return which key represents each: a bare surname for the one person of that surname, where there is only one."""
    known = sorted(set(keys))
    full: dict[str, list[str]] = {}
    for key in known:
        surname, _, initial = key.partition(" ")
        if initial:
            full.setdefault(surname, []).append(key)
    return {key: full[key][0] if " " not in key and len(full.get(key, ())) == 1 else key for key in known}


def _of_part(part: str) -> list[tuple[str, str]]:
    """Return surname and given names of each person of a part; where they are not apart, all stands in the second."""
    pieces = [piece.strip(" .-") for piece in part.split(",")]
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return []
    words = [len(piece.split()) for piece in pieces]
    if len(pieces) == 2 and not (words[0] >= 2 and words[1] >= 2):
        return [(pieces[0], pieces[1])]
    if len(pieces) > 1 and len(pieces) % 2 == 0 and not all(count >= 2 for count in words):
        return list(zip(pieces[::2], pieces[1::2], strict=True))
    return [("", piece) for piece in pieces]


def _key(last: str, rest: str) -> str:
    given, family = _WORD.findall(rest.lower()), _WORD.findall(last.lower())
    if not family:
        family, given = given[-1:], given[:-1]
    if family and len(family[-1]) < 2:  # "L., Richard Carley": the initial stands where surnames do.
        family, given = given[-1:], family + given[:-1]
    surname = re.sub("[^a-z]", "", family[-1]) if family else ""
    if len(surname) < 2:
        return ""
    return f"{surname} {given[0][0]}" if given else surname


_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d,\s]*)?\.?\d+(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?$")
_SEPARATORS = re.compile(r"[;|]")
_GEOMETRY = frozenset({"coordinates", "geometries"})  # What a GeoJSON geometry has one of.
PART = "\x1f"  # Stands between the parts of a list in its key.


def read(value: Any, rule: ValueRule) -> ClaimedValue:
    """Return a value as it is compared. Raises InvalidInput for one that is not of the rule's kind."""
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
    if not rule.fold:
        return ClaimedValue(kind, str(value), value)
    key = written_key(value) if rule.kind is None and isinstance(value, str) else None
    return ClaimedValue(kind, key or folded(str(value)), value)


def folded(text: str) -> str:
    """Return a text in small letters, without accents and punctuation, its words apart by one space."""
    words = re.sub(r"[^\w]+", " ", plain(text).casefold().replace("_", " "))
    return words.strip() or text.strip()


def distance(one: ClaimedValue, other: ClaimedValue) -> float:
    """Return how far two values of a kind are apart: numbers in their unit, dates in days, places in km, else 0 to 1.

    Sets are apart by Jaccard's distance, texts by that of their words; categories are the same or not.
    """
    if one.key == other.key:
        return 0.0
    if one.number is not None and other.number is not None:
        return abs(one.number - other.number)
    if one.place is not None and other.place is not None:
        return haversine_km(one.place, other.place)
    if one.kind in {ValueKind.SET, ValueKind.TEXT}:
        mine, theirs = (set(each.parts or each.key.split()) for each in (one, other))
        return 1 - len(mine & theirs) / max(len(mine | theirs), 1)
    return 1.0


def same(one: ClaimedValue, other: ClaimedValue, rule: ValueRule) -> bool:
    """Return whether two values count as one under the rule's tolerance."""
    if one.key == other.key:
        return True
    if one.number is None and one.place is None:
        return False
    most = rule.tolerance
    if one.kind is ValueKind.NUMBER and one.number is not None and other.number is not None:
        most = max(most, rule.relative * max(abs(one.number), abs(other.number)))
    return most > 0 and distance(one, other) <= most


def merged(values: Sequence[ClaimedValue], rule: ValueRule) -> dict[str, str]:
    """Return for the key of each value of a fact which key represents it: that of a lower value within tolerance.

    The lowest of a cluster (by number, else key) stands for it, and all of a cluster are within tolerance of it.
    """
    if rule.names:
        return joined(value.key for value in values)
    inverted = _inverted(values) if rule.fold and rule.kind is None else {}
    distinct = sorted({value.key: value for value in values}.values(), key=lambda v: (v.number or 0.0, v.key))
    if rule.tolerance <= 0 and rule.relative <= 0:
        return {value.key: inverted.get(value.key, value.key) for value in distinct}
    stands: dict[str, str] = {}
    firsts: list[ClaimedValue] = []
    for value in distinct:
        near = next((first for first in firsts if same(first, value, rule)), None)
        if near is None:
            firsts.insert(0, value)
        stands[value.key] = (near or value).key
    return stands


def _inverted(values: Sequence[ClaimedValue]) -> dict[str, str]:
    """Return that "José Perez" represents "PEREZ, José" where somebody claims that too."""
    plainly = {value.key for value in values if isinstance(value.shown, str) and "," not in value.shown}
    stands = {}
    for value in values:
        turned = uninverted(value.shown) if isinstance(value.shown, str) and value.key not in plainly else None
        if turned is not None and folded(turned) in plainly:
            stands[value.key] = folded(turned)
    return stands


def _kind(value: Any, rule: ValueRule) -> ValueKind:
    if rule.names or isinstance(value, list | tuple | set | frozenset):
        return ValueKind.SET
    if isinstance(value, bool):
        return ValueKind.CATEGORY
    if isinstance(value, int | float) or (isinstance(value, Mapping) and "value" in value):
        return ValueKind.NUMBER
    is_geometry = isinstance(value, Mapping) and not _GEOMETRY.isdisjoint(value)
    return ValueKind.PLACE if is_geometry else ValueKind.CATEGORY


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
        raise InvalidInput(f"{value!r} is not a number.", hint="Give a number, with its unit if it has one.")
    base = UNITS.get(unit or "") if rule.unit is None else None
    if base is not None:
        number *= base[1]
        return ClaimedValue(ValueKind.NUMBER, f"{number_key(number)} {base[0]}", value, number=number)
    number *= _factor(unit, rule.unit)
    # What is counted in a unit of its own ("apples") is not the same as a bare number.
    apart = f" {folded(unit)}" if unit and rule.unit is None else ""
    return ClaimedValue(ValueKind.NUMBER, f"{number_key(number)}{apart}", value, number=number)


def _factor(unit: str | None, wanted: str | None) -> float:
    if unit is None or wanted is None or unit == wanted:
        return 1.0
    mine, theirs = UNITS.get(unit), UNITS.get(wanted)
    if mine is None or theirs is None or mine[0] != theirs[0]:
        raise InvalidInput(f"{unit!r} cannot be converted to {wanted!r}.", hint=f"Give the value in {wanted}.")
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
        raise InvalidInput(f"{value!r} names nothing.", hint="Give a list with at least one part.")
    return ClaimedValue(ValueKind.SET, PART.join(keys), value, parts=keys, written=tuple(written[key] for key in keys))


def _date(value: Any) -> ClaimedValue:
    span = parse_time(iso_date(str(value)) or str(value))
    start, end = span.start or 0, span.end or 0
    return ClaimedValue(ValueKind.DATE, f"{start}/{end}", value, number=(start + end) / 2 / DAY)
