"""Tokens: how many a text takes in the prompt of a language model, by a tokenizer or by a safe estimate."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PIECE: Final = re.compile(
    r"(?P<code>[A-Za-z0-9+/_=-]{20,})|(?P<word>[A-Z]?[a-z]+|[A-Z]+)|(?P<digits>[0-9]+)|(?P<space>[ \t]+)"
    r"|(?P<wide>[^\x00-\x7f])|.",
    re.DOTALL,
)
_MIXED: Final = (re.compile(r"[0-9]"), re.compile(r"[A-Z]"), re.compile(r"[a-z]"))
_VOWEL: Final = re.compile(r"[aeiouyAEIOUY]")
_LATIN_END: Final = 0x250
# Scripts whose signs take fewer tokens than bytes: Greek to Arabic, those of India and Thailand, East Asia.
_FREQUENT: Final = ((0x370, 0x700), (0x900, 0xE80), (0x3000, 0xA000), (0xAC00, 0xD7B0))
_LONG_WORD: Final = 12


def estimate(text: str) -> int:
    """Return about how many tokens a text takes, rather too many than too few.

    Chosen on o200k and cl100k: of 2,086 pieces of prose, code and JSON of 800 characters three take more, by a tenth
    at most, and half of them take less than seven tenths.
    """
    return sum(_COST.get(found.lastgroup or "", _one)(found.group()) for found in _PIECE.finditer(text))


def _one(_: str) -> int:
    return 1


def _code(text: str) -> int:
    if all(each.search(text) for each in _MIXED):  # Base64, hashes, identifiers.
        return -(-3 * len(text) // 4)
    return sum(_COST.get(found.lastgroup or "", _one)(found.group()) for found in _PLAIN.finditer(text))


def _word(text: str) -> int:
    if len(text) > _LONG_WORD or (len(text) > 1 and text.isupper()) or (len(text) > 3 and not _VOWEL.search(text)):
        return -(-len(text) // 2)
    return -(-len(text) // 4)


def _digits(text: str) -> int:
    return -(-len(text) // 2) if len(text) > 3 else 1


def _space(text: str) -> int:
    return len(text) > 1


def _wide(text: str) -> int:
    code = ord(text)
    if code < _LATIN_END:
        return 1
    size = len(text.encode(errors="surrogatepass"))
    return size - 1 if any(first <= code < end for first, end in _FREQUENT) else size


_PLAIN: Final = re.compile(r"(?P<word>[A-Z]?[a-z]+|[A-Z]+)|(?P<digits>[0-9]+)|.", re.DOTALL)
_COST: Final = {"code": _code, "word": _word, "digits": _digits, "space": _space, "wide": _wide}


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts the tokens of a text: its name, and whether it is exact for the models that use it."""

    name: str
    count: Callable[[str], int]
    exact: bool = False


ESTIMATE: Final = TokenCounter("estimate", estimate)
