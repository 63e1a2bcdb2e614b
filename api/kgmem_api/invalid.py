"""What is wrong with a body, said so that it can be mended: a JSON pointer, what is amiss, the nearest known name."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from kgmem.domain.errors import InvalidInput
from kgmem_api.problems import InvalidBody, MalformedBody

SHOWN = 20


def wrong(error: ValidationError, raw: bytes, schema: Mapping[str, Any]) -> InvalidInput:
    """Give the error for a body that is not JSON, or not of the shape that the schema describes.

    Of all that is wrong the first things are listed, each with its pointer.
    """
    details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return _malformed(details[0], raw)
    data = _Lazy(raw)
    found: dict[str, dict[str, str]] = {}
    for detail in details:
        path = _path(detail, schema, data)
        pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
        told = _told(detail, path, schema)
        if pointer in found:
            # A value that may be of several types brings one error for each of them.
            found[pointer]["detail"] += " Or: " + told["detail"]
        elif len(found) == SHOWN:
            break
        else:
            found[pointer] = {"pointer": pointer, **told}
    listed = list(found.values())
    first = listed[0]
    others = (len(details) if len(listed) == SHOWN else len(listed)) - 1
    more = f" ({others} more)" if others else ""
    where = first["pointer"] or "The body"
    return InvalidBody(
        f"{where}: {first['detail']}{more}", mend=first.get("mend", "See /docs for the shape."), errors=listed
    )


class _Lazy:
    """The data of a body, parsed once and only if it is asked for: to parse a large body again takes a while."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def value(self) -> Any:
        return from_json(self._raw)


def _malformed(detail: ErrorDetails, raw: bytes) -> MalformedBody:
    if not raw.strip():
        return MalformedBody("The body is empty.", mend="Send a JSON object; /docs shows its shape.")
    return MalformedBody(
        f"The body is not JSON: {detail['ctx']['error']}.", mend="Check the body at that line and column."
    )


def _path(detail: ErrorDetails, schema: Mapping[str, Any], data: _Lazy) -> Sequence[str | int]:
    """Give the path of an error inside of the data: pydantic's own names for alternatives are not part of it."""
    loc = detail["loc"]
    known = loc[:-1] if detail["type"] in {"extra_forbidden", "missing"} else loc
    if all(isinstance(part, int) or part in _names(schema, schema, loc[:n]) for n, part in enumerate(known)):
        return loc
    path: list[str | int] = []
    value = data.value
    for part in loc:
        inside = isinstance(value, dict) and part in value
        if inside or (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            path.append(part)
            value = value[part]
    return path


def _told(detail: ErrorDetails, path: Sequence[str | int], schema: Mapping[str, Any]) -> dict[str, str]:
    if detail["type"] == "extra_forbidden":
        name = str(path[-1])
        known = sorted(_names(schema, schema, path[:-1]))
        nearest = get_close_matches(name, known, 1)
        mend = f"Did you mean {nearest[0]}?" if nearest else f"Known here: {', '.join(known)}."
        return {"detail": f"{name} is not known here.", "mend": mend}
    if detail["type"] == "missing":
        return {"detail": "It is missing.", "mend": f"Give {path[-1]}."}
    if detail["type"] == "string_pattern_mismatch":
        text = "It does not have the form that is asked for."
        return {"detail": text, "mend": "Times are ISO 8601; scopes are segments without spaces, joined by /."}
    mend = str(detail.get("ctx", {}).get("mend") or "")
    return {"detail": detail["msg"].rstrip(".") + ".", **({"mend": mend} if mend else {})}


def _names(schema: Mapping[str, Any], root: Mapping[str, Any], path: Sequence[str | int]) -> Iterator[str]:
    """Give the names that a JSON Schema knows for the object at a path."""
    if "$ref" in schema:
        yield from _names(root["$defs"][str(schema["$ref"]).rsplit("/", 1)[1]], root, path)
        return
    for alternative in schema.get("anyOf", ()):
        yield from _names(alternative, root, path)
    if not path:
        yield from schema.get("properties", {})
        return
    step, rest = path[0], path[1:]
    inner = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
    if isinstance(inner, Mapping):
        yield from _names(inner, root, rest)
