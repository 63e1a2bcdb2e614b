"""Lists as GEXF 1.3 writes them, [a, 'b c'], which JSON is too, and as 1.2 did, a|b."""

import re
from typing import Any

import orjson

from kgmem.formats.xml_values import value_of

_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,]*))\s*(?:,|$)""")
_TYPES = frozenset({"string", "integer", "int", "long", "float", "double", "boolean", "short", "byte", "char"})


def item_type(type_: str) -> str | None:
    """Give the type of a list's items by that of the list (liststring); None for what is no list."""
    item = type_.removeprefix("list")
    return item if item != type_ and item in _TYPES else None


def list_of(text: str, item: str, title: str) -> list[Any] | None:
    """Give the values of a list; None for an empty text. Raises InvalidInput."""
    bare = text.strip()
    if not bare:
        return None
    if not (bare.startswith("[") and bare.endswith("]")):
        parts = re.split(r"[|;,]", bare)
    elif item == "string" and bare.startswith('["'):
        return _json_list(bare)
    else:
        parts = _quoted(bare[1:-1])
    return [value for value in (value_of(part.strip(), item, title) for part in parts) if value is not None]


def _json_list(text: str) -> list[Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _quoted(text[1:-1])
    return value if isinstance(value, list) else [text]


def _quoted(text: str) -> list[Any]:
    parts: list[Any] = []
    at = 0
    while at < len(text) and not text.isspace():
        found = _QUOTED.match(text, at)
        if found is None or found.end() == at:
            parts.append(text[at:])
            break
        quoted = found[1] if found[1] is not None else found[2]
        parts.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (found[3] or "").strip())
        at = found.end()
    return parts
