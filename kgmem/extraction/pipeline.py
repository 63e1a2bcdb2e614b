"""One text, read: from its parse to all that is found in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from spacy.tokens import Doc, Token

from kgmem.domain.text.extraction import (
    Argument,
    Extraction,
    FoundCause,
    FoundEnding,
    FoundFact,
    FoundTime,
    Span,
    TextToRead,
)
from kgmem.domain.time.interval import parse_time
from kgmem.extraction.causes import CausalWords, causal_words
from kgmem.extraction.clauses import is_past
from kgmem.extraction.coreference import Reference, mark_topic, trim_names
from kgmem.extraction.entities import entities_of, plain_name
from kgmem.extraction.facts import CONFIDENCE, Assertion, Phrase, assertions, phrase
from kgmem.extraction.gate import Gate
from kgmem.extraction.gazetteer import Gazetteer
from kgmem.extraction.layout.tables import table_facts
from kgmem.extraction.nouns import bracketed, noun_assertions
from kgmem.extraction.places import places_of
from kgmem.extraction.polarity import Aspect, ceases, denies
from kgmem.extraction.propositions import Propositions
from kgmem.extraction.registry import RULES
from kgmem.extraction.repair import repair
from kgmem.extraction.times import not_to_come, times_of
from kgmem.extraction.updates.acts import Judged, implied
from kgmem.extraction.updates.clause import PARTNERS
from kgmem.extraction.updates.corrections import corrections
from kgmem.extraction.updates.endings import Endings
from kgmem.extraction.updates.replies import agreed, answered
from kgmem.extraction.updates.states import state_assertions

_HEDGED, _REPORTED, _PRONOUN, _NAMELESS = 0.5, 0.8, 0.9, 0.4  # What confidence is multiplied with.
_TURNED: Final = 0.6  # The confidence in what a clause ends of another wording of the same.
_MOST_STEPS: Final = 8
_VERB_AND_PARTICLE: Final = 2
_SUBJECTS: Final = frozenset({"nsubj", "nsubjpass"})
_IDENTITY: Final = frozenset({"apposition", "place-in-place", "copula"})
_SAME: Final = frozenset({"is", "was", "are", "were", "part of"})
# Verbs of which "we" says that it is so of the speaker, too.
_SHARED: Final = frozenset(
    {"move", "live", "relocate", "settle", "buy", "adopt", "own", "use", "have", "get", "marry", "base", "rent",
     "drive",     "subscribe", "keep", "reside", "stay"}
)  # fmt: skip
_NO_MORE: Final = frozenset({"more", "anymore", "longer", "now"})
_SAYS_MORE: Final = frozenset({"prep", "relcl", "acl", "poss"})


_SUSPECTS: Final = frozenset(
    {"suspect", "guess", "wonder", "doubt", "assume", "suppose", "think", "fear", "hope", "wish", "imagine"}
)
_LIGHT: Final = frozenset({"membership", "subscription", "job", "position", "account", "contract", "registration"})
# Predicates that tell what is to come as a fact.
_APPOINTED: Final = frozenset({"scheduled for", "takes place in"})


class Reading:
    """What one parsed text says."""

    def __init__(
        self,
        doc: Doc,
        asked: TextToRead,
        brackets: Sequence[tuple[int, int]],
        earlier: Sequence[tuple[str, str]] = (),
        *,
        changes: bool = True,
        previous: "Reading | None" = None,
        labelled: Sequence[FoundFact] = (),
    ) -> None:
        """Take the parse of the text without its brackets, where these stand, and who was spoken of before it.

        `previous` is the turn before, of a text that may be a reply to it; `labelled` is what its labels say.

        Without `changes` only the general rules read: nothing ends, and no state is found that they do not find.
        """
        self._doc = doc
        self._changes = changes
        self._previous = previous
        self._asked = asked
        self._brackets = brackets
        trim_names(doc)
        repair(doc, frozenset(name for name in (asked.speaker, asked.listener) if name))
        topic = mark_topic(doc, asked.title)
        title = plain_name(topic.text) if topic is not None else asked.title
        self._reference = Reference(doc, speaker=asked.speaker, listener=asked.listener, topic=topic, title=title)
        self._reference.remember(earlier)
        self._said = when = parse_time(asked.occurred_at).start if asked.occurred_at else None
        self._times = times_of(doc, asked.text, brackets, when)
        self._time_of_verb = self._times_by_verb()
        self._bracketed = list(bracketed(doc, asked.text, brackets, self._times))
        for each in self._bracketed:
            if each.rule == "alias":
                self._reference.rename(asked.text[each.object.start : each.object.end], plain_name(each.about.text))
        self._gate = Gate(doc)
        self._propositions = Propositions(doc)
        self._labelled = labelled

    def extraction(self, gazetteer: Gazetteer, *, least: float, acts: Sequence[Judged] = ()) -> Extraction:
        """Return all that was found, facts and causes from the least confidence up; `acts` are its clauses, judged."""
        facts = [fact for fact in self._facts() if fact.confidence >= least]
        endings = list(self._endings(facts, acts)) if self._changes else []
        people = frozenset(name for name in (self._asked.speaker, self._asked.listener) if name)
        places = list(places_of(self._doc, gazetteer, country=self._asked.country, people=people))
        names = self._reference.full_names
        speakers = [(end.name, end.span) for fact in facts for end in (fact.subject, fact.object) if end.name in people]
        return Extraction(
            entities=entities_of(self._doc, facts, places, names=names, named=speakers),
            facts=_without_ended(facts, endings),
            times=self._times,
            places=places,
            causes=[cause for cause in self._causes() if cause.confidence >= least],
            endings=endings,
            extractor=RULES,
        )

    def argument(self, end: Phrase) -> Argument | None:
        """Return one end of a fact; None for a pronoun of which nobody can say what it stands for."""
        if end.end - end.first == 1 and end.head.lower_ in {"we", "us"} and self._asked.speaker:
            return Argument(self._asked.speaker, self._span(end.first, end.end))
        return self._argument(end)

    def time(self, verb: Token) -> FoundTime | None:
        """Return the time of a clause."""
        found = self._time_of_verb.get(verb.i)
        return not_to_come(found, self._said) if found is not None and is_past(verb) else found

    def _endings(self, facts: Sequence[FoundFact], acts: Sequence[Judged]) -> Iterator[FoundEnding]:
        yield from self._denied
        yield from Endings(self._doc, self._gate, self).found()
        yield from corrections(self._doc, self, facts)
        if self._previous is not None:
            yield from agreed(self._doc, self._previous.doc)
            yield from answered(self._doc, self._previous.doc, self._previous.asked)
        yield from implied(acts, self._gate, self, facts, (self._asked.speaker, self._asked.listener))

    @property
    def doc(self) -> Doc:
        """The parse."""
        return self._doc

    def asked(self, yes: bool) -> Iterator[FoundEnding]:
        """Return what the text's last question comes to if it is answered by yes, or by no."""
        return Endings(self._doc, self._gate, self).asked(yes=yes)

    def _facts(self) -> list[FoundFact]:
        self._denied: list[FoundEnding] = []
        found = [*assertions(self._doc), *noun_assertions(self._doc)]
        if self._changes:
            found += state_assertions(self._doc)
        self._reference.learn(found)
        facts: dict[tuple[str, str, str, bool], FoundFact] = {}
        tables = table_facts(self._asked.text) if self._changes else ()
        for fact in [*self._asserted(found), *self._of_brackets(), *tables, *self._labelled]:
            key = (fact.subject.name, fact.predicate, fact.object.name, fact.denied)
            if key not in facts or facts[key].confidence < fact.confidence:
                facts[key] = fact
        return list(facts.values())

    def _asserted(self, found: Sequence[Assertion]) -> Iterator[FoundFact]:
        for each in found:
            if self._gate.asks(each.subject.head) or _identifies(each) or self._is_loose(each):
                continue
            each = self._of_owner(each)  # noqa: PLW2901  # The same assertion, about whom it is really about.
            subject, object_ = self._subject(each), self._argument(each.object)
            if subject is not None and object_ is not None and object_.name == subject.name and each.rule == "copula":
                # "Nora is the goalkeeper": what a thing is called is not yet its name.
                object_ = replace(object_, name=plain_name(each.object.text))
            if subject is None or object_ is None or subject.name == object_.name:
                continue
            verb = each.verb
            time = self.time(verb) if verb is not None else None
            if time is not None and _is_part(time, object_, each.object):
                time = None
            aspect = self._gate.aspect(
                each.subject.head, each.object.head, verb, identity=each.rule in _IDENTITY or each.predicate in _SAME
            )
            # What is to come is a plan; an appointment is one of its own.
            hedged = aspect.hedged or (aspect.future and each.predicate not in _APPOINTED)
            self._ends(each, aspect, (subject, object_), time, hedged=hedged)
            if not self._propositions.accepts(each):
                continue
            yield FoundFact(
                subject,
                each.predicate,
                self._span(each.words[0].i, each.words[-1].i + 1)
                if each.words
                else _between(subject.span, object_.span),
                object_,
                self._confidence(each, aspect),
                f"rules:{each.rule}",
                denied=aspect.denied,
                hedged=hedged,
                reported_by=self._who(aspect.reporter),
                time=time,
            )

    def _is_loose(self, each: Assertion) -> bool:
        """Return whether a fact has no ground: a label before a colon, somebody's unknown part, how long it took."""
        head, last = each.subject.head, self._doc[each.subject.end - 1]
        if each.verb is not None and each.verb.lemma_ == "prefer" and each.rule == "verb-object-preposition":
            return True  # "Prefers coffee to tea" says nothing of tea alone.
        if last.i + 1 < len(self._doc) and last.nbor(1).text == ":" and each.object.first > last.i:
            return True
        owner = next((child for child in head.children if child.dep_ == "poss" and child.pos_ == "PRON"), None)
        ours = owner is not None and owner.lower_ == "our" and self._asked.speaker is not None
        if owner is not None and not ours and self._reference.name(Phrase(owner, owner.i, owner.i + 1)) is None:
            return True
        if each.object.head.ent_type_ not in {"DATE", "TIME"} or each.predicate == "scheduled for":
            return False
        span = self._span(each.object.first, each.object.end)
        return not any(time.span.start < span.end and span.start < time.span.end for time in self._times)

    def _subject(self, each: Assertion) -> Argument | None:
        if each.rule == "wish":
            name = self._asked.speaker
            return Argument(name, self._span(each.object.first, each.object.end)) if name else None
        if (owned := self._owned(each)) is not None:
            return owned
        ours = each.subject.head.lower_ == "we" and each.verb is not None and each.verb.lemma_.lower() in _SHARED
        return self.argument(each.subject) if ours else self._argument(each.subject)

    def _owned(self, each: Assertion) -> Argument | None:
        """Return "Ada's sister" for "my sister", of whom a verb says something; None for other subjects."""
        head, verb = each.subject.head, each.verb
        if head.pos_ != "NOUN" or head.dep_ not in _SUBJECTS or verb is None or verb.lemma_ == "be":
            return None
        owner = next((child for child in head.children if child.dep_ == "poss" and child.pos_ == "PRON"), None)
        name = self._reference.name(Phrase(owner, owner.i, owner.i + 1)) if owner is not None else None
        if owner is None or name is None or owner.lower_ == "its":
            return None
        words = self._doc[max(each.subject.first, owner.i + 1) : each.subject.end].text
        return Argument(f"{plain_name(name)}'s {words}", self._span(each.subject.first, each.subject.end))

    def _ends(
        self, each: Assertion, aspect: Aspect, ends: tuple[Argument, Argument], time: FoundTime | None, *, hedged: bool
    ) -> None:
        """Note what a clause says is not so, or not any more."""
        verb = each.verb
        if not self._changes or verb is None or hedged:
            return
        over = each.predicate.startswith("used to ")
        if aspect.denied and verb.lemma_ == "be" and each.rule == "verb-preposition" and _says_no_more(verb):
            # "I'm not at Acme any more": whatever tied the two.
            self._denied.append(
                FoundEnding(
                    *ends,
                    _between(ends[0].span, ends[1].span),
                    self._confidence(each, aspect),
                    f"rules:{each.rule}",
                    time=time,
                )
            )
            return
        if not (aspect.denied or over):
            return
        if aspect.denied and ceases(verb) and not denies(verb) and len(each.words) <= _VERB_AND_PARTICLE:
            # "Gave up Korean": whatever tied the two.
            span = _between(ends[0].span, ends[1].span)
            self._denied.append(
                FoundEnding(*ends, span, self._confidence(each, aspect), f"rules:{each.rule}", time=time)
            )
            return
        self._denied.extend(self._turned(each, ends, time))
        over_it = {word.i for word in each.words if word.i < verb.i and word.dep_ in {"xcomp", "ROOT", "aux", "ccomp"}}
        words = [word.lower_ for word in each.words if word.i not in over_it] if over_it else [each.predicate]
        kinds = PARTNERS if verb.lemma_ in {"see", "date"} and each.object.head.ent_type_ == "PERSON" else ()
        predicate = " ".join(words)
        self._denied.append(
            FoundEnding(
                *ends,
                _between(ends[0].span, ends[1].span),
                self._confidence(each, aspect),
                f"rules:{each.rule}",
                kinds=kinds,
                predicate=predicate,
                never=not over and _never_was(verb),
                time=time,
            )
        )

    def _turned(
        self, each: Assertion, ends: tuple[Argument, Argument], time: FoundTime | None
    ) -> Iterator[FoundEnding]:
        """Return what "Queen isn't my favourite band any more" ends of "my favourite band is Queen"."""
        head = each.object.head
        owner = next((child for child in head.children if child.dep_ == "poss"), None)
        name = self._reference.name(Phrase(owner, owner.i, owner.i + 1)) if owner is not None else None
        if each.rule != "copula" or owner is None or name is None:
            return
        role = self._doc[max(each.object.first, owner.i + 1) : each.object.end].text
        whose = Argument(plain_name(name), self._span(owner.i, owner.i + 1))
        yield FoundEnding(
            whose, ends[0], _between(whose.span, ends[0].span), _TURNED, "rules:role", predicate=f"{role} is", time=time
        )

    def _of_owner(self, each: Assertion) -> Assertion:
        """Return what is said of a part or a role as said of the whole: "its source lies in X", "the editor is Y"."""
        head = each.subject.head
        if head.pos_ != "NOUN" or head.dep_ not in _SUBJECTS or each.verb is None:
            return each
        owner = next((child for child in head.children if child.dep_ == "poss"), None)
        if owner is not None and self._owned(each) is not None:
            return each
        if owner is not None:
            whose = (
                Phrase(owner, owner.i, owner.i + 1) if owner.pos_ == "PRON" else phrase(owner, with_prepositions=False)
            )
            first = max(each.subject.first, owner.i + 1 + any(child.dep_ == "case" for child in owner.children))
            if self._reference.name(whose) is None or first >= each.subject.end:
                return each
            return self._role(each, whose, self._doc[first : each.subject.end].text)
        definite = any(child.lower_ == "the" for child in head.children)
        plain = not any(child.dep_ in _SAYS_MORE for child in head.children)
        if each.rule == "copula" and definite and plain and each.object.head.pos_ in {"PROPN", "NUM"}:
            topic = self._reference.topic_phrase
            if topic is not None and self._reference.name(each.subject) == each.subject.text:
                return self._role(each, topic, each.subject.text)
        return each

    def _role(self, each: Assertion, whose: Phrase, role: str) -> Assertion:
        words = [*self._doc[each.subject.first : each.subject.end], *each.words]
        ordered = sorted(words, key=lambda word: word.i)
        return Assertion(whose, f"{role} {each.predicate}", ordered, each.object, "role", each.verb)

    def _confidence(self, each: Assertion, aspect: Aspect) -> float:
        sure = CONFIDENCE[each.rule] * (_HEDGED if aspect.hedged else 1.0) * (_REPORTED if aspect.reported else 1.0)
        if self._reference.stands_for(each.subject) or self._reference.stands_for(each.object):
            sure *= _PRONOUN
        if not (self._reference.is_named(each.subject) or self._reference.is_named(each.object)):
            sure *= _NAMELESS
        return round(sure, 3)

    def _of_brackets(self) -> Iterator[FoundFact]:
        for each in self._bracketed:
            span = Span(each.about.start_char, each.about.end_char)
            text = plain_name(each.about.text)
            subject = Argument(self._reference.full_names.get(text, text), span)
            object_ = Argument(self._asked.text[each.object.start : each.object.end], each.object)
            yield FoundFact(
                subject, each.predicate, _between(span, each.object), object_, CONFIDENCE[each.rule],
                f"rules:{each.rule}", time=each.time,
            )  # fmt: skip

    def _causes(self) -> Iterator[FoundCause]:
        for each in causal_words(self._doc):
            if self._gate.asks(self._doc[each.trigger[0]]) or (each.hedged and not each.denied and self._doubts(each)):
                continue
            yield FoundCause(
                self._stretch(*each.cause), self._stretch(*each.effect), each.kind, self._span(*each.trigger),
                round(each.confidence, 3), f"rules:{each.rule}", each.denied, each.hedged,
            )  # fmt: skip

    def _doubts(self, each: CausalWords) -> bool:
        """Return whether somebody only suspects a cause: "we suspected that the driver causes the crash"."""
        word = self._doc[each.trigger[0]]
        return any(above.lemma_.lower() in _SUSPECTS and above.i < word.i for above in word.ancestors)

    def _argument(self, end: Phrase) -> Argument | None:
        name = self._reference.name(end)
        return Argument(plain_name(name), self._span(end.first, end.end)) if name else None

    def _stretch(self, first: int, end: int) -> Argument:
        """Return one side of a causal statement: its words, or the name that a lone pronoun stands for."""
        span = self._span(first, end)
        words = Phrase(self._doc[first], first, end)
        name = self._reference.name(words) if end - first == 1 else None
        return Argument(name or " ".join(self._asked.text[span.start : span.end].split()), span)

    def _who(self, reporter: Token | None) -> str | None:
        if reporter is None:
            return None
        name = self._reference.name(phrase(reporter, with_prepositions=False))
        return plain_name(name) if name else None

    def _span(self, first: int, end: int) -> Span:
        stretch = self._doc[first:end]
        return Span(stretch.start_char, stretch.end_char)

    def _times_by_verb(self) -> Mapping[int, FoundTime]:
        """Return the time of each clause that names one."""
        found: dict[int, FoundTime] = {}
        for time in self._times:
            words = self._doc.char_span(time.span.start, time.span.end, alignment_mode="expand")
            if words is None or not len(words) or words.text.isspace():
                continue
            word, steps = words.root, 0
            while word.pos_ not in {"VERB", "AUX"} and word.head.i != word.i and steps < _MOST_STEPS:
                word, steps = word.head, steps + 1
            if word.pos_ in {"VERB", "AUX"}:
                found.setdefault(word.i, time)
        return found


def _without_ended(facts: Sequence[FoundFact], endings: Sequence[FoundEnding]) -> list[FoundFact]:
    """Drop what a noun phrase says of what the same text ends: "sold my Volvo"; and appointments said twice."""
    over = {(each.subject.name, each.object.name) for each in endings if each.subject and each.object}
    swapped = {(each.object.name, each.instead.name) for each in endings if each.object and each.instead}
    planned = {(each.subject.name, each.object.name) for each in facts if each.predicate == "scheduled for"}
    kept = []
    for fact in facts:
        ends = fact.subject.name, fact.object.name
        twice = ends in planned and fact.predicate != "scheduled for"
        twice = twice or (
            ends in over and fact.predicate.split()[-1] in {"in", "at", "with", "of", "to"} and _is_light(fact)
        )
        twice = twice or (ends in swapped and fact.found_by == "rules:noun-link")
        if not twice and not (ends in over and fact.found_by in {"rules:owner", "rules:possessive"}):
            kept.append(fact)
    return kept


def _is_light(fact: FoundFact) -> bool:
    """Return whether a fact only words an ending: "cancelled membership in" of what is ended itself."""
    words = fact.predicate.split()
    return fact.found_by == "rules:verb-object-preposition" and len(words) > 1 and words[-2] in _LIGHT


def _says_no_more(verb: Token) -> bool:
    following = {word.lower_ for word in verb.doc[verb.i : verb.sent.end]}
    return bool(_NO_MORE & (following | {child.lower_ for child in verb.children}))


def _identifies(each: Assertion) -> bool:
    """Return whether a clause only says who or what is meant: "it was Acme", "that is Tom"."""
    return (
        each.rule == "copula"
        and each.subject.head.lower_ in {"it", "that", "this"}
        and each.object.head.pos_ == "PROPN"
    )


def _never_was(verb: Token) -> bool:
    """Return whether a denied clause speaks of the past as a whole: "never worked", "did not join"."""
    words = {child.lower_ for child in verb.children} | {
        word.lower_ for word in verb.doc[max(verb.sent.start, verb.i - 3) : verb.i]
    }
    if words & {"longer", "anymore", "more", "stopped", "quit", "ceased"}:
        return False
    return "never" in words or "did" in words


def _is_part(time: FoundTime, object_: Argument, end: Phrase) -> bool:
    """Return whether a time is only a part of a thing's name: "a 2014 Honda Jazz"."""
    inside = object_.span.start <= time.span.start and time.span.end <= object_.span.end
    return inside and end.head.ent_type_ not in {"DATE", "TIME"} and end.head.dep_ == "dobj"


def _between(one: Span, other: Span) -> Span:
    """Return the stretch from one to the other, for a predicate that has no words of its own."""
    first, last = sorted((one, other), key=lambda span: span.start)
    return Span(min(first.end, last.start), max(first.end, last.start))
