"""Texts made easier to parse without moving a character, so that positions stay those of the original."""

import re
from typing import Final

_QUOTES: Final = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " ", "\t": " "}
)
_LATEX_QUOTES: Final = re.compile(r"``\s?|\s?''")
_BRACKETS: Final = re.compile(r"\([^()]{0,300}\)|\[[^\[\]]{0,60}\]")


def readable(text: str) -> str:
    """Give a text of the same length with plain quotation marks and without line breaks inside of sentences."""
    plain = text.translate(_QUOTES)
    return _LATEX_QUOTES.sub(
        lambda found: '"'.ljust(len(found[0])) if found[0][0] == "`" else '"'.rjust(len(found[0])), plain
    )


def without_brackets(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Give a text of the same length with blanks where brackets stood, and where these were.

    A bracket behind a name ("(born 3 May 1920 in Oslo)") makes the parser lose the subject; brackets are read apart.
    """
    found = [match.span() for match in _BRACKETS.finditer(text)]
    parts, last = [], 0
    for start, end in found:
        parts += [text[last:start], " " * (end - start)]
        last = end
    return "".join([*parts, text[last:]]), found
