"""What a reply settles: a time that is proposed and agreed to, and a question that is answered by yes or no.

"Can't do Thursday. Let's make it Friday.", "How about Friday?" with "Works for me", "Didn't you sell it?" with "Yes".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from spacy.tokens import Doc, Token

from kgmem.domain.text.extraction import Argument, FoundEnding, Span
from kgmem.extraction.facts import phrase
from kgmem.extraction.updates.clause import Clause, Over, is_time
from kgmem.extraction.vocabulary import listed

_CONFIDENCE: Final = 0.7
_LEAD: Final = r"^\W*(?:(?:oh|ah|well|hm+|hey|actually|thanks)\b[\s,.!]*)*"
_AGREES: Final = re.compile(
    _LEAD + r"(?:ok(?:ay)?|fine|sure|deal|agreed|great|perfect|good|alright|all right|yes|yep|yeah|yup|works for me|"
    r"that works|(?:that )?sounds (?:good|great|fine)|(?:that(?:'s| is) )(?:fine|ok(?:ay)?|good|great|perfect)|"
    r"let's do (?:that|it)|done|absolutely|cool|no problem|excellent|lovely|wonderful|suits me|i'm fine with that|"
    r"it's a deal|settled)\b(?! (?:but|if|except))",
    re.IGNORECASE,
)
_YES: Final = re.compile(
    _LEAD + r"(?:yes|yep|yeah|yup|right|correct|exactly|indeed|that's (?:right|true|correct)|true|afraid so|"
    r"unfortunately|sadly|of course|sure|absolutely|already|i did|we did|(?:he|she|it|they) (?:did|has|have)|i have|"
    r"we have)\b",
    re.IGNORECASE,
)
_NO: Final = re.compile(_LEAD + r"(?:no|nope|nah|not any ?more|no longer|not really)\b", re.IGNORECASE)
_PROPOSES: Final = re.compile(
    r"\b(?:how about|what about|shall we|should we|could we|can we|let's|let us|would|maybe|perhaps|"
    r"i (?:suggest|propose)|why don't we|does|is|could you|can you|instead|better|works?|suits?|rather|"
    r"make it|move it|prefer)\b",
    re.IGNORECASE,
)
_APPOINTED: Final = ("SCHEDULED_FOR",)
_ARRANGES: Final = listed(
    "make do say take move push meet have go schedule put set reschedule postpone shift bring try settle start hold"
)
_AGREED: Final = listed("agree settle decide go opt")
# "Fine, 11:30 then."
_AGREED_TIME: Final = re.compile(
    r"^\W*(?:ok(?:ay)?|fine|sure|deal|agreed|great|perfect|good|alright|all right|yes|yep|yeah|cool|no problem)[\s,.!]+"
    r"(?:let's (?:say|do|make it) |make it |then )?"
    r"(?P<time>(?:(?:on|at) )?(?:\d{1,2}[:.]\d\d|\d{1,2}(?= ?(?:am|pm|o'clock)|"
    r" then)|(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?: ?(?:am|pm|o'clock))?(?: at [\d:.]+(?: ?[ap]m)?)?)"
    r"(?: (?:then|it is|instead))*\W*$",
    re.IGNORECASE,
)
_NOT_THIS: Final = frozenset({"not", "n't", "from", "than", "of"})
_DECLINES: Final = re.compile(
    r"\b(?:can't|cannot|can not|doesn't|does not|won't|isn't|is not|not|unable|no good)\b", re.IGNORECASE
)


def replies_to(text: str) -> bool:
    """Return whether a text may be an answer, which only the turn before it explains."""
    return any(pattern.match(text) for pattern in (_AGREES, _YES, _NO))


def arranged(clause: Clause) -> Iterator[Over]:
    """Return what a clause sets to another time: "let's make it Friday", "Thursday it is", "we settled on Friday"."""
    verb = clause.verb
    let = verb.head.lower_ == "let" or (clause.lemma == "let" and verb.dep_ == "ROOT")
    if clause.lemma in _ARRANGES and verb.head.lower_ == "let" and verb.head.i != verb.i:
        time = _time_in(verb)
    elif clause.lemma == "be" and (any(each.lower_ == "it" for each in clause.subjects)):
        time = _set_now(clause)
    elif clause.lemma in _AGREED and not let:
        time = next(
            (each for word in ("on", "for", "with") for each in clause.led.get(word, []) if is_time(each)), None
        )
    elif clause.lemma == "have" and not clause.objects:
        # "We have until 15 May."
        time = next((each for word in ("until", "till") for each in clause.led.get(word, []) if is_time(each)), None)
    else:
        return
    if time is None:
        return
    things = [each for each in clause.objects if each.pos_ in {"NOUN", "PROPN"} and not is_time(each)]
    if things and clause.lemma in {
        "move",
        "push",
        "put",
        "shift",
        "bring",
        "reschedule",
        "postpone",
        "schedule",
        "have",
        "hold",
    }:
        yield from (Over(each, None, _APPOINTED, instead=time) for each in things)
    elif not things:
        yield Over(None, None, _APPOINTED, instead=time, latest=True)


def _set_now(clause: Clause) -> Token | None:
    """Return the time of "Thursday it is" and "it's on Friday now"."""
    verb = clause.verb
    time = _time_in(verb)
    if time is None or any(child.dep_ == "neg" for child in verb.children):
        return None
    now = {"now", "instead"} & {word.lower_ for word in verb.subtree}
    before = time.i < verb.i and verb.i + 2 >= verb.sent.end
    return time if now or before else None


def _time_in(verb: Token) -> Token | None:
    """Return the time that a clause sets something to, and not the one that it sets it from."""
    found = [word for word in verb.subtree if is_time(word) and word.dep_ not in {"compound", "amod", "nummod", "det"}]
    return next((word for word in found if not _is_former(word)), None)


def _is_former(word: Token) -> bool:
    before = word.doc[max(word.sent.start, word.left_edge.i - 2) : word.left_edge.i]
    return bool({each.lower_ for each in before} & _NOT_THIS)


def agreed(doc: Doc, previous: Doc) -> Iterator[FoundEnding]:
    """Return what agreement to a proposal sets to another time: "works for me" after "how about Friday?"."""
    text = doc.text
    if (bare := _AGREED_TIME.match(text)) is not None and previous.text.strip():
        span = Span(0, len(text))
        instead = Argument(bare["time"].strip(), span)
        yield FoundEnding(
            None, None, span, _CONFIDENCE, "rules:agreement", kinds=_APPOINTED, instead=instead, latest=True
        )
        return
    if not _AGREES.match(text) or any(is_time(word) for word in doc) or _DECLINES.search(text):
        return
    for sentence in reversed(list(previous.sents)):
        times = [word for word in sentence if is_time(word) and word.dep_ not in {"compound", "amod", "nummod", "det"}]
        times = [word for word in times if not _is_former(word)]
        if times and _PROPOSES.search(sentence.text) and not _DECLINES.search(sentence.text):
            span = Span(0, len(text))
            instead = Argument(phrase(times[-1], with_prepositions=False).text, span)
            yield FoundEnding(
                None, None, span, _CONFIDENCE, "rules:agreement", kinds=_APPOINTED, instead=instead, latest=True
            )
            return


def answered(doc: Doc, previous: Doc, endings: Callable[[bool], Iterator[FoundEnding]]) -> Iterator[FoundEnding]:
    """Return what the question before ends if a text says yes to it, or no.

    `endings` returns what the question's clauses end: of "did you sell it?" as if it were said (True), or of "do you
    still work there?" as if it were denied (False).
    """
    sentences = list(previous.sents)
    if not sentences or not sentences[-1].text.strip().endswith("?"):
        return
    yes, no = _YES.match(doc.text), _NO.match(doc.text)
    if yes is None and no is None:
        return
    span = Span(0, len(doc.text))
    for each in endings(no is None):
        ends = [
            Argument(end.name, span) if end is not None else None
            for end in (each.subject, each.object, each.instead, each.heir)
        ]
        yield replace(each, span=span, subject=ends[0], object=ends[1], instead=ends[2], heir=ends[3])
