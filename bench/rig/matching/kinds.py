"""The kind of a column, read from its values."""

import re
from collections import Counter
from collections.abc import Sequence

from kgmem.resolution.described import Kind
from kgmem.resolution.words import normal

_DATE = re.compile(r"\d{4}(?:-\d\d){1,2}(?:[T ].*)?")
_QUANTITY = re.compile(r"[-+]?(?:\d+\.\d+|\d+)\s*[%a-zA-Z°]{0,4}")
_BARE = re.compile(r"\d+")
_MOST = 0.9  # The share of values that make a column's kind.
_FEW = 0.02  # Of a category: different values to rows.


def kind_of(values: Sequence[str]) -> Kind:
    """Give the kind that most of the values are of; text where they are of many."""
    said = [value.strip() for value in values if normal(value)]
    if not said:
        return Kind.TEXT
    needed = _MOST * len(said)
    if sum(bool(_DATE.fullmatch(value)) for value in said) >= needed:
        return Kind.DATE
    if sum(_digits(value) for value in said) >= needed:
        quantities = [value for value in said if _QUANTITY.fullmatch(value) and not _BARE.fullmatch(value)]
        return Kind.NUMBER if len(quantities) >= len(said) / 2 else Kind.CODE
    return Kind.CATEGORY if len(Counter(map(normal, said))) <= max(2, _FEW * len(said)) else Kind.TEXT


def _digits(value: str) -> bool:
    signs = [sign for sign in value if sign.isalnum()]
    return sum(sign.isdigit() for sign in signs) >= 0.75 * len(signs)
