"""The material of distillation: texts with what was extracted from them, their sentences, and what these tell."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from kgmem.domain.agents.tokens import estimate

_ENDING: Final = re.compile(r"[.!?\u2026]+[\"')\]\u201d\u00bb]*(?=\s)|[\u3002\uff01\uff1f]|\n\s*")
_CONTINUES: Final = re.compile(r"[a-z,;(]")
_SPACE: Final = re.compile(r"\s")
_ABBREVIATED: Final = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|vs|etc|e\.g|i\.e|No|approx|Inc|Ltd|Co|Jr|Sr))\.$")
_LONGEST: Final = 500  # Characters of a sentence; what is longer is cut between words.
_TELLING: Final = re.compile(r"\w*\d[\w.,:/%+-]*\w|\d|[^\W\d_][\w'\u2019-]*", re.UNICODE)
_WEEKDAYS: Final = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())  # noqa: SIM905
_MONTHS: Final = frozenset(
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
_DAYS: Final = _WEEKDAYS | _MONTHS | {"yesterday", "today", "tomorrow", "tonight"}
# Words that are capitalised where a sentence begins, and name nothing.
_PLAIN: Final = frozenset(
    """a an and as at be but by can could did do does for from had has have he her here his how i i'd i'll i'm
    i've if in is it it's its just let's like maybe me my no not now of oh ok okay on or our please she
    should so some thank thanks that that's the their them then there these they this those to was we we're
    well were what when where which while who why will with would yeah yes you your""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a text: text[begin:end]; `original` is the place of the text among those of its group."""

    original: int
    begin: int
    end: int
    text: str

    @property
    def tokens(self) -> int:
        """The estimated number of its tokens."""
        return max(estimate(self.text), 1)


@dataclass(frozen=True, slots=True)
class StatedFact:
    """A fact that a text states: what it says, in names, where, and the relationship that says it, if there is one."""

    id: int  # Of the relationship, or else of the claim.
    subject: str
    predicate: str
    said: str
    begin: int = -1  # -1: nobody knows where.
    end: int = -1
    relationship: int | None = None
    causal: bool = False
    critical: bool = False
    state: int = 0  # In the consensus; 0: none.
    text: str | None = None  # In its own words.
    version: int = 0

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same fact in another text."""
        return (self.subject, self.predicate, self.said)


@dataclass(frozen=True, slots=True)
class Original:
    """A text that may be distilled, with the facts it states and the entities that it mentions."""

    id: int
    key: str
    version: int
    text: str
    time: str  # When it was said, or else when it came. ISO 8601.
    session: str | None = None
    speaker: str | None = None
    title: str | None = None
    facts: Sequence[StatedFact] = ()
    withdrawn: Sequence[tuple[int, int]] = ()  # Where it states what is believed no more.
    mentions: Sequence[str] = ()  # Keys of entities.
    topics: Sequence[int] = ()  # Communities of what it mentions.
    critical: bool = False
    extracted: bool = False
    tier: int = 0
    size: int = 0  # Bytes of its passages.

    @property
    def tokens(self) -> int:
        """The estimated number of its tokens."""
        return max(estimate(self.text), 1)

    def says_only_withdrawn(self, begin: int, end: int) -> bool:
        """Whether a part of it states what is believed no more, and nothing else that is known."""
        gone = any(one < end and begin < other for one, other in self.withdrawn)
        return gone and not any(fact.begin < end and begin < fact.end for fact in self.facts)

    @property
    def is_critical(self) -> bool:
        """Whether somebody has to approve that it is distilled."""
        return self.critical or any(each.critical for each in self.facts)


def sentences_of(text: str, original: int = 0) -> list[Sentence]:
    """Return the sentences of a text, in order; together they are all of it but white space."""
    return [Sentence(original, begin, end, " ".join(text[begin:end].split())) for begin, end in _spans(text)]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    begin = 0
    for ending in _ENDING.finditer(text):
        if ending.start() < begin:
            continue
        if ending[0].startswith("\n"):
            paragraph = ending[0].count("\n") > 1
            if (
                not paragraph
                and _CONTINUES.match(text, ending.end())
                and not text[begin : ending.start()].endswith(":")
            ):
                continue  # A line that was broken within a sentence.
        elif ending[0] == "." and _ABBREVIATED.search(text, begin, ending.end()):
            continue
        yield from _cut(text, begin, ending.end())
        begin = ending.end()
    yield from _cut(text, begin, len(text))


def _cut(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    while end - begin > _LONGEST:
        spaces = [each.start() for each in _SPACE.finditer(text, begin + _LONGEST // 2, begin + _LONGEST)]
        stop = spaces[-1] if spaces else begin + _LONGEST
        yield begin, stop
        begin = stop
        while begin < end and text[begin].isspace():
            begin += 1
    if begin < end:
        yield begin, end


def telling_words(text: str) -> list[str]:
    """Return the numbers, dates and names of a sentence, each once, in order and in their own letters."""
    found: dict[str, str] = {}
    for match in _TELLING.finditer(text):
        word = match[0].rstrip(".,:'\u2019-")
        folded = word.casefold()
        if any(map(str.isdigit, word)) or folded in _DAYS - {"may"}:
            found.setdefault(folded, word)
        elif word[0].isupper() and folded.removesuffix("'s").removesuffix("\u2019s") not in _PLAIN:
            starts = not text[: match.start()].strip(" \"'(\u201c*-\u2022")
            if not starts or sum(map(str.isupper, word)) > 1:
                found.setdefault(folded, word)
    return list(found.values())


def says(text: str, word: str) -> bool:
    """Return whether a text has a word, or the words of a name in a row, in any letters."""
    wanted = word.casefold()
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text.casefold()) is not None


def digest_of(originals: Iterable[Original]) -> int:
    """Return a hash of texts and of what they state, which changes with any of it."""
    told = [
        f"{each.id}.{each.version}:" + ",".join(sorted(f"{fact.id}.{fact.version}.{fact.state}" for fact in each.facts))
        for each in sorted(originals, key=lambda each: each.id)
    ]
    return int.from_bytes(blake2b("\x1f".join(told).encode(), digest_size=8).digest(), "big", signed=True)
