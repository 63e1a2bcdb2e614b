"""Texts as words: folded, without accents, joined where an apostrophe parts them."""

import html
import re
import unicodedata
from functools import lru_cache

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u00b4`_", "'"))
_POSSESSIVE = re.compile(r"\s*\\?\s*'+\s*s\b")
_WORD = re.compile(r"[^\W_]+")
_ROMAN = re.compile(r"(?=[ivx])(?:x{0,3})(?:ix|iv|v?i{0,3})")
# What says what kind of thing a name is of, rather than which: forms of companies, titles of people, articles.
_COMPANIES = "inc incorporated ltd limited llc llp gmbh co corp corporation company plc ag sa srl bv nv oy ab kg"
_TITLES = "mr mrs ms miss dr prof professor sir lady lord jr sr"
_ARTICLES = "the a an of and de la le el les der die das"
FORMS = frozenset(f"{_COMPANIES} {_TITLES} {_ARTICLES}".split())
_KEPT = 65_536  # Texts of which the words are remembered.


@lru_cache(maxsize=_KEPT)
def words(text: str) -> tuple[str, ...]:
    """Return a text's words, folded; "Fuller_s", "Fuller 's" and "Fullers" are one word."""
    plain = html.unescape(text).translate(_APOSTROPHES).casefold()
    plain = unicodedata.normalize("NFKD", _POSSESSIVE.sub("s", plain))
    return tuple(_WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter))))


def normal(text: str) -> str:
    """Return a text's words with one space between them: what two ways to write one name have in common."""
    return " ".join(words(text))


def numeral(word: str) -> bool:
    """Return whether a word counts: 11, 2nd, iv. It distinguishes things of one series."""
    return word[0].isdigit() or bool(_ROMAN.fullmatch(word))


def initials(some: tuple[str, ...]) -> str:
    """Return the first letters of a name's words, without those that only join."""
    return "".join(word[0] for word in some if word not in FORMS)


def trigrams(some: tuple[str, ...]) -> set[str]:
    """Return the stretches of three letters of words of at least four, with a mark at each end."""
    marked = [f"^{word}$" for word in some if len(word) > 3]
    return {word[at : at + 3] for word in marked for at in range(len(word) - 2)}
