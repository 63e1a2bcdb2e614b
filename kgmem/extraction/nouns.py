"""Facts that stand in nouns rather than verbs: apposition, possession, titles, places in places, brackets."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from spacy.tokens import Doc, Token
from spacy.tokens import Span as Words

from kgmem.domain.text.extraction import FoundTime, Span
from kgmem.extraction.arguments import bounds, nouns_of
from kgmem.extraction.facts import Assertion, Phrase, phrase
from kgmem.extraction.gazetteer import beside

_PLACES: Final = frozenset({"GPE", "LOC", "FAC"})
_LINKS: Final = frozenset({"of", "in", "at", "from", "on", "for", "near", "with", "by", "between"})
_FINITE: Final = frozenset({"VBZ", "VBD", "VBP", "MD"})
_BEFORE_NAMES: Final = frozenset({"compound", "amod", "nmod"})
_NAMED: Final = frozenset({"PERSON", "ORG", "GPE", "LOC", "FAC", "EVENT", "WORK_OF_ART", "PRODUCT", "NORP", "LAW"})
# Behind a name: "(1914-1998)", "(born 3 May 1920)", "(EU)", "(formerly Acme)".
_ACRONYM: Final = re.compile(r"[A-Z][A-Za-z0-9&.-]{1,9}")
_FORMER: Final = re.compile(
    r"^(?:formerly|also|previously|born|n\u00e9e|aka|a\.k\.a\.)(?:\s+known as|\s+called)?\s+"
    r"(?P<name>[A-Z][^,;()\d]{1,60})$"
)
# What a contract calls a party: '(hereinafter "the Provider")', '("Buyer")'.
_CALLED: Final = re.compile(
    r"^(?:(?:hereinafter|hereafter|referred to|called|together|collectively|the|as)[ ,]+)*"
    r"[\"\u201c\u201d\u201e'\u2018\u2019](?:the )?(?P<name>[A-Z][\w -]{1,40})[\"\u201c\u201d'\u2019]$"
)
_BORN: Final = re.compile(r"\b(?:born|b\.)", re.IGNORECASE)
_DIED: Final = re.compile(r"\b(?:died|d\.)", re.IGNORECASE)
_LIFE: Final = re.compile(r"\s*(?:-|\u2013|\u2014|to)\s*")
_FURTHEST: Final = 4  # Characters between a name and its bracket.


def noun_assertions(doc: Doc) -> Iterator[Assertion]:
    """Return what the noun phrases of a text assert by themselves."""
    for token in doc:
        if token.pos_ not in {"NOUN", "PROPN"}:
            continue
        if token.dep_ == "appos":
            yield from _apposition(token)
        yield from _possession(token)
        yield from _title(token)
        yield from _links(token)


def _apposition(noun: Token) -> Iterator[Assertion]:
    """ "Paris, the capital of France": Paris is the capital, and capital of France; "Paris, Texas": a part of it."""
    named = noun.head
    while named.dep_ == "appos" and named.head.i != named.i:
        named = named.head
    if named.pos_ not in {"PROPN", "NOUN"}:
        return
    for other in nouns_of(noun):
        if other.pos_ != noun.pos_ or not _explains(named, other):
            continue  # "Ann, a doctor, Bob, a lawyer, and Cem": the next of a list, and no other word for Ann.
        one, two = phrase(named, with_prepositions=False), phrase(other, with_prepositions=False)
        if named.ent_type_ in _PLACES and other.ent_type_ in _PLACES:
            if any(word.dep_ in {"cc", "conj"} for place in (named, noun) for word in place.children):
                continue  # A list: "Laos, Malaysia and Japan".
            if beside(one.text, two.text):
                continue
            yield Assertion(one, "part of", [], two, "place-in-place")
            continue
        if other.pos_ == "PROPN" and named.pos_ == "NOUN":
            one, two = two, one
        listed = named.ent_type_ == other.ent_type_ and other.pos_ == named.pos_ == "PROPN"
        names = named.pos_ == other.pos_ == "PROPN" and {named.ent_type_, other.ent_type_} <= _NAMED
        if listed or names or not other.text[0].isalpha() or two.head.ent_type_ in {"DATE", "CARDINAL", "TIME"}:
            continue
        yield Assertion(one, "is", [], phrase(two.head), "apposition")
        for preposition, target in _prepositional(two.head):
            told = f"is {two.text} {preposition.lower_}"
            words = [*named.doc[two.first : two.end], preposition]
            yield Assertion(one, told, words, target, "apposition")


def _explains(named: Token, other: Token) -> bool:
    """Return whether a noun beside another is another word for it, not the next of a list or what a label leads to."""
    if any(word.text in {":", ";"} for word in named.doc[min(named.i, other.i) : max(named.i, other.i)]):
        return False
    if other.pos_ == named.pos_ == "NOUN" and not any(word.tag_ in _FINITE for word in named.sent):
        return False  # "300 ml milk, a pinch of salt".
    return not _interrupted(named, other) and _set_off(named, other)


def _set_off(named: Token, noun: Token) -> bool:
    """Return whether a comma, a bracket or the like parts a noun with an article from the name that it explains.

    In "was Ann a member" nothing does: there the parser misses the verb.
    """
    first, last = sorted((named, noun), key=lambda word: word.i)
    bare = not any(child.dep_ == "det" for child in last.children)
    return bare or any(word.is_punct for word in named.doc[first.i + 1 : last.i])


def _interrupted(named: Token, noun: Token) -> bool:
    """Return whether another name of the same kind stands between a name and what is said to be another word for it."""
    between = named.doc[named.i + 1 : noun.i]
    inside = {word.i for word in noun.subtree}
    return any(ent.label_ == named.ent_type_ and ent.root.i not in inside for ent in between.ents)


def _possession(noun: Token) -> Iterator[Assertion]:
    """ "France's capital Paris" and "his wife, Mary": whose, and what to whom."""
    owner = next((child for child in noun.children if child.dep_ == "poss"), None)
    if owner is None:
        return
    first, end = bounds(noun, with_prepositions=False)
    whose = Phrase(owner, owner.i, owner.i + 1) if owner.pos_ == "PRON" else phrase(owner, with_prepositions=False)
    # What is owned begins behind the owner.
    first = max(first, owner.i + 1 + any(child.dep_ == "case" for child in owner.children))
    if first >= end:
        return
    others = [child for child in noun.children if child.dep_ == "appos"]
    name = next((ent for ent in noun.doc[first:end].ents if ent.label_ in _NAMED and ent.end == end), None)
    if name is not None and name.start > first:
        # The name is the head: "his wife Mary Smith".
        role = noun.doc[first : name.start]
        yield Assertion(Phrase(noun, name.start, name.end), f"{role.text} of", list(role), whose, "possessive")
    elif name is not None:
        yield Assertion(whose, "has", [], Phrase(noun, first, end), "possessive")
    elif noun.dep_ == "nsubj" and noun.head.lemma_ == "be" and not others:
        for attribute in noun.head.children:
            if attribute.dep_ == "attr":
                role = noun.doc[first:end]
                for other in nouns_of(attribute):
                    yield Assertion(
                        whose, f"{role.text} is", [*role, noun.head], phrase(other), "possessive", noun.head
                    )
    if name is None and owner.pos_ != "PRON" and owner.ent_type_ in _NAMED and not others and noun.head.lemma_ != "be":
        yield Assertion(whose, "has", [], Phrase(noun, first, end), "owner")
    for other in others:
        role = noun.doc[first:end]
        yield Assertion(phrase(other, with_prepositions=False), f"{role.text} of", list(role), whose, "possessive")


def _title(noun: Token) -> Iterator[Assertion]:
    """ "American actor Tom Hanks", "director Steven Spielberg": the words before a name say what it is."""
    if noun.ent_iob_ == "O" or noun.ent_type_ not in {"PERSON", "WORK_OF_ART", "ORG"}:
        return
    entity = next((ent for ent in noun.doc.ents if ent.start <= noun.i < ent.end), None)
    if entity is None or entity.root.i != noun.i:
        return
    first = entity.start
    while first > noun.sent.start and noun.doc[first - 1].dep_ in _BEFORE_NAMES:
        first -= 1
    if first == entity.start or noun.doc[entity.start - 1].pos_ not in {"NOUN", "PROPN"}:
        return
    title = Phrase(noun.doc[entity.start - 1], first, entity.start)
    if noun.doc[entity.start - 1].text[0].islower():
        yield Assertion(Phrase(noun, entity.start, entity.end), "is", [], title, "title")


def _links(noun: Token) -> Iterator[Assertion]:
    """ "the University of X in Y", "the band from Z": names that a preposition joins."""
    if not (noun.ent_type_ in _NAMED or noun.pos_ == "PROPN"):
        return
    for preposition, target in _prepositional(noun):
        if preposition.lower_ in _LINKS and (target.head.ent_type_ or target.head.pos_ == "PROPN"):
            one = phrase(noun, with_prepositions=False)
            if one.first <= target.first < one.end:
                continue  # One name: "University of Oxford".
            yield Assertion(one, preposition.lower_, [preposition], target, "noun-link")


def _prepositional(noun: Token) -> Iterator[tuple[Token, Phrase]]:
    for preposition in noun.children:
        if preposition.dep_ == "prep" and preposition.i > noun.i:
            for part in preposition.children:
                if part.dep_ == "pobj":
                    for other in nouns_of(part):
                        yield preposition, phrase(other)


@dataclass(frozen=True, slots=True)
class Bracketed:
    """What a bracket says of the name before it: a predicate with its object's stretch; or another name for it."""

    about: Words
    predicate: str
    object: Span
    rule: str
    time: FoundTime | None = None


def bracketed(
    doc: Doc, text: str, brackets: Sequence[tuple[int, int]], times: Sequence[FoundTime]
) -> Iterator[Bracketed]:
    """Return what the brackets of a text say."""
    for start, end in brackets:
        about = next((ent for ent in reversed(doc.ents) if 0 <= start - ent.end_char <= _FURTHEST), None)
        if about is None:
            continue
        inside = Span(start + 1, end - 1)
        yield from _names(about, text, inside)
        if about.label_ == "PERSON":
            yield from _life(about, text, inside, [time for time in times if time.span.within(inside)])


def _names(about: Words, text: str, inside: Span) -> Iterator[Bracketed]:
    words = text[inside.start : inside.end]
    bare = words.strip()
    if _ACRONYM.fullmatch(bare) and sum(letter.isupper() for letter in bare) >= 2 and _initials(about.text, bare):
        start = inside.start + words.index(bare)
        yield Bracketed(about, "also known as", Span(start, start + len(bare)), "alias")
    elif (called := _CALLED.match(bare)) is not None and not _is_seat(about):
        start = inside.start + words.index(bare) + called.start("name")
        yield Bracketed(about, "is", Span(start, start + len(called["name"])), "role")
    elif former := _FORMER.match(bare):
        start = inside.start + words.index(former["name"])
        yield Bracketed(about, "also known as", Span(start, start + len(former["name"].rstrip())), "alias")


def _is_seat(name: Words) -> bool:
    """Return whether a name is the place of the one before it: "Halden Cloud GmbH, Berlin"."""
    behind = name.start > name.sent.start + 1 and name.doc[name.start - 1].text == ","
    return name.label_ in _PLACES or (behind and name.doc[name.start - 2].pos_ == "PROPN")


def _initials(name: str, short: str) -> bool:
    """Return whether letters may stand for a name: its words begin with the first of them, in any of their orders."""
    letters = [letter.lower() for letter in short if letter.isalpha()]
    return letters[0] in {word[0].lower() for word in re.findall(r"\w+", name)}


def _life(about: Words, text: str, inside: Span, times: Sequence[FoundTime]) -> Iterator[Bracketed]:
    words = text[inside.start : inside.end]
    if len(times) == 1 and times[0].granularity == "range" and times[0].interval.end is not None:
        ends = _LIFE.split(times[0].text)
        if len(ends) == 2:
            cut = times[0].span.start + times[0].text.index(ends[1], len(ends[0]))
            yield Bracketed(
                about, "born in", Span(times[0].span.start, times[0].span.start + len(ends[0])), "life-dates"
            )
            yield Bracketed(about, "died in", Span(cut, times[0].span.end), "life-dates")
        return
    for number, time in enumerate(times[:2]):
        before = words[: time.span.start - inside.start]
        dead = _DIED.search(before) is not None or number == 1
        if dead or _BORN.search(before) or len(times) == 2:
            yield Bracketed(about, "died on" if dead else "born on", time.span, "life-dates", time)
