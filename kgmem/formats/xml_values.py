"""Property values as the texts of typed columns, which GraphML calls keys and GEXF attributes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.formats.json_values import read_json

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
    """Give the type of the column that holds a value: boolean, long, double, string, a list of one of them, or json."""
    scalar = _SCALARS.get(type(value))
    if scalar is not None or not isinstance(value, list | tuple) or not value:
        return scalar or "json"
    items = {_SCALARS.get(type(item), "json") for item in value}
    return LIST + items.pop() if len(items) == 1 and "json" not in items else "json"


def text_of(value: Any, type_: str) -> str:
    """Give a value as the text of a column of its type."""
    if type_ == "string":
        return str(value)
    if type_ == "boolean":
        return "true" if value else "false"
    if type_ in {"long", "double"}:
        return repr(value)
    return orjson.dumps(value).decode()


def value_of(text: str, type_: str, name: str) -> Any:
    """Give the value that a text of a column of this type says; None for none (empty, NaN). Raises InvalidInput.

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
    """Give the value of a column of JSON texts. Raises InvalidInput."""
    try:
        return read_json(text.encode())
    except InvalidInput as error:
        raise InvalidInput(f"{name} is {text[:80]!r} and not JSON: {error.message}", mend="Give JSON.") from error


@dataclass(slots=True)
class Columns:
    """The columns of a file that is being written: one for each name and type that a node or an edge has."""

    ids: dict[tuple[str, str, str], str] = field(default_factory=dict)  # Of whom, name, type.

    def of(self, owner: str, properties: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Give the id of each property's column with its text."""
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
        raise InvalidInput(f"{name} is {text}, which does not fit into 64 bits.", mend="Give it as text.")
    return value if abs(value) != float("inf") else text


def _wrong(text: str, type_: str, name: str) -> InvalidInput:
    return InvalidInput(f"{name} is {text[:80]!r} and not of type {type_}.", mend="Correct it, or declare a string.")


_SCALARS: Mapping[type, str] = {bool: "boolean", int: "long", float: "double", str: "string"}
