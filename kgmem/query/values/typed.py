"""The types of values: by what name Cypher knows a value's type, and whether a value is of a type."""

from collections.abc import Callable, Iterable
from typing import Any

from kgmem.query.values.durations import Duration
from kgmem.query.values.elements import Node, Path, Relationship
from kgmem.query.values.instants import Date, DateTime, LocalDateTime, LocalTime, Time
from kgmem.query.values.points import Point

_NAMES: dict[type, str] = {
    bool: "BOOLEAN",
    int: "INTEGER",
    float: "FLOAT",
    str: "STRING",
    dict: "MAP",
    Node: "NODE",
    Relationship: "RELATIONSHIP",
    Path: "PATH",
    Date: "DATE",
    LocalTime: "LOCAL TIME",
    Time: "ZONED TIME",
    LocalDateTime: "LOCAL DATETIME",
    DateTime: "ZONED DATETIME",
    Duration: "DURATION",
    Point: "POINT",
    bytes: "BYTEARRAY",
}
_STORABLE = frozenset(_NAMES.values()) - {"MAP", "NODE", "RELATIONSHIP", "PATH"}
_SYNONYMS = {
    "BOOL": "BOOLEAN",
    "INT": "INTEGER",
    "SIGNED INTEGER": "INTEGER",
    "INT64": "INTEGER",
    "INTEGER64": "INTEGER",
    "VARCHAR": "STRING",
    "ANY MAP": "MAP",
    "ANY NODE": "NODE",
    "VERTEX": "NODE",
    "ANY VERTEX": "NODE",
    "ANY RELATIONSHIP": "RELATIONSHIP",
    "EDGE": "RELATIONSHIP",
    "ANY EDGE": "RELATIONSHIP",
    "LOCALTIME": "LOCAL TIME",
    "LOCALDATETIME": "LOCAL DATETIME",
    "TIME": "ZONED TIME",
    "DATETIME": "ZONED DATETIME",
    "TIMESTAMP": "LOCAL DATETIME",
    "ANY VALUE": "ANY",
    "ANY PROPERTY VALUE": "PROPERTY VALUE",
    "ARRAY": "LIST",
}
_OTHERS = frozenset({"ANY", "NOTHING", "NULL", "PROPERTY VALUE", "LIST", "ANY OF"})
KNOWN = frozenset(_NAMES.values()) | _OTHERS | _SYNONYMS.keys()

Test = Callable[[Any], bool]


def type_test(name: str, parts: Iterable[Test], *, not_null: bool) -> Test:
    """Return what tells whether a value is of a type; null is of every type but those that exclude it.

    `parts` are the tests of the alternatives of ANY OF, or that of the items of a LIST.
    """
    test = _plain_test(_SYNONYMS.get(name, name), tuple(parts))
    if name == "NOTHING":
        return lambda _value: False
    return lambda value: not not_null if value is None else test(value)


def _plain_test(name: str, parts: tuple[Test, ...]) -> Test:
    if name == "ANY":
        return lambda _value: True
    if name in {"NULL", "NOTHING"}:
        return lambda _value: False
    if name == "LIST":
        return lambda value: type(value) is list and all(part(item) for part in parts for item in value)
    if name == "ANY OF":
        return lambda value: any(part(value) for part in parts)
    if name == "PROPERTY VALUE":
        return _is_storable
    return lambda value: _NAMES.get(type(value)) == name


def _is_storable(value: Any) -> bool:
    if type(value) is list:
        kinds = {_NAMES.get(type(item), "") for item in value}
        return len(kinds) <= 1 and kinds <= _STORABLE
    return _NAMES.get(type(value)) in _STORABLE


def type_name(value: Any) -> str:
    """Return the name of a value's type, as valueType writes it: LIST<INTEGER | STRING NOT NULL> NOT NULL."""
    if value is None:
        return "NULL"
    if type(value) is not list:
        return f"{_NAMES.get(type(value), 'ANY')} NOT NULL"
    inner = sorted({type_name(item) for item in value if item is not None})
    if None in value:
        inner = [name.removesuffix(" NOT NULL") for name in inner] or ["NULL"]
    return f"LIST<{' | '.join(inner) or 'NOTHING'}> NOT NULL"
