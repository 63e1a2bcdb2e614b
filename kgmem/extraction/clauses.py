"""Clauses: who does what a verb says, and how the verb is worded."""

from collections.abc import Iterator, Sequence
from typing import Final

from spacy.tokens import Token

SUBJECTS: Final = frozenset({"nsubj", "nsubjpass", "csubj", "expl"})
_PASSIVE: Final = frozenset({"nsubjpass", "auxpass"})
_RELATIVE: Final = frozenset({"who", "which", "that", "whom"})
_ADVERBIAL: Final = frozenset({"where", "when", "why", "how", "whose"})
_MODALS: Final = frozenset({"may", "might", "could", "should", "would", "can", "must"})
_LONGEST_CHAIN: Final = 6


def is_question(sentence: Sequence[Token]) -> bool:
    """Return whether a sentence asks; what it asks is no fact."""
    words = [token for token in sentence if not token.is_space]
    return bool(words) and words[-1].text == "?"


def is_passive(verb: Token) -> bool:
    """Return whether the subject undergoes what the verb says."""
    if any(child.dep_ in _PASSIVE for child in verb.children):
        return True
    return verb.tag_ == "VBN" and not any(child.dep_ == "aux" for child in verb.children)


def subjects_of(verb: Token, depth: int = 0) -> list[Token]:
    """Return the heads of what does what a verb says, looked for further up where the verb has none of its own."""
    own = [child for child in verb.children if child.dep_ in {"nsubj", "nsubjpass"}]
    if own:
        return [real for child in own for real in _meant(child, verb)]
    if depth > _LONGEST_CHAIN:
        return []
    if verb.dep_ == "relcl" and verb.tag_ not in {"VBN", "VBG"}:
        return _described(verb.head, depth) if _gap_is_subject(verb) else []
    if verb.dep_ in {"acl", "relcl"}:
        return _described(verb.head, depth) if verb.tag_ in {"VBN", "VBG"} else []
    if verb.dep_ == "xcomp":
        # "They asked him to leave": it is he who leaves.
        asked = [child for child in verb.head.children if child.dep_ == "dobj"]
        if asked:
            return asked
    above = _governing(verb)
    return subjects_of(above, depth + 1) if above is not None else []


def _governing(verb: Token) -> Token | None:
    """Return the verb whose subject is also that of one which has none of its own."""
    head = verb.head
    if verb.dep_ in {"conj", "xcomp"} and head.pos_ in {"VERB", "AUX", "ADJ"}:
        return head
    if verb.dep_ == "advcl" and head.pos_ in {"VERB", "AUX"}:
        purpose = verb.tag_ == "VB" and any(child.lower_ == "to" for child in verb.children)
        return head if purpose or verb.tag_ in {"VBG", "VBN"} else None
    if verb.dep_ == "pcomp" and head.head.pos_ in {"VERB", "AUX"}:
        return head.head
    return None


def left_behind(verb: Token) -> list[Token]:
    """Return the object that a relative clause shares with the noun before it: "the album that she recorded"."""
    if verb.dep_ != "relcl" or verb.lemma_ == "be" or _gap_is_subject(verb):
        return []
    subject = next((child for child in verb.children if child.dep_ in SUBJECTS), None)
    if subject is None or subject.lower_ in _RELATIVE or any(child.lower_ in _ADVERBIAL for child in verb.children):
        return []
    if any(
        child.dep_ == "prep" and any(word.lower_ in _RELATIVE for word in child.children) for child in verb.children
    ):
        return []
    return _described(verb.head, 0)


def _gap_is_subject(verb: Token) -> bool:
    return not any(child.dep_ in SUBJECTS for child in verb.children)


def _meant(subject: Token, verb: Token) -> list[Token]:
    """Return what a relative pronoun stands for, and a subject with all others of its list."""
    if subject.lower_ in _RELATIVE and subject.tag_ in {"WP", "WDT"}:
        clause = verb
        while clause.dep_ == "conj" and clause.head.pos_ in {"VERB", "AUX"}:
            clause = clause.head
        return _described(clause.head, 0) if clause.dep_ == "relcl" else []
    if subject.dep_ == "expl" or subject.lower_ in {"there", "what", "who", "whoever"}:
        return []
    return [subject, *(other for other in subject.conjuncts if other.i > subject.i and other.pos_ != "VERB")]


def _described(noun: Token, depth: int) -> list[Token]:
    """Return what a clause behind a noun is about: in "X is a player who ..." that is X."""
    if noun.dep_ in {"attr", "appos"} or (noun.dep_ == "conj" and noun.head.dep_ in {"attr", "appos"}):
        above = noun.head if noun.dep_ != "conj" else noun.head.head
        if noun.pos_ == "PROPN":
            return [noun]
        if above.pos_ in {"VERB", "AUX"}:
            return subjects_of(above, depth + 1) or [noun]
        if above.pos_ in {"NOUN", "PROPN"}:
            return [above]
    if noun.dep_ == "pobj" and noun.head.lower_ == "of" and noun.head.head.dep_ == "attr" and noun.pos_ == "NOUN":
        # "X is a form of therapy developed by ...": more often of X than of therapy.
        return subjects_of(noun.head.head.head, depth + 1) or [noun]
    return [noun]


def wording(verb: Token) -> list[Token]:
    """Return the words of a predicate: the verb, its particle, and the verb over it in "began to work"."""
    words = [verb, *(child for child in verb.children if child.dep_ in {"prt", "acomp"} and not _far(child, verb))]
    if is_passive(verb):
        words += [child for child in verb.children if child.dep_ == "auxpass"]
    if verb.pos_ == "AUX" or verb.lemma_ == "be":
        words += [child for child in verb.children if child.dep_ == "aux" and child.lower_ in _MODALS]
    word = verb
    while word.dep_ == "xcomp" and word.head.pos_ == "VERB" and len(words) < _LONGEST_CHAIN:
        if any(child.dep_ == "dobj" for child in word.head.children):
            break
        words.append(word.head)
        words += [child for child in word.children if child.lower_ == "to" and child.dep_ == "aux"]
        word = word.head
    return sorted(words, key=lambda token: token.i)


def _far(word: Token, verb: Token) -> bool:
    return abs(word.i - verb.i) > 5 or any(child.dep_ == "conj" for child in word.children)


def verbs_of(sentence: Sequence[Token]) -> Iterator[Token]:
    """Return the words of a sentence that make a clause."""
    for token in sentence:
        if token.dep_ in {"aux", "auxpass", "amod", "compound", "case", "punct"}:
            continue
        if token.pos_ in {"VERB", "AUX"}:
            yield token


def is_past(verb: Token) -> bool:
    """Return whether a clause tells what has happened by now: "joined", "has joined", "was hired"."""
    helpers = [child for child in verb.children if child.dep_ in {"aux", "auxpass"}]
    if any(child.tag_ == "MD" or child.lower_ in {"to", "wo"} for child in helpers):
        return False
    return verb.tag_ == "VBD" or any(child.tag_ == "VBD" or child.lemma_ == "have" for child in helpers)
