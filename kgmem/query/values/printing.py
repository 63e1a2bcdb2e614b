"""Values as text: toString, and how a value is written in Cypher."""

import math
import re
from decimal import Decimal
from typing import Any

from kgmem.query.values.durations import Duration
from kgmem.query.values.elements import Node, Path, Relationship
from kgmem.query.values.instants import INSTANTS
from kgmem.query.values.points import Point

_PLAIN_NAME = re.compile(r"[^\W\d]\w*")
_TEXTS = (str, int, *INSTANTS, Duration, Point)


def text_of(value: Any) -> str | None:
    """Return what toString makes of a value; None of what has no text (lists, maps, nodes, ...)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return written_float(value)
    return str(value) if isinstance(value, _TEXTS) else None


def written_float(value: float) -> str:
    """Return a float as Java writes it, and so every Cypher: 1.0, 1.5E10, NaN, Infinity."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    power = len(digits) - 1 + int(exponent)
    rest = "".join(map(str, digits[1:])).rstrip("0") or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{power}"


def written(value: Any) -> str:
    """Return a value as Cypher writes it: 'a', [1, 2], {a: 1}, (:Person {name: 'Ada'})."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return _map(value)
    if isinstance(value, Node | Relationship | Path):
        return _element(value)
    return text_of(value) or repr(value)


def _element(value: Node | Relationship | Path) -> str:
    if isinstance(value, Path):
        return _path(value)
    if isinstance(value, Node):
        labels = "".join(f":{_name(label)}" for label in value.labels)
        return f"({' '.join(part for part in (labels, _properties(value)) if part)})"
    return f"[{' '.join(part for part in (f':{_name(value.type)}', _properties(value)) if part)}]"


def _quoted(text: str) -> str:
    for letter, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(letter, escape)
    return f"'{text}'"


def _name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else f"`{name.replace('`', '``')}`"


def _map(entries: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{_name(name)}: {written(each)}" for name, each in entries.items()) + "}"


def _properties(element: Node | Relationship) -> str:
    return _map(dict(element.properties)) if element.properties else ""


def _path(path: Path) -> str:
    text = written(path.nodes[0])
    for before, relationship, node in zip(path.nodes, path.relationships, path.nodes[1:], strict=False):
        onwards = relationship.start == before.id
        text += f"{'-' if onwards else '<-'}{written(relationship)}{'->' if onwards else '-'}{written(node)}"
    return text
