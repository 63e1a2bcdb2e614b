"""Mapping files in TOML, checked before anything is read by them."""

import tomllib
from pathlib import Path
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.formats.files import open_file
from kgmem.formats.mapping import read_mapping

_LONGEST = 4 * 1024 * 1024


def load_mapping(path: Path | str) -> dict[str, Any]:
    """Give what a mapping file says, for ImportOptions.mapping. Raises NotFound, InvalidInput."""
    with open_file(path) as opened:
        raw = opened.stream.read(_LONGEST + 1)
    if len(raw) > _LONGEST:
        raise InvalidInput(f"{opened.name} is longer than {_LONGEST} bytes.", mend="Is this a mapping file?")
    try:
        document = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"{opened.name} is not TOML: {error}.", mend="Correct it there.") from error
    read_mapping(document)
    return document
