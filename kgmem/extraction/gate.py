"""The gate: what of a text's facts may be stored, whoever found them: rules or a model.

A fact passes when the parse bears it out: its clause is asserted, its ends are not set against something else or taken
back, and it makes no two members of an enumeration one. What is not sure is denied or hedged, and so not stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from spacy.tokens import Doc, Token

from kgmem.domain.text.extraction import Argument, Extraction, FoundCause, FoundEnding, FoundFact, Span
from kgmem.domain.text.predicate_words import value_type
from kgmem.domain.time.interval import parse_time
from kgmem.extraction.clauses import is_past, is_question
from kgmem.extraction.contrast import Contrast, in_one_list, is_alternative
from kgmem.extraction.polarity import Aspect, aspect_of, denies
from kgmem.extraction.times import not_to_come
from kgmem.extraction.vocabulary import listed

_HEDGED: Final = 0.6  # What the confidence in a cause is multiplied with where it only may be one.
_IDENTITY: Final = frozenset({"be", "become", "equal", "part", "same", "also", "known", "lie", "locate"})
# Verbs after which a state is over, of which a model may still tell the state.
_LEAVING: Final = listed(
    """leave quit resign retire depart divorce sell lose drop abandon exit vacate dismiss fire oust expel replace
        step move separate split sack remove evict dissolve disband close shut cease stop end finish surrender cede
        forfeit relinquish relocate emigrate flee transfer succeed use"""
)
_STATES: Final = listed(
    """work live reside lead own marry belong employ head chair run manage member wife husband spouse ceo president
        director owner employee resident play study hold possess serve date engage partner citizen chairman boss"""
)
# Verbs and adjectives that a denial may be worded by: "doesn't eat meat" as "avoids".
_DECLINING: Final = frozenset({"avoid", "dislike", "hate", "lack", "refuse", "abstain", "allergic", "intolerant"})
_GOALS: Final = frozenset({"to", "into", "for", "towards", "toward"})
_FORMER: Final = frozenset(
    {"former", "ex", "formerly", "previously", "once", "past", "erstwhile", "late", "used", "until"}
)


_Dated = TypeVar("_Dated", FoundFact, FoundEnding)


class Gate:
    """What one parsed text asserts."""

    def __init__(self, doc: Doc, said: str | None = None) -> None:
        """Take the parse, and when the text was said, in ISO 8601."""
        self._doc = doc
        self._said = parse_time(said).start if said else None
        self._contrast = Contrast(doc)
        self._aspects: dict[tuple[int, bool], Aspect] = {}
        self._questions = {sentence.start for sentence in doc.sents if is_question(list(sentence))}

    def asks(self, word: Token) -> bool:
        """Return whether a word stands in a question; what it asks is no fact."""
        return word.sent.start in self._questions

    def aspect(self, subject: Token, object_: Token, verb: Token | None, *, identity: bool = False) -> Aspect:
        """Return how a text means a fact of two nouns and the verb over it; `identity` says that it makes them one."""
        behind = verb is not None and denies(verb) and _behind_but(verb, object_)
        aspect = self._of(verb, own=not behind) if verb is not None else Aspect()
        denied = aspect.denied or self._contrast.denies(subject, object_)
        denied = denied or self._contrast.mismatched(subject, object_)
        denied = denied or _is_misplaced(subject) or (identity and in_one_list(subject, object_))
        hedged = aspect.hedged or self._contrast.supposes(object_) or is_alternative(object_) or is_alternative(subject)
        return replace(aspect, denied=denied, hedged=hedged)

    def checked(self, found: Extraction) -> Extraction:
        """Return what a model found with what the text denies or leaves open marked so, without questions.

        What takes the place of a fact that the same answer ends is as sure as that ending.
        """
        endings = [self._over_by_now(ending, ending.span) for ending in found.endings if self._may_end(ending)]
        facts = [self._fact(self._over_by_now(fact, fact.predicate_span), endings) for fact in found.facts]
        kept = [fact for fact in facts if fact is not None]
        causes = [self._cause(cause) for cause in found.causes]
        refused = found.refused + len(facts) - len(kept) + len(found.endings) - len(endings)
        return replace(found, facts=kept, endings=endings, causes=causes, refused=refused)

    def _of(self, verb: Token, *, own: bool = True) -> Aspect:
        if (verb.i, own) not in self._aspects:
            self._aspects[verb.i, own] = aspect_of(verb, own=own)
        return self._aspects[verb.i, own]

    def _may_end(self, ending: FoundEnding) -> bool:
        """Return whether a text says that something is over, and does not only ask, plan or suppose it."""
        words = self._words(ending.span)
        verbs = [
            word
            for word in words
            if word.pos_ in {"VERB", "AUX"} and word.dep_ not in {"aux", "auxpass"} and not _is_purpose(word)
        ]
        # "I'd rather have tea" says what is preferred now.
        aspects = [self._of(verb) for verb in verbs if not any(child.lower_ == "rather" for child in verb.children)]
        named = ending.time is not None or (ending.object is not None and value_type(ending.object.name) == "time")
        open_ = any(each.hedged or (each.future and not named) for each in aspects)
        return bool(words) and not open_ and not any(self.asks(word) for word in words)

    def _over_by_now(self, found: _Dated, span: Span) -> _Dated:
        """Return what a model found; where it has happened, a time without a year is none to come."""
        if found.time is None or not any(is_past(word) for word in self._words(span)):
            return found
        return replace(found, time=not_to_come(found.time, self._said))

    def _fact(self, fact: FoundFact, endings: Sequence[FoundEnding]) -> FoundFact | None:
        words = self._words(fact.predicate_span)
        if not words:
            return None  # Behind what is parsed of a very long text: nothing bears it out.
        if any(self.asks(word) for word in words):
            return None
        if any(_takes_place(fact, ending) for ending in endings):
            return fact
        subject, object_ = self._end(fact.subject, fact.predicate_span), self._end(fact.object, fact.predicate_span)
        lemmas = {word.lower() for word in fact.predicate.split()}
        identity = bool({_lemma(word) for word in lemmas} & _IDENTITY)
        ends = (subject or object_ or words[0], object_ or subject or words[-1])
        # The clause of the object says how it is meant: the subject may be a pronoun there, and named elsewhere.
        over = _verb_over(ends[1]) or _verb_over(ends[0])
        verbs = {over.i: over} if over is not None else {}
        if object_ is None or subject is None:  # Who speaks is not named: every clause of the quotation counts.
            verbs |= {
                word.i: word
                for word in words
                if word.pos_ in {"VERB", "AUX"} and word.dep_ not in {"aux", "auxpass"} and not _is_purpose(word)
            }
        aspects = [self.aspect(*ends, verb, identity=identity) for verb in verbs.values()]
        aspects = aspects or [self.aspect(*ends, None, identity=identity)]
        declines = not fact.denied and any(_lemma(word) in _DECLINING for word in lemmas)
        past = self._is_over(words, list(verbs.values()), lemmas, ends[1])
        unmet = fact.time is None and any(each.future for each in aspects)
        return replace(
            fact,
            denied=fact.denied or past or (not declines and any(each.denied for each in aspects)),
            hedged=fact.hedged or unmet or any(each.hedged for each in aspects),
        )

    def _is_over(self, words: list[Token], verbs: list[Token], lemmas: set[str], object_: Token) -> bool:
        """Return whether a model states what the text says is over: "left Acme" as "works for"."""
        if not any(_lemma(word) in _STATES for word in lemmas):
            return False
        leaving = any(verb.lemma_.lower() in _LEAVING and not _is_goal(object_, verb) for verb in verbs)
        former = any(word.lower_ in _FORMER for word in words) and not lemmas & (
            _FORMER | {"was", "were", "worked", "lived", "led", "owned"}
        )
        return former or (leaving and not any(_lemma(word) in _LEAVING for word in lemmas))

    def _cause(self, cause: FoundCause) -> FoundCause:
        words = self._words(cause.span)
        verb = _verb_over(words[0]) if words else None
        if verb is None or cause.denied:
            return cause
        aspect = self._of(verb)
        sure = cause.confidence * (_HEDGED if aspect.hedged or self.asks(verb) else 1.0)
        return replace(cause, denied=aspect.denied, hedged=cause.hedged or aspect.hedged, confidence=round(sure, 3))

    def _words(self, span: Span) -> list[Token]:
        found = self._doc.char_span(span.start, span.end, alignment_mode="expand")
        return [word for word in found if not word.is_space] if found is not None else []

    def _end(self, end: Argument, within: Span) -> Token | None:
        """The head of one end of a fact: where its name stands in the words that say it, else where it stands."""
        text = self._doc.text
        at = text.lower().find(end.name.lower(), within.start, within.end)
        span = Span(at, at + len(end.name)) if at >= 0 else end.span
        found = self._doc.char_span(span.start, span.end, alignment_mode="expand")
        if found is None or not len(found) or (at < 0 and span == within):
            return None
        quoted = self._words(within)
        if at < 0 and quoted and found.root.sent.start != quoted[0].sent.start:
            return None
        root: Token = found.root
        return root


def _takes_place(fact: FoundFact, ending: FoundEnding) -> bool:
    """Return whether a fact is that of an ending with another object, or of another subject."""
    if fact.denied or ending.predicate is None or fact.predicate.casefold() != ending.predicate.casefold():
        return False
    ends = (fact.subject.name, ending.subject), (fact.object.name, ending.object)
    same = [end is not None and name.casefold() == end.name.casefold() for name, end in ends]
    return same[0] != same[1]


def _is_purpose(verb: Token) -> bool:
    """Return whether a clause says what for: "to keep the parrot company"."""
    return verb.dep_ == "advcl" and any(child.dep_ == "aux" and child.lower_ == "to" for child in verb.children)


def _is_goal(noun: Token, verb: Token) -> bool:
    """Return whether a verb says that something comes to a noun: Delhi in "moved to Delhi", "left Pune for Delhi"."""
    above = noun.head
    return noun.dep_ == "pobj" and above.lower_ in _GOALS and verb.i in {above.head.i, above.head.head.i}


def _behind_but(verb: Token, object_: Token) -> bool:
    """Return whether a noun is what holds instead: "not at Acme but at Globex"."""
    between = list(verb.doc[verb.i + 1 : object_.i])
    at = max((place for place, word in enumerate(between) if word.lower_ == "but"), default=None)
    return at is not None and not any(word.pos_ in {"VERB", "AUX"} for word in between[at:])


def _is_misplaced(subject: Token) -> bool:
    """Return whether the parser takes an object for the next subject: Acme in "works for Acme and Bob leads"."""
    edge = subject.left_edge
    if subject.dep_ not in {"nsubj", "nsubjpass"} or edge.i == subject.sent.start:
        return False
    before = edge.nbor(-1)
    return before.dep_ == "prep" and not any(True for _ in before.children)


def _verb_over(word: Token) -> Token | None:
    """Return the verb of the clause that a word stands in."""
    for above in _upwards(word):
        if above.pos_ in {"VERB", "AUX"} and above.dep_ not in {"aux", "auxpass", "amod", "compound"}:
            return above
    return None


def _upwards(word: Token) -> Iterator[Token]:
    yield word
    while word.head.i != word.i:
        word = word.head
        yield word


def _lemma(word: str) -> str:
    """Return the rough base form of an English verb: "worked" and "works" are "work"."""
    irregular = {
        "is": "be", "are": "be", "was": "be", "were": "be", "been": "be", "led": "lead", "married": "marry",
        "lives": "live", "living": "live", "lived": "live", "located": "locate", "ran": "run", "left": "leave",
        "managed": "manage", "manages": "manage", "resides": "reside", "resided": "reside", "lies": "lie",
        "held": "hold", "sold": "sell", "lost": "lose",
    }  # fmt: skip
    if word in irregular:
        return irregular[word]
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word.removesuffix(ending)
    return word
