"""Names that only a number tells from their siblings: "Apollo 13", "STS-1", "Saturn V", "type 2 diabetes"."""

import re
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 2000  # Characters that are read; a longer text asks about no single name.
_MOST: Final = 8  # Names of one question.
# What stands before a number that counts, or that is a date: "in 1969", "about 50 people", "July 16".
_NO_NAMES: Final = frozenset(
    """a about above after all almost an and any are around as at be been before below between both but by can could
    did do does during each every exactly few first for from had has have how if in into is it its last least less like
    many may me might more most much must my near nearly next no not of off on only or our out over past per shall she
    should since so some than that the their them then there these they this those though till to under until up was
    we were what when where whether which while who whom whose why will with within without would you your he
    january february march april june july august september october november december jan feb mar apr jun jul aug sep
    sept oct nov dec spring summer autumn fall winter year years""".split()  # noqa: SIM905
)
_NAME: Final = re.compile(
    r"(?<![^\W_])(?P<word>[^\W\d_]+)"
    r"(?:[\s\u2010-\u2013-]{0,2}(?P<digits>\d{1,6}(?:[.,]\d+)*[A-Za-z]?)|[\s\u2010-\u2013-]{1,2}(?P<roman>[IVX]+[AB]?))"
    r"(?![^\W_])"
)


@dataclass(frozen=True, slots=True)
class NumberedName:
    """The word of a name, in lower case, and the number behind it: "apollo" and "13", "saturn" and "V"."""

    word: str
    number: str
    roman: bool  # Whether the number is a Roman one; names whose numbers are of two kinds are no siblings.


def numbered_names(text: str) -> list[NumberedName]:
    """Return the names with a number that a text holds, each once, in their order; no counts and no dates."""
    found: dict[NumberedName, None] = {}
    for name in _NAME.finditer(text[:_LONGEST]):
        word, roman = name["word"], name["roman"]
        pronoun = roman == "I" and not word[0].isupper()  # "The book I read" names no book.
        if word.lower() not in _NO_NAMES and not pronoun:
            found[NumberedName(word.lower(), roman or name["digits"], roman is not None)] = None
    return list(found)[:_MOST]
