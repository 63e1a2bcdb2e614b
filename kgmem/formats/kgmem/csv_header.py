"""The header of a CSV file: what its rows are, and where each column goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import FieldType
from kgmem.domain.schema.document import is_property_type
from kgmem.formats import claims
from kgmem.formats.records import Kind
from kgmem.formats.wire import FIELDS, REQUIRED, TYPES

PREFIX = "properties."  # Before a property's name that is a field's name too.
COORDINATES = ("lat", "lon")
_CELLS: Final[Mapping[FieldType, str]] = {
    "texts": "list[string]",
    "vector": "any",
    "place": "any",
    "span": "any",
    "json": "any",
    "properties": "map",
    "float": "float",
    "integer": "integer",
    "boolean": "boolean",
}
# The types of the cells of fields that are no plain text.
FIELD_TYPES: Final = {name: _CELLS[type_] for name, type_ in TYPES.items() if type_ in _CELLS}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the field or property it fills, and its type; None where the cells are to tell it."""

    name: str
    type: str | None
    is_property: bool


def read_header(cells: Sequence[str], told: Kind | None) -> tuple[Kind, list[Column]]:
    """Return what the rows are (given, or seen from the columns) and the columns. Raises InvalidInput."""
    names = [cell.strip() for cell in cells]
    kind = told or _kind(names)
    missing = [name for name in REQUIRED[kind] if name not in names]
    if missing:
        raise InvalidInput(
            f"The header has no column {missing[0]!r}.", hint=f"Rows of this kind need {', '.join(REQUIRED[kind])}."
        )
    columns = [_column(name, kind, number) for number, name in enumerate(names, start=1)]
    seen: set[tuple[bool, str]] = set()
    for column in columns:
        if (column.is_property, column.name) in seen:
            raise InvalidInput(f"Two columns are named {column.name!r}.", hint="Rename one of them.")
        seen.add((column.is_property, column.name))
    return kind, columns


def _kind(names: Sequence[str]) -> Kind:
    held = frozenset(names)
    tests: tuple[tuple[Kind, bool], ...] = (
        *((kind, set(names) <= held) for kind, names in claims.REQUIRED.items() if kind != "claim"),
        ("claim", set(claims.REQUIRED["claim"]) <= held and bool({"object", "value"} & held)),
        ("relationship", {"from", "to"} <= held),
        ("source", "key" in held and bool({"trust", "note"} & held) and not {"label", "text"} & held),
        ("entity", "key" in held and bool({"label", "labels", "name", "place", "lat"} & held)),
        ("episode", "text" in held and bool({"occurred_at", "session", "speaker", "title", "mentions"} & held)),
        ("entity", "key" in held),
        ("episode", "text" in held),
    )
    for kind, holds in tests:
        if holds:
            return kind
    raise InvalidInput(
        f"The header ({', '.join(names)[:200]}) does not tell what the rows are.",
        hint="Entities need a column key, relationships from, to and kind, episodes text.",
    )


def _column(name: str, kind: Kind, number: int) -> Column:
    if not name:
        raise InvalidInput(f"Column {number} has no name.", hint="Give each column a name in the first line.")
    if name in COORDINATES and kind == "entity":
        return Column(name, "float", is_property=False)
    if name in FIELDS[kind]:
        return Column(name, FIELD_TYPES.get(name, "string"), is_property=False)
    if "properties" not in FIELDS[kind]:
        raise InvalidInput(f"A {kind} has no field {name!r}.", hint=f"It may have {', '.join(FIELDS[kind])}.")
    bare, _, type_ = name.removeprefix(PREFIX).rpartition(":")
    if bare and is_property_type(type_):
        return Column(bare, type_, is_property=True)
    return Column(name.removeprefix(PREFIX), None, is_property=True)
