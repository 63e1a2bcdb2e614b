"""Generated files, api/openapi.json and docs/fields.md: `python -m kgmem_api.openapi` writes them, --check compares."""

import sys
from pathlib import Path

import orjson

from kgmem.settings import Settings
from kgmem_api.app import create_app
from kgmem_api.field_tables import field_tables

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
