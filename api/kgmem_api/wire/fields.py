"""The fields that several wire models share, each with its limits, and the way from a wire shape into the domain."""

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, ConfigDict, Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import (
    LARGEST_PLACE,
    LARGEST_PROPERTIES,
    LONGEST_KEY,
    LONGEST_LABEL,
    LONGEST_NAME,
    LONGEST_TEXT,
    LONGEST_TIME,
)
from kgmem.domain.graph.scope import LONGEST
from kgmem.domain.space.place import Place, parse_place

# Nothing is guessed: an unknown field is an error, a number in a string is an error.
STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class From:
    """An annotation: a domain object is built from a wire shape by a function of (shape, validation info).

    The function runs inside of pydantic's one pass over the body, so that its errors carry the item's place there.
    Being Python it also lets other threads run between two items: a big body parsed in a thread never holds up the
    event loop for longer than one item.
    """

    shape: Any
    convert: Callable[..., Any]

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the shape's schema with the function after it."""
        return core_schema.with_info_after_validator_function(self.convert, handler.generate_schema(self.shape))


def refused(message: str, hint: str = "") -> PydanticCustomError:
    """Return the error that a validator raises for a value that kgmem refuses."""
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})


def own_scope(asked: str | None, info: ValidationInfo) -> str:
    """Return the scope of an item: the one it names, or that of the key that sent it. Raises Forbidden."""
    key: AccessKey | None = info.context
    return key.demand_scope(asked) if key else asked or ""


def _properties(value: dict[str, Any]) -> dict[str, Any]:
    try:
        dumped = orjson.dumps(value)
    except TypeError as error:
        raise refused("An integer does not fit into 64 bits.", "Send it as a string.") from error
    if len(dumped) > LARGEST_PROPERTIES:
        raise refused(
            f"The properties take {len(dumped)} bytes of JSON, and {LARGEST_PROPERTIES} is the most.",
            "Put long texts into text or into an episode.",
        )
    # orjson writes NaN and infinity as null, so only where a null was written need the values be looked at.
    if b"null" in dumped and any(isinstance(v, float) and not math.isfinite(v) for v in _leaves(value)):
        raise refused("A number is NaN or infinite.", "Leave it out, or send null.")
    return value


def within_limits(value: Any) -> Any:
    """Return any JSON value back if it is not larger than properties may be, and its numbers are finite."""
    return value if value is None else _properties({"value": value})["value"]


def _leaves(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        yield value
        return
    for part in inner:
        yield from _leaves(part)


def _vector(text: str) -> "array[float]":
    try:
        raw = base64.b64decode(text, validate=True)
        numbers = array("f", raw)
    except (binascii.Error, ValueError) as error:
        raise refused("It is not base64 of 32-bit floats.", "Encode the little-endian float32 bytes.") from error
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _place(value: dict[str, Any] | list[float]) -> Place:
    try:
        dumped = orjson.dumps(value)
        place = parse_place(value)
    except TypeError as error:
        raise refused("An integer does not fit into 64 bits.", "Give degrees.") from error
    except InvalidInput as error:
        raise refused(error.message, error.hint) from error
    if len(dumped) > LARGEST_PLACE:
        raise refused(f"The geometry takes more than {LARGEST_PLACE} bytes of JSON.", "Simplify it.")
    if b"null" in dumped and any(isinstance(v, float) and not math.isfinite(v) for v in _leaves(value)):
        raise refused("A number is NaN or infinite.", "Give degrees, and metres for the height.")
    return place


Key = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY)]
Label = Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL)]
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Scope = Annotated[
    str,
    Field(
        max_length=LONGEST,
        pattern=r"^([^\s/\x00-\x1f]+(/[^\s/\x00-\x1f]+)*)?$",
        description="The scope: a path such as user/42. Default: the key's scope, or shared by the graph.",
    ),
]
TIME_FORM = "ISO 8601: 1969, 1969-07, 1969-07-20 or 1969-07-20T20:17:40Z."
# Only its form is looked at here; the domain says which days exist.
Time = Annotated[
    str,
    Field(
        max_length=LONGEST_TIME,
        pattern=r"^[+-]?\d{1,6}(-\d{2}(-\d{2}([T ]\d{2}:\d{2}.*)?)?)?$",
        description=TIME_FORM,
    ),
]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Properties = Annotated[dict[Annotated[str, Field(min_length=1, max_length=200)], Any], AfterValidator(_properties)]
FreeForm = Annotated[dict[str, Any], AfterValidator(_properties)]
Vector = Annotated[
    list[float] | Annotated[str, AfterValidator(_vector), Field(description="base64 of little-endian float32")],
    Field(union_mode="left_to_right", description="Numbers, or base64 of their little-endian float32 bytes."),
]
PlaceField = Annotated[
    dict[str, Any] | list[float],
    AfterValidator(_place),
    Field(description="A GeoJSON geometry, or [longitude, latitude]."),
]
Value = Annotated[Any, AfterValidator(within_limits)]
