"""How the value of one field is read and checked; each function takes the value and the field's name for its error."""

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import orjson

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.fields import LARGEST_PLACE, LARGEST_PROPERTIES, LONGEST_TEXT, Field, FieldType
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.space.place import Place, parse_place

Read: TypeAlias = Callable[[Any, str], Any]

LONGEST_PROPERTY_NAME = 200
LARGEST_JSON = 16 * 1024 * 1024  # Bytes of JSON in one field: a fact may have many options.


def reader_of(field: Field) -> Read:
    """Return what reads and checks the values of a field."""
    if field.is_text:
        return text(int(field.least), int(field.most or LONGEST_TEXT))
    if field.is_number:
        return number(field)
    if field.type == "texts" and field.item is not None:
        return texts(reader_of(field.item), int(field.most or LARGEST_PROPERTIES))
    return _READERS[field.type]


def text(least: int, most: int) -> Callable[[Any, str], str]:
    """Return a reader of texts of so many characters."""

    def read(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise _wrong(value, name, "a text")
        if not least <= len(value) <= most:
            if not value:
                raise InvalidInput(f"{name} is empty.", hint="Give it a value, or leave it out.")
            raise TooLarge(f"{name} has {len(value)} characters, and {most} is the most.", hint="Shorten it.")
        if "\x00" in value:
            raise InvalidInput(f"{name} contains a NUL character.", hint="Remove U+0000 from it.")
        return value

    return read


def texts(item: Callable[[Any, str], str], most: int) -> Callable[[Any, str], list[str]]:
    """Return a reader of lists of at most so many texts."""

    def read(value: Any, name: str) -> list[str]:
        if not isinstance(value, list):
            raise _wrong(value, name, "a list of texts")
        if len(value) > most:
            raise TooLarge(f"{name} has {len(value)} items, and {most} is the most.", hint="Give fewer.")
        return [item(one, f"{name}[{n}]") for n, one in enumerate(value)]

    return read


def properties(value: Any, name: str) -> dict[str, Any]:
    """Read an object of JSON values of bounded size."""
    if not isinstance(value, dict):
        raise _wrong(value, name, "an object")
    for key in value:
        if not 1 <= len(key) <= LONGEST_PROPERTY_NAME:
            raise InvalidInput(
                f"{name} has a name of {len(key)} characters.", hint=f"Use 1 to {LONGEST_PROPERTY_NAME} characters."
            )
    _measure(value, name, LARGEST_PROPERTIES, "Put long texts into text or into an episode.")
    return value


def place(value: Any, name: str) -> Place:
    """Read a GeoJSON geometry, or [lon, lat]."""
    _measure(value, name, LARGEST_PLACE, "Simplify the geometry.")
    return parse_place(value)


def vector(value: Any, name: str) -> Vector:
    """Read a vector: a list of numbers, or base64 of their little-endian 32-bit floats."""
    if isinstance(value, str):
        return _packed(value, name)
    if not isinstance(value, list):
        raise _wrong(value, name, "a list of numbers")
    if not ({*map(type, value)} <= {int, float} and all(map(math.isfinite, value))):
        raise InvalidInput(f"{name} has an item that is no finite number.", hint="Give a list of numbers.")
    return value


def number(field: Field) -> Read:
    """Return a reader of numbers within the limits of a field."""
    whole = field.type == "integer"

    def read(value: Any, name: str) -> float:
        if not _is_number(value) or (whole and not isinstance(value, int)):
            raise _wrong(value, name, field.range if whole else "a number")
        if not field.allows(value):
            raise InvalidInput(f"{name} is {value}.", hint=f"Give {field.range}.")
        return value if whole else float(value)

    return read


def boolean(value: Any, name: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise _wrong(value, name, "true or false")
    return value


def json_value(value: Any, name: str) -> Any:
    """Read any JSON value of bounded size."""
    try:
        size = len(orjson.dumps(value))
    except (TypeError, RecursionError) as error:
        raise InvalidInput(f"{name} holds what JSON cannot say: {error}.", hint="Give a JSON value.") from error
    if size > LARGEST_JSON:
        raise TooLarge(f"{name} takes {size} bytes of JSON, and {LARGEST_JSON} is the most.", hint="Give less.")
    return value


def no_extraction(value: Any, name: str) -> bool:
    """Read the wish for extraction, which imports do not grant."""
    if value is not False:
        raise InvalidInput(
            f"Imports read no texts, so {name} cannot be granted.", hint="Leave it out, or store such episodes by REST."
        )
    return False


def no_duration(value: Any, name: str) -> None:
    """Refuse a duration: a file does not say when it begins."""
    raise InvalidInput(
        f"Imports take no {name}, here {str(value)[:60]!r}.", hint="Give the time as expires_at.", field=name
    )


def _measure(value: Any, name: str, most: int, hint: str) -> None:
    """Raise what is wrong with a JSON value's size, integers, floats or characters."""
    try:
        dumped = orjson.dumps(value)
    except (TypeError, RecursionError) as error:
        raise InvalidInput(f"{name} holds what JSON cannot say: {error}.", hint="Use integers of 64 bits.") from error
    if len(dumped) > most:
        raise TooLarge(f"{name} takes {len(dumped)} bytes of JSON, and {most} is the most.", hint=hint)
    if b"\\u0000" in dumped and any(isinstance(leaf, str) and "\x00" in leaf for leaf in _leaves(value)):
        raise InvalidInput(f"{name} contains a NUL character.", hint="Remove U+0000 from it.")
    # orjson writes NaN and infinity as null, so only where a null was written need the values be looked at.
    if b"null" in dumped and any(isinstance(leaf, float) and not math.isfinite(leaf) for leaf in _leaves(value)):
        raise InvalidInput(f"{name} holds a number that is not finite.", hint="Leave it out, or give it as text.")


def _leaves(value: Any) -> Iterator[Any]:
    """Return the keys and the scalars inside of a JSON value."""
    if isinstance(value, dict):
        yield from value
        inner: Any = value.values()
    elif isinstance(value, list):
        inner = value
    else:
        yield value
        return
    for part in inner:
        yield from _leaves(part)


def _packed(value: str, name: str) -> Vector:
    try:
        numbers = array("f", base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(
            f"{name} is not base64 of 32-bit floats.", hint="Give a list of numbers, or their little-endian bytes."
        ) from error
    if sys.byteorder == "big":
        numbers.byteswap()
    if not all(map(math.isfinite, numbers)):
        raise InvalidInput(f"{name} has an item that is no finite number.", hint="Give finite numbers.")
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(value: Any, name: str, wanted: str) -> InvalidInput:
    shown = {bool: "true or false", str: "a text", dict: "an object", list: "a list", type(None): "null"}
    given = shown.get(type(value), "a number")
    return InvalidInput(f"{name} is {given} and not {wanted}.", hint=f"Give {wanted}.")


_READERS: Final[Mapping[FieldType, Read]] = {
    "boolean": boolean,
    "properties": properties,
    "place": place,
    "vector": vector,
    "span": json_value,
    "json": json_value,
}
