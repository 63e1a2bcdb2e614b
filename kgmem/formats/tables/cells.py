"""One cell of a table as a value of a property's type, and back."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.schema.document import fits

# No leading zeros: 007 is a name. 18 digits fit into 64 bits.
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_ANY_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_ANY_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_GUESSED_BOOLEANS = frozenset({"true", "false", "True", "False", "TRUE", "FALSE"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_LIST = re.compile(r"list\[(\w+)\]")
GUESSES = ("boolean", "integer", "float")


def guess_type(cells: Iterable[str]) -> str:
    """Return the type that all cells with a value have without a loss: boolean, integer, float, or else string."""
    possible = set(GUESSES)
    seen = False
    for cell in cells:
        if cell:
            seen = True
            possible &= _possible(cell)
            if not possible:
                break
    return next((type_ for type_ in GUESSES if type_ in possible), "string") if seen else "string"


def guess_cell(cell: str, guess: str) -> Any:
    """Return the value of a cell in a column that was guessed; a cell that is otherwise stays a text."""
    return _read_scalar(cell, guess) if guess != "string" and guess in _possible(cell) else cell


def read_cell(cell: str, type_: str, name: str) -> Any:
    """Return the value of a cell that is not empty. Raises InvalidInput when it is not of the type.

    A list is a JSON list, or values between semicolons.
    """
    listed = _LIST.fullmatch(type_)
    value = _read_list(cell, listed[1]) if listed else _read_scalar(cell, type_)
    if value is None or not fits(value, type_):
        raise InvalidInput(
            f"{name} is {cell[:80]!r} and not of type {type_}.", hint=f"Give {a_value(type_)}, or nothing."
        )
    return value


def a_value(type_: str) -> str:
    """Return what a value of the type is in words: "an integer", "a list[string]", "JSON"."""
    if type_ == "any":
        return "JSON"
    return f"{'an' if type_[:1] in 'aeiou' else 'a'} {type_}"


def type_of(value: Any) -> str:
    """Return the narrowest type by which a value can be written to a cell and read from it again."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) and value else "any"


def write_cell(value: Any, type_: str) -> str:
    """Return a value as the cell that `read_cell` of the same type reads; None is an empty one."""
    if value is None:
        return ""
    if type_ == "boolean":
        return "true" if value else "false"
    if type_ == "float":
        return repr(float(value))
    if type_ == "list[string]" and value and all(_is_plain(item) for item in value):
        return ";".join(value)
    return str(value) if type_ in {"string", "integer"} else orjson.dumps(value).decode()


def _possible(cell: str) -> set[str]:
    if cell in _GUESSED_BOOLEANS:
        return {"boolean"}
    if _INTEGER.fullmatch(cell):
        return {"integer", "float"}
    # Only what comes back as the same text: 1.10 may be a version, and 3.50 a price.
    if _ANY_FLOAT.fullmatch(cell) and repr(float(cell)) == cell:
        return {"float"}
    return set()


def _read_scalar(cell: str, type_: str) -> Any:
    return _READERS.get(type_, str)(cell)


def _read_list(cell: str, type_: str) -> Any:
    if cell.lstrip().startswith("["):
        return _read_json(cell)
    return [_read_scalar(item.strip(), type_) for item in cell.split(";") if item.strip()]


def _read_json(cell: str) -> Any:
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return None


def _is_plain(item: str) -> bool:
    return bool(item) and ";" not in item and item == item.strip() and not item.startswith("[")


_READERS: Mapping[str, Callable[[str], Any]] = {
    "any": _read_json,
    "map": _read_json,
    "boolean": lambda cell: _BOOLEANS.get(cell.strip().lower()),
    "integer": lambda cell: int(cell) if _ANY_INTEGER.fullmatch(cell.strip()) else None,
    "float": lambda cell: float(cell) if _ANY_FLOAT.fullmatch(cell.strip()) else None,
    "date": str.strip,
    "datetime": str.strip,
}
