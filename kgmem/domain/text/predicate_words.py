"""The words of predicates and of the names at their ends: stems, what tells of the past, what a name is of."""

import re
from typing import Final

from kgmem.domain.text.names import slug

_TIME: Final = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b\d{1,2}:\d\d\b|"
    r"\b\d{1,2}(?::\d\d)? ?(?:am|pm|a\.m\.|p\.m\.|o'clock)\b|"
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b|"
    r"\b(?:noon|midnight|today|tomorrow|tonight)\b",
    re.IGNORECASE,
)
# What happened is no state that could end: a predicate in the past tense.
_HAPPENED: Final = re.compile(
    r"^(?:\w+ed|left|quit|sold|bought|got|went|came|gave|took|met|said|told|made|broke|lost|won|wrote|began|became|was|"
    r"were|had|used|spoke|felt|found|saw|sent|stopped|meant|knew|heard|kept|held|led|let|ran|set)\b",
    re.IGNORECASE,
)


_OWNED: Final = re.compile(r"['\u2019]s? \w")


def happened(words: str) -> bool:
    """Return whether a predicate tells what happened, which is no state that could end."""
    return _HAPPENED.match(words) is not None


def same_name(key: str, meant: str, named: str) -> bool:
    """Return whether a key is what a text means: the key itself, or a name that is part of the longer one."""
    if key == meant:
        return True
    if _OWNED.search(named):
        return False  # "Pedro's sister" is not Pedro.
    one, other = ({word.rstrip("s") for word in slug(each).split("-")} for each in (key, named))
    return bool(one and other and named) and (one <= other or other <= one)


def within(named: str, words: str) -> bool:
    told = set(slug(named).split("-"))
    return bool(named) and told <= set(slug(words).split("-"))


def value_type(name: str) -> str:
    if _TIME.search(name):
        return "time"
    return "amount" if any(letter.isdigit() for letter in name) else "name"


def stem(words: str) -> str:
    """Return the verb of a predicate roughly in its base form, so that "liking" and "likes" are one."""
    skipped = {
        "to",
        "not",
        "no",
        "longer",
        "still",
        "also",
        "now",
        "has",
        "have",
        "been",
        "do",
        "does",
        "did",
        "any",
        "more",
    }
    told = [word for word in words.lower().split() if word not in skipped or words.lower() in {"have", "has"}]
    first = told[0] if told else words.lower()
    if first in {"is", "am", "are", "was", "were", "'m", "'s", "'re", "be", "being", "n't"}:
        return "be"
    if first in {"have", "has", "had", "having"}:
        return "have"
    for ending in ("ing", "ed", "es", "s"):
        if first.endswith(ending) and len(first) > len(ending) + 1:
            first = first.removesuffix(ending)
            break
    first = first.rstrip("eiy") or first
    return first[:-1] if len(first) > 3 and first[-1] == first[-2] else first
