"""The checked-in OpenAPI document: `python -m kgmem_api.openapi` renews it; --check only says if it is stale."""

import sys
from pathlib import Path

import orjson

from kgmem.settings import Settings
from kgmem_api.app import create_app

FILE = Path(__file__).parents[1] / "openapi.json"
COMMAND = "python -m kgmem_api.openapi"


def written() -> bytes:
    """Give the document as it stands in api/openapi.json."""
    document = create_app(None, settings=Settings()).openapi()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS)


def main(arguments: list[str]) -> int:
    """Write the document, or check it; gives the exit code."""
    fresh = written()
    if "--check" not in arguments:
        FILE.write_bytes(fresh)
        return 0
    if FILE.exists() and FILE.read_bytes() == fresh:
        return 0
    sys.stderr.write(f"api/openapi.json is stale. Renew it: {COMMAND}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
