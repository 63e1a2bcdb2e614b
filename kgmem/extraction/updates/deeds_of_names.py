"""Sentences without a verb for the small parser, because it takes the verb after a name for a noun.

"Priya studies law" are three nouns to it, in "Femke lives in Pune" some lives are of a kind, and in "Wei married Lena"
somebody is married. A verb that is nothing else in the same place, after a common name, gives the right tree, which is
put on the words as they were written.
"""

from collections.abc import Iterable
from typing import Final

from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from kgmem.extraction.updates.names_first import Verb, with_parse_of
from kgmem.extraction.vocabulary import listed

_FINITE: Final = frozenset({"VBZ", "VBD", "VBP", "MD"})
_SUBJECTS: Final = frozenset({"nsubj", "nsubjpass"})
_WORDS: Final = ("noun", "adj", "verb", "adv")  # The tables of the model's English words.
_NAMES: Final = ("Tom", "Anna", "Peter", "Lena", "John", "Mary", "Paul", "Susan")
_KNEW, _WENT = "knew", "went"  # Verbs in a form that is nothing else: with an object, and with a preposition.
_TAGS: Final = {"VBZ": "Number=Sing|Person=3|Tense=Pres|VerbForm=Fin", "VBP": "Tense=Pres|VerbForm=Fin"}
_DONE: Final = {"married": "marry", "divorced": "divorce", "dated": "date", "engaged": "engage", "retired": "retire"}
_MOST_NAMES: Final = 8  # Words, with what joins them.
_LONGEST: Final = 2_000  # Characters of a text that is looked at; longer ones are no talk.


def _third_person(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("ch", "sh", "ss", "x")) else f"{verb}s"


# Verbs of what people do whose third person is also the plural of a noun, by that form.
_DEEDS: Final = {
    _third_person(verb): verb
    for verb in listed(
        """live work study love like hate play teach coach lead run drive drink dance paint cook dream stay date plan
        support want need trust fear visit walk train farm garden surf cycle box fish travel research design manage
        guide mentor nurse volunteer program code sketch record answer report practice practise speak own chair"""
    )
}
_BASES: Final = {verb: verb for verb in _DEEDS.values()}  # After several names.
_VERBS: Final = _DEEDS | _DONE


def parsed_by_deeds(docs: Iterable[Doc], language: Language) -> Iterable[Doc]:
    """Return the documents, those parsed again in which a name is followed by a verb that was taken for a noun."""
    for doc in docs:
        yield _anew(doc, language) if len(doc.text) <= _LONGEST else doc


def _anew(doc: Doc, language: Language) -> Doc:
    tables = language.get_pipe("lemmatizer").lookups.get_table("lemma_index")  # type: ignore[attr-defined]
    english = [tables.get(kind, ()) for kind in _WORDS]
    found = [(each.start, at) for each in doc.sents if (at := _verb_of(each, english)) is not None]
    if not found:
        return doc
    verbs = {at: _verb(doc[at].lower_) for _, at in found}
    for names in (1, len(_NAMES)):  # The last name alone is replaced, or all of them.
        better = language(_instead(doc, found, names))
        if all(_has_subject(better[at], first) for first, at in found):
            return with_parse_of(better, doc, verbs)
    return doc


def _instead(doc: Doc, found: list[tuple[int, int]], most: int) -> Doc:
    """Return the words with other verbs, and with common names in place of the last so many."""
    words = [word.text for word in doc]
    for first, at in found:
        for place, name in zip(range(at - 1, max(first, at - most) - 1, -1), _NAMES, strict=False):
            words[place] = name if doc[place].is_title else words[place]
        words[at] = _WENT if doc[at + 1].pos_ == "ADP" else _KNEW
    return Doc(doc.vocab, words=words, spaces=[bool(word.whitespace_) for word in doc])


def _has_subject(verb: Token, first: int) -> bool:
    """Return whether a word is a verb whose subject begins at a place."""
    return verb.tag_ == "VBD" and any(c.dep_ in _SUBJECTS and c.left_edge.i == first for c in verb.lefts)


def _verb(written: str) -> Verb:
    """Return the lemma, the tag and the morphology of a verb as it is written."""
    if written in _DONE:
        return Verb(_DONE[written], "VBD", "Tense=Past|VerbForm=Fin")
    tag = "VBZ" if written in _DEEDS else "VBP"
    return Verb(_DEEDS.get(written, written), tag, _TAGS[tag])


def _verb_of(sentence: Span, english: list[frozenset[str]]) -> int | None:
    """Return where the verb of a sentence is that begins with a name and has none for the parser."""
    names, joined = 0, False
    while names < min(_MOST_NAMES, len(sentence) - 2):
        word = sentence[names]
        linked = names > 0 and word.lower_ in {",", "and"}
        if not linked and not _may_be_name(word, english):
            break
        joined, names = joined or linked, names + 1
    at = sentence.start + names
    verb = sentence.doc[at]
    known = _BASES if joined else _VERBS
    if not names or at + 1 >= sentence.end or verb.lower_ not in known or verb.is_title or _led(sentence, at):
        return None
    following, last = verb.nbor(1), sentence[-1]
    if verb.lower_ in _DONE:
        return at if following.is_title and following.pos_ in {"PROPN", "NOUN", "ADJ"} else None
    led = following.pos_ in {"ADP", "DET", "PRON", "ADV"}
    return at if led or (not following.is_punct and last.text in {".", "!"}) else None


def _may_be_name(word: Token, english: list[frozenset[str]]) -> bool:
    """Return whether a word may be a person's name: written like one, and no word of English."""
    if not word.text[0].isupper() or not word.text[1:].islower() or word.is_stop or not word.is_alpha:
        return False
    return word.ent_type_ == "PERSON" or not any(word.lower_ in known for known in english)


def _led(sentence: Span, verb: int) -> bool:
    """Return whether a sentence has a verb whose subject is what it begins with."""
    return any(
        word.tag_ in _FINITE
        and word.dep_ != "compound"
        and any(c.dep_ in _SUBJECTS and c.i <= verb for c in word.children)
        for word in sentence
    )
