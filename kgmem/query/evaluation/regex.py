"""Regular expressions in bounded time: RE2's syntax and engine (by way of Arrow), which never backtracks."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from kgmem.query.values.problems import TYPE, ValueProblem, shown

_LONGEST = 10_000  # Characters of a pattern.
# What tools put before patterns for Java; RE2 knows Unicode without being told, and has no word for it.
_FLAGS = re.compile(r"\(\?([imsuU]+)([:)])")


def matches(text: Any, pattern: Any) -> bool | None:
    """Whether a text as a whole matches a pattern; None where one of them is no string. Raises ValueProblem."""
    if type(text) is not str or type(pattern) is not str:
        if pattern is not None and type(pattern) is not str:
            raise ValueProblem(f"A pattern is a string, and this is {shown(pattern)}.", type=TYPE)
        return None
    return _matches(text, pattern)


@lru_cache(8192)
def _matches(text: str, pattern: str) -> bool:
    if len(pattern) > _LONGEST:
        raise ValueProblem(f"A regular expression cannot have more than {_LONGEST:,} characters.")
    try:
        return _engine()(text, _FLAGS.sub(_known_flags, pattern))
    except ValueError as error:
        mend = "The syntax is RE2's: without look-around and back references."
        raise ValueProblem(f"{pattern[:60]!r} is no regular expression.", mend=mend) from error


def _known_flags(group: re.Match[str]) -> str:
    known = "".join(flag for flag in group[1] if flag not in "uU")
    if group[2] == ":":
        return f"(?{known}:"
    return f"(?{known})" if known else ""


@cache
def _engine() -> Callable[[str, str], bool]:
    engine: Callable[[str, str], bool] = import_module("kgmem.query.evaluation.re2").matches
    return engine
