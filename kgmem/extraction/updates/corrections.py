"""Corrections: what a text withdraws of what was said before it, with or without what is right instead.

"I meant Hanover, not Hamburg", "never mind, it's Tuesday", "no, to Peter", "that's not true". The wrong value may be
named, or implied by the right one: then the fact that was said last and has an object of its type is meant.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from spacy.tokens import Doc, Token
from spacy.tokens import Span as Words

from kgmem.domain.text.extraction import FoundEnding, FoundFact, Span
from kgmem.extraction.facts import Phrase, phrase
from kgmem.extraction.updates.clause import is_time
from kgmem.extraction.updates.endings import Naming

_CONFIDENCE: Final = 0.7
# What opens a correction. It corrects what was said before, unless it goes on with a clause of its own.
_CUE: Final = re.compile(
    r"^\W*(?:(?:oh|ah|uh|um|well|hey|and|but|hm+|ok(?:ay)?)\b[\s,.]*)*"
    r"(?:no\b(?! longer| one| more)|nope|wait|sorry|oops|whoops|correction|actually|never ?mind|nevermind|"
    r"scratch that|strike that|"
    r"make (?:that|it)|(?:i|you|u) mean(?:t)?|not|rather|or rather|my (?:bad|mistake)|on second thought|"
    r"excuse me|apologies|"
    r"let me correct (?:that|myself)|to correct myself|hang on|hold on|i misspoke|i was wrong|i made a mistake|"
    r"typo|on closer look|wait a minute|"
    r"forget (?:that|it|what i said))\b",
    re.IGNORECASE,
)
# What closes one: "Wednesday, sorry", "wait, Thursday I mean".
_CUE_BEHIND: Final = re.compile(
    r"(?:\bi mean(?:t)?|[,;\u2013\u2014-]\s*(?:sorry|oops|whoops|my (?:bad|mistake)|i mean(?:t)?|rather|actually|"
    r"correction))\s*[.!]*$",
    re.IGNORECASE,
)
_ALL_WRONG: Final = re.compile(
    r"^\W*(?:(?:no|sorry|actually|oops|wait|well)[\s,.!]+)*"
    r"(?:that|this|it|that one)(?:'s| is| was|\s+isn't|\s+wasn't| is not| was not)\s*(?:not |n't )?"
    r"(?:a |just a |really |quite |actually |completely |totally )*"
    r"(?:true|right|correct|wrong|false|untrue|incorrect|mistake|lie|error|misunderstanding|accurate|nonsense)\b",
    re.IGNORECASE,
)
# "No, she isn't", "he doesn't any more", "not anymore": what was said last is not so.
_NOT_SO: Final = re.compile(
    r"^\W*(?:(?:no|nope|well|actually|sorry|oh)\b[\s,.!]*)*"
    r"(?:(?:i|he|she|it|we|they|you|that|[A-Z]\w+)\s+(?:is|are|am|was|were|do|does|did|has|have|will|would|can|could|wo|ca)"
    r"(?:\s*n't|\s+not)(?P<end>\s+(?:any ?more|any longer))?|(?P<over>not any ?more|no longer|not any longer|no more|"
    r"not since\b[^,.;]*|not (?:for|in) (?:\w+ )?(?:a while|ages|years|months|weeks|long)))"
    r"\s*(?:[.!,;]|$)",
    re.IGNORECASE,
)
_JOKE: Final = re.compile(
    r"^\W*(?:(?:that was|it was|i.m|i was|i am) )?(?:just |only )?"
    r"(?:kidding|joking|a joke|a misunderstanding|a mix-?up)\b",
    re.IGNORECASE,
)
_FORGET: Final = re.compile(
    r"^\W*(?:please )?(?:forget|disregard|ignore|scratch|strike|never ?mind)\b.*?\b(?:what|that|about|said|it)\b",
    re.IGNORECASE,
)
_POSITIVE: Final = re.compile(r"\b(?:true|right|correct|accurate)\b", re.IGNORECASE)
_NEGATIVE: Final = re.compile(r"\bnot\b|n't\b", re.IGNORECASE)
_SET_AGAINST: Final = re.compile(r"\bnot\b|\binstead of\b|\brather than\b|\bbut\b", re.IGNORECASE)
_NOUN_RULES: Final = frozenset(
    {"rules:possessive", "rules:owner", "rules:noun-link", "rules:title", "rules:place-chain"}
)
_MEANT: Final = frozenset({"mean", "say", "write", "be", "make", "read"})
_EMPTY: Final = frozenset(
    {"it", "that", "this", "i", "you", "he", "she", "they", "we", "what", "mistake", "correction"}
)


def corrections(doc: Doc, name: Naming, facts: Sequence[FoundFact]) -> Iterator[FoundEnding]:
    """Return what the sentences of a text correct; `facts` are those that it states itself."""
    for sentence in doc.sents:
        text = sentence.text.strip()
        if text.endswith("?"):
            continue
        span = Span(sentence.start_char, sentence.end_char)
        wrong = _ALL_WRONG.match(text)
        if wrong is not None and bool(_POSITIVE.search(wrong[0])) == bool(_NEGATIVE.search(wrong[0])):
            rest = list(_replaced(sentence, name, span, cued=True)) if _is_bare(sentence) else []
            yield from rest or [FoundEnding(None, None, span, _CONFIDENCE, "rules:correction", never=True)]
            continue
        if (mark := _NOT_SO.match(text)) is not None or _JOKE.match(text):
            over = mark is not None and (mark["end"] or mark["over"]) is not None
            yield FoundEnding(None, None, span, _CONFIDENCE, "rules:correction", never=not over)
            continue
        if _FORGET.match(text) and not any(is_time(word) for word in sentence):
            yield from _forgotten(sentence, name, span)
            continue
        cued = _CUE.match(text) is not None or (_CUE_BEHIND.search(text) is not None and _is_bare(sentence))
        own = [each for each in facts if span.start <= each.object.span.start < span.end and not each.denied]
        if own and not _is_bare(sentence):
            if cued or _SET_AGAINST.search(text):
                yield from _by_own_facts(sentence, name, own, cued=cued)
            continue
        yield from _replaced(sentence, name, span, cued=cued)


def _forgotten(sentence: Words, name: Naming, span: Span) -> Iterator[FoundEnding]:
    people = [phrase(word) for word in sentence if word.ent_iob_ == "B" and not is_time(word)]
    named = [each for each in map(name.argument, people) if each is not None][:2]
    first, second = (*named, None, None)[:2]
    yield FoundEnding(first, second, span, _CONFIDENCE, "rules:correction", never=True)


def _by_own_facts(sentence: Words, name: Naming, facts: Sequence[FoundFact], *, cued: bool) -> Iterator[FoundEnding]:
    """Return what "no, Tom works at Siemens" and "allergic to cats, not dogs" withdraw: the same of another."""
    span = Span(sentence.start_char, sentence.end_char)
    wrong = [each for word in _values(sentence) if _is_denied(word, sentence) and (each := name.argument(_whole(word)))]
    for fact in facts:
        if fact.hedged or fact.reported_by:
            continue
        for other in wrong:
            if other.name in {fact.subject.name, fact.object.name}:
                continue
            yield FoundEnding(fact.subject, other, span, _CONFIDENCE, "rules:correction", predicate=fact.predicate)
            yield FoundEnding(other, fact.object, span, _CONFIDENCE, "rules:correction", predicate=fact.predicate)
        if cued and not wrong and fact.found_by not in _NOUN_RULES:
            yield FoundEnding(
                fact.subject, None, span, _CONFIDENCE, "rules:correction", predicate=fact.predicate, never=True
            )
            yield FoundEnding(
                None, fact.object, span, _CONFIDENCE, "rules:correction", predicate=fact.predicate, never=True
            )


def _replaced(sentence: Words, name: Naming, span: Span, *, cued: bool) -> Iterator[FoundEnding]:
    """Return the wrong and the right value of a correction; the wrong one may be implied."""
    right, wrong = list[Token](), list[Token]()
    for word in _values(sentence):
        (wrong if _is_denied(word, sentence) else right).append(word)
    if not right or (not cued and not wrong):
        return
    if not cued and not _is_bare(sentence):
        return
    new = name.argument(_whole(right[-1] if cued and not wrong else right[0]))
    old = name.argument(_whole(wrong[0])) if wrong else None
    if new is None or (old is not None and old.name == new.name):
        return
    yield FoundEnding(None, old, span, _CONFIDENCE, "rules:correction", instead=new, never=True)


def _values(sentence: Words) -> Iterator[Token]:
    """Return the heads of the names, times and amounts of a sentence."""
    seen = set[int]()
    for word in sentence:
        if word.i in seen or word.lower_ in _EMPTY:
            continue
        entity = next((ent for ent in sentence.ents if ent.start <= word.i < ent.end), None)
        if entity is not None:
            seen.update(range(entity.start, entity.end))
            head = entity.root
            if head.dep_ in {"nummod", "compound", "amod"} and head.head.pos_ in {"NOUN", "PROPN"}:
                head = head.head
                seen.update(range(min(head.i, entity.start), head.i + 1))
            yield head
        elif (word.pos_ in {"PROPN", "NUM"} or is_time(word) or (word.pos_ == "NOUN" and word.dep_ != "npadvmod")) and (
            word.dep_ not in {"compound", "nummod", "amod", "poss"} or word.head.i == word.i
        ):
            yield word


def _is_denied(word: Token, sentence: Words) -> bool:
    """Return whether "not", "instead of" or the like stands right before a value."""
    edge = min((child.i for child in word.lefts), default=word.i)
    before = [each.lower_ for each in sentence.doc[max(sentence.start, edge - 4) : edge]]
    while (
        before
        and before[-1] in {"a", "an", "the", "on", "in", "at", "to", "for", "with", "of"}
        and before[-2:] != ["instead", "of"]
    ):
        before.pop()
    if before[-2:] in (["instead", "of"], ["rather", "than"], ["opposed", "to"]):
        return True
    if before and before[-1] in {"not", "n't"}:
        return True
    own = {child.lower_ for child in word.lefts}
    if "not" in own:
        return True
    # "I said Bosch, but it is Siemens": what was said is wrong.
    verb = word.head
    following = [each.lower_ for each in sentence.doc[word.i + 1 : sentence.end]]
    return verb.lemma_ in {"say", "write"} and "but" in following


def _is_bare(sentence: Words) -> bool:
    """Return whether a sentence has no clause but "it is", "I meant", "make that"."""
    verbs = [
        word for word in sentence if word.pos_ == "VERB" or (word.pos_ == "AUX" and word.dep_ not in {"aux", "auxpass"})
    ]
    subjects = [word for word in sentence if word.dep_ in {"nsubj", "nsubjpass"} and word.lower_ not in _EMPTY]
    plain = all(
        word.lemma_.lower() in _MEANT | {"mind", "sorry", "wait", "scratch", "strike", "correct"} for word in verbs
    )
    return plain and not subjects


def _whole(word: Token) -> Phrase:
    return phrase(word, with_prepositions=False)
