"""Tokens: how many a text takes in the prompt of a language model, by a tokenizer or by a safe estimate."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_CODE: Final = r"[A-Za-z0-9+/_=-]{20,}"
_PLAIN: Final = r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[ \t]+|."
_PIECE: Final = re.compile(f"{_CODE}|{_PLAIN}", re.DOTALL)
_PART: Final = re.compile(_PLAIN, re.DOTALL)
_MIXED: Final = (re.compile(r"[0-9]"), re.compile(r"[A-Z]"), re.compile(r"[a-z]"))
_VOWEL: Final = re.compile(r"[aeiouyAEIOUY]")
_LATIN_END: Final = 0x250
# Scripts whose signs take fewer tokens than bytes: Greek to Arabic, those of India and Thailand, East Asia.
_FREQUENT: Final = ((0x370, 0x700), (0x900, 0xE80), (0x3000, 0xA000), (0xAC00, 0xD7B0))
_LONG_WORD: Final = 12
_LONG_CODE: Final = 20


def estimate(text: str) -> int:
    """Return about how many tokens a text takes, rather too many than too few.

    Chosen on o200k and cl100k: of 2,086 pieces of prose, code and JSON of 800 characters three take more, by a tenth
    at most, and half of them take less than seven tenths.
    """
    return sum(map(_cost, _PIECE.findall(text)))


@lru_cache(maxsize=50_000)
def _cost(piece: str) -> int:
    """Return the estimate for a word, a number, white space, one other sign, or a long run without spaces."""
    size, first = len(piece), piece[0]
    if first > "\x7f":
        return _wide(piece)
    if size >= _LONG_CODE:
        if all(each.search(piece) for each in _MIXED):  # Base64, hashes, identifiers.
            return -(-3 * size // 4)
        if (parts := _PART.findall(piece)) != [piece]:
            return sum(map(_cost, parts))
    if first.isalpha():
        is_rare = size > _LONG_WORD or (size > 1 and piece.isupper()) or (size > 3 and not _VOWEL.search(piece))
        return -(-size // 2) if is_rare else -(-size // 4)
    if first.isdigit():
        return -(-size // 2) if size > 3 else 1
    return 0 if piece in {" ", "\t"} else 1


def _wide(sign: str) -> int:
    code = ord(sign)
    if code < _LATIN_END:
        return 1
    size = len(sign.encode(errors="surrogatepass"))
    return size - 1 if any(first <= code < end for first, end in _FREQUENT) else size


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts the tokens of a text: its name, and whether it is exact for the models that use it."""

    name: str
    count: Callable[[str], int]
    exact: bool = False


ESTIMATE: Final = TokenCounter("estimate", estimate)
