"""Contrast: which words of a text are set against what it says, withdrawn, or joined by "or".

A denial before a noun reaches as far as that part of the sentence: in "at Globex, not at Acme" all but Acme is so. The
parser often hangs such words elsewhere, so their place shows what they reach.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from spacy.tokens import Doc, Span, Token

# Words before what is set against the rest. "But not" and its like are told by "not".
_CUES: Final[tuple[tuple[str, ...], ...]] = (
    ("instead", "of"), ("rather", "than"), ("as", "opposed", "to"), ("other", "than"), ("in", "lieu", "of"),
    ("in", "place", "of"), ("let", "alone"), ("much", "less"), ("still", "less"), ("except", "for"), ("except",),
    ("excluding",), ("anything", "but"), ("all", "but"), ("neither",), ("nor",), ("contrary", "to"), ("far", "from"),
    ("short", "of"), ("without",), ("minus",), ("never", "at"), ("never", "in"), ("never", "for"), ("not",),
    ("no", "longer", "at"), ("no", "longer", "in"), ("no", "longer", "for"), ("no", "longer", "with"),
    ("unlike",),
)  # fmt: skip
_BY_FIRST: Final = {cue[0]: [each for each in _CUES if each[0] == cue[0]] for cue in _CUES}
_STOPS: Final = frozenset(
    {"but", ";", ":", "--", "\u2014", "\u2013", "(", ")", "although", "though", "while", "because"}
)
_PLACES: Final = frozenset({"GPE", "LOC"})
_FINITE: Final = frozenset({"VBZ", "VBD", "VBP", "MD"})
_NAMES_PARTS: Final = frozenset({"DET", "NOUN", "PROPN", "PRON", "ADP", "NUM", "ADJ", "SCONJ"})
_TAKEN_BACK: Final = re.compile(
    r"(?:^|[\s,;:\u2014\u2013-])(?:sorry|i mean|i meant|correction|scratch that|strike that|"
    r"make that|or rather|my mistake|my bad|on second thought|wait|oops|no)(?=[\s,;:.!\u2014\u2013-]|$)",
    re.IGNORECASE,
)
_OPENS_CORRECTION: Final = re.compile(
    r"^\W*(?:(?:actually|well|oh|ah|uh|um|hm+|hey|and|but)[\s,]+)*(?:no|nope|wait|correction|sorry|oops|wrong|"
    r"scratch that|strike that|just kidding|kidding|not true|not really|not anymore|not any more|my mistake|false)\b"
    r"\s*[,.:;!\u2014\u2013-]",
    re.IGNORECASE,
)
_SAYS_UNTRUE: Final = (
    r"(?:and |but |well,? |actually,? )?(?:this|that|it|which|all of this|none of this|none of that)"
    r"(?:'s| is| was|\u2019s| isn['\u2019]t| wasn['\u2019]t| turned out to be| turned out| proved to be| proved|"
    r" has proved| remains)\s+"
    r"(?:\w+ly |just |all |simply |a |an |not |no longer |complete |plain |pure )*"
    r"(?:false|untrue|wrong|incorrect|true|right|correct|lie|myth|rumou?r|joke|mistake|error|nonsense|misconception|"
    r"the case|so|accurate|made up|hoax|outdated|out of date|fiction|invention)\b"
)
_OPENS_UNTRUE: Final = re.compile(rf"^\W*{_SAYS_UNTRUE}", re.IGNORECASE)
_ENDS_UNTRUE: Final = re.compile(rf"[;,:\u2014\u2013-]\s*{_SAYS_UNTRUE}", re.IGNORECASE)
_AFFIRMS: Final = re.compile(r"\b(?:true|right|correct|the case|so|accurate)\b", re.IGNORECASE)
_DENIAL: Final = re.compile(r"\b(?:not|no longer|never|hardly|none)\b|n['\u2019]t\b", re.IGNORECASE)
_SUPPOSING: Final = re.compile(
    r"^\W*(?:imagine|suppose|supposing|pretend|picture|assume|assuming|what if|let's say|let\u2019s say|let us say|"
    r"say,|if only|as if|hypothetically)\b",
    re.IGNORECASE,
)


def is_constituent_negation(word: Token) -> bool:
    """Return whether "not" denies the noun or preposition behind it alone: "at Globex, not at Acme"."""
    if word.lower_ != "not" or word.i + 1 >= len(word.doc):
        return False
    following = word.nbor(1)
    if following.lower_ == "only" or following.pos_ not in _NAMES_PARTS:
        return False
    at = word.i - 1
    while at >= word.sent.start and word.doc[at].pos_ == "ADV" and word.doc[at].lower_ != "now":
        at -= 1
    if at < word.sent.start:
        return True
    before = word.doc[at]
    return not (before.pos_ == "AUX" or before.tag_ == "MD" or before.lemma_ in {"do", "be", "have"})


class Contrast:
    """What a text sets against what it says, by words (their places in the text)."""

    def __init__(self, doc: Doc) -> None:
        """Look through a parsed text once."""
        self._doc = doc
        sentences = list(doc.sents)
        self._against = {at for sentence in sentences for at in _set_against(sentence)}
        self._against.update(at for sentence in sentences for at in _gapped(sentence))
        self._withdrawn = set(_withdrawn(sentences))
        self._supposed = {sentence.start for sentence in sentences if _SUPPOSING.match(sentence.text)}
        self._paired = {
            sentence.start for sentence in sentences if any(word.lower_ == "respectively" for word in sentence)
        }

    def denies(self, *ends: Token) -> bool:
        """Return whether one of the ends of a fact is set against what the text says, or was withdrawn."""
        return any(end.i in self._against or end.i in self._withdrawn or _has_no(end) for end in ends)

    def supposes(self, word: Token) -> bool:
        """Return whether a sentence only supposes what it says: "Imagine she lived there"."""
        return word.sent.start in self._supposed

    def mismatched(self, subject: Token, object_: Token) -> bool:
        """Return whether two lists are joined one by one, and these two are not of one place in them."""
        if subject.sent.start not in self._paired:
            return False
        subjects, objects = listing(subject), listing(object_)
        if len(subjects) < 2 or len(objects) < 2:
            return False
        return len(subjects) != len(objects) or subjects.index(subject) != objects.index(object_)


def listing(word: Token) -> list[Token]:
    """Return all that stand in a list with a noun, itself included, in their order."""
    return sorted({word, *word.conjuncts}, key=lambda each: each.i)


def is_alternative(word: Token) -> bool:
    """Return whether a noun is one of several that "or" joins, so that the text leaves open which."""
    return any(
        child.dep_ in {"cc", "preconj"} and child.lower_ in {"or", "either"}
        for each in listing(word)
        for child in each.children
    )


def in_one_list(one: Token, other: Token) -> bool:
    """Return whether two nouns stand in one enumeration: "Germany, Switzerland and Austria"."""
    if other in one.conjuncts or one in other.conjuncts:
        return True
    first, last = sorted((one, other), key=lambda word: word.i)
    if first.sent.start != last.sent.start:
        return False
    between = first.doc[first.i + 1 : last.left_edge.i if last.left_edge.i > first.i else last.i]
    if not any(word.text in {",", ";", "/"} or word.dep_ == "cc" for word in between):
        return False
    members = [*listing(first), *listing(last)]
    joined = [child for word in (*members, first, last) for child in word.children if child.dep_ == "cc"]
    return bool(joined) or _followed_by_more(last)


def _followed_by_more(last: Token) -> bool:
    """Return whether a comma and another name, or "and", follow: the list goes on."""
    doc, at = last.doc, last.i + 1
    while at < last.sent.end and doc[at].text == ",":
        at += 1
    if at >= last.sent.end or (at == last.i + 1 and doc[at].lower_ not in {"and", "or", "&"}):
        return False
    while at < last.sent.end and doc[at].lower_ in {"and", "or", "&", "the"}:
        at += 1
    return at < last.sent.end and doc[at].pos_ == last.pos_ and last.pos_ in {"PROPN", "NOUN"}


def _has_no(word: Token) -> bool:
    """Return whether a noun has "no" or "neither" before it."""
    return any(
        child.lower_ in {"no", "neither"} and child.dep_ != "intj"
        for each in listing(word)
        if each.i <= word.i
        for child in each.lefts
    )


def _set_against(sentence: Span) -> Iterator[int]:
    """Return the words behind each cue, as far as it reaches."""
    words = [word.lower_ for word in sentence]
    for at, first in enumerate(words):
        for cue in _BY_FIRST.get(first, ()):
            if tuple(words[at : at + len(cue)]) != cue or (
                cue == ("not",) and not is_constituent_negation(sentence[at])
            ):
                continue
            yield from range(sentence.start + at, _reach(sentence, sentence.start + at + len(cue)))


def _reach(sentence: Span, first: int) -> int:
    """Return where what a cue denies ends: at "but", at a dash, or where a clause of its own begins."""
    doc = sentence.doc
    for at in range(first, sentence.end):
        word = doc[at]
        goes_on = any(other.tag_ in _FINITE for other in doc[at + 1 : sentence.end])
        if word.lower_ in _STOPS and at > first:
            return at
        if at > first and (word.tag_ in {"WP", "WDT"} or word.tag_ in _FINITE):
            return at
        if at > first and word.text == "," and goes_on:
            return at
        if at > first and word.dep_ == "cc" and word.lower_ in {"and", "so", "yet"} and goes_on:
            return at
    return sentence.end


def _gapped(sentence: Span) -> Iterator[int]:
    """The words of a clause that lacks its verb, which the parser takes for an object: "... and Bob in Paris"."""
    for word in sentence:
        lead = word.head.head
        if (
            word.dep_ != "conj"
            or lead.pos_ != "ADP"
            or word.i + 2 >= sentence.end
            or word.nbor(1).lower_ != lead.lower_
        ):
            continue
        place = word.ent_type_ in _PLACES and word.head.ent_type_ in _PLACES  # "In Rome and Paris in France".
        if word.nbor(2).pos_ == "PROPN" and word.nbor(2).ent_type_ not in {"DATE", "TIME"} and not place:
            yield from range(word.left_edge.i, _reach(sentence, word.i + 1))


def _withdrawn(sentences: Sequence[Span]) -> Iterator[int]:
    """Return the words that the text itself withdraws: "in Berlin, sorry, Paris", "... That is not true."."""
    before: Span | None = None
    for sentence in sentences:
        for found in _TAKEN_BACK.finditer(sentence.text):
            word = found.group().strip(" ,;:-\u2014\u2013")
            # "No" is such a word between commas only, and not before a noun.
            alone = re.match(r"\s*[,;:.!\u2014\u2013-]", sentence.text[found.end() :]) is not None
            if found.start() == 0 or (
                word.lower() in {"no", "wait", "sorry"} and not (alone or _marked(found.group()))
            ):
                continue
            if word.lower() == "no" and not (alone and _marked(found.group())):
                continue
            yield from (each.i for each in sentence if each.idx - sentence.start_char <= found.start())
        for told in _ENDS_UNTRUE.finditer(sentence.text):
            if _is_denial(told.group()):
                yield from (each.i for each in sentence if each.idx - sentence.start_char < told.start())
        opening = _OPENS_UNTRUE.match(sentence.text)
        taken_back = _OPENS_CORRECTION.match(sentence.text) or (opening is not None and _is_denial(opening.group()))
        if before is not None and taken_back:
            yield from range(before.start, before.end)
        before = sentence


def _marked(text: str) -> bool:
    return text[:1] in {",", ";", ":", "-", "\u2014", "\u2013"} or text.lstrip()[:1] in {",", "-", "\u2014", "\u2013"}


def _is_denial(text: str) -> bool:
    """Return whether "that is not true", "that was a lie" or the like denies the words before it."""
    denied = _DENIAL.search(text) is not None
    return denied == (_AFFIRMS.search(text) is not None)
