"""Replies: JSON by orjson, and entity tags, which are versions in quotes."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.errors import InvalidInput

_TAG = re.compile(r'"?(\d{1,18})"?')


def reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response; dataclasses, tuples and arrays are written as they are."""
    return Response(orjson.dumps(content, default=_plain), status, headers, media_type="application/json")


def tag(version: int | None) -> dict[str, str]:
    """Return the ETag header for a version."""
    return {"ETag": f'"{version}"'} if version is not None else {}


def if_match(request: Request) -> int | None:
    """Return the version that If-Match requires, 0 (not stored yet) for If-None-Match: *; None without either.

    Raises InvalidInput for what is no version: a condition that was passed over would lose an update.
    """
    absent = request.headers.get("if-none-match")
    if absent is not None and request.method not in {"GET", "HEAD"}:
        if request.method == "PUT" and absent.strip() == "*" and "if-match" not in request.headers:
            return 0
        raise InvalidInput(
            f"If-None-Match {absent[:80]!r} is no condition of this request.",
            hint='Send If-Match with the version to replace, such as "3"; on PUT alone, If-None-Match: * for none yet.',
        )
    given = request.headers.get("if-match")
    if given is None:
        return None
    found = _TAG.fullmatch(given.strip())
    if not found:
        raise InvalidInput(f"If-Match {given[:80]!r} is no version.", hint='Send one ETag as it came, such as "3".')
    return int(found[1])


def is_current(request: Request, version: int | None) -> bool:
    """Return whether the client has this version already, by its If-None-Match."""
    held = request.headers.get("if-none-match", "")
    return version is not None and f'"{version}"' in (part.strip().removeprefix("W/") for part in held.split(","))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value)
