"""Texts that are searched for and erased, in any letters: how a row has them, and what remains without them."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kgmem.domain.errors import InvalidInput

MOST_TEXTS: Final = 20
SHORTEST, LONGEST = 3, 500
ERASED: Final = "[erased]"
# Before a word comes no letter or digit, but an escape such as \n may, where a text is within JSON.
_BEFORE: Final = r"(?:(?<=\\[nrtbf])|(?<![^\W_]))"
_AFTER: Final = r"(?![^\W_])"


@dataclass(frozen=True, slots=True)
class Sought:
    """A text to search for; with `whole`, only where no letter or digit is beside it."""

    text: str
    whole: bool = False

    def forms(self) -> list[str]:
        """Return the text in both normal forms of Unicode, in the letters that databases may not fold."""
        cases = (self.text, self.text.lower(), self.text.upper(), self.text.title())
        return list(dict.fromkeys(unicodedata.normalize(form, each) for each in cases for form in ("NFC", "NFD")))

    def pattern(self) -> str:
        """Return a regular expression, to be used without regard to case."""
        plain = list(dict.fromkeys(self.forms()))
        escaped = [json.dumps(each, ensure_ascii=False)[1:-1] for each in plain]
        found = "|".join(re.escape(each) for each in sorted({*plain, *escaped}, key=len, reverse=True))
        before = _BEFORE if self.whole and _is_of_word(self.text[0]) else ""
        after = _AFTER if self.whole and _is_of_word(self.text[-1]) else ""
        return f"{before}(?:{found}){after}"


def sought(texts: Iterable[str], *, whole: bool = False, field: str = "texts") -> list[Sought]:
    """Return texts to search for, each once. Raises InvalidInput for one that is too short or too long."""
    found: dict[str, Sought] = {}
    for place, text in enumerate(texts):
        if not SHORTEST <= len(text.strip()) <= LONGEST or "\0" in text or not any(map(str.isalnum, text)):
            raise InvalidInput(
                f"{field}[{place}] is no text to search for.",
                hint=f"Give {SHORTEST} to {LONGEST} characters, with a letter or a digit.",
                field=f"{field}[{place}]",
            )
        found.setdefault(text, Sought(text, whole))
    if len(found) > MOST_TEXTS:
        raise InvalidInput(f"{len(found)} texts were given.", hint=f"Give 1 to {MOST_TEXTS}.", field=field)
    return list(found.values())


def is_distinctive(text: str) -> bool:
    """Whether a name is so special that texts with it are taken to mean its bearer: Clara Weber, but not Clara."""
    return len(text.strip()) >= 6 and any(not each.isalpha() for each in text.strip())


class Redactor:
    """Finds texts in values, and takes them out.

    `renamed` gives what replaces values that are equal to a name as a whole: the pseudonym of a source.
    """

    def __init__(self, texts: Sequence[Sought], renamed: Mapping[str, str] | None = None) -> None:
        """Take the texts."""
        self.texts = tuple(texts)
        self.renamed = dict(renamed or {})
        self._pattern = re.compile("|".join(each.pattern() for each in texts) or r"(?!)", re.IGNORECASE)

    def finds(self, value: Any) -> bool:
        """Return whether a text, or anything in a list or mapping, has one of the texts."""
        if isinstance(value, str):
            return value in self.renamed or self._pattern.search(value) is not None
        if isinstance(value, Mapping):
            return any(self.finds(key) or self.finds(each) for key, each in value.items())
        if isinstance(value, list | tuple):
            return any(map(self.finds, value))
        return not isinstance(value, bool) and isinstance(value, int | float) and self.finds(str(value))

    def equals(self, value: Any) -> bool:
        """Return whether a value, or one in a list, is one of the texts as a whole."""
        if isinstance(value, list | tuple):
            return any(map(self.equals, value))
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return False
        return self._pattern.fullmatch(str(value).strip()) is not None

    def redacted(self, value: Any) -> Any:
        """Return a value without the texts; a number that has one becomes null."""
        if isinstance(value, str):
            return self.renamed[value] if value in self.renamed else self._pattern.sub(ERASED, value)
        if isinstance(value, Mapping):
            return {self.redacted(key): self.redacted(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.redacted(each) for each in value]
        return None if self.finds(value) else value


def _is_of_word(character: str) -> bool:
    """Whether a character is of a script that puts spaces between words: such letters have two cases, or are digits."""
    return character.isdigit() or character.lower() != character.upper()
