"""Facts: relationships as sentences."""

import re

_BETWEEN_WORDS = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def kind_in_words(kind: str) -> str:
    """Return a kind of relationship as words: LOCATED_IN as "located in", bornIn as "born in"."""
    return _BETWEEN_WORDS.sub(" ", kind).strip().lower() or kind


def worded(start: str, kind: str, end: str) -> str:
    """Return the sentence that a relationship without a text of its own is found by, of the names of its ends."""
    return f"{start} {kind_in_words(kind)} {end}"
