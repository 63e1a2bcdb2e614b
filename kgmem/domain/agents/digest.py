"""Digests of the older parts of a session: the sentences that say most of a part, as they were said.

A part is 32 messages, or 32 parts of the level below, so that a session of a million messages has four levels. Each
digest follows from what is said in its part alone, whoever asks and whenever.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.agents.message import READ, StoredMessage

PART: Final = 32  # Messages of a part of level 1, and parts of one of the next level.
LEVELS: Final = 4
_MOST_SENTENCES: Final = 3
_LONGEST: Final = 300  # Characters of a sentence.
_LEAST_WORDS: Final = 4
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]*")
_WORD: Final = re.compile(r"\w+")
_TELLING: Final = re.compile(r"\d|(?<=[a-z,] )[A-Z]")  # Numbers, and names within a sentence.


@dataclass(frozen=True, slots=True)
class DigestSentence:
    """A sentence of a message, as it was said."""

    seq: int
    message: str  # Its id.
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Digest:
    """The sentences that stand for the messages `first` to `last` of a session."""

    first: int
    last: int
    sentences: Sequence[DigestSentence]


def sentences_of(messages: Iterable[StoredMessage]) -> list[DigestSentence]:
    """Return the sentences of users and assistants, without greetings and other short ones."""
    found = []
    for stored in messages:
        if stored.role not in READ:
            continue
        speaker = stored.name or stored.role
        for match in _SENTENCE.finditer(stored.message().words):
            text = " ".join(match.group().split())
            if len(_WORD.findall(text)) >= _LEAST_WORDS:
                cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "\u2026"
                found.append(DigestSentence(stored.seq, stored.id, speaker, cut))
    return found


def most_telling(sentences: Sequence[DigestSentence]) -> list[DigestSentence]:
    """Return the few sentences whose words say most of all of them, in order; none twice.

    A sentence counts by how often its words of four letters and more are in the part, by its length, for numbers and
    names, and half as much as a question.
    """
    words = [{word.casefold() for word in _WORD.findall(each.text) if len(word) > 3} for each in sentences]
    often = Counter(word for each in words for word in each)
    ranked = sorted(range(len(sentences)), key=lambda at: (-_score(sentences[at].text, words[at], often), at))
    chosen: list[int] = []
    for at in ranked:
        if len(chosen) == _MOST_SENTENCES:
            break
        if words[at] and all(words[at] != words[other] for other in chosen):
            chosen.append(at)
    return [sentences[at] for at in sorted(chosen)]


def _score(text: str, words: set[str], often: Counter[str]) -> float:
    weight = sum(often[word] for word in words) / (6 + len(words))
    weight *= 1 + 0.25 * min(len(_TELLING.findall(text)), 4)
    return weight / 2 if text.endswith("?") else weight


def completed(before: int, after: int) -> list[tuple[int, int]]:
    """Return (level, place) of the parts that are complete with message `after` and were not with `before`."""
    return [
        (level, place) for level in range(1, LEVELS + 1) for place in range(before // PART**level, after // PART**level)
    ]


def covering(end: int, most: int) -> list[tuple[int, int]]:
    """Return (level, place) of at most `most` complete parts before message `end`, the newest first.

    Together they are all messages up to the last complete part, in as few parts as there are, unless `most` cuts the
    oldest off.
    """
    parts: list[tuple[int, int]] = []
    stop = (end - 1) // PART  # In parts of level 1.
    for level in range(1, LEVELS + 1):
        begin = stop - stop % PART if level < LEVELS else 0
        parts += [(level, place) for place in range(stop - 1, begin - 1, -1)]
        stop = begin // PART
    return parts[:most]


def span_of(level: int, place: int) -> tuple[int, int]:
    """Return the numbers of the first and the last message of a part."""
    size = PART**level
    return place * size + 1, (place + 1) * size
