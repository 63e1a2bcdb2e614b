"""Slots: what a thing has one of at a time, so that a new value ends the old one: a host, a place, a number, a status.

A fact's slot is known by its kind, or by the words of its predicate and the form of its object.
"""

import re
from typing import Final

from kgmem.domain.text.names import slug
from kgmem.domain.text.predicate_words import value_type

_BE: Final = r"(?:is|are|'s|'re|was|were|be|been|has been|have been)"
_HOSTED: Final = "runs?|running|hosted|deployed|listens?|listening|lives?|back|built|served"
_REACHED: Final = "number|address|phone|mobile|e-?mail|password|pin|extension|plate|iban"
_TAKES_PLACE: Final = r"\bmeets?|\bmeeting|takes? place|took place|happens?|happening|he[l]d"
# By the words of a predicate. What is said with "is in" and "is at" is a place only of what takes place.
_PATTERNS: Final = (
    ("host", rf"(?:{_BE} )?(?:now )?(?:{_HOSTED})(?: back)? (?:on|at|from|to|onto)"),
    ("host", r"(?:was |were )?(?:moved|switched|ported|migrated)(?: back)? (?:on|to|onto)"),
    ("host", rf"{_BE}(?: now| back)? on"),
    ("place", rf"(?:{_BE} )?(?:now )?(?:{_TAKES_PLACE}) (?:in|at)"),
    ("place", rf"{_BE}(?: now)? (?:in|at)"),
    ("number", rf"(?:.* )?(?:{_REACHED})(?: address| number)? (?:is|are|'s)"),
    ("version", r".*\bversion (?:is|are)|(?:got|has|gets|upgraded to|updated to)"),
)
_WORDS: Final = tuple((slot, re.compile(pattern, re.IGNORECASE)) for slot, pattern in _PATTERNS)
_CHARGES: Final = frozenset({"LEADS", "RESPONSIBLE_FOR"})
_IS_ROLE: Final = re.compile(r"^(?:is|are|'s|am)(?: now)?(?: (?P<role>.+?))?(?: (?:on|for|of|at|in))?$", re.IGNORECASE)
_ON: Final = frozenset({"is on", "are on", "'s on", "am on"})
_DUTIES: Final = frozenset({"call", "on call", "duty", "watch"})
_ONE_HOLDER: Final = frozenset(
    """ceo cfo cto coo ciso head chair chairman chairwoman chairperson president captain director leader mayor
    treasurer secretary goalkeeper landlord boss principal dean editor owner maintainer lead chef conductor master
    supervisor champion host moderator coordinator commander vice-captain chancellor minister governor coach
    manager""".split()  # noqa: SIM905
)
_KINDS: Final = {"TAKES_PLACE_IN": "place", "LOCATED_IN": "place"}
_DOWN: Final = frozenset(
    """down offline broken unavailable unhealthy degraded unreachable closed out-of-order red failing""".split()  # noqa: SIM905
)
_UP: Final = frozenset(
    """up online back fixed available healthy live open running working fine up-again back-up back-online green ok
    repaired restored operational""".split()  # noqa: SIM905
)
_VERSION: Final = re.compile(r"^(?:version |v)?\d+(?:\.\d+)+\w*$|^version \d\w*$", re.IGNORECASE)
# What says that something is so from now on, and not beside what was so before.
_NEW: Final = re.compile(
    r"\b(?:now|instead|again|back|from now on|as of|since|moved|moving|switched|migrated|these days|any ?more|"
    r"nowadays|no longer|changed|new|from today|starting|turns out|after all|actually|official|took over|takes over)\b",
    re.IGNORECASE,
)
# Words that say where somebody is now, of a kind that the same turn ends.
_BEING: Final = r"(?:is|am|are|'s|'m|'re)(?: now| back)?"
_ELSEWHERE: Final = {
    kind: re.compile(rf"^(?:{words})$", re.IGNORECASE)
    for kind, words in {
        "LIVES_IN": rf"(?:{_BEING}|been)(?: based)? in|(?:\w+ )?(?:address|home|place|flat) is in|"
        r"(?:moved|went|relocated)(?: back| over)? to|settled in",
        "WORKS_FOR": rf"{_BEING} (?:at|with)|(?:re)?joined|signed (?:for|with|on with)|started (?:at|with)|went to|"
        r"moved(?: over)? to",
        "PLAYED_FOR": r"(?:re)?joined|signed (?:for|with)|moved to|went to",
    }.items()
}


def is_elsewhere(kind: str, words: str, object_: str) -> bool:
    """Return whether words say where somebody is instead, of whom a fact of the kind ends in the same turn."""
    pattern = _ELSEWHERE.get(kind)
    return pattern is not None and pattern.match(words) is not None and value_type(object_) == "name"


def slot_of(kind: str, words: str, object_: str) -> str | None:
    """Return the slot that a fact fills; None where a thing may have several of the kind at once."""
    if kind in _KINDS:
        return _KINDS[kind]
    if words.lower() in {"is", "are", "'s", "is now"} and _status(object_):
        return "status"
    for slot, pattern in _WORDS:
        if pattern.fullmatch(words):
            if slot == "version" or (slot == "host" and _VERSION.match(object_)):
                return "version" if _VERSION.match(object_) else None
            return None if value_type(object_) == "time" else slot
    return None


def role_of(kind: str, words: str, object_: str) -> tuple[str, str] | None:
    """Return the role that a fact says somebody has, of which there is one holder at a time; None for other facts.

    "Is product owner on Atlas" and "is product owner for Atlas" are one role.
    """
    if kind in _CHARGES:
        return kind, slug(object_)
    told = _IS_ROLE.match(words)
    if told is None:
        return None
    role = told["role"] or ""
    last = (role or object_).lower().split()
    if (last and last[-1] in _ONE_HOLDER) or (words.lower() in _ON and object_.lower() in _DUTIES):
        return slug(role), slug(object_)
    return None


def says_change(text: str) -> bool:
    """Return whether a text says that something is so from now on, and not beside what was so before."""
    return _NEW.search(text) is not None


def _status(name: str) -> bool:
    return name.lower().replace(" ", "-") in _DOWN | _UP
