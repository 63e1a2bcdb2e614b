"""The types that a mapping gives to columns: those of properties, and the many ways in which tables write times."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.schema.document import PROPERTY_TYPES, fits, is_property_type
from kgmem.domain.time.interval import iso
from kgmem.formats.tables.cells import a_value, read_cell
from kgmem.formats.wkt import geojson_of, is_wkt

ReadValue: TypeAlias = Callable[[Any], Any]  # Gives None where there is no value after all. Raises InvalidInput.

# Counts from 1970 on, by how many of them make a microsecond or how many microseconds each has.
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1000, "epoch_us": 1}
MASKED = "masked"  # 1969-07-##, 19##-##-##, ####: digits that nobody knows.
_NUMBER = re.compile(r"[+-]?\d{1,19}(\.0*)?", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MASK = "#XxUu?"
_MASKED = re.compile(
    rf"(?P<sign>-?)(?P<year>[\d{_MASK}]{{1,6}})(-(?P<month>[\d{_MASK}]{{2}})(-(?P<day>[\d{_MASK}]{{2}}))?)?"
)


def check_type(type_: str, path: str) -> None:
    """Raise InvalidInput unless the text names a type of columns."""
    if not (is_property_type(type_) or is_time_format(type_)):
        raise InvalidInput(
            f"{path}: there is no type {type_!r}.",
            hint=f"Types are {', '.join(PROPERTY_TYPES)}, list[...], {', '.join(_EPOCHS)}, {MASKED}, "
            "and formats such as %d/%m/%Y.",
            path=path,
        )


def is_time(type_: str) -> bool:
    """Return whether the type is one of times."""
    return type_ in {"date", "datetime"} or is_time_format(type_)


def is_time_format(type_: str) -> bool:
    """Return whether the type is a way to write times."""
    return type_ in _EPOCHS or type_ == MASKED or "%" in type_


def value_reader(type_: str, name: str, list_delimiter: str = ";", *, end: bool = False) -> ReadValue:
    """Return what reads the values of a column; times become ISO 8601, and with `end` those that end an interval."""
    if type_ in _EPOCHS:
        return lambda value: _from_epoch(value, _EPOCHS[type_], name)
    if type_ == MASKED:
        return lambda value: _unmasked(text_of(value), name, end)
    if "%" in type_:
        return _format_reader(type_, name)
    if type_.startswith("list[") and list_delimiter != ";":
        return lambda value: _read(_as_json_list(value, list_delimiter), type_, name)
    return lambda value: _read(value, type_, name)


def text_of(value: Any) -> str:
    """Return any value as a text."""
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, float) else orjson.dumps(value).decode()


def geometry(value: Any) -> Any:
    """Return the GeoJSON geometry that a mapping, its text or a well-known text is. Raises InvalidInput."""
    if isinstance(value, Mapping | list):
        return value
    text = str(value)
    try:
        if is_wkt(text):
            return geojson_of(text)
        return orjson.loads(text)
    except ValueError as error:
        raise InvalidInput(
            f"place is {text[:80]!r}, neither GeoJSON nor well-known text.", hint="Give such as POINT (7.45 46.95)."
        ) from error


def number(value: Any, name: str) -> float:
    """Return a value as a number. Raises InvalidInput."""
    text = text_of(value).strip()
    if not _FLOAT.fullmatch(text):
        raise InvalidInput(f"{name} is {text[:80]!r} and no number.", hint="Give such as 46.95, or nothing.")
    return float(text)


def _read(value: Any, type_: str, name: str) -> Any:
    if isinstance(value, str):
        return value if type_ == "string" else read_cell(value, type_, name)
    if type_ == "string":
        return text_of(value)
    if not fits(value, type_):
        raise InvalidInput(f"{name} is {text_of(value)[:80]} and not of type {type_}.", hint=f"Give {a_value(type_)}.")
    return value


def _as_json_list(value: Any, delimiter: str) -> Any:
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return value
    return ";".join(value.split(delimiter))


def _from_epoch(value: Any, micros: int, name: str) -> str:
    text = text_of(value).strip()
    if not _NUMBER.fullmatch(text):
        raise InvalidInput(f"{name} is {text[:80]!r} and no count since 1970.", hint="Give another type, or nothing.")
    return iso(int(text.partition(".")[0]) * micros)


def _format_reader(format_: str, name: str) -> ReadValue:
    """Return what reads times by a format of strptime, as exactly as the format tells them."""
    told = set(re.findall(r"%(.)", format_))
    exactness = (
        ("seconds", told & set("HIMSfpcXsT")),
        ("day", told & set("djxUWu")),
        ("month", told & set("mbB")),
    )
    exact = next((name for name, letters in exactness if letters), "year")

    def read(value: Any) -> str:
        text = text_of(value).strip()
        try:
            moment = datetime.strptime(text, format_)  # noqa: DTZ007 (a time without a zone is one in UTC)
        except ValueError as error:
            raise InvalidInput(
                f"{name} is {text[:80]!r} and not {format_}.", hint="Correct it or the format."
            ) from error
        if exact == "seconds":
            return moment.isoformat()
        return moment.date().isoformat()[: {"day": 10, "month": 7, "year": 4}[exact]]

    return read


def _unmasked(text: str, name: str, end: bool) -> str | None:
    """Return the time as far as it is known: of a year with unknown digits the first, or at an end the last."""
    found = _MASKED.fullmatch(text.strip())
    if not found:
        raise InvalidInput(f"{name} is {text[:80]!r} and no time.", hint="Give such as 1969-07-##; # is not known.")
    if not _known_part(found["year"]):
        return None
    # Years before 1 count downwards.
    digit = "9" if end != bool(found["sign"]) else "0"
    year = found["sign"] + re.sub(f"[{_MASK}]", digit, found["year"])
    if not found["year"].isdigit() or not _is_known(found["month"]):
        return year
    return f"{year}-{found['month']}" + (f"-{found['day']}" if _is_known(found["day"]) else "")


def _known_part(year: str) -> bool:
    return any(character.isdigit() for character in year)


def _is_known(part: str | None) -> bool:
    return part is not None and part.isdigit()
