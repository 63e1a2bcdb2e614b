"""Property values as the texts of typed columns, which GraphML calls keys and GEXF attributes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.json_values import read_json

NAMESPACE: Final = "urn:kgmem:graph"
# On a column: its values are JSON texts, or it only tells other tools what kgmem reads elsewhere.
AS_JSON, ROLE = "kgmem:value", "kgmem:role"
LIST: Final = "list "  # Before the type of a list's items.
_INTEGER = re.compile(r"[+-]?\d{1,20}")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_INTEGERS = frozenset({"int", "integer", "long", "short", "byte", "biginteger"})
_FLOATS = frozenset({"float", "double", "bigdecimal"})
_INFINITIES = frozenset({"inf", "infinity"})
_LEAST, _MOST = -(2**63), 2**63 - 1


def type_of(value: Any) -> str:
    """The type of the column that holds a value: boolean, long, double, string, a list of one of them, or json."""
    scalar = _SCALARS.get(type(value))
    if scalar is not None or not isinstance(value, list | tuple) or not value:
        return scalar or "json"
    items = {_SCALARS.get(type(item), "json") for item in value}
    return LIST + items.pop() if len(items) == 1 and "json" not in items else "json"


def text_of(value: Any, type_: str) -> str:
    """Return a value as the text of a column of its type."""
    if type_ == "string":
        return str(value)
    if type_ == "boolean":
        return "true" if value else "false"
    if type_ in {"long", "double"}:
        return repr(value)
    return orjson.dumps(value).decode()


def value_of(text: str, type_: str, name: str) -> Any:
    """Return the value that a text of a column of this type says; None for none (empty, NaN). Raises InvalidInput.

    Types are those of GraphML and GEXF; one that is neither's is read as a text. Infinities stay texts.
    """
    if type_ in _INTEGERS:
        return _number(text.strip(), type_, name, _INTEGER, int)
    if type_ in _FLOATS:
        return _number(text.strip(), type_, name, _FLOAT, float)
    if type_ in {"boolean", "bool"}:
        bare = text.strip().lower()
        if bare not in _BOOLEANS and bare:
            raise _wrong(text, type_, name)
        return _BOOLEANS.get(bare)
    return text


def json_of(text: str, name: str) -> Any:
    """Return the value of a column of JSON texts. Raises InvalidInput."""
    try:
        return read_json(text.encode())
    except InvalidInput as error:
        raise InvalidInput(f"{name} is {text[:80]!r} and not JSON: {error.message}", hint="Give JSON.") from error


@dataclass(slots=True)
class Columns:
    """The columns of a file that is being written: one for each name and type that a node or an edge has."""

    ids: dict[tuple[str, str, str], str] = field(default_factory=dict)  # Of whom, name, type.

    def of(self, owner: str, properties: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return the id of each property's column with its text."""
        cells = []
        for name, value in properties.items():
            type_ = type_of(value)
            id_ = self.ids.setdefault((owner, name, type_), f"d{len(self.ids)}")
            cells.append((id_, text_of(value, type_)))
        return cells


def _number(text: str, type_: str, name: str, pattern: re.Pattern[str], read: Callable[[str], Any]) -> Any:
    if not pattern.fullmatch(text):
        bare = text.lower().lstrip("+-")
        if bare in {"", "nan"}:
            return None
        if bare in _INFINITIES:
            return text
        raise _wrong(text, type_, name)
    value = read(text)
    if isinstance(value, int) and not _LEAST <= value <= _MOST:
        raise InvalidInput(f"{name} is {text}, which does not fit into 64 bits.", hint="Give it as text.")
    return value if abs(value) != float("inf") else text


def _wrong(text: str, type_: str, name: str) -> InvalidInput:
    return InvalidInput(f"{name} is {text[:80]!r} and not of type {type_}.", hint="Correct it, or declare a string.")


_SCALARS: Mapping[type, str] = {bool: "boolean", int: "long", float: "double", str: "string"}


# Lists as GEXF 1.3 writes them, [a, 'b c'], which JSON is too, and as 1.2 did, a|b.

_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,]*))\s*(?:,|$)""")
_TYPES = frozenset({"string", "integer", "int", "long", "float", "double", "boolean", "short", "byte", "char"})


def item_type(type_: str) -> str | None:
    """Return the type of a list's items by that of the list (liststring); None for what is no list."""
    item = type_.removeprefix("list")
    return item if item != type_ and item in _TYPES else None


def list_of(text: str, item: str, title: str) -> list[Any] | None:
    """Return the values of a list; None for an empty text. Raises InvalidInput."""
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
