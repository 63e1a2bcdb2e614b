"""What a model says in the place of sentences, checked against them; what it may not say is said by the original."""

import re
from collections.abc import Sequence
from typing import Final

from kgmem.domain.derived.summaries import Sentence as WordedSentence
from kgmem.domain.distillation.material import Original, Sentence, says, telling_words
from kgmem.domain.recall.selection import content

_SUPPORTED: Final = 0.6  # Content of a new sentence that the originals have at the least.
_DENIAL: Final = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|without|neither|nor|cannot)\b|n['\u2019]t\b", re.IGNORECASE
)
Line = tuple[Sequence[int], str]  # The places of the texts that say it, and the sentence.


def material_of(originals: Sequence[Original], chosen: Sequence[Sentence]) -> list[WordedSentence]:
    """Return chosen sentences as a model gets them: with their speaker; each `says` its place among them."""
    return [
        WordedSentence(_spoken(originals[each.original], each.text), [at], [originals[each.original].key])
        for at, each in enumerate(chosen)
    ]


def _spoken(original: Original, text: str) -> str:
    return f"{original.speaker}: {text}" if original.speaker else text


def quoted(chosen: Sequence[Sentence]) -> list[Line]:
    """Return sentences as they are."""
    return [([each.original], each.text) for each in chosen]


def checked(
    originals: Sequence[Original], chosen: Sequence[Sentence], worded: Sequence[WordedSentence]
) -> tuple[list[Line], int]:
    """Return what a model made of sentences as far as these bear it out, and how many of its sentences count.

    A sentence counts that has every number, date and name of those that it stands for and no other, denies what they
    deny, and whose words are mostly theirs. What no such sentence stands for is quoted.
    """
    lines: list[tuple[int, Line]] = []
    said: set[int] = set()
    for each in worded:
        places = sorted({place for place in each.says if 0 <= place < len(chosen)} - said)
        if places and len(places) == len(set(each.says)) and _stands_for(each.text, originals, chosen, places):
            said.update(places)
            lines.append((places[0], (sorted({chosen[place].original for place in places}), each.text)))
    count = len(lines)
    lines += [(at, ([each.original], each.text)) for at, each in enumerate(chosen) if at not in said]
    return [line for _, line in sorted(lines, key=lambda each: each[0])], count


def _stands_for(text: str, originals: Sequence[Original], chosen: Sequence[Sentence], places: Sequence[int]) -> bool:
    sources = [_spoken(originals[chosen[place].original], chosen[place].text) for place in places]
    known = " ".join(sources)
    if not all(says(text, word) for place in places for word in telling_words(chosen[place].text)):
        return False
    if not all(says(known, word) for word in telling_words(f"x {text}")):  # Its first word counts as well.
        first = text.split(maxsplit=1)[0].strip(".,;:") if text.split() else ""
        others = [word for word in telling_words(f"x {text}") if word != first]
        if not all(says(known, word) for word in others):
            return False
    if bool(_DENIAL.search(text)) != bool(_DENIAL.search(known)):
        return False
    words = content(text)
    return bool(words) and len(words & content(known)) >= _SUPPORTED * len(words)
