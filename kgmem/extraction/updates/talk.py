"""Talk as whole sentences: what people omit or add in messages, put right before the parser reads them.

"Yep, still living in Leeds" says "I am still living in Leeds", "btw" and "lol" say nothing, "..., ok?" states and does
not ask, and "Meera is." answers the question of the turn before. Every character of the new text has its place in the
old one, so that what is found is shown where the text says it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

from kgmem.domain.text.extraction import Extraction, Span

_I: Final = r"(?:i|we)\b"
# What opens a message and says nothing of its own.
_OPENER: Final = re.compile(
    r"(?:^|(?<=[.!?\n] ))(?:"
    r"(?:fyi|btw|by the way|lol|haha+|hehe|ugh+|argh|omg|tbh|just so you know|for the record|psst)\b"
    r"[ ]*[,:;!.\u2013\u2014-]*[ ]*|"
    r"(?:hmm*|wow|yay|phew|hey|hi|hello|guess what|plot twist|update|news|heads[- ]up|for your information|"
    r"(?:(?:some|a) )?(?:big|good|great|bad|sad|quick|small|little|happy|exciting) (?:news|update)(?: everyone| all)?|"
    r"in case you (?:missed it|wondered)|long story short|to be honest|honestly|so|anyways?|ok(?:ay)? so|alas|sadly|"
    r"unfortunately|luckily|finally)[ ]*[,:;!.\u2013\u2014-]+[ ]+)+(?=\S)",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(
    r"(?:[,]?\s+(?:lol|haha+|hehe|btw|tbh|fyi|imo|imho|ngl|tho|xd))+(?=\s*(?:[.!?,;]|$))", re.IGNORECASE
)
# A statement with a tag that asks for assent.
_TAG: Final = re.compile(r",\s*(?:ok(?:ay)?|alright|all right|you know|y'know)\s*\?+", re.IGNORECASE)
# A statement with a question of its own behind it: ", how about you?", ", and yours?".
_RETURNED: Final = re.compile(r",\s+(?=(?:(?:how|what) about|and (?:you|yours)|you\?)[^.!?]*\?)", re.IGNORECASE)
# "From now on our sync is on Thursdays": the parser takes "on our sync" for a place.
_SINCE: Final = re.compile(
    r"(?:^|(?<=[.!?,;] ))(?:from (?:now|today|tomorrow|this week|next week)(?: on(?:wards)?)?(?! on\b)|"
    r"as of (?:now|today|this \w+|next \w+|\w+day|last \w+)|these days|nowadays|"
    r"starting (?:today|tomorrow|this \w+|next \w+|\w+day)|ever since (?:then|\w+))(?=\s+[\w'])",
    re.IGNORECASE,
)
_YES: Final = re.compile(
    r"^(?:yep|yup|yes|yeah|yea|aye|sure|indeed|correct|exactly|right|ja)\s*[,.!]+\s+(?=\S)", re.IGNORECASE
)
_PAST: Final = (
    "got|picked|bought|sold|gave|handed|moved|quit|left|started|joined|began|switched|changed|cancelled|canceled|"
    "ditched|dropped|finished|adopted|married|broke|split|signed|resigned|retired|returned|lost|found|took|made|had|"
    "went|came|decided|upgraded|downgraded|migrated|rolled|deployed|installed|stopped|gone|ended|passed|accepted|"
    "rented|leased|landed|renewed|booked|swapped|traded|donated|threw|tore|ran|became|told|said|met|saw|heard|spoke|"
    "turned|put|set|kept|gained|learned|learnt|studied|worked|lived|stayed|used|loved|hated|wanted|tried|forgot"
)
_ADVERB: Final = r"(?:just|finally|already|recently|only|also|never|officially|actually|still|now|then|even)"
_START: Final = r"(?P<before>^|[.!?;\u2026]+\s+|\n\s*|,\s+)"
# "Got the job", "just picked up my bike", "handed in my notice": who speaks did.
_DID: Final = re.compile(
    rf"{_START}(?P<words>(?:{_ADVERB}\s+)*(?:{_PAST})\b(?!\s*(?:[!?.,;]|$))(?!\s+(?:by|for sale|out to be)\b))",
    re.IGNORECASE,
)
# "Still living in Leeds", "working at Bosch now": who speaks is.
_DOING: Final = re.compile(
    rf"{_START}(?P<words>(?:(?:{_ADVERB}|not|no longer)\s+)*(?!(?:during|according|including|regarding|following|"
    r"concerning|evening|morning|meeting|anything|something|nothing|everything|thing|king|spring|building|wedding)\b)"
    r"[a-z]{2,}ing\s+(?:for|at|in|on|with|as|to|my|the|a|an|from|about)\b)",
    re.IGNORECASE,
)
# "Can't stand olives", "don't eat meat any more", "love jazz".
_DO: Final = re.compile(
    rf"{_START}(?P<words>(?:can't|cannot|(?:don't|do not)\s+(?:eat|like|drink|own|live|work|need|drive)|"
    r"didn't|haven't|couldn't|(?:absolutely |really |still )*"
    r"(?:love|hate|adore|prefer|miss|own|live|work))\b\s+(?!me\b|it if\b)\w)",
    re.IGNORECASE,
)
# "Still at Bosch", "Back in Leeds", "Not vegan any more".
_BEING: Final = re.compile(
    rf"{_START}(?P<words>(?:(?:still|now|back|no longer|not)\s+)+(?:at|in|on|with|vegan|vegetarian|married|single|"
    r"engaged|allergic|employed|living|working|a|an|the)\s+\w)",
    re.IGNORECASE,
)
_THING: Final = r"(?P<thing>[^?.!]+?)"
_WHO: Final = re.compile(
    rf"(?:^|[.!?,]\s+|\b(?:so|and|but)\s+)who(?P<be>'s|\u2019s|\s+is|\s+are|\s+was)\s+{_THING}"
    r"(?:\s+(?:now|then|again|these days))?\s*\?+\s*$",
    re.IGNORECASE,
)
_WHO_DOES: Final = re.compile(
    rf"(?:^|[.!?,]\s+)who\s+(?P<does>(?!is\b|are\b|was\b|did\b|do\b)\w+s)\s+{_THING}\s*\?+\s*$", re.IGNORECASE
)
_WHERE: Final = re.compile(
    rf"(?:^|[.!?,]\s+|\b(?:so|and|but)\s+)(?:when|where|what time|which day)"
    rf"(?P<be>'s|\u2019s|\s+is|\s+are)\s+{_THING}"
    r"(?:\s+(?:now|again|then))?\s*\?+\s*$",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    r"^(?P<who>(?:[A-Z][\w.'\u2019-]+)(?:\s+[A-Z][\w.'\u2019-]+){0,2})(?:\s+(?:is|does|are))?\s*[.!]*$"
)
_PLACE_OR_TIME: Final = re.compile(
    r"^(?P<at>(?:(?:on|at|in)\s+)?(?:(?:the\s+)?[A-Z0-9][\w.:'\u2019-]*)"
    r"(?:\s+(?:at\s+)?(?:the\s+)?[\w.:'\u2019-]+){0,5})\s*[.!]*$"
)
_NOT_NAMES: Final = frozenset(
    """yes no nope yep yeah sure ok okay thanks great nice good fine cool perfect sorry hello hi me nobody none noted
    done deal agreed correct right exactly true wow what why how when where who maybe""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Talk:
    """A text in whole sentences, with the place of each of its characters in the text that was said."""

    text: str
    places: Sequence[int]
    said: str

    def back(self, found: Extraction) -> Extraction:
        """Return what was found with its spans as they are in the text that was said."""
        if self.text == self.said:
            return found
        moved: Extraction = self._moved(found)
        return moved

    def _moved(self, value: Any) -> Any:
        if isinstance(value, Span):
            last = len(self.places) - 1
            start = self.places[min(value.start, last)]
            end = self.places[min(value.end, last)]
            return Span(start, max(start, end))
        if is_dataclass(value) and not isinstance(value, type):
            names = [each.name for each in fields(value)]
            return replace(value, **{name: self._moved(getattr(value, name)) for name in names})
        if isinstance(value, Mapping):
            return {key: self._moved(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._moved(each) for each in value)
        return value


class _Rewriting:
    """A text that is being put right, with the places of its characters."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.text = said
        self.places = list(range(len(said) + 1))

    def put(self, start: int, end: int, words: str) -> None:
        """Put words in the place of a stretch."""
        self.text = self.text[:start] + words + self.text[end:]
        self.places[start:end] = [self.places[start]] * len(words)

    def talk(self) -> Talk:
        return Talk(self.text, self.places, self.said)


def in_sentences(text: str, before: str = "", *, spoken: bool) -> Talk:
    """Return a message as whole sentences; `before` is the turn that it may answer.

    Only what somebody says to somebody (`spoken`) omits who speaks; another text is returned as it is.
    """
    made = _Rewriting(text)
    if not spoken or len(text) > _LONGEST:
        return made.talk()
    if _answer(made, before):
        return made.talk()
    for pattern, instead in ((_OPENER, ""), (_TAIL, ""), (_TAG, "."), (_RETURNED, ". ")):
        for found in reversed(list(pattern.finditer(made.text))):
            made.put(found.start(), found.end(), instead)
    for found in reversed(list(_SINCE.finditer(made.text))):
        made.put(found.end(), found.end(), ",")
    if found_yes := _YES.match(made.text):
        rest = made.text[found_yes.end() :]
        if any(pattern.match(rest) for pattern in (_DID, _DOING, _BEING, _DO)):
            made.put(0, found_yes.end(), "")
    _with_speaker(made)
    return made.talk()


def _with_speaker(made: _Rewriting) -> None:
    """Put who speaks before the verbs that nobody else is said to do."""
    for pattern, subject in ((_DID, "I "), (_DOING, "I am "), (_BEING, "I am "), (_DO, "I ")):
        for found in reversed(list(pattern.finditer(made.text))):
            if found["before"].startswith(",") and (
                pattern is _BEING or not _speaks_of_self(made.text[: found.start()])
            ):
                continue
            if "?" in made.text[found.end() :].split(".")[0].split("!")[0]:
                continue
            at = found.start("words")
            made.put(at, at + 1, subject + made.text[at].lower())


_OF_PEOPLE: Final = re.compile(r"\b(?:you|your|my|i)\b", re.IGNORECASE)
_LONGEST: Final = 1_000  # Characters of a message; what is longer is no talk.


def _speaks_of_self(before: str) -> bool:
    """Return whether the clause before a comma is one of the speaker's, who goes on without "I"."""
    clause = re.split(r"[.!?\n]", before)[-1]
    return re.match(rf"\s*{_I}", clause, re.IGNORECASE) is not None


def _answer(made: _Rewriting, before: str) -> bool:
    """Put the question before into a text that is nothing but its answer: "Meera is." of who is product owner."""
    said = made.text.strip()
    start = len(made.text) - len(made.text.lstrip())
    question = before.strip()
    if said.rstrip(".!").lower() in _NOT_NAMES or said.split(" ")[0].rstrip(",").lower() in _NOT_NAMES:
        return False
    named = _NAMED.match(said)
    if named and (who := _WHO.search(question)) and not who["thing"].lower().startswith(("you ", "that", "this")):
        be = "is" if who["be"].strip() in {"'s", "\u2019s", "is"} else who["be"].strip()
        made.put(start + named.end("who"), start + len(said), f" {be} {who['thing'].strip()}.")
        return True
    if named and (does := _WHO_DOES.search(question)):
        made.put(start + named.end("who"), start + len(said), f" {does['does']} {does['thing'].strip()}.")
        return True
    there = _PLACE_OR_TIME.match(said)
    if there and (where := _WHERE.search(question)) and not _OF_PEOPLE.search(where["thing"]):
        made.put(start, start, f"{where['thing'].strip()} is ")
        return True
    return False
