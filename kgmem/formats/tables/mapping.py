"""Mapping files: how tables of any shape become records. This is their grammar; mapped_rows.py does what they say.

[[table]]
files = "people*.csv"            # Which files; by default every file.
delimiter = ";"                  # And the other options of tables (options.py).
types = { born = "date" }        # What cells are; else the first rows tell.
[[table.entity]]                 # What a row makes; also relationship, episode, source.
key = "Person:{id}"
label = "Person"
name = "{first} {last}"
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.compression import SUFFIXES
from kgmem.formats.io.files import open_file
from kgmem.formats.records import KINDS, Kind
from kgmem.formats.tables.options import CSV_OPTIONS, check_names, table_options
from kgmem.formats.tables.templates import Template, read_template
from kgmem.formats.tables.types import check_type
from kgmem.formats.wire import FIELDS, REQUIRED, TYPES

_TABLE = ("files", "header", "columns", *CSV_OPTIONS)
_MAKING = ("types", "null", "values", "leave_out")  # Parts of a table that have a meaning where it says what rows make.
_PLACES = ({"lat", "lon"}, {"wkt"}, {"geojson"})
ALL = "*"  # Every column that nothing else uses.


@dataclass(frozen=True, slots=True)
class Making:
    """One kind of record that each row makes."""

    path: str
    kind: Kind
    fields: Mapping[str, Template | tuple[Template, ...] | float]  # place.lat and its like stand among them.
    properties: Mapping[str, Template | Any] = field(default_factory=dict)  # Anything else is a fixed value.
    named: tuple[str, ...] = ()  # Columns that are properties under their own names.
    others: bool | None = None  # Whether columns that nothing uses are properties too; None: as is usual.
    each: str | None = None  # A column with a list: one record for each item.
    optional: bool | None = None  # Whether a row without a key or an end just makes none; None: as is usual.

    @property
    def templates(self) -> Iterator[Template]:
        """All of its templates."""
        for value in (*self.fields.values(), *self.properties.values()):
            yield from (
                part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, Template)
            )


@dataclass(frozen=True, slots=True)
class Table:
    """What the mapping says of the files of one shape."""

    path: str
    files: tuple[str, ...] = ()
    header: bool = True  # Whether the first line names the columns.
    columns: tuple[str, ...] = ()  # The names of all columns, in place of the first line's.
    options: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    null: frozenset[str] = frozenset()  # Cells that hold no value.
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # Column -> cell -> what it stands for.
    leave_out: tuple[str, ...] = ()
    makes: tuple[Making, ...] = ()


def table_of(mapping: Mapping[str, Any], name: str) -> Table:
    """Return what a mapping says of a file: its first table whose patterns fit the file's name. Raises InvalidInput.

    All of the mapping is checked, so that what is wrong with it shows at the first file.
    """
    tables = read_mapping(mapping)
    path = PurePath(name)
    names = {path.name, *(path.name.removesuffix(suffix) for suffix in SUFFIXES)}
    for table in tables:
        if not table.files or any(_fits(pattern, path, names) for pattern in table.files):
            return table
    if not name and len(tables) == 1:  # A stream has no name, and there is no choice.
        return tables[0]
    patterns = ", ".join(pattern for table in tables for pattern in table.files)
    raise InvalidInput(
        f"No table of the mapping is for {name or 'a stream without a name'}.",
        hint=f"Their files are {patterns}; add one, or leave files out of one.",
    )


def read_mapping(mapping: Mapping[str, Any]) -> list[Table]:
    """Return the tables that a mapping describes. Raises InvalidInput that names the place in it."""
    check_names(mapping, ("table", "rdf"), "A mapping has no part")
    tables = mapping.get("table")
    if tables is None and "rdf" in mapping:
        return []  # The RDF formats check what is theirs.
    if not isinstance(tables, list) or not tables:
        raise InvalidInput("The mapping has no table.", hint="Begin each with a line [[table]].")
    return [_table(value, f"table {n}") for n, value in enumerate(tables, start=1)]


def _fits(pattern: str, path: PurePath, names: set[str]) -> bool:
    if "/" in pattern:
        return fnmatchcase(path.as_posix(), pattern) or fnmatchcase(path.as_posix(), f"*/{pattern}")
    return any(fnmatchcase(name, pattern) for name in names)


def _table(value: Any, path: str) -> Table:
    told = _mapping(value, path)
    makes = [
        _making(kind, part, f"{path}, {kind} {n}" if len(parts) > 1 else f"{path}, {kind}")
        for kind in KINDS
        for parts in (_tables(told.get(kind, []), f"{path}, {kind}"),)
        for n, part in enumerate(parts, start=1)
    ]
    check_names(told, (*_TABLE, *KINDS, *_MAKING), "there is no", f"{path}: ")
    if not makes:
        check_names(told, _TABLE, "without a record that rows make there is no use for", f"{path}: ")
    options = {name: told[name] for name in CSV_OPTIONS if name in told}
    table_options(options)
    header = told.get("header", True)
    if not isinstance(header, bool):
        raise InvalidInput(f"{path}: header is {header!r}.", hint="Give true or false.")
    return Table(
        path=path,
        files=_texts(told.get("files", []), f"{path}, files"),
        header=header,
        columns=_texts(told.get("columns", []), f"{path}, columns"),
        options=options,
        types=_types(told.get("types", {}), f"{path}, types"),
        null=frozenset(_texts(told.get("null", []), f"{path}, null")),
        values={
            column: _text_values(values, f"{path}, values, {column}")
            for column, values in _mapping(told.get("values", {}), f"{path}, values").items()
        },
        leave_out=_texts(told.get("leave_out", []), f"{path}, leave_out"),
        makes=tuple(makes),
    )


def _making(kind: Kind, value: Any, path: str) -> Making:
    told = _mapping(value, path)
    known = [name for name in FIELDS[kind] if name not in {"version", "extract", "embedding"}]
    check_names(told, (*known, "each", "optional"), f"{kind} has no field", f"{path}: ")
    for name in REQUIRED[kind]:
        if name not in told:
            raise InvalidInput(f"{path}: {name} is missing.", hint=f"Give {', '.join(REQUIRED[kind])}.", path=path)
    fields: dict[str, Template | tuple[Template, ...] | float] = {}
    for name in known:
        if name in told and name == "place":
            fields.update(_place(told[name], f"{path}, place"))
        elif name in told and name != "properties":
            fields[name] = _field(name, told[name], f"{path}, {name}")
    properties, named, others = _properties(told.get("properties"), f"{path}, properties")
    for name, type_ in (("each", str), ("optional", bool)):
        if name in told and not isinstance(told[name], type_):
            raise InvalidInput(
                f"{path}: {name} is {told[name]!r}.", hint="each names a column, optional is true or false.", path=path
            )
    return Making(path, kind, fields, properties, named, others, told.get("each"), told.get("optional"))


def _field(name: str, value: Any, path: str) -> Template | tuple[Template, ...] | float:
    if TYPES[name] == "texts" and isinstance(value, list):
        return tuple(read_template(text, path) for text in _texts(value, path))
    if TYPES[name] in {"float", "integer"} and isinstance(value, int | float) and not isinstance(value, bool):
        return value if TYPES[name] == "integer" else float(value)
    return read_template(_text(value, path), path)


def _place(value: Any, path: str) -> dict[str, Template]:
    """Return the templates of a place: of its degrees, or of its geometry."""
    if isinstance(value, str):
        return {"place": read_template(value, path)}
    told = _mapping(value, path)
    if set(told) not in _PLACES:
        raise InvalidInput(
            f"{path}: a place has not just {', '.join(told)}.",
            hint='Give { lat = "{...}", lon = "{...}" }, { wkt = "{...}" } or { geojson = "{...}" }.',
            path=path,
        )
    names = {"wkt": "place", "geojson": "place"}
    return {names.get(name, f"place.{name}"): read_template(_text(told[name], path), path) for name in told}


def _properties(value: Any, path: str) -> tuple[dict[str, Any], tuple[str, ...], bool | None]:
    """Return which properties have templates or fixed values, which columns are ones, and whether all others are."""
    if value is None:
        return {}, (), None
    if isinstance(value, Mapping):
        told = _mapping(value, path)
        others = told.get(ALL, False)
        if not isinstance(others, bool):
            raise InvalidInput(f'{path}: "{ALL}" is {others!r}.', hint=f'Give "{ALL}" = true or leave it out.')
        return (
            {
                name: read_template(item, f"{path}, {name}") if isinstance(item, str) else item
                for name, item in told.items()
                if name != ALL
            },
            (),
            others,
        )
    names = _texts(value, path)
    return {}, tuple(name for name in names if name != ALL), ALL in names


def _types(value: Any, path: str) -> dict[str, str]:
    types = _text_values(value, path)
    for column, type_ in types.items():
        check_type(type_, f"{path}, {column}")
    return types


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{path}: this is not a table.", hint="Give names and their values.", path=path)
    return value


def _tables(value: Any, path: str) -> Sequence[Any]:
    """Return tables, of which a single one may stand without being a list."""
    return value if isinstance(value, list) else [_mapping(value, path)]


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{path}: {value!r} is no text.", hint='Give a text such as "Person:{id}".', path=path)
    return value


def _texts(value: Any, path: str) -> tuple[str, ...]:
    """Return texts, of which a single one may stand without being a list."""
    return tuple(_text(item, path) for item in (value if isinstance(value, list) else [value]))


def _text_values(value: Any, path: str) -> dict[str, str]:
    return {name: _text(item, f"{path}, {name}") for name, item in _mapping(value, path).items()}


# Mapping files in TOML or JSON, checked before anything is read by them.

LONGEST_MAPPING = 4 * 1024 * 1024


def load_mapping(path: Path | str) -> dict[str, Any]:
    """Return what a mapping file says, for ImportOptions.mapping. Raises NotFound, InvalidInput."""
    with open_file(path) as opened:
        raw = opened.stream.read(LONGEST_MAPPING + 1)
    return parse_mapping(raw, opened.name)


def parse_mapping(raw: bytes, name: str) -> dict[str, Any]:
    """Return what a mapping says, in TOML or as a JSON object; `name` is for messages. Raises InvalidInput."""
    if len(raw) > LONGEST_MAPPING:
        raise InvalidInput(f"{name} is longer than {LONGEST_MAPPING} bytes.", hint="Is this a mapping file?")
    try:
        is_json = raw.lstrip().startswith(b"{")
        document: dict[str, Any] = orjson.loads(raw) if is_json else tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        what = "JSON" if raw.lstrip().startswith(b"{") else "TOML"
        raise InvalidInput(f"{name} is not {what}: {error}.", hint="Correct it there.") from error
    read_mapping(document)
    return document
