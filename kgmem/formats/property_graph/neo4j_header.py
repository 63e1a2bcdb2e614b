"""Headers by which other graph databases tell a table's nodes from its edges: neo4j-admin's, and Gremlin's (Neptune).

See Neo4j's operations manual, "neo4j-admin import, CSV header format", and Neptune's user guide, "Gremlin load data
format". A header of either kind may also be the column names of a Parquet file.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from kgmem.domain.errors import InvalidInput

Role = Literal["id", "label", "start", "end", "ignore", "property"]

_NEO4J_ROLES: Mapping[str, Role] = {
    "ID": "id",
    "LABEL": "label",
    "START_ID": "start",
    "END_ID": "end",
    "TYPE": "label",
    "IGNORE": "ignore",
}
_GREMLIN_ROLES: Mapping[str, Role] = {"~id": "id", "~label": "label", "~from": "start", "~to": "end"}
_SAME_TYPE = {
    "integer": "int",
    "bool": "boolean",
    "str": "string",
}
TYPES = (
    "int", "long", "byte", "short", "float", "double", "boolean", "char", "string", "point", "date", "localtime",
    "time", "localdatetime", "datetime", "duration",
)  # fmt: skip
# name:TYPE(space){option: value}[]; the braces may also stand last.
_COLUMN = re.compile(
    r"(?P<name>.*):(?P<type>\w+)(?:\((?P<space>[^()]*)\))?(?:\{(?P<first>[^{}]*)\})?(?P<list>\[\])?"
    r"(?:\{(?P<last>[^{}]*)\})?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column: what it is for, the property it fills (empty: none), and the type of its cells."""

    role: Role
    name: str = ""
    type: str = "string"
    listed: bool = False
    space: str = ""  # The id space that ids are unique in.
    options: Mapping[str, str] = field(default_factory=dict)  # Such as {"crs": "WGS-84"}.


@dataclass(frozen=True, slots=True)
class TableHeader:
    """What the rows of a table are, and its columns."""

    kind: Literal["entity", "relationship"]
    columns: Sequence[TableColumn]

    def place_of(self, role: Role) -> int | None:
        """Return where the column of a role stands; None when there is none."""
        return next((n for n, column in enumerate(self.columns) if column.role == role), None)


def read_table_header(cells: Sequence[str]) -> TableHeader | None:
    """Return what a header of neo4j-admin's or Gremlin's says; None for any other.

    Raises InvalidInput when it is wrong.
    """
    names = [cell.strip() for cell in cells]
    if {"~id", "~from", "~to"} & set(names):
        columns = [_gremlin_column(name, number) for number, name in enumerate(names, start=1)]
        return _checked(columns, ("~id", "~from", "~to"), gremlin=True)
    if {"ID", "START_ID", "END_ID"} & {_type_of(name) for name in names}:
        columns = [_neo4j_column(name, number) for number, name in enumerate(names, start=1)]
        return _checked(columns, (":ID", ":START_ID", ":END_ID"), gremlin=False)
    return None


def _type_of(name: str) -> str:
    found = _COLUMN.fullmatch(name)
    return found["type"].upper() if found else ""


def _neo4j_column(name: str, number: int) -> TableColumn:
    found = _COLUMN.fullmatch(name)
    role = _NEO4J_ROLES.get(found["type"].upper()) if found else None
    if not found or role is None:
        return _property(name, number)
    options = _options(found["first"] or found["last"])
    kept = found["name"] if role == "id" else ""
    return TableColumn(role, kept, _type(options.get("id-type", "string"), name), False, found["space"] or "", options)


def _gremlin_column(name: str, number: int) -> TableColumn:
    if name in _GREMLIN_ROLES:
        return TableColumn(_GREMLIN_ROLES[name])
    if name.startswith("~"):
        raise InvalidInput(
            f"Column {number}: {name!r} is none of {', '.join(_GREMLIN_ROLES)}.", hint="Correct the header.", line=1
        )
    return _property(name, number, gremlin=True)


def _property(name: str, number: int, *, gremlin: bool = False) -> TableColumn:
    if not name:
        raise InvalidInput(f"Column {number} has no name.", hint="Name it in the header, or call it :IGNORE.", line=1)
    found = _COLUMN.fullmatch(name)
    if gremlin and found and found["name"].endswith("\\"):
        found = None  # The colon is one of the name.
    if found is None:
        return TableColumn("property", _unescaped(name) if gremlin else name)
    if not found["name"]:
        raise InvalidInput(f"Column {number} ({name}) has a type and no name.", hint="Write name:type.", line=1)
    bare = _unescaped(found["name"]) if gremlin else found["name"]
    options = _options(found["first"] or found["last"])
    return TableColumn("property", bare, _type(found["type"], name), bool(found["list"]), options=options)


def _unescaped(name: str) -> str:
    return name.replace("\\:", ":")


def _type(text: str, name: str) -> str:
    small = text.lower()
    type_ = _SAME_TYPE.get(small, small)
    if type_ not in TYPES:
        near = get_close_matches(small, TYPES, n=1)
        raise InvalidInput(
            f"Column {name!r}: there is no type {text!r}.",
            hint=(f"Did you mean {near[0]}? " if near else "") + f"Types are {', '.join(TYPES)}, each also with [].",
            line=1,
        )
    return type_


def _options(text: str | None) -> dict[str, str]:
    pairs = (part.partition(":") for part in (text or "").split(",") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _checked(columns: Sequence[TableColumn], words: tuple[str, str, str], *, gremlin: bool) -> TableHeader:
    """Return the header when its columns make nodes or edges, each column but once. Raises InvalidInput."""
    roles: list[str] = [column.role for column in columns]
    for role, word in zip(("id", "start", "end", "label"), (*words, "label or type"), strict=True):
        if roles.count(role) > 1:
            raise InvalidInput(
                f"Two columns are {word}.", hint="Keep one; a mapping file makes keys of several columns.", line=1
            )
    if {"start", "end"} & set(roles):
        for role, word in zip(("start", "end"), words[1:], strict=True):
            if role not in roles:
                raise InvalidInput(f"The header has no column {word}.", hint="Edges need both ends.", line=1)
        if "id" in roles and not gremlin:
            raise InvalidInput("The header has :ID and :START_ID.", hint="A file has nodes or edges.", line=1)
    times = Counter(column.name for column in columns if column.name)
    double = next((name for name, count in times.items() if count > 1), None)
    if double is not None:
        raise InvalidInput(f"Two columns are named {double!r}.", hint="Rename one, or call it :IGNORE.", line=1)
    kind: Literal["entity", "relationship"] = "relationship" if "start" in roles else "entity"
    return TableHeader(kind, columns)
