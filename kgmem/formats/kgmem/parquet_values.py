"""Arrow's columns as JSON values: times as ISO 8601, decimals as numbers where these hold them exactly."""

import base64
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import DAY, iso

DEEPEST = 16  # Lists in maps in lists ... of a column's type.
_MOST = 2**63 - 1
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


def check_type(type_: Any, name: str, depth: int = 0) -> None:
    """Raise InvalidInput when a column's type is nested too deeply."""
    if depth > DEEPEST:
        raise InvalidInput(f"Column {name!r} is nested more than {DEEPEST} times.", hint="Flatten it.")
    for n in range(type_.num_fields):
        check_type(type_.field(n).type, name, depth + 1)


def json_values(column: Any) -> list[Any]:
    """Return the values of an Arrow array as JSON values; null and NaN are None. Raises InvalidInput for other types.

    Timestamps are instants in UTC, also those without a zone. What 64 bits do not hold exactly becomes a text, binary
    a text in base64.
    """
    type_ = column.type
    for is_type, read in _READERS:
        if is_type(type_):
            return read(column)
    raise InvalidInput(f"Values of type {type_} are not understood.", hint="Write them as text, numbers or lists.")


def _plain(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _floats(column: Any) -> list[Any]:
    # NaN is the only value that is not equal to itself; pandas writes it where there is none.
    return [value if value == value else None for value in column.to_pylist()]  # noqa: PLR0124


def _integers(column: Any) -> list[Any]:
    return [str(value) if value is not None and value > _MOST else value for value in column.to_pylist()]


def _decimals(column: Any) -> list[Any]:
    return [None if value is None else _number(value) for value in column.to_pylist()]


def _number(value: Decimal) -> int | float | str:
    whole = value == value.to_integral_value()
    if whole and value.as_tuple().exponent == 0:
        return int(value) if abs(value) <= _MOST else str(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


def _binary(column: Any) -> list[Any]:
    return [None if value is None else base64.b64encode(value).decode() for value in column.to_pylist()]


def _dates(column: Any) -> list[Any]:
    days = column.cast(pa.date32()).cast(pa.int32()).to_pylist()
    return [None if day is None else iso(day * DAY).partition("T")[0] for day in days]


def _timestamps(column: Any) -> list[Any]:
    scale = _PER_SECOND[column.type.unit]
    return [None if count is None else _instant(count, scale) for count in column.cast(pa.int64()).to_pylist()]


def _instant(count: int, scale: int) -> str:
    if scale <= _PER_SECOND["us"]:
        return iso(count * (_PER_SECOND["us"] // scale))
    micros, nanos = divmod(count, 1000)
    text = iso(micros)
    if not nanos:
        return text
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction.ljust(6, '0')}{nanos:03}Z"


def _clocks(column: Any) -> list[Any]:
    texts = column.cast(pa.string()).to_pylist()
    return [text.rstrip("0").rstrip(".") if text and "." in text else text for text in texts]


def _durations(column: Any) -> list[Any]:
    scale = _PER_SECOND[column.type.unit]
    counts = column.cast(pa.int64()).to_pylist()
    return [None if count is None else _duration(Decimal(count) / scale) for count in counts]


def _duration(seconds: Decimal) -> str:
    text = f"{seconds.normalize():f}"
    return f"PT{text}S"


def _dictionary(column: Any) -> list[Any]:
    if len(column.dictionary) > len(column):
        return json_values(column.dictionary_decode())
    # Decoded in Arrow, a long text would be copied for each row that has it.
    known = json_values(column.dictionary)
    return [None if n is None else known[n] for n in column.indices.to_pylist()]


def _lists(column: Any) -> list[Any]:
    items: Iterator[Any] = iter(json_values(pc.list_flatten(column)))
    lengths = pc.list_value_length(column).to_pylist()
    return [None if length is None else list(islice(items, length)) for length in lengths]


def _structs(column: Any) -> list[Any]:
    names = [column.type.field(n).name for n in range(column.type.num_fields)]
    columns = [json_values(part) for part in column.flatten()]
    valid = column.is_valid().to_pylist()
    rows: Any = zip(*columns, strict=True) if columns else ((),) * len(valid)
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None} if held else None
        for held, row in zip(valid, rows, strict=True)
    ]


def _maps(column: Any) -> list[Any]:
    offsets, valid = column.offsets.to_pylist(), column.is_valid().to_pylist()
    keys, items = json_values(column.keys), json_values(column.items)
    return [
        {_name(keys[n]): items[n] for n in range(start, end)} if held else None
        for start, end, held in zip(offsets, offsets[1:], valid, strict=False)
    ]


def _name(key: Any) -> str:
    return key if isinstance(key, str) else orjson.dumps(key).decode()


def _extension(column: Any) -> list[Any]:
    if getattr(column.type, "extension_name", "") == "arrow.uuid":
        return [None if value is None else str(value) for value in column.to_pylist()]
    return json_values(column.storage)


def _any_of(*tests: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda type_: any(test(type_) for test in tests)


_READERS: Sequence[tuple[Callable[[Any], bool], Callable[[Any], list[Any]]]] = (
    (lambda type_: isinstance(type_, pa.BaseExtensionType), _extension),
    (_any_of(types.is_string, types.is_large_string, types.is_string_view, types.is_boolean, types.is_null), _plain),
    (types.is_integer, _integers),
    (types.is_floating, _floats),
    (types.is_dictionary, _dictionary),
    (types.is_timestamp, _timestamps),
    (types.is_date, _dates),
    (types.is_time, _clocks),
    (types.is_duration, _durations),
    (types.is_decimal, _decimals),
    (_any_of(types.is_list, types.is_large_list, types.is_fixed_size_list), _lists),
    (types.is_struct, _structs),
    (types.is_map, _maps),
    (_any_of(types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view), _binary),
)
