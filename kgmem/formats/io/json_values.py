"""JSON texts from files, read strictly: no integer that would lose digits, no nesting that exhausts the stack."""

import json
import re
from typing import Any

import orjson

from kgmem.domain.errors import InvalidInput

# orjson makes a float of an integer beyond 64 bits, so what may hold one is looked at again. Digits behind a point are
# no integer: every other vector of floats has a number with so many.
_MANY_DIGITS = re.compile(rb"(?<![.\d])\d{19}")
_LEAST, _MOST = -(2**63), 2**63 - 1


def read_json(raw: bytes, *, hint: str = "Write one whole object a line.") -> Any:
    """Return the value that a JSON text says. Raises InvalidInput."""
    try:
        value = orjson.loads(raw)
        if _MANY_DIGITS.search(raw):
            json.loads(raw, parse_int=_integer)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"This is not JSON: {error}.", hint=hint) from error
    except RecursionError as error:
        raise InvalidInput("The JSON is nested too deeply.", hint="Flatten it.") from error
    return value


def has_many_digits(raw: bytes) -> bool:
    """Return whether a JSON text may hold an integer that orjson would make a float of."""
    return _MANY_DIGITS.search(raw) is not None


def _integer(digits: str) -> int:
    if len(digits) > 20 or not _LEAST <= int(digits) <= _MOST:
        raise InvalidInput("An integer does not fit into 64 bits.", hint="Give it as text.")
    return int(digits)
