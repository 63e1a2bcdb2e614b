"""Cells of tables with neo4j-admin's or Gremlin's types as values, and points as they write them."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from kgmem.domain.errors import InvalidInput

ReadCell: TypeAlias = Callable[[str], Any]  # Raises ValueError when the cell is none of its type.

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[fFdD]?", re.ASCII)
_DATE = r"[+-]?\d{1,9}(-?\d{2}(-?\d{2})?|-?W\d{2}(-?\d)?|-?Q\d(-?\d{1,2})?|-?\d{3})?"
_CLOCK = r"\d{2}(:?\d{2}(:?\d{2}([.,]\d{1,9})?)?)?"
_ZONE = r"(\s?(Z|z|[+-]\d{2}(:?\d{2}(:?\d{2})?)?))?(\[[\w/+\-]+\])?"
_TIMES = {
    "date": re.compile(rf"{_DATE}([T ]{_CLOCK}{_ZONE})?", re.ASCII),  # Neptune's dates may have a time of day.
    "localtime": re.compile(_CLOCK, re.ASCII),
    "time": re.compile(_CLOCK + _ZONE, re.ASCII),
    "localdatetime": re.compile(rf"{_DATE}([T ]{_CLOCK})?", re.ASCII),
    "datetime": re.compile(rf"{_DATE}([T ]{_CLOCK}{_ZONE})?", re.ASCII),
    "duration": re.compile(r"[+-]?P[-+\d.,:YMWDTHS]+", re.ASCII),
}
_WITHOUT_ZONE = re.compile(r"\d{4,}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?", re.ASCII)
_OFFSET = re.compile(r"Z|[+-]\d{2}:?\d{2}")
_PAIR = re.compile(r"\s*['\"]?(\w+)['\"]?\s*:\s*['\"]?([^,'\"]+?)['\"]?\s*")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_GEOGRAPHIC = {"wgs-84", "wgs-84-2d", "wgs-84-3d", "4326", "4979"}
_LONGEST_POINT = 300
_LEAST, _MOST = -(2**63), 2**63 - 1


def cell_reader(type_: str, options: Mapping[str, str], list_delimiter: str | None) -> ReadCell:
    """Return what reads a cell of a type as a JSON value; with a delimiter, a list of them. Raises InvalidInput.

    Times stay the texts that they are; a point on the earth becomes GeoJSON, another point a map of x, y, z and crs.
    """
    read = _scalar_reader(type_, options)
    if list_delimiter is None:
        return read
    return lambda cell: [read(item) for item in cell.split(list_delimiter)]


def write_point(lon: float, lat: float) -> str:
    """Return a point as a cell of type point{crs:WGS-84}."""
    return f"{{latitude: {lat!r}, longitude: {lon!r}}}"


def _scalar_reader(type_: str, options: Mapping[str, str]) -> ReadCell:
    zone = options.get("timezone")
    if type_ in {"datetime", "time"} and zone:
        return _zoned(type_, zone)
    if type_ in _TIMES:
        return lambda cell: _time(cell, type_)
    if type_ == "point":
        crs = options.get("crs", options.get("srid", "")).lower()
        return lambda cell: _point(cell, crs)
    return _READERS[type_]


def _integer(cell: str) -> int:
    text = cell.strip()
    if not _INTEGER.fullmatch(text):
        raise ValueError(cell)
    number = int(text)
    if not _LEAST <= number <= _MOST:
        raise ValueError(cell)
    return number


def _float(cell: str) -> float:
    text = cell.strip()
    if not _FLOAT.fullmatch(text):
        raise ValueError(cell)
    number = float(text.rstrip("fFdD"))
    if number in {float("inf"), float("-inf")}:
        raise ValueError(cell)
    return number


def _boolean(cell: str) -> bool:
    text = cell.strip().lower()
    if text not in {"true", "false", "1", "0"}:
        raise ValueError(cell)
    return text in {"true", "1"}


def _char(cell: str) -> str:
    if len(cell) != 1:
        raise ValueError(cell)
    return cell


def _time(cell: str, type_: str) -> str:
    text = cell.strip()
    if not _TIMES[type_].fullmatch(text):
        raise ValueError(cell)
    return text


def _zoned(type_: str, zone: str) -> ReadCell:
    """Return what reads times of the zone that the header names; one that names its own stays as it is."""
    fixed = _OFFSET.fullmatch(zone)
    try:
        region = None if fixed else ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(
            f"There is no time zone {zone!r}.", hint="Give one such as +02:00 or Europe/Oslo."
        ) from error

    def read(cell: str) -> str:
        text = _time(cell, type_)
        if type_ == "time":
            return text + zone if fixed and re.fullmatch(_CLOCK, text, re.ASCII) else text
        if not _WITHOUT_ZONE.fullmatch(text):
            return text
        return text + (zone if fixed else _offset(datetime.fromisoformat(text[:19]).replace(tzinfo=region).utcoffset()))

    return read


def _offset(offset: timedelta | None) -> str:
    minutes = round((offset or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _point(cell: str, crs: str) -> dict[str, Any]:
    text = cell.strip()
    if not (text.startswith("{") and text.endswith("}")) or len(text) > _LONGEST_POINT:
        raise ValueError(cell)
    found = [_PAIR.fullmatch(part) for part in text[1:-1].split(",")]
    pairs = {pair[1].lower(): pair[2] for pair in found if pair}
    if len(pairs) < len(found):
        raise ValueError(cell)
    crs = pairs.get("crs", pairs.get("srid", crs)).lower()
    numbers = {name: _coordinate(value) for name, value in pairs.items() if name not in {"crs", "srid"}}
    if crs in _GEOGRAPHIC:
        numbers = {{"x": "longitude", "y": "latitude", "z": "height"}.get(name, name): v for name, v in numbers.items()}
    if {"longitude", "latitude"} <= numbers.keys() <= {"longitude", "latitude", "height"}:
        return {
            "type": "Point",
            "coordinates": [numbers[n] for n in ("longitude", "latitude", "height") if n in numbers],
        }
    if {"x", "y"} <= numbers.keys() <= {"x", "y", "z"}:
        return {**numbers, "crs": crs or ("cartesian-3d" if "z" in numbers else "cartesian")}
    raise ValueError(cell)


def _coordinate(text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text) if text.lstrip("+-").isdigit() else float(text)


_READERS: Mapping[str, ReadCell] = {
    **dict.fromkeys(("int", "long", "byte", "short"), _integer),
    **dict.fromkeys(("float", "double"), _float),
    "boolean": _boolean,
    "char": _char,
    "string": str,
}
