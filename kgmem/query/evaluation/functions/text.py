"""Functions of strings."""

import unicodedata
from collections.abc import Callable, Mapping

from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.evaluation.arithmetic import LONGEST_LIST, LONGEST_TEXT
from kgmem.query.evaluation.functions.numeric import integer
from kgmem.query.values import Value


def text(value: Value) -> str:
    """Return a value that must be a string. Raises ValueProblem."""
    if type(value) is str:
        return value
    raise wrong_type("a string", value)


def _count(value: Value) -> int:
    count = integer(value)
    if count < 0:
        raise ValueProblem(f"A number of characters cannot be negative, got {count}.", detail="NumberOutOfRange")
    return count


def _substring(value: Value, start: Value, length: Value = None) -> str:
    begin = _count(start)
    return text(value)[begin : None if length is None else begin + _count(length)]


def _left(value: Value, count: Value) -> str:
    return text(value)[: _count(count)]


def _right(value: Value, count: Value) -> str:
    given, size = text(value), _count(count)
    return given[max(len(given) - size, 0) :]


def _replace(value: Value, old: Value, new: Value, most: Value = -1) -> str:
    given, wanted, other = text(value), text(old), text(new)
    if (given.count(wanted) if wanted else len(given) + 1) * len(other) > LONGEST_TEXT:
        raise ValueProblem(f"A string cannot have more than {LONGEST_TEXT:,} characters.", detail="StringTooLong")
    return given.replace(wanted, other, integer(most))


def _split(value: Value, by: Value) -> list[str]:
    found = [text(value)]
    for delimiter in by if type(by) is list else [by]:
        wanted = text(delimiter)
        if sum(part.count(wanted) + 1 if wanted else len(part) for part in found) > LONGEST_LIST:
            raise ValueProblem(f"A list cannot have more than {LONGEST_LIST:,} items.", detail="TooManyItems")
        found = [piece for part in found for piece in (part.split(wanted) if wanted else list(part) or [""])]
    return found


def _stripped(strip: Callable[..., str]) -> Callable[..., Value]:
    def run(value: Value, letters: Value = None) -> str:
        return strip(text(value), None if letters is None else text(letters))

    return run


def _normalize(value: Value, form: Value = "NFC") -> str:
    named = text(form).upper()
    if named not in {"NFC", "NFD", "NFKC", "NFKD"}:
        raise ValueProblem(f"Unknown normal form {named}.", hint="Normal forms are NFC, NFD, NFKC and NFKD.")
    return unicodedata.normalize(named, text(value))  # type: ignore[arg-type]


def _lower(value: Value) -> str:
    return text(value).lower()


def _upper(value: Value) -> str:
    return text(value).upper()


def _length(value: Value) -> int:
    return len(text(value))


PURE: Mapping[str, Callable[..., Value]] = {
    "btrim": _stripped(str.strip),
    "char_length": _length,
    "character_length": _length,
    "left": _left,
    "lower": _lower,
    "ltrim": _stripped(str.lstrip),
    "normalize": _normalize,
    "replace": _replace,
    "right": _right,
    "rtrim": _stripped(str.rstrip),
    "split": _split,
    "substring": _substring,
    "tolower": _lower,
    "toupper": _upper,
    "trim": _stripped(str.strip),
    "upper": _upper,
}
