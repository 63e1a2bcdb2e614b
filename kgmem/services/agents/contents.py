"""The content of agent states: bytes of a media type, what they hold, and the difference between two (RFC 6902)."""

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgpack
import orjson

from kgmem.domain.agents.json_patch import json_patch
from kgmem.domain.agents.state import BYTES, JSON, MEDIA_TYPES, MOST_BYTES, MSGPACK, TOO_LARGE
from kgmem.domain.errors import InvalidInput, TooLarge

_SHOWN: Final = 80


def to_bytes(value: Any, media_type: str | None) -> tuple[bytes, str]:
    """Return a value as the bytes to store, and their media type.

    Bytes with a media type are taken as they are; without one they are application/octet-stream. Any other value
    becomes JSON, or msgpack for its media type. Raises InvalidInput, TooLarge.
    """
    kind = None if media_type is None else known_type(media_type)
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        return check(content, kind or BYTES), kind or BYTES
    if kind == BYTES:
        raise InvalidInput(f"A {type(value).__name__} is no {BYTES}.", hint="Give bytes, or leave media_type out.")
    try:
        if kind == MSGPACK:
            content = msgpack.packb(value)
        else:
            content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        told = "msgpack" if kind == MSGPACK else "JSON"
        raise InvalidInput(
            f"The value cannot be written as {told}: {error}.",
            hint="Give dicts with string keys, lists, strings, finite numbers, booleans and None; or bytes.",
        ) from error
    return check(content, kind or JSON), kind or JSON


def known_type(media_type: str) -> str:
    """Return a media type as it is stored, without its parameters. Raises InvalidInput."""
    found = MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower())
    if found is None:
        raise InvalidInput(
            f"A state cannot be {media_type[:_SHOWN]!r}.", hint=f"Send it as {JSON}, {MSGPACK} or {BYTES}."
        )
    return found


def check(content: bytes, media_type: str) -> bytes:
    """Return content unchanged where it is what its media type says. Raises InvalidInput, TooLarge."""
    if len(content) > MOST_BYTES:
        raise TooLarge(f"A state has at most {MOST_BYTES:,} bytes; this one has {len(content):,}.", hint=TOO_LARGE)
    if media_type == JSON:
        try:
            orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"The state is no JSON: {error}.", hint=f"Send JSON in UTF-8, or as {BYTES}.") from error
    elif media_type == MSGPACK:
        _unpacked(content)
    return content


def value_of(content: bytes, media_type: str) -> Any:
    """Return what content holds; bytes for application/octet-stream."""
    if media_type == JSON:
        return json.loads(content)
    return _unpacked(content) if media_type == MSGPACK else content


def patch_between(one: tuple[bytes, str], two: tuple[bytes, str]) -> list[dict[str, Any]]:
    """Return the JSON Patch (RFC 6902) that makes the second of two contents of the first. Raises InvalidInput.

    A number that a float cannot hold is a Decimal.
    """
    for _, media_type in (one, two):
        if media_type == BYTES:
            raise InvalidInput(
                "Bytes have no difference in members.", hint="Compare versions that are JSON or msgpack."
            )
    try:
        before, after = _as_json(*one), _as_json(*two)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"A version holds what JSON cannot say: {error}.", hint="Read both versions, and compare them yourself."
        ) from error
    except RecursionError as error:
        raise InvalidInput("A version is nested too deeply to compare.", hint="Compare them yourself.") from error
    return json_patch(before, after)


def patch_text(patch: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a patch as JSON, with numbers of any size and exactness."""
    try:
        return orjson.dumps(patch)
    except TypeError:
        return _text(patch).encode()


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_text(name)}:{_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _as_json(content: bytes, media_type: str) -> Any:
    if media_type == JSON:
        return json.loads(content, parse_float=_number)
    return _with_text_keys(_unpacked(content))


def _number(text: str) -> float | Decimal:
    """Return a number as a float where that is the same number."""
    number = float(text)
    return number if math.isfinite(number) and Decimal(repr(number)) == Decimal(text) else Decimal(text)


def _with_text_keys(value: Any) -> Any:
    """Return what msgpack holds as JSON would. Raises ValueError, TypeError for what JSON has no counterpart for."""
    if isinstance(value, dict):
        found = {
            each if isinstance(each, str) else json.dumps(each): _with_text_keys(held) for each, held in value.items()
        }
        if len(found) < len(value):
            raise ValueError("a map has keys that differ in their types alone")
        return found
    if isinstance(value, list):
        return [_with_text_keys(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"a {type(value).__name__}")


def _unpacked(content: bytes) -> Any:
    try:
        return msgpack.unpackb(content, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        told = str(error) or type(error).__name__
        raise InvalidInput(f"The state is no msgpack: {told}.", hint=f"Send one object, or as {BYTES}.") from error
