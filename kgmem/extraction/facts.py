"""Facts by what the words of a sentence hang on: rules over spaCy's dependency parse.

Each rule has a name, which stands in `found_by`, and a confidence: the share of what it finds that is right, as judged
on passages of an encyclopedia. The rules follow the common patterns of open extraction (Del Corro and Gemulla, ClausIE,
WWW 2013, for the clauses; Angeli et al., ACL 2015, for nouns).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from spacy.tokens import Doc, Token

from kgmem.extraction.arguments import bounds, nouns_of, text_between
from kgmem.extraction.clauses import is_passive, left_behind, subjects_of, verbs_of, wording
from kgmem.extraction.vocabulary import listed

CONFIDENCE: Final = {
    "verb-object": 0.7,
    "verb-preposition": 0.6,
    "verb-object-preposition": 0.5,
    "copula": 0.75,
    "copula-link": 0.65,
    "passive-by": 0.75,
    "verb-time": 0.65,
    "apposition": 0.6,
    "possessive": 0.6,
    "owner": 0.25,
    "title": 0.6,
    "place-chain": 0.6,
    "place-in-place": 0.7,
    "role": 0.7,
    "noun-link": 0.45,
    "life-dates": 0.85,
    "alias": 0.8,
    "denied-food": 0.65,
    "wish": 0.7,
}
_OBJECTS: Final = frozenset({"dobj", "attr", "oprd", "dative"})
_EMPTY_OBJECTS: Final = listed(
    """it that this which who whom what there one them himself herself itself themselves each other"""
)
_PREPOSITION_NOUNS: Final = listed(
    """behalf front addition order terms spite favor favour charge support honor honour memory case place
        response result accordance collaboration association partnership conjunction cooperation
        connection contrast"""
)
_WITHIN: Final = frozenset({"in", "at", "near", "on", "within", "from"})
_MOST_OBJECTS: Final = 12


@dataclass(frozen=True, slots=True)
class Phrase:
    """A stretch of words with its head, as one end of a fact."""

    head: Token
    first: int
    end: int

    @property
    def text(self) -> str:
        """The words."""
        return text_between(self.head.doc, self.first, self.end)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A fact as the parse has it, before it is known who "he" is."""

    subject: Phrase
    predicate: str
    words: Sequence[Token]  # Of the predicate; those that stand in the text.
    object: Phrase
    rule: str
    verb: Token | None = None  # Whose clause says how it is meant.


def phrase(head: Token, *, with_prepositions: bool = True) -> Phrase:
    """Return the phrase of a noun; that of the name behind it in "the company Acme"."""
    named = next((child for child in head.children if child.dep_ == "appos" and child.i > head.i), None)
    if head.pos_ == "NOUN" and named is not None and named.pos_ == "PROPN":
        between = head.doc[head.i + 1 : bounds(named)[0]]
        if all(token.text in {'"', "'", "the", "The"} for token in between):
            return Phrase(named, *bounds(named))
    if head.ent_type_ == "PERSON":
        # The words before a person's name are facts of their own ("director Steven Spielberg").
        person = next(ent for ent in head.doc.ents if ent.start <= head.i < ent.end)
        if person.root.i == head.i:
            return Phrase(head, person.start, person.end - (person[-1].tag_ == "POS"))
    return Phrase(head, *bounds(head, with_prepositions=with_prepositions))


def assertions(doc: Doc) -> Iterator[Assertion]:
    """Return all that the verbs of a text assert."""
    for sentence in doc.sents:
        for verb in verbs_of(list(sentence)):
            subjects = [phrase(subject) for subject in subjects_of(verb)[:_MOST_OBJECTS]]
            if subjects:
                yield from _of_verb(verb, subjects)


def _of_verb(verb: Token, subjects: Sequence[Phrase]) -> Iterator[Assertion]:
    said = wording(verb)
    own = any(child.dep_ in {"nsubj", "nsubjpass"} for child in verb.children)
    to = next((child for child in verb.children if child.tag_ == "TO" and child.dep_ == "aux"), None)
    if own and to is not None and verb.tag_ == "VB" and verb.dep_ in {"acl", "ROOT", "relcl"}:
        said = [to, *said]  # A task: "Ann to call the bank".
    objects = [noun for child in verb.children if child.dep_ in _OBJECTS for noun in nouns_of(child)][:_MOST_OBJECTS]
    # "Ann to call the bank, Bob to order desks": the second name begins a task of its own.
    objects = [each for n, each in enumerate(objects) if n == 0 or not _begins_task(each)]
    objects += left_behind(verb) if not objects else []
    for object_ in objects:
        if object_.lower_ not in _EMPTY_OBJECTS:
            rule = "copula" if verb.lemma_ == "be" else "verb-object"
            yield from _each(subjects, _worded(said), said, phrase(object_), rule=rule, verb=verb)
    yield from _attributes(verb, subjects, said)
    yield from _prepositions(verb, subjects, said, objects)
    for child in verb.children:
        if child.dep_ == "npadvmod" and child.ent_type_ == "DATE":
            yield from _each(subjects, _worded(said), said, phrase(child), rule="verb-time", verb=verb)


def _begins_task(noun: Token) -> bool:
    return noun.i + 1 < len(noun.doc) and noun.nbor(1).tag_ == "TO" and noun.pos_ == "PROPN"


def _attributes(verb: Token, subjects: Sequence[Phrase], said: Sequence[Token]) -> Iterator[Assertion]:
    """ "X is the capital of Y" also links X with Y."""
    for attribute in verb.children:
        if attribute.dep_ != "attr":
            continue
        for noun in nouns_of(attribute):
            if noun.pos_ not in {"NOUN", "PROPN"}:
                continue
            for preposition, object_ in _linked(noun):
                name = phrase(noun, with_prepositions=False)
                words = [*said, *noun.doc[name.first : name.end], preposition]
                told = f"{_worded(said)} {name.text} {preposition.lower_}"
                yield from _each(subjects, told, words, object_, rule="copula-link", verb=verb)


def _linked(noun: Token) -> Iterator[tuple[Token, Phrase]]:
    """Return the prepositions behind a noun, with what they lead to; those of what they lead to where it is a place."""
    for preposition in noun.children:
        if preposition.dep_ != "prep" or preposition.i < noun.i:
            continue
        for first in preposition.children:
            if first.dep_ == "pobj" and first.lower_ not in _EMPTY_OBJECTS:
                for object_ in nouns_of(first):
                    yield preposition, phrase(object_)


def _prepositions(
    verb: Token, subjects: Sequence[Phrase], said: Sequence[Token], objects: Sequence[Token]
) -> Iterator[Assertion]:
    direct = [noun for noun in objects if noun.dep_ in {"dobj", "attr"}][:1]
    for leading, nouns in _prepositional(verb):
        first = leading[0]
        if direct and direct[0].dep_ == "attr" and (first.i < verb.i or first.i > direct[0].i):
            continue  # "In mathematics, X is ..." says nothing of where X is.
        words = [*said, *leading]
        agent = first.dep_ == "agent" or (first.lower_ == "by" and is_passive(verb))
        behind = f"{_worded(said)} {_worded(leading)}"
        rule = "passive-by" if agent else "verb-preposition"
        if direct and not agent:
            object_ = phrase(direct[0], with_prepositions=False)
            behind = f"{_worded(said)} {object_.text} {_worded(leading)}"
            words = [*said, *verb.doc[object_.first : object_.end], *leading]
            rule = "verb-object-preposition"
        for noun in nouns:
            if noun.lower_ not in _EMPTY_OBJECTS:
                # "Finished by May" names no agent.
                by = "verb-preposition" if agent and noun.ent_type_ in {"DATE", "TIME"} else rule
                yield from _each(subjects, behind, words, phrase(noun), rule=by, verb=verb)


def _prepositional(verb: Token) -> Iterator[tuple[list[Token], list[Token]]]:
    """Return the prepositions of a verb, those behind its object that speak of it included, with their nouns."""
    for child in verb.children:
        if child.dep_ in {"prep", "agent"}:
            yield from _led(child)
            for inner in child.children:
                if inner.dep_ == "prep" or (inner.dep_ == "conj" and inner.pos_ == "ADP"):
                    yield from _led(inner)
        elif child.dep_ == "dobj":
            for inner in child.children:
                if inner.dep_ == "prep" and inner.lower_ != "of":
                    yield from _led(inner)


def _led(preposition: Token) -> Iterator[tuple[list[Token], list[Token]]]:
    """Return the words of a preposition and the nouns that it leads to; "on behalf of" and its like are one."""
    for part in preposition.children:
        if part.dep_ != "pobj":
            continue
        of = next(
            (child for child in part.children if child.lower_ in {"of", "to", "with"} and child.dep_ == "prep"), None
        )
        if of is not None and part.lower_ in _PREPOSITION_NOUNS:
            for inner in of.children:
                if inner.dep_ == "pobj":
                    yield [preposition, part, of], list(nouns_of(inner))
        else:
            yield [preposition], list(nouns_of(part))


def _each(
    subjects: Sequence[Phrase], told: str, words: Sequence[Token], object_: Phrase, *, rule: str, verb: Token
) -> Iterator[Assertion]:
    ordered = sorted(words, key=lambda word: word.i)
    # What is in a place is in all that the place is in: "in Osh, a city in Kyrgyzstan".
    around = list(places_around(object_.head)) if words and words[-1].lower_ in _WITHIN else []
    for subject in subjects:
        if subject.head.i != object_.head.i:
            yield Assertion(subject, told, ordered, object_, rule, verb)
            for outer in around:
                yield Assertion(subject, told, ordered, phrase(outer, with_prepositions=False), "place-chain", verb)


def places_around(noun: Token, depth: int = 0) -> Iterator[Token]:
    """Return the named places that a place is said to lie in, behind "in" and "of" and commas."""
    if depth > 3:
        return
    for child in noun.children:
        inner = [child] if child.dep_ == "appos" else []
        if child.dep_ == "prep" and child.lower_ in {"in", "of"}:
            inner = [noun for part in child.children if part.dep_ == "pobj" for noun in nouns_of(part)]
        for place in inner:
            if place.ent_type_ in {"GPE", "LOC"} or (noun.ent_type_ in {"GPE", "LOC"} and place.pos_ == "PROPN"):
                yield place
                yield from places_around(place, depth + 1)


def _is_have(verb: Token) -> bool:
    """Return whether "got" is what one has: "I've got a car"."""
    return any(child.dep_ == "aux" and child.lower_ in {"have", "'ve", "has", "'s"} for child in verb.children)


def _worded(words: Sequence[Token]) -> str:
    if len(words) == 1 and words[0].lower_ in {"'m", "am"}:
        return "is"
    if len(words) == 1 and words[0].lower_ in {"got", "gotten"} and _is_have(words[0]):
        return "has"
    return " ".join(word.lower_ if word.i == 0 or not word.ent_type_ else word.text for word in words)
