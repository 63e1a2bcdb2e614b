"""How rare a word is in English, from 0.05 to 1, by its place in BERT's word list, which is ordered by frequency."""

import math
from functools import cache
from importlib.resources import files
from typing import Final

_LEAST: Final = 0.05
# The list begins with 999 places for special tokens, then characters; words begin at 1996 with "the".
_FIRST, _OFFSET, _LAST = 1996, 1000, 29_500


def word_rarity(word: str) -> float:
    """Return how rare a word is: 0.05 for one as frequent as "the", 1 for one that the list does not have."""
    place = _places().get(word.lower())
    if place is None:
        return 1.0
    ordered = math.log(max(place, _FIRST) - _OFFSET) - math.log(_FIRST - _OFFSET)
    return min(1.0, max(_LEAST, ordered / (math.log(_LAST - _OFFSET) - math.log(_FIRST - _OFFSET))))


@cache
def _places() -> dict[str, int]:
    text = (files("kgmem.embedding") / "vocab.txt").read_text(encoding="utf-8")
    return {word: place for place, word in enumerate(text.splitlines()) if not word.startswith("##")}
