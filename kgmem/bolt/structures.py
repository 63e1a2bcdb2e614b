"""Cypher values as Bolt structures, and back; the form depends on the version of the protocol."""

import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from kgmem.bolt.handshake import Version
from kgmem.bolt.packstream import BadPackStream, Packer, Structure
from kgmem.query.errors import ValueProblem
from kgmem.query.values.durations import Duration
from kgmem.query.values.elements import Node, Path, Relationship, small_id
from kgmem.query.values.instants import (
    DAY,
    SECOND,
    Date,
    DateTime,
    LocalDateTime,
    LocalTime,
    Time,
    at_instant,
    zoned,
)
from kgmem.query.values.points import Point, point_of

_DAY = DAY // SECOND  # In seconds.
_ZONES = 18 * 3600  # Offsets lie within this many seconds.
_DAYS = 365_242_500_000  # Of about a thousand million years.

ElementId = Callable[[int], str]


def packer(version: Version, element_id: ElementId, *, utc: bool) -> Packer:
    """Return the packer of a connection.

    `element_id` returns the element id of a node by its id; `utc`: times with zones are sent as UTC seconds.
    """
    forms: dict[type, Callable[[Any], Any]] = {
        Node: _node if version.major > 4 else _node4,
        Relationship: partial(_relationship, element_id) if version.major > 4 else _relationship4,
        Path: partial(_path, version.major > 4),
        Date: lambda value: Structure(0x44, (value.days,)),
        LocalTime: lambda value: Structure(0x74, (value.nanoseconds,)),
        Time: lambda value: Structure(0x54, (value.nanoseconds, value.offset)),
        LocalDateTime: lambda value: Structure(0x64, _clock(value.days, value.nanoseconds)),
        DateTime: _datetime if utc else _datetime4,
        Duration: lambda value: Structure(0x45, (value.months, value.days, value.seconds, value.nanoseconds)),
        Point: _point,
        Vector: _vector if version.major >= 6 else lambda value: value.numbers.tolist(),
    }
    return Packer(forms, uuids=version >= Version(6, 1))


@dataclass(frozen=True, slots=True)
class Vector:
    """An embedding of numbers of one type: d and f (8 and 4 bytes), b, h, i and q (integers of 1, 2, 4, 8 bytes)."""

    numbers: "array[Any]"


_VECTORS = {0xC8: "b", 0xC9: "h", 0xCA: "i", 0xCB: "q", 0xC6: "f", 0xC1: "d"}
_MARKERS = {code: bytes((marker,)) for marker, code in _VECTORS.items()}


def _node(node: Node) -> Structure:
    return Structure(0x4E, (small_id(node.id), node.labels, node.properties, node.element_id))


def _node4(node: Node) -> Structure:
    return Structure(0x4E, (small_id(node.id), node.labels, node.properties))


def _relationship(element_id: ElementId, value: Relationship) -> Structure:
    ends = (element_id(value.start), element_id(value.end))
    return Structure(
        0x52,
        (
            small_id(value.id),
            small_id(value.start),
            small_id(value.end),
            value.type,
            value.properties,
            value.element_id,
            *ends,
        ),
    )


def _relationship4(value: Relationship) -> Structure:
    return Structure(
        0x52, (small_id(value.id), small_id(value.start), small_id(value.end), value.type, value.properties)
    )


def _path(named: bool, path: Path) -> Structure:
    """Return distinct nodes and relationships, and the order in which the path visits them."""
    nodes = {node.id: node for node in path.nodes}
    met = {relationship.id: relationship for relationship in path.relationships}
    place = {id_: at for at, id_ in enumerate(nodes)}
    number = {id_: at for at, id_ in enumerate(met, start=1)}
    steps: list[int] = []
    for before, relationship, node in zip(path.nodes, path.relationships, path.nodes[1:], strict=False):
        along = relationship.start == before.id and relationship.end == node.id
        steps += (number[relationship.id] if along else -number[relationship.id], place[node.id])
    unbound = [
        Structure(0x72, (small_id(each.id), each.type, each.properties, *([each.element_id] if named else ())))
        for each in met.values()
    ]
    return Structure(0x50, (list(nodes.values()), unbound, steps))


def _clock(days: int, nanoseconds: int) -> tuple[int, int]:
    seconds, rest = divmod(nanoseconds, SECOND)
    return days * _DAY + seconds, rest


def _datetime(value: DateTime) -> Structure:
    zone: int | str = value.offset if value.zone is None else value.zone
    return Structure(0x49 if value.zone is None else 0x69, (value.seconds, value.nanoseconds % SECOND, zone))


def _datetime4(value: DateTime) -> Structure:
    """Return the form of Bolt 4, with the seconds of local time."""
    zone: int | str = value.offset if value.zone is None else value.zone
    return Structure(0x46 if value.zone is None else 0x66, (*_clock(value.days, value.nanoseconds), zone))


def _point(value: Point) -> Structure:
    return Structure(0x58 if value.z is None else 0x59, (value.srid, *map(float, value.coordinates)))


def _vector(value: Vector) -> Structure:
    numbers = _turned(array(value.numbers.typecode, value.numbers))
    return Structure(0x56, (_MARKERS[numbers.typecode], numbers.tobytes()))


def hydrate(tag: int, fields: list[Any]) -> Any:
    """Return the value of a structure that a client sent. Raises BadPackStream for an unsupported one."""
    reading = _READ.get((tag, len(fields)))
    if reading is None:
        raise BadPackStream(
            f"A structure of tag 0x{tag:02X} and {len(fields)} fields cannot be a parameter.",
            hint="Send plain values, times, durations, points and vectors; of a node, send its element id.",
        )
    kinds, make = reading
    for field, kind in zip(fields, kinds, strict=True):
        if type(field) is not kind:
            raise BadPackStream(f"A structure of tag 0x{tag:02X} has a field of type {type(field).__name__}.")
    try:
        return make(*fields)
    except (ValueProblem, ValueError, OverflowError) as error:
        raise BadPackStream(f"A structure of tag 0x{tag:02X} is invalid: {error}.") from error


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError(f"{number} is not within {least} and {most}")
    return number


def _date(days: int) -> Date:
    return Date(_within(days, -_DAYS, _DAYS))


def _local_time(nanoseconds: int) -> LocalTime:
    return LocalTime(_within(nanoseconds, 0, DAY - 1))


def _time(nanoseconds: int, offset: int) -> Time:
    return Time(_within(nanoseconds, 0, DAY - 1), _within(offset, -_ZONES, _ZONES))


def _shown(seconds: int, nanoseconds: int) -> tuple[int, int]:
    days, rest = divmod(seconds, _DAY)
    return _within(days, -_DAYS, _DAYS), rest * SECOND + _within(nanoseconds, 0, SECOND - 1)


def _local_datetime(seconds: int, nanoseconds: int) -> LocalDateTime:
    return LocalDateTime(*_shown(seconds, nanoseconds))


def _at_offset(seconds: int, nanoseconds: int, offset: int) -> DateTime:
    _shown(seconds, nanoseconds)
    return at_instant(seconds * SECOND + nanoseconds, _within(offset, -_ZONES, _ZONES), None)


def _in_zone(seconds: int, nanoseconds: int, zone: str) -> DateTime:
    _shown(seconds, nanoseconds)
    return at_instant(seconds * SECOND + nanoseconds, None, zone)


def _clock_at_offset(seconds: int, nanoseconds: int, offset: int) -> DateTime:
    return zoned(*_shown(seconds, nanoseconds), _within(offset, -_ZONES, _ZONES), None)


def _clock_in_zone(seconds: int, nanoseconds: int, zone: str) -> DateTime:
    return zoned(*_shown(seconds, nanoseconds), None, zone)


def _duration(months: int, days: int, seconds: int, nanoseconds: int) -> Duration:
    more, rest = divmod(nanoseconds, SECOND)
    return Duration(months, days, seconds + more, rest)


def _flat(srid: int, x: float, y: float) -> Point:
    return point_of(srid, (x, y))


def _deep(srid: int, x: float, y: float, z: float) -> Point:
    return point_of(srid, (x, y, z))


def _numbers(marker: bytes, data: bytes) -> list[Any]:
    code = _VECTORS.get(marker[0] if len(marker) == 1 else 0)
    if code is None:
        raise ValueError("its type is not known")
    numbers = array(code)
    numbers.frombytes(data)
    return _turned(numbers).tolist()


def _turned(numbers: "array[Any]") -> "array[Any]":
    """Swap bytes between this machine's order and big-endian, if they differ."""
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


_READ: dict[tuple[int, int], tuple[tuple[type, ...], Callable[..., Any]]] = {
    (0x44, 1): ((int,), _date),
    (0x74, 1): ((int,), _local_time),
    (0x54, 2): ((int, int), _time),
    (0x64, 2): ((int, int), _local_datetime),
    (0x49, 3): ((int, int, int), _at_offset),
    (0x69, 3): ((int, int, str), _in_zone),
    (0x46, 3): ((int, int, int), _clock_at_offset),
    (0x66, 3): ((int, int, str), _clock_in_zone),
    (0x45, 4): ((int,) * 4, _duration),
    (0x58, 3): ((int, float, float), _flat),
    (0x59, 4): ((int, float, float, float), _deep),
    (0x56, 2): ((bytes, bytes), _numbers),
}
