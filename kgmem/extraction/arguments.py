"""Noun phrases: which words of a parsed sentence name one end of a fact, and which are dropped."""

import re
from collections.abc import Iterator
from typing import Final

from spacy.tokens import Doc, Token

# What hangs on a noun and says more about it, but is no part of its name; each makes facts of its own.
_LEFT_OUT: Final = frozenset({"relcl", "appos", "acl", "conj", "cc", "punct", "preconj", "advcl", "parataxis", "dep"})
_HYPHENS: Final = frozenset({"-", "/", "&", "'"})
_JOINED: Final = _HYPHENS | {",", '"'}
_STARTS_OFF: Final = frozenset(
    {"the", "a", "an", "this", "that", "these", "those", "its", "his", "her", "their", "my", "our", "your"}
)
_NAMES: Final = frozenset({"PROPN", "NOUN", "NUM", "PRON"})
_SUFFIXES: Final = frozenset({"jr.", "sr.", "jr", "sr", "inc.", "inc", "ltd.", "etc", "etc.", "others"})
_SPACES: Final = re.compile(r"\s+")
_ADDED: Final = frozenset({"please", "too", "lol", "haha", "btw", "tho", "though", "thanks", "ok", "yes", "no"})
LONGEST = 12  # Words of an argument; what is longer is cut to its head.


def nouns_of(head: Token) -> Iterator[Token]:
    """Return a noun and all others of its list."""
    yield head
    for other in head.conjuncts:
        if other.i > head.i and other.pos_ in _NAMES and other.lower_ not in _SUFFIXES:
            yield other
    for other in head.children:
        # "The Union, the Council, and the Bank": the parser takes the second for another word for the first.
        if other.dep_ == "appos" and other.pos_ == "PROPN" == head.pos_ and other.ent_type_ == head.ent_type_ != "GPE":
            joined = [word for word in other.conjuncts if word.i > other.i]
            if joined:
                yield other
                yield from joined


def bounds(head: Token, *, with_prepositions: bool = True) -> tuple[int, int]:
    """Return the first word of a noun phrase and the one behind its last."""
    doc = head.doc
    words = sorted(token.i for token in _words(head, with_prepositions))
    if len(words) > LONGEST and with_prepositions:
        return bounds(head, with_prepositions=False)
    first, last = head.i, head.i
    # Only what is joined to the head without a gap belongs to it.
    held = set(words)
    while first - 1 in held or (first - 2 in held and doc[first - 1].text in _JOINED):
        first -= 1
    while last + 1 in held or (last + 2 in held and doc[last + 1].text in _HYPHENS):
        last += 1
    while (
        last + 2 < len(doc)
        and doc[last + 1].text == "-"
        and not doc[last].whitespace_
        and not doc[last + 1].whitespace_
    ):
        last += 2  # "editor-in-chief" is three words to the parser.
    while (
        first >= 2 and doc[first - 1].text == "-" and not doc[first - 1].whitespace_ and not doc[first - 2].whitespace_
    ):
        first -= 2  # And "ex-wife".
    first, last = _whole_entity(doc, first, last)
    return _trimmed(doc, first, last + 1)


def _words(head: Token, with_prepositions: bool) -> Iterator[Token]:
    yield head
    for child in head.children:
        if child.dep_ in _LEFT_OUT and not (child.dep_ == "punct" and child.text in {"-", "'", "/"}):
            continue
        if child.dep_ in {"prep", "agent"}:
            if with_prepositions and child.lower_ == "of" and child.i > head.i:
                yield child
                for part in child.children:
                    if part.dep_ in {"pobj", "pcomp"}:
                        yield from _words(part, with_prepositions)
            continue
        yield from _words(child, with_prepositions)


def _whole_entity(doc: Doc, first: int, last: int) -> tuple[int, int]:
    """Widen a stretch where it would cut a named entity in two."""
    for token in (doc[first], doc[last]):
        if token.ent_iob_ != "O":
            entity = next((ent for ent in doc.ents if ent.start <= token.i < ent.end), None)
            if entity is not None and entity.end - entity.start <= LONGEST:
                first, last = min(first, entity.start), max(last, entity.end - 1)
    return first, last


def _trimmed(doc: Doc, first: int, end: int) -> tuple[int, int]:
    """Drop articles, possessive pronouns, quotation marks and stops at the ends."""
    while first < end - 1 and (
        doc[first].lower_ in _STARTS_OFF
        or doc[first].is_punct
        or doc[first].is_space
        or (doc[first].pos_ == "ADP" and doc[first + 1].text != "-")  # "On-call engineer" is one.
    ):
        if doc[first].lower_ in {"the", "a", "an"} and doc[first].ent_type_ == "WORK_OF_ART":
            break
        first += 1
    while end - 1 > first and (
        doc[end - 1].lower_ in _ADDED
        or (doc[end - 1].is_punct and doc[end - 1].text not in {")", "!", "?", ".", "%"})
        or doc[end - 1].is_space
        or doc[end - 1].pos_ in {"ADP", "CCONJ"}
        or doc[end - 1].tag_ == "POS"
        or (doc[end - 1].text == ")" and not any(token.text == "(" for token in doc[first:end]))
    ):
        end -= 1
    return first, end


def text_between(doc: Doc, first: int, end: int) -> str:
    """Return the words of a stretch as in the text, with single spaces."""
    return _SPACES.sub(" ", doc[first:end].text).strip()
