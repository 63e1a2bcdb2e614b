"""Tense: whether the words of a question ask about now or about the past. A rule for English, without a parse.

What ended is an answer to both, but a question about now wants what holds first. A year that is over, a past auxiliary
or a past form of a verb asks about then; words such as "now" or "still" about now, whatever else there is.
"""

import re
from typing import Final, Literal

Tense = Literal["present", "past"]
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?|\d+")
_LONGEST: Final = 2000  # Characters of a question that are looked at.
_NOW: Final = frozenset(["now", "today", "currently", "nowadays", "presently", "still", "current", "present"])
_PRESENT: Final = frozenset(
    ["is", "are", "am", "does", "do", "has", "have", "isn't", "aren't", "doesn't", "don't", "hasn't", "haven't"]
)
_PAST: Final = frozenset(
    ["was", "were", "did", "had", "wasn't", "weren't", "didn't", "hadn't", "formerly", "previously", "once", "former"]
)
# Past forms of verbs that facts are often told with, where another form of the same letters is rare in a question.
_IRREGULAR: Final = re.compile(
    r"became|began|bought|broke|brought|built|came|caught|chose|drew|drove|fell|flew|fought|found|"
    r"gave|grew|held|kept|knew|led|left|lost|made|met|paid|ran|rose|said|sang|sat|saw|sent|sold|spent|"
    r"spoke|stole|stood|swam|taught|thought|threw|told|took|understood|went|woke|won|wore|wrote"
)
_QUESTION_WORDS: Final = frozenset(["who", "what", "which", "whose", "where", "when", "how"])
_AFTER: Final = 6  # Words behind a question word within which its verb is looked for.
_SHORTEST_ED: Final = 5  # "Red", "bed" and "need" are no past forms.
_NO_PAST: Final = frozenset(
    [
        "united",
        "hundred",
        "sacred",
        "indeed",
        "speed",
        "exceed",
        "proceed",
        "succeed",
        "agreed",
        "based",
        "named",
        "called",
    ]
)


def tense_of(text: str, year: int) -> Tense:
    """Return whether a text asks about now ("present", also where nothing shows it) or about then ("past").

    `year` is the present one: earlier years of four digits ask about then.
    """
    words = [word.lower().replace("\u2019", "'") for word in _WORD.findall(text[:_LONGEST])]
    if not _NOW.isdisjoint(words):
        return "present"
    if any(word.isdigit() and len(word) == 4 and 1000 <= int(word) < year for word in words):
        return "past"
    for word in words:  # The first auxiliary is that of the question: "Who is the man who was first on the Moon?"
        if word in _PRESENT:
            return "present"
        if word in _PAST:
            return "past"
    return "past" if _past_verb(words) else "present"


def _past_verb(words: list[str]) -> bool:
    """Return whether a past form follows the first question word: "Who commanded the flight?"."""
    start = next((at for at, word in enumerate(words) if word in _QUESTION_WORDS), None)
    if start is None:
        return False
    return any(_is_past(word) for word in words[start + 1 : start + 1 + _AFTER])


def _is_past(word: str) -> bool:
    regular = word.endswith("ed") and not word.endswith("eed") and len(word) >= _SHORTEST_ED and word not in _NO_PAST
    return regular or _IRREGULAR.fullmatch(word) is not None
