"""What is wrong with a body, said so that it can be fixed: a JSON pointer, what is amiss, the nearest known name."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from kgmem_api.hints import hint_of
from kgmem_api.json_structure import NotJSON
from kgmem_api.problems import InvalidBody

SHOWN = 20
_MOST_DETAILED = 5_000


class Faults:
    """What is wrong with a body: the first things are listed, each with its pointer, and the others counted."""

    def __init__(self, schema: Mapping[str, Any], items: str = "") -> None:
        """Take the schema of the body, and the name of its list where it is looked through in slices."""
        self.first = 0  # Where in that list the slice begins.
        self._schema = schema
        self._items = items
        self._listed: dict[str, dict[str, str]] = {}
        self._count = 0

    @property
    def enough(self) -> bool:
        """Whether there is no more to list."""
        return len(self._listed) >= SHOWN

    def note(self, error: ValidationError, raw: bytes) -> None:
        """Take the errors of a body, or of a slice. Raises NotJSON when it is none."""
        if error.error_count() > _MOST_DETAILED:
            # Each of them would become a mapping only to be counted.
            self._put((), {"detail": f"{error.error_count()} of its fields are not what they must be."})
            return
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            raise NotJSON(details[0]["ctx"]["error"])
        data = _Lazy(raw)
        for detail in details:
            path = _path(detail, self._schema, data)
            self._put(path, _told(detail, path, self._schema))

    def note_one(self, path: Sequence[str | int], detail: str, hint: str) -> None:
        """Take one error at a path of the body, or of a slice."""
        self._put(path, {"detail": detail, "hint": hint})

    def _put(self, path: Sequence[str | int], told: dict[str, str]) -> None:
        if path[:1] == (self._items,) and len(path) > 1 and isinstance(path[1], int):
            path = (path[0], path[1] + self.first, *path[2:])
        pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
        if pointer in self._listed:
            # A value that may be of several types brings one error for each of them.
            held = self._listed[pointer]
            held["detail"] += " Or: " + told["detail"]
            if told.get("hint", "") not in held.get("hint", ""):
                held["hint"] = f"{held['hint']} Or: {told['hint']}" if "hint" in held else told["hint"]
            return
        self._count += 1
        if not self.enough:
            self._listed[pointer] = {"pointer": pointer, **told}

    def refuse(self) -> None:
        """Raise InvalidBody where anything is wrong."""
        if not self._listed:
            return
        listed = list(self._listed.values())
        first = listed[0]
        more = f" ({self._count - 1} more)" if self._count > 1 else ""
        where = first["pointer"] or "The body"
        raise InvalidBody(
            f"{where}: {first['detail']}{more}", hint=first.get("hint", "See /docs for the shape."), errors=listed
        )


def refuse_nul(data: Any, faults: Faults | None = None) -> None:
    """Raise InvalidBody when a text has a NUL character, which Postgres cannot hold, or note it with other faults."""
    for path in _nul_paths(data, ()):
        noted = faults or Faults({})
        noted.note_one(path, "A text holds the character U+0000, which kgmem cannot keep.", "Remove it.")
        if faults is None:
            noted.refuse()
        return


def _nul_paths(data: Any, path: Sequence[str | int]) -> Iterator[Sequence[str | int]]:
    if isinstance(data, str):
        if "\0" in data:
            yield path
        return
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, part in parts:
        if isinstance(name, str) and "\0" in name:
            yield path
        yield from _nul_paths(part, (*path, name))


class _Lazy:
    """The data of a body, parsed once and only on demand: to parse a large body again takes a while."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @cached_property
    def value(self) -> Any:
        return from_json(self._raw)


def _path(detail: ErrorDetails, schema: Mapping[str, Any], data: _Lazy) -> Sequence[str | int]:
    """Return the path of an error inside of the data: pydantic's own names for alternatives are not part of it."""
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
        hint = f"Did you mean {nearest[0]}?" if nearest else f"Known here: {', '.join(known)}."
        return {"detail": f"{name} is not known here.", "hint": hint}
    if detail["type"] == "missing":
        return {"detail": "It is missing.", "hint": f"Give {path[-1]}."}
    if detail["type"] == "string_pattern_mismatch":
        text = "It does not have the required form."
        return {"detail": text, "hint": "Times are ISO 8601; scopes are segments without spaces, joined by /."}
    told: dict[str, str] = {"detail": detail["msg"].rstrip(".") + "."}
    remedy = hint_of(detail["type"], detail.get("ctx", {}))
    return told if remedy is None else {**told, "hint": remedy}


def _names(schema: Mapping[str, Any], root: Mapping[str, Any], path: Sequence[str | int]) -> Iterator[str]:
    """Return the names that a JSON Schema knows for the object at a path."""
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
