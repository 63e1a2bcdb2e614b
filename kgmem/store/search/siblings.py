"""Siblings of what a question names: it names Apollo 13, and a text speaks of Apollo 14 and not of 13.

An embedding hardly tells the two from each other. So the texts of what it finds are read for their numbers, by the
candidate statement itself, and only where the question holds a name with a number.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from kgmem.domain.recall.selection import NumberedName, numbered_names
from kgmem.store.db.sql import fill, number
from kgmem.store.graph.layout import Layout
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

NAME = "siblings"
_BETWEEN = r"[\s\u2010-\u2013-]"
_DIGITS = r"\d+([.,]\d+)*[A-Za-z]?"
_ROMAN = "[IVX]+[AB]?"
_MOST_PASSAGES = 8  # Of an item; a longer text speaks of many things, and is none's sibling.


def siblings(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return what tells which of the found items name a sibling, and nothing that the question names."""
    question = request.question
    names = numbered_names(question.what.text or "")
    if not names or request.vector is None or not layout.vectors or not question.weight("meaning"):
        return None
    places = {
        "named": parameters.add(_any(_number(each) for each in dict.fromkeys(names)), "text"),
        "siblings": parameters.add(_any(_sibling(each) for each in names), "text"),
        "most": number(_MOST_PASSAGES),
    }
    return Dimension(NAME, notes=[fill(layout.sql("recall", "siblings"), places)])


def told(notes: Sequence[Any]) -> frozenset[int]:
    """Return the items that the statement found to be siblings."""
    return frozenset(note[1] for note in notes if note[0] == NAME)


def _any(patterns: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(patterns))


def _number(name: NumberedName) -> str:
    """Return the pattern of the number alone, since a text may say "Gemini 6 and 7"; "6" is there in "6A", too."""
    ending = "" if name.roman else "([A-Za-z]|st|nd|rd|th)?"
    return rf"\m{_either_case(name.number)}{ending}\M"


def _sibling(name: NumberedName) -> str:
    kind = rf"{_BETWEEN}{{1,2}}{_ROMAN}" if name.roman else rf"{_BETWEEN}{{0,2}}{_DIGITS}"
    return rf"\m{_either_case(name.word)}{kind}\M"


def _either_case(text: str) -> str:
    """Return the pattern of a word in either case: Roman numbers beside it are such in capitals only."""
    return "".join(f"[{sign.lower()}{sign.upper()}]" if sign.isalpha() else re.escape(sign) for sign in text)
