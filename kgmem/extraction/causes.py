"""Causal statements: what a text says brings about what, and what it says does not.

Three kinds of wording: verbs ("led to"), connectives between clauses ("because"), and nouns with prepositions ("due
to"). A denial anywhere in the clause makes the statement a denied one; so do "despite", "although" and "without",
which say that what one would expect to follow did not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from spacy.tokens import Doc, Token

from kgmem.domain.text.extraction import CausalKind
from kgmem.extraction.clauses import is_passive, subjects_of
from kgmem.extraction.polarity import aspect_of
from kgmem.extraction.vocabulary import listed

_VERBS: Final[dict[str, tuple[CausalKind, float]]] = {
    **dict.fromkeys(
        ("cause", "trigger", "provoke", "induce", "spark", "prompt", "ignite", "unleash", "precipitate"),
        ("CAUSES", 0.8),
    ),
    **dict.fromkeys(
        ("force", "compel", "drive", "inflame", "fuel", "incite", "instigate", "generate", "create"), ("CAUSES", 0.5)
    ),
    **dict.fromkeys(("enable", "allow", "permit", "facilitate", "help"), ("ENABLES", 0.5)),
    **dict.fromkeys(("prevent", "avert", "forestall", "preclude", "thwart", "foil"), ("PREVENTS", 0.75)),
    **dict.fromkeys(("stop", "block", "hinder", "halt", "impede", "inhibit", "disrupt"), ("PREVENTS", 0.5)),
}
_VERB_PREPOSITION: Final[dict[tuple[str, str], tuple[CausalKind, float]]] = {
    ("lead", "to"): ("CAUSES", 0.8), ("result", "in"): ("CAUSES", 0.85), ("contribute", "to"): ("CONTRIBUTES_TO", 0.8),
    ("give", "to"): ("CAUSES", 0.0), ("bring", "about"): ("CAUSES", 0.8), ("culminate", "in"): ("CAUSES", 0.6),
    ("end", "in"): ("CAUSES", 0.4), ("set", "off"): ("CAUSES", 0.7),
}  # fmt: skip
_BACKWARD: Final = {
    ("result", "from"),
    ("stem", "from"),
    ("arise", "from"),
    ("die", "of"),
    ("die", "from"),
    ("suffer", "from"),
    ("emanate", "from"),
}
_BECAUSE: Final = {"because": 0.9, "since": 0.4, "as": 0.35, "after": 0.4, "when": 0.25, "so": 0.5}
_AGAINST: Final = frozenset({"although", "though"})
_PREPOSITIONS: Final = {
    "due": 0.85, "because": 0.9, "owing": 0.85, "thanks": 0.7, "following": 0.45, "after": 0.4, "over": 0.35,
    "amid": 0.25, "for": 0.35, "through": 0.0, "against": 0.35, "with": 0.0,
}  # fmt: skip
_AGAINST_PREPOSITIONS: Final = frozenset({"despite", "notwithstanding", "without", "irrespective", "regardless"})
_PROTESTING: Final = listed(
    """protest agitate demonstrate rally strike arrest detain kill injure book convict jail sentence fine
        suspend criticize criticise condemn blame punish charge"""
)
_NOUNS: Final = {
    "result": 0.85,
    "consequence": 0.85,
    "account": 0.7,
    "view": 0.5,
    "wake": 0.55,
    "response": 0.5,
    "reaction": 0.5,
    "protest": 0.5,
    "retaliation": 0.6,
    "cause": 0.0,
    "reason": 0.0,
}
_TO: Final = frozenset({"due", "owing", "thanks"})  # Causes only before "to".
_SURE: Final = 0.7  # Below it a verb may say who does something, and no cause.
_MAKES: Final = frozenset({"drive", "create", "generate", "fuel"})
_THINGS: Final = frozenset({"PERSON", "ORG", "GPE", "NORP", "PRODUCT", "WORK_OF_ART", "FAC", "LANGUAGE", "MONEY"})
_LONGEST: Final = 60  # Words of one side.


# How English forms the names of events and states from verbs and adjectives.
_ABSTRACT: Final = (
    "tion", "sion", "ment", "ness", "ity", "ance", "ence", "ing", "ism", "ship", "ure", "age", "cy", "th", "ght", "al",
    "war", "crisis", "loss", "rise", "fall", "growth", "change", "increase", "decline", "storm", "fire", "bug", "leak",
    "failure", "outage", "demand", "unrest", "fear", "anger", "debate", "protest", "protests", "attack", "attacks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CausalWords:
    """A causal statement by its words: those of the cause, of the effect, and of what joins them."""

    cause: tuple[int, int]
    effect: tuple[int, int]
    trigger: tuple[int, int]
    kind: CausalKind
    confidence: float
    rule: str
    denied: bool
    hedged: bool


def causal_words(doc: Doc) -> Iterator[CausalWords]:
    """Return what a text says of causes, sentence by sentence."""
    for token in doc:
        if token.pos_ in {"VERB", "AUX"}:
            yield from _by_verb(token)
            yield from _by_clause(token)
        if token.dep_ in {"prep", "pcomp", "agent", "advmod", "mark", "prt"} or token.pos_ in {"ADP", "SCONJ", "ADJ"}:
            yield from _by_preposition(token)


def _by_verb(verb: Token) -> Iterator[CausalWords]:
    lemma = verb.lemma_.lower()
    subjects = subjects_of(verb)[:1]
    if lemma in _VERBS and subjects:
        kind, confidence = _VERBS[lemma]
        if is_passive(verb):
            agents = [
                part
                for child in verb.children
                if child.dep_ == "agent" or child.lower_ == "by"
                for part in child.children
                if part.dep_ in {"pobj", "pcomp"}
            ]
            for agent in agents[:1]:
                yield _stated(agent, subjects[0], (verb, verb), kind, (confidence, "verb"))
            return
        effects = [child for child in verb.children if child.dep_ in {"dobj", "ccomp", "xcomp"}]
        # "Forced him to resign": the resignation follows, not the person.
        effects.sort(key=lambda child: child.dep_ not in {"ccomp", "xcomp"})
        for effect in effects[:1]:
            if kind != "CAUSES" and _is_own_deed(subjects[0], effect):
                continue
            if confidence < _SURE and not _may_cause(lemma, subjects[0], effect):
                continue  # "Ada drives a Skoda", "the team created a page": who did it, and what came of it.
            yield _stated(subjects[0], effect, (verb, verb), kind, (confidence, "verb"))
    for child in verb.children:
        if child.dep_ not in {"prep", "prt"}:
            continue
        pair = (lemma, child.lower_)
        parts = [part for part in child.children if part.dep_ in {"pobj", "pcomp"}]
        if pair in _VERB_PREPOSITION and subjects:
            kind, confidence = _VERB_PREPOSITION[pair]
            parts = parts or [other for other in verb.children if other.dep_ == "dobj"]
            if confidence and parts and not is_passive(verb):
                yield _stated(subjects[0], parts[0], (child, verb), kind, (confidence, "verb"))
        elif pair in _BACKWARD and subjects and parts:
            yield _stated(parts[0], subjects[0], (child, verb), "CAUSES", (0.75, "verb"))


def _by_clause(verb: Token) -> Iterator[CausalWords]:
    """ "Because", "although", "in order to": an adverbial clause and the clause that it hangs on."""
    so = next((child for child in verb.children if child.lower_ == "so" and child.dep_ == "advmod"), None)
    before = next((child for child in verb.children if child.dep_ == "ccomp" and child.i < verb.i), None)
    if so is not None and before is not None and before.i < so.i and so.nbor(-1).text in {",", ";"}:
        yield _stated(before, verb, (so, verb), "CAUSES", (_BECAUSE["so"], "connective"))  # "It was full, so it broke".
    if verb.dep_ != "advcl" or verb.head.pos_ not in {"VERB", "AUX", "ADJ", "NOUN"}:
        return
    main = verb.head
    mark = next(
        (
            child
            for child in verb.children
            if child.dep_ in {"mark", "advmod"}
            and child.i <= verb.i
            and child.lower_ in _BECAUSE.keys() | _AGAINST | {"even", "if"}
        ),
        None,
    )
    if mark is not None:
        word = mark.lower_
        even = any(token.lower_ == "even" for token in verb.doc[max(0, mark.i - 1) : mark.i + 1])
        if word in _AGAINST or even:
            yield _stated(verb, main, (mark, main), "CAUSES", (0.6, "connective"), against=True)
        elif word in _BECAUSE:
            not_so = any(token.lower_ in {"not", "n't"} for token in verb.doc[max(0, mark.i - 2) : mark.i])
            yield _stated(verb, main, (mark, main), "CAUSES", (_BECAUSE[word], "connective"), against=not_so)
    elif (
        verb.tag_ == "VB"
        and not _is_bare(main)
        and any(child.lower_ == "to" and child.i < verb.i for child in verb.children)
    ):
        to = next(child for child in verb.children if child.lower_ == "to")
        not_so = any(token.lower_ == "not" for token in verb.doc[max(0, to.i - 1) : to.i])
        yield _stated(verb, main, (to, main), "CONTRIBUTES_TO", (0.45, "purpose"), against=not_so)


def _by_preposition(word: Token) -> Iterator[CausalWords]:
    lower = word.lower_
    target = next(
        (part for part in word.subtree if part.dep_ in {"pobj", "pcomp"} and part.i > word.i and part.pos_ != "ADP"),
        None,
    )
    if target is None:
        return
    main = word.head
    while main.pos_ not in {"VERB", "AUX"} and main.head.i != main.i and main.dep_ != "ROOT":
        main = main.head
    if main.i == word.i or (main.pos_ not in {"VERB", "AUX"} and word.head.pos_ not in {"NOUN", "PROPN"}):
        return
    if lower in _AGAINST_PREPOSITIONS or (lower == "spite"):
        yield _stated(target, main, (word, main), "CAUSES", (0.55, "preposition"), against=True)
        return
    confidence = _PREPOSITIONS.get(lower, 0.0)
    if lower in _TO and (word.i + 1 >= word.sent.end or word.nbor(1).lower_ != "to"):
        confidence = 0.0  # "Due on Monday" is no cause.
    if lower in {"for", "over", "against"} and main.lemma_.lower() not in _PROTESTING:
        confidence = 0.0
    inner = next((child for child in word.children if child.lower_ in _NOUNS), None)
    if inner is not None and lower in {"as", "in", "on"}:
        of = next((child for child in inner.children if child.lower_ in {"of", "to", "against"}), None)
        target = (
            next((child for child in of.children if child.dep_ in {"pobj", "pcomp"}), None) if of is not None else None
        )
        confidence = _NOUNS[inner.lower_]
    if confidence and target is not None:
        yield _stated(target, main, (word, main), "CAUSES", (confidence, "preposition"))


def _stated(
    cause: Token,
    effect: Token,
    join: tuple[Token, Token],
    kind: CausalKind,
    how: tuple[float, str],
    *,
    against: bool = False,
) -> CausalWords:
    """Return a statement: what joins cause and effect is a word and its clause; it is so sure, by such a rule."""
    trigger, clause = join
    confidence, rule = how
    aspect = aspect_of(clause)
    denied = against or aspect.denied or any(_is_none(side) for side in (cause, effect))
    denied = denied or any(
        word.lower_ in {"not", "n't"} for word in trigger.doc[max(trigger.sent.start, trigger.i - 2) : trigger.i]
    )
    # What is not a clause of its own is meant as the clause over it is: "no sign that smoking causes ...".
    if not denied and clause.dep_ in {"acl", "relcl"}:
        denied = any(child.lower_ in {"no", "without", "not"} for child in clause.head.children)
    return CausalWords(
        _side(cause, effect, trigger), _side(effect, cause, trigger), (trigger.i, trigger.i + 1),
        kind, confidence * (0.6 if aspect.hedged else 1.0), f"cause-{rule}", denied, aspect.hedged,
    )  # fmt: skip


def _is_bare(verb: Token) -> bool:
    """Return whether a clause is a bare infinitive: "Ann to call the bank" says what is to be done."""
    return verb.tag_ == "VB" and any(child.lower_ == "to" and child.dep_ == "aux" for child in verb.children)


def _is_own_deed(subject: Token, effect: Token) -> bool:
    """Return whether somebody helps or stops doing something: "he stopped looking", "Ann helps carry the boxes"."""
    person = subject.ent_type_ == "PERSON" or subject.pos_ in {"PRON", "PROPN"}
    own = not any(child.dep_ in {"nsubj", "nsubjpass"} for child in effect.children)
    return effect.pos_ in {"VERB", "AUX"} and own and (person or effect.tag_ == "VBG")


def _may_cause(lemma: str, cause: Token, effect: Token) -> bool:
    """Return whether a verb that often says who makes what speaks of causes here."""
    if lemma in _MAKES:
        return _is_event(cause) and _is_event(effect)
    does = cause.ent_type_ in _THINGS or cause.pos_ == "PRON"
    return effect.pos_ in {"VERB", "AUX"} or not does


def _is_event(head: Token) -> bool:
    """Return whether a side may be something that happens or is so: a clause, or an abstract noun."""
    if head.pos_ in {"VERB", "AUX"}:
        return True
    abstract = head.lower_.endswith(_ABSTRACT) or any(child.dep_ in {"acl", "relcl"} for child in head.children)
    return head.pos_ == "NOUN" and head.ent_type_ not in _THINGS and abstract


def _is_none(head: Token) -> bool:
    """Return whether a side is said not to be there: "resulted in no injuries", "tried in vain to"."""
    if head.lower_ in {"nothing", "none", "nobody"}:
        return True
    words = [*head.children, *(inner for child in head.children if child.dep_ == "prep" for inner in child.children)]
    return any(word.lower_ in {"no", "vain", "neither"} and word.dep_ in {"det", "pobj", "neg"} for word in words)


def _side(head: Token, other: Token, trigger: Token) -> tuple[int, int]:
    """Return the stretch of one side: its head's words without those of the other side and of what joins them."""
    left_out: set[int] = set()
    for word in (other, trigger):
        if word.i != head.i and head.is_ancestor(word):
            top = word
            while top.head.i not in (head.i, top.i):
                top = top.head
            left_out.update(token.i for token in top.subtree)
    left_out.add(trigger.i)
    left_out.update(child.i for child in trigger.children if child.pos_ == "ADP")
    words = [token.i for token in head.subtree if token.i not in left_out]
    if head.i in left_out or head.i not in words:
        words = [head.i]
    first = last = head.i
    held = set(words)
    while first - 1 in held and head.i - first < _LONGEST:
        first -= 1
    while last + 1 in held and last - head.i < _LONGEST:
        last += 1
    doc = head.doc
    while first < head.i and (doc[first].is_punct or doc[first].is_space or doc[first].dep_ == "mark"):
        first += 1
    while last > head.i and (doc[last].is_punct or doc[last].is_space):
        last -= 1
    return first, last + 1
