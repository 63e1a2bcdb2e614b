"""Generated files, api/openapi.json and docs/fields.md: `python -m kgmem_api.openapi` writes them, --check compares."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from kgmem.domain.claims.claim import ClaimStatement, Source
from kgmem.domain.fields import LARGEST_PLACE, LARGEST_PROPERTIES, Field, fields_of
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.settings import Settings
from kgmem_api.app import create_app

# docs/fields.md: the fields of each kind of record as tables, made of the domain's own (kgmem/domain/fields.py).

_RECORDS: Final[tuple[tuple[str, type[Any]], ...]] = (
    ("Entity", Entity),
    ("Relationship", Relationship),
    ("Episode", Episode),
    ("Source", Source),
    ("Claim", ClaimStatement),
)
_HEAD: Final = """# The fields of records

What entities, relationships, episodes, sources and claims consist of: in REST, in files ([import and
export](import-export.md)) and in Python ([python.md](python.md)). In Python `from` and `to` are `start` and `end`.

"Property" is the property of the node or relationship that stores the field, as Cypher sees it. No statement has a
field that kgmem sets. A field that a statement omits keeps its stored value. `python -m kgmem_api.openapi` writes
this page.
"""
_TYPES: Final = {
    "text": "text",
    "texts": "list of texts",
    "time": "time: ISO 8601; a year or a month is an interval",
    "scope": "scope: a path such as `user/42`",
    "integer": "whole number",
    "float": "number",
    "boolean": "true or false",
    "properties": f"object of JSON values, up to {LARGEST_PROPERTIES // 1024} KiB",
    "place": f"GeoJSON geometry, or [longitude, latitude]; up to {LARGEST_PLACE // 1024} KiB",
    "vector": "numbers, or base64 of little-endian float32",
    "span": "two whole numbers, characters from 0",
    "json": "JSON value",
}


def field_tables() -> str:
    """Return docs/fields.md as it should be."""
    return _HEAD + "".join(f"\n## {name}\n\n{''.join(_rows(record))}" for name, record in _RECORDS)


def _rows(record: type[Any]) -> Iterator[str]:
    yield "| field | type and limits | property | note |\n|---|---|---|---|\n"
    for field in fields_of(record):
        stored = f"`{field.stored}`" if field.stored else ""
        yield f"| `{field.wire}` | {_TYPES[field.type]}{_limits(field)} | {stored} | {_note(field)} |\n"


def _limits(field: Field) -> str:
    if field.type == "texts" and field.item is not None:
        return f"{_most(field, 'items')}, each{_most(field.item, 'characters')[1:]}"
    if field.type == "text":
        return _most(field, "characters")
    if field.is_number and field.role != "known":
        return f" from {field.least:g}" + (f" to {field.most:g}" if field.most is not None else "")
    return ""


def _most(field: Field, what: str) -> str:
    most = int(field.most or 0)
    return f", {int(field.least)} to {most:,} {what}" if field.least else f", up to {most:,} {what}"


def _note(field: Field) -> str:
    if field.role == "known":
        return "Set by kgmem."
    return f"{'Required. ' if field.required else ''}{field.doc}".strip()


ROOT = Path(__file__).parents[2]
FILE = Path("api/openapi.json")
FIELDS = Path("docs/fields.md")
COMMAND = "python -m kgmem_api.openapi"


def written() -> dict[Path, bytes]:
    """Return the files as they should be, by their paths in the repository."""
    document = create_app(None, settings=Settings()).openapi()
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS
    return {FILE: orjson.dumps(document, option=options), FIELDS: field_tables().encode()}


def main(arguments: list[str]) -> int:
    """Write the files, or check them; returns the exit code."""
    stale = 0
    for path, fresh in written().items():
        file = ROOT / path
        if "--check" not in arguments:
            file.write_bytes(fresh)
        elif not file.exists() or file.read_bytes() != fresh:
            sys.stderr.write(f"{path} is stale. Renew it: {COMMAND}\n")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
