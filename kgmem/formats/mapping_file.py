"""Mapping files in TOML or JSON, checked before anything is read by them."""

import tomllib
from pathlib import Path
from typing import Any

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.formats.files import open_file
from kgmem.formats.mapping import read_mapping

LONGEST_MAPPING = 4 * 1024 * 1024


def load_mapping(path: Path | str) -> dict[str, Any]:
    """Give what a mapping file says, for ImportOptions.mapping. Raises NotFound, InvalidInput."""
    with open_file(path) as opened:
        raw = opened.stream.read(LONGEST_MAPPING + 1)
    return parse_mapping(raw, opened.name)


def parse_mapping(raw: bytes, name: str) -> dict[str, Any]:
    """Give what a mapping says, in TOML or as a JSON object; `name` is for messages. Raises InvalidInput."""
    if len(raw) > LONGEST_MAPPING:
        raise InvalidInput(f"{name} is longer than {LONGEST_MAPPING} bytes.", mend="Is this a mapping file?")
    try:
        is_json = raw.lstrip().startswith(b"{")
        document: dict[str, Any] = orjson.loads(raw) if is_json else tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        what = "JSON" if raw.lstrip().startswith(b"{") else "TOML"
        raise InvalidInput(f"{name} is not {what}: {error}.", mend="Correct it there.") from error
    read_mapping(document)
    return document
