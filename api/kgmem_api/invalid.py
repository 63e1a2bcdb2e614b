"""What is wrong with a body, said so that it can be mended: a JSON pointer, what is amiss, the nearest known name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from kgmem.domain.errors import InvalidInput
from kgmem_api.problems import InvalidBody, MalformedBody

SHOWN = 20
LATER = "is not in this release."


def malformed(error: ValidationError, raw: bytes) -> MalformedBody | None:
    """Give the error for a body that is not JSON, with line and column; None when it is JSON."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] != "json_invalid":
        return None
    if not raw.strip():
        return MalformedBody("The body is empty.", mend="Send a JSON object; /docs shows its shape.")
    return MalformedBody(
        f"The body is not JSON: {first['ctx']['error']}.", mend="Check the body at that line and column."
    )


def invalid(error: ValidationError, raw: bytes, schema: Mapping[str, Any], later: Collection[str]) -> InvalidInput:
    """Give the error for a body of the wrong shape: all that is wrong, up to a number, each with its pointer."""
    data = from_json(raw) if raw else {}
    found: dict[str, dict[str, str]] = {}
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        path = _path(detail, data)
        pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
        told = _told(detail, path, schema, later)
        if pointer in found:
            # A value that may be of several types brings one error for each of them.
            found[pointer]["detail"] += " Or: " + told["detail"]
        else:
            found[pointer] = {"pointer": pointer, **told}
    listed = list(found.values())[:SHOWN]
    first = listed[0]
    more = f" ({len(found) - 1} more in errors)" if len(found) > 1 else ""
    where = first["pointer"] or "The body"
    return InvalidBody(
        f"{where}: {first['detail']}{more}", mend=first.get("mend", "See /docs for the shape."), errors=listed
    )


def _path(detail: ErrorDetails, data: Any) -> Sequence[str | int]:
    """Give the path of an error inside of the data: pydantic's own names for alternatives are not part of it."""
    path: list[str | int] = []
    for place, part in enumerate(detail["loc"]):
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            path.append(part)
            data = data[part]
        elif place == len(detail["loc"]) - 1 and detail["type"] == "missing":
            path.append(part)
    return path


def _told(
    detail: ErrorDetails, path: Sequence[str | int], schema: Mapping[str, Any], later: Collection[str]
) -> dict[str, str]:
    if detail["type"] == "extra_forbidden":
        name = str(path[-1])
        if "/".join(str(part) for part in path) in later:
            return {"detail": f"{name} {LATER}", "mend": f"Leave {name} out."}
        known = sorted(_names(schema, schema, list(path[:-1])))
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


def _names(schema: Mapping[str, Any], root: Mapping[str, Any], path: list[str | int]) -> Iterator[str]:
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
