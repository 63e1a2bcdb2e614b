"""SQL files: named statements, and the one place where names enter them as identifiers."""

import re
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_PLACE = re.compile(r"\{(\w+)\}")


def quote(name: str) -> str:
    """Give a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@cache
def load(file: str) -> dict[str, str]:
    """Give the statements of kgmem/storage/postgres/sql/<file>.sql by name (each follows a `-- name:` line)."""
    text = (files("kgmem.storage.postgres") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = _HEADER.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@cache
def statement(file: str, name: str, **names: str) -> str:
    """Give one statement with its {places} filled by the given names, quoted as identifiers."""
    return _PLACE.sub(lambda found: quote(names[found[1]]) if found[1] in names else found[0], load(file)[name])
