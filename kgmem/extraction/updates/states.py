"""States that the general rules do not find: what somebody tolerates, when something takes place, who becomes what."""

from collections.abc import Iterator, Sequence
from typing import Final

from spacy.tokens import Doc, Token

from kgmem.extraction.arguments import nouns_of
from kgmem.extraction.clauses import subjects_of, verbs_of
from kgmem.extraction.facts import Assertion, Phrase, phrase
from kgmem.extraction.updates.clause import Clause, is_time
from kgmem.extraction.vocabulary import listed

_NOWADAYS: Final = listed("now since nowadays currently these today presently")
_HOMES: Final = listed("place flat apartment house home room studio loft dorm bungalow cottage villa condo")
_TAKES_PLACE: Final = listed("be take happen start begin occur hold schedule plan set meet")
_BECOMES: Final = listed("become appoint elect name promote crown ordain nominate")
_ANSWERS: Final = listed("answer reply respond write speak talk use call address format keep send")
_GETS: Final = frozenset({"get", "take", "accept", "land", "start", "have"})
_JOBS: Final = frozenset({"job", "position", "post"})
_TASTES: Final = {
    **dict.fromkeys(("like", "love", "enjoy", "adore"), "likes"),
    **dict.fromkeys(("hate", "dislike", "detest"), "dislikes"),
}
# What somebody or something is until it changes, said by an adjective alone.
_STATUS: Final = listed("down up offline online back")
_STATES: Final = _STATUS | listed(
    """vegetarian vegan pescatarian coeliac celiac diabetic pregnant single divorced widowed retired unemployed kosher
    teetotal broken fixed live healthy unhealthy degraded unavailable available deprecated unreachable closed"""
)
_FOOD: Final = listed("eat tolerate drink digest")


def state_assertions(doc: Doc) -> Iterator[Assertion]:
    """Return the states that a text asserts or denies."""
    for sentence in doc.sents:
        for verb in verbs_of(list(sentence)):
            clause = Clause(verb)
            subjects = [phrase(each) for each in clause.subjects]
            yield from _adjectives(verb, subjects)
            yield from _scheduled(clause)
            yield from _becomes(clause, subjects)
            yield from _allergies(clause, subjects)
            yield from _tastes(clause, subjects)
            yield from _wishes(clause)
            yield from _receives(clause)
            yield from _pairs(clause)
            yield from _moves(clause)


def _adjectives(verb: Token, subjects: Sequence[Phrase]) -> Iterator[Assertion]:
    """ "Is allergic to X", "is responsible for X", "is friends with X"; "is lactose intolerant"."""
    direct = [child for child in verb.children if child.dep_ in {"acomp", "attr"}]
    if verb.lemma_ == "be" and not direct:
        things = [each for each in subjects if each.head.pos_ in {"NOUN", "PROPN"} and each.head.ent_type_ != "PERSON"]
        for child in verb.children:
            if child.lower_ in _STATUS and child.i > verb.i and child.dep_ in {"advmod", "prt", "prep"}:
                yield from _each(things, "is", [verb], Phrase(child, child.i, child.i + 1), verb)
    for adjective in [*direct, *(each for child in direct for each in child.conjuncts if each.pos_ == "ADJ")]:
        if adjective.pos_ == "NOUN" and adjective.lower_ not in {"friends", "intolerant"}:
            continue
        yield from _led_by(adjective, verb, subjects)
        if adjective.lower_ in _STATES or (adjective.dep_ == "acomp" and _is_favourite(subjects)):
            yield from _each(subjects, "is", [verb], Phrase(adjective, adjective.i, adjective.i + 1), verb)
        if adjective.lower_ in {"intolerant", "allergic"}:
            for child in adjective.lefts:
                if child.dep_ in {"npadvmod", "compound", "nmod", "amod"}:
                    yield from _each(subjects, "is allergic to", [verb, adjective], phrase(child), verb)


def _is_favourite(subjects: Sequence[Phrase]) -> bool:
    """Return whether it is a favourite, or a colour, which an adjective names: "my favourite colour is green"."""
    words = {word.lower_ for each in subjects for word in (each.head, *each.head.children)}
    return bool(words & {"favourite", "favorite", "colour", "color"})


def _led_by(adjective: Token, verb: Token, subjects: Sequence[Phrase]) -> Iterator[Assertion]:
    if adjective.pos_ not in {"ADJ", "VERB", "NOUN"}:
        return
    for preposition in adjective.children:
        for part in preposition.children if preposition.dep_ == "prep" else ():
            if part.dep_ == "pobj":
                was = "was" if verb.lower_ in {"was", "were"} else "is"
                said = f"{was} {adjective.lower_} {preposition.lower_}"
                for object_ in nouns_of(part):
                    yield from _each(subjects, said, [verb, adjective, preposition], phrase(object_), verb)


def _scheduled(clause: Clause) -> Iterator[Assertion]:
    """ "The standup is on Monday at 9 am", "takes place on Friday", "the deadline is 3 May"."""
    verb = clause.verb
    if clause.lemma not in _TAKES_PLACE or (
        clause.lemma == "take" and not any(n.lower_ == "place" for n in clause.objects)
    ):
        return
    due = next((child for child in verb.children if child.lower_ == "due"), None)
    if due is not None:
        times = [n for c in due.children if c.lower_ in {"on", "at", "in"} for n in c.children if is_time(n)]
        times += [child for child in due.children if child.dep_ == "npadvmod" and is_time(child)]
        yield from (
            Assertion(phrase(subject), "scheduled for", [verb], phrase(time), "verb-time", verb)
            for subject in clause.subjects
            for time in times
            if subject.pos_ == "NOUN"
        )
    times = [noun for word in ("on", "at", "for", "from", "in") for noun in clause.led.get(word, []) if is_time(noun)]
    if clause.lemma == "be":
        times += [child for child in verb.children if child.dep_ in {"attr", "npadvmod"} and is_time(child)]
    for subject in clause.subjects:
        if subject.ent_type_ == "PERSON" or subject.pos_ == "PRON" or is_time(subject):
            continue
        if clause.objects and clause.lemma in {"start", "begin", "hold", "set", "plan"} and not clause.passive:
            continue
        for time in times:
            yield Assertion(phrase(subject), "scheduled for", [verb], phrase(time), "verb-time", verb)
        if clause.lemma in {"be", "take", "hold"}:
            for word in ("in", "at"):
                for place in clause.led.get(word, []):
                    if place.ent_type_ in {"GPE", "LOC", "FAC"} and subject.ent_type_ not in {
                        "GPE",
                        "LOC",
                        "ORG",
                        "FAC",
                    }:
                        yield Assertion(phrase(subject), "takes place in", [verb], phrase(place), "verb-time", verb)


def _becomes(clause: Clause, subjects: Sequence[Phrase]) -> Iterator[Assertion]:
    """ "Became head of sales", "was promoted to director", "works as a plumber", "took over as chair"."""
    roles = list[Token]()
    if clause.lemma in _BECOMES:
        roles = clause.objects if clause.passive or clause.lemma == "become" else []
        roles = roles or clause.led.get("to", []) or clause.led.get("as", [])
    elif clause.lemma in {"work", "serve", "act"} or (clause.lemma == "take" and "over" in clause.particles):
        roles = clause.led.get("as", [])
    elif clause.lemma in {"succeed", "replace"}:
        roles = clause.led.get("as", []) if not clause.passive else []
    for role in roles:
        yield from _each(subjects, "is", [clause.verb], phrase(role), clause.verb)
    if roles and clause.passive and clause.lemma in {"replace", "succeed"}:
        return


def _allergies(clause: Clause, subjects: Sequence[Phrase]) -> Iterator[Assertion]:
    """ "Has an allergy to X", "has a nut allergy"; "can't eat gluten", "doesn't tolerate lactose", "avoids dairy"."""
    for noun in clause.objects:
        if clause.lemma in {"have", "develop"} and noun.lemma_.lower() in {"allergy", "intolerance"}:
            causes = [n for c in noun.children if c.dep_ == "prep" for n in c.children if n.dep_ == "pobj"]
            causes += [
                c for c in noun.children if c.dep_ in {"compound", "amod", "nmod"} and c.pos_ in {"NOUN", "PROPN"}
            ]
            for cause in causes:
                for each in nouns_of(cause):
                    yield from _each(subjects, "is allergic to", [clause.verb], phrase(each), clause.verb)
    denied = any(child.dep_ == "neg" for child in clause.verb.children)
    if denied and clause.lemma in _FOOD:
        kind = "is allergic to" if clause.lemma == "tolerate" else "avoids"
        for noun in clause.objects:
            for subject in subjects:
                yield Assertion(subject, kind, [clause.verb], phrase(noun), "denied-food", None)


def _tastes(clause: Clause, subjects: Sequence[Phrase]) -> Iterator[Assertion]:
    """ "Can't stand X": dislikes it; "would rather have X than Y": prefers it."""
    words = {child.lower_ for child in clause.verb.children}
    kind = ""
    if clause.lemma in {"stand", "bear", "stomach"} and words & {"not", "n't"}:
        kind = "dislikes"
    elif "rather" in words and words & {"would", "'d"} and clause.lemma in {"have", "drink", "eat", "take", "use"}:
        kind = "prefers"
    if clause.lemma in _TASTES:
        gerunds = [child for child in clause.verb.children if child.dep_ in {"xcomp", "ccomp"} and child.tag_ == "VBG"]
        for gerund in gerunds:
            what = Phrase(gerund, gerund.i, gerund.i + 1)
            yield from _each(subjects, _TASTES[clause.lemma], [clause.verb], what, clause.verb)
    for noun in clause.objects if kind else ():
        for subject in subjects:
            yield Assertion(subject, kind, [clause.verb], phrase(noun, with_prepositions=False), "denied-food", None)


def _wishes(clause: Clause) -> Iterator[Assertion]:
    """ "Always answer in German", "reply in French from now on": what the speaker wants of the listener."""
    verb = clause.verb
    me = any(child.lower_ == "me" for child in verb.children)
    if clause.lemma == "call" and verb.tag_ == "VB" and me and not subjects_of(verb):
        for name in (child for child in verb.children if child.dep_ in {"oprd", "dobj"} and child.pos_ == "PROPN"):
            yield Assertion(Phrase(verb, verb.i, verb.i), "is called", [verb], phrase(name), "wish", verb)
        return
    if clause.lemma not in _ANSWERS or verb.tag_ != "VB" or subjects_of(verb) or verb.dep_ != "ROOT":
        return
    if any(child.dep_ == "aux" and child.lower_ not in {"do", "please"} for child in verb.children):
        return
    for noun in clause.led.get("in", []):
        yield Assertion(Phrase(verb, verb.i, verb.i), "wants answers in", [verb], phrase(noun), "wish", verb)


def _receives(clause: Clause) -> Iterator[Assertion]:
    """ "Rivian hired Paul", "started at Globex", "got a job at Bosch": who works where."""
    verb, people, employers = clause.verb, clause.subjects, clause.led.get("at", []) + clause.led.get("with", [])
    if clause.lemma in {"hire", "employ", "recruit", "poach", "headhunt"}:
        people, employers = clause.objects, clause.subjects
        if clause.passive:
            people, employers = clause.subjects, clause.led.get("by", [])
    elif clause.lemma == "be" and _NOWADAYS & {
        word.lower_ for child in verb.children for word in (child, *child.children)
    }:
        employers = [
            each for each in employers if each.ent_type_ in {"ORG", "GPE", "PRODUCT", ""} and each.head.i > verb.i
        ]
        employers = [each for each in employers if each.head.lower_ == "with" or each.ent_type_ == "ORG"]
        people = [each for each in people if each.ent_type_ == "PERSON" or each.pos_ == "PRON"]
    elif not (_takes_job(clause) or (clause.lemma in {"start", "begin"} and not clause.objects)):
        return
    for employer in employers:
        for person in people:
            if employer.pos_ == "PROPN" and not is_time(employer):
                yield Assertion(phrase(person), "works for", [verb], phrase(employer), "passive-by", verb)


def _takes_job(clause: Clause) -> bool:
    return clause.lemma in _GETS and any(noun.lemma_.lower() in _JOBS for noun in clause.objects)


def _moves(clause: Clause) -> Iterator[Assertion]:
    """ "Moved back to Cork", "returned to Vienna" are no place that a verb's own preposition leads to."""
    people = [phrase(each) for each in clause.subjects]
    if clause.lemma in {"move", "settle"}:
        homes = [noun for word in ("into", "to") for noun in clause.led.get(word, []) if noun.lemma_ in _HOMES]
        led = [c for noun in homes for c in noun.children if c.dep_ == "prep" and c.lower_ in {"in", "at"}]
        for place in [noun for preposition in led for noun in preposition.children]:
            if place.pos_ == "PROPN" and not is_time(place):
                yield from _each(people, "moved to", [clause.verb], phrase(place), clause.verb)
    if clause.lemma == "be" and any(child.lower_ == "back" for child in clause.verb.children):
        for word in ("at", "in", "with", "on", "to"):
            for thing in clause.led.get(word, []):
                if not is_time(thing) and thing.pos_ in {"PROPN", "NOUN"}:
                    yield from _each(people, f"is back {word}", [clause.verb], phrase(thing), clause.verb)
    if clause.lemma in {"move", "relocate"} and any(child.lower_ in {"back", "over"} for child in clause.verb.children):
        for place in clause.led.get("to", []):
            if place.pos_ == "PROPN":
                yield from _each(people, "moved to", [clause.verb], phrase(place), clause.verb)


def _pairs(clause: Clause) -> Iterator[Assertion]:
    """ "Tom and I got engaged", "are no longer together", "are friends": what holds of the two of them."""
    verb = clause.verb
    if clause.lemma not in {"be", "get", "become", "marry", "engage"} or len(clause.subjects) != 2:
        return
    said = {child.lower_ for child in verb.children}
    words = {"engaged": "engaged to", "married": "married to", "together": "together with", "friends": "friends with"}
    told = next((words[word] for word in words if word in said or word == verb.lower_), None)
    if told is not None:
        one, other = map(phrase, clause.subjects)
        yield Assertion(one, told, [verb], other, "copula-link", verb)


def _each(
    subjects: Sequence[Phrase], said: str, words: Sequence[Token], object_: Phrase, verb: Token
) -> Iterator[Assertion]:
    for subject in subjects:
        yield Assertion(subject, said, sorted(words, key=lambda word: word.i), object_, "copula-link", verb)
