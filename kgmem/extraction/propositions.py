"""Well-formed facts: what a reader would state as a sentence of its own, of what the rules find in a parse.

A small parser errs most where a text is no running prose. What it finds there has marks that need no knowledge of the
world: a sentence without a finite verb, an end that is cut or that has a verb of its own, a relation with a pronoun in
it, a quotation. Such a fact is dropped; to miss one costs less than to store what nobody said.
"""

from typing import Final

from spacy.tokens import Doc, Token

from kgmem.extraction.facts import Assertion, Phrase
from kgmem.extraction.vocabulary import listed

_FINITE: Final = frozenset({"VBZ", "VBD", "VBP", "MD"})
_NO_VERB_NEEDED: Final = frozenset({"wish", "denied-food", "place-in-place"})
_DIRECTIONS: Final = listed("north south east west northeast northwest southeast southwest")
# Nouns that, before a name, say where or which one and not what it is: "room Fjord", "flat 4".
_NUMBERED: Final = listed(
    """room hall booth gate platform flat building floor track line route version release ticket issue pr bug step
    section chapter figure table page item part phase level row column port stage lane lot unit block area bay desk"""
)
_APPOINTS: Final = listed("appoint elect name promote choose hire nominate crown")
# Nouns that mean nothing without the verb before them and the preposition behind them.
_LIGHT: Final = listed("care place part note advantage charge account look thanks effect shape aim sense use sure")
_QUOTE: Final = '"'
_SHORTEST_QUOTE: Final = 3  # Words; what is shorter is a name or a term.


class Propositions:
    """Which of the facts that the rules find in a text are well formed."""

    def __init__(self, doc: Doc) -> None:
        """Take the parse."""
        self._finite = {sentence.start: any(word.tag_ in _FINITE for word in sentence) for sentence in doc.sents}
        self._quoted = _quoted(doc)

    def accepts(self, each: Assertion) -> bool:
        """Return whether a fact is one that a reader would state."""
        if not self._finite.get(each.subject.head.sent.start, True) and not _needs_no_verb(each):
            return False
        if each.verb is not None and each.verb.i in self._quoted:
            return False
        if not (_is_end(each.subject) and _is_end(each.object)):
            return False
        return not _is_misread(each) and not (each.verb is not None and _is_order(each.verb, each.subject.head))


def _is_order(verb: Token, subject: Token) -> bool:
    """Return whether a verb is a bare infinitive that its subject cannot have: "dump Carl, buy a dog"."""
    if verb.tag_ != "VB" or subject.tag_ not in {"NN", "NNP"} or any(True for _ in subject.conjuncts):
        return False
    word = verb
    while True:
        if any(child.dep_ in {"aux", "auxpass"} for child in word.children) or word.dep_ in {"xcomp", "ccomp"}:
            return False
        if word.dep_ not in {"conj", "advcl", "xcomp"} or word.head.pos_ not in {"VERB", "AUX"}:
            return True
        word = word.head


def _needs_no_verb(each: Assertion) -> bool:
    task = each.predicate.startswith("to ")
    return task or each.rule in _NO_VERB_NEEDED


def _is_end(end: Phrase) -> bool:
    """Return whether a phrase names something: it has no finite verb, no colon, and does not end in the middle."""
    words = end.head.doc[end.first : end.end]
    if any(word.tag_ in _FINITE and word.pos_ in {"VERB", "AUX"} and not word.ent_type_ for word in words):
        return False
    return not any(word.text in {":", ";", "|", "->"} for word in words)


def _is_misread(each: Assertion) -> bool:
    """Return whether the marks of a rule's usual errors are there."""
    subject, object_ = each.subject.head, each.object.head
    if any(word.pos_ == "PRON" and word.dep_ in {"dobj", "dative"} for word in each.words):
        return True  # "Thank you for", "reproduced it on": of whom or what, only the text around it says.
    if object_.lower_ in _LIGHT and each.object.end - each.object.first == 1 and each.rule == "verb-object":
        return True  # "Takes care".
    if each.rule == "apposition":
        return object_.lower_ in _DIRECTIONS or _is_amount(object_) or _is_amount(subject)
    if each.rule == "title":
        return object_.lemma_.lower() in _NUMBERED
    verb = each.verb
    if verb is not None and each.predicate == "is" and verb.lemma_.lower() in _APPOINTS and object_.dep_ == "pobj":
        # "The council elected Grace treasurer": she is it, not the council.
        return subject.dep_ == "nsubj" and any(child.dep_ == "dobj" for child in verb.children)
    return False


def _is_amount(noun: Token) -> bool:
    """Return whether a noun is counted or measured: "500 g of potatoes", "a litre of stock"."""
    return any(child.dep_ == "nummod" for child in noun.children) and noun.pos_ == "NOUN"


def _quoted(doc: Doc) -> frozenset[int]:
    """Return the words inside of quotations that have a verb: what somebody said, and no statement of the text."""
    inside = set[int]()
    marks = [word.i for word in doc if word.text == _QUOTE]
    for first, last in zip(marks[::2], marks[1::2], strict=False):
        words = doc[first + 1 : last]
        if len(words) >= _SHORTEST_QUOTE and any(word.tag_ in _FINITE for word in words):
            inside.update(word.i for word in words)
    return frozenset(inside)
