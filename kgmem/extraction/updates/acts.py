"""What a clause does to what was so before, learned from examples: whether it ends it, and of what kind that is.

The rules beside this module follow words that they know. People end things in other words, too: "Leeds is history",
"the picnic fell through", "Salma is a widow now". A clause, with common names in place of its own, is embedded by the
built-in MiniLM; with marks of its grammar (tense, denial, modals, conditions) and its runs of one to three words,
hashed, that goes through a logistic regression whose weights lie beside this file. `python -m bench.rig.act_training`
makes them from `tests/data/acts`.

What a clause ends is meant only where it names it: a known fact is ended whose subject and object both stand in the
clause, or are who speaks. Where only one of them does, the kind decides, and the clause must be surer.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc, Token
from spacy.tokens import Span as Words

from kgmem.domain.text.extraction import Argument, FoundEnding, FoundFact, Span
from kgmem.domain.text.predicate_words import happened
from kgmem.embedding.minilm import MiniLMEmbedder
from kgmem.extraction.clauses import is_question, subjects_of
from kgmem.extraction.facts import Phrase, phrase
from kgmem.extraction.gate import Gate
from kgmem.extraction.updates.clause import HOME, PARTNERS, WORK, is_time
from kgmem.extraction.updates.endings import Naming
from kgmem.extraction.vocabulary import listed

_CONFIDENCE: Final = 0.6
_NAMED_AT_LEAST: Final = 0.6  # Probability from which a clause ends what it names.
_MEANT_AT_LEAST: Final = 0.7  # And what it only means.
_KIND_AT_LEAST: Final = 0.1  # Of a class that a clause may speak of, beside the likeliest.
_KINDS_TRIED: Final = 3
_LONGEST: Final = 40  # Words of a clause.
_MOST_NOUNS: Final = 5
_MOST_CLAUSES: Final = 12  # Of one text.
_SHORT: Final = 3  # Words of an exclamation that goes with the next sentence: "Sold!".
# What the classes of the training data may end, where a clause names no object.
ENDED: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "jobs": (WORK, ("work", "freelance", "teach", "drive", "clean", "serve", "intern", "volunteer", "be")),
    "homes": (HOME, ("live", "share", "stay", "rent")),
    "ownership": (("OWNS", "ACQUIRED", "USES"), ("have", "own", "drive", "ride", "get", "keep", "rent")),
    "pets": (("OWNS", "ACQUIRED"), ("have", "own", "get", "keep", "adopt", "cat", "dog", "pet", "hamster", "rabbit")),
    "relations": ((*PARTNERS, "FRIEND_OF"), ("share", "report", "see", "date")),
    "meetings": (("SCHEDULED_FOR", "TAKES_PLACE_IN"), ("meet",)),
    "preferences": (
        ("LIKES", "DISLIKES", "PREFERS"),
        ("like", "love", "hate", "support", "enjoy", "drink", "learn", "play", "study", "eat", "smoke"),
    ),
    "diets": (("ALLERGIC_TO", "AVOIDS"), ("eat", "drink", "follow", "be")),
    "roles": (("LEADS", "RESPONSIBLE_FOR"), ("be", "maintain", "chair", "run", "manage", "coach", "head")),
    "servers": (("USES",), ("run", "host", "use")),
    "subscriptions": (
        ("USES", "MEMBER_OF", "STUDIED_AT"),
        ("subscribe", "pay", "go", "attend", "play", "sing", "study", "train", "volunteer", "take"),
    ),
}
_STANDS_FOR: Final = {"PERSON": "Tom", "GPE": "Berlin", "ORG": "Acme", "DATE": "Friday", "TIME": "noon"}
_MARKS: Final = tuple(
    re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    for words in (
        "not|n't|n\u2019t", "never", "no longer", "any ?more", "now", "instead", "again", "will|'ll", "would|'d|could",
        "might|may", "should|must", "if|unless", r"[?]", "still", "almost|nearly", "wish|hope|want|wants", "back",
        "over", "off", "out", "gone|went", "used to", "yet", "had", "has|have|'ve", "is|are|'s|'m|am", "was|were",
        r"thinks?|thinking|consider\w*", "says?|said|heard|rumou?r|claims?|claimed", "there", "my|our", "your",
        "his|her|their",
    )
)  # fmt: skip
# Words without which a clause in plain present tense changes nothing.
_TURNS: Final = re.compile(
    r"\b(?:not|n't|no|never|any ?more|now|instead|again|back|over|off|out|up|away|gone|new|these days|nowadays|since|"
    r"else|another|longer|only|today|yesterday|finally|already|for good)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
RUNS: Final = 2048  # Columns for runs of words; two that share one are rarely both in a clause.
_WORD: Final = re.compile(r"[\w']+|[?!.]")
_TAGS: Final = ("VBD", "VBZ", "VBP", "VBG", "VBN", "VB")
_SELF: Final = frozenset({"i", "we", "me", "us", "my", "our", "mine", "ours"})
_OTHER: Final = frozenset({"you", "your", "yours"})
_JOINTS: Final = frozenset({",", ";", ":", "so", "but", "and", "-", "\u2013", "\u2014", "because"})
# Of whom a clause speaks, and not of whose they are: "Pedro's sister got divorced" ends nothing of Pedro.
_KIN: Final = listed(
    """mother father mum mom dad parent parents sister sisters brother brothers sibling cousin aunt uncle niece nephew
    son sons daughter daughters kid kids child children wife husband partner girlfriend boyfriend fiance fiancee ex
    grandma grandpa granny gran grandmother grandfather friend friends mate buddy colleague colleagues coworker boss
    manager neighbour neighbor neighbours neighbors flatmate roommate housemate landlord landlady teacher assistant
    founder family"""
)
# Verbs that end what they speak of; denied, they end nothing: "isn't leaving", "never sold".
_ENDS_ITSELF: Final = listed(
    """leave quit resign retire sell lose cancel move divorce split break separate drop stop end finish close abandon
    ditch dump fire sack dismiss go change switch replace give throw donate step postpone reschedule delay relocate
    burn die sink destroy steal scrap postpone shut swap trade"""
)
_ANY_MORE: Final = re.compile(r"\b(?:any ?more|any longer|no longer)\b", re.IGNORECASE)
# Classes of which somebody's name says what is over: "Rex died".
_OF_NAMED: Final = frozenset({"pets", "relations", "ownership"})
# Classes of what one person has at a time, so that another's having it ends it.
_OF_ONE: Final = frozenset({"ownership", "roles", "pets"})
_PARTED: Final = frozenset({"me", "us"})
_EMPTY: Final = listed("thing time way lot bit day week month year today yesterday tomorrow morning evening one")


@dataclass(frozen=True, slots=True)
class Model:
    """The weights: of ending or not, and of each class."""

    classes: Sequence[str]
    ending: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.float64]


@cache
def model() -> Model:
    """Return the weights that lie beside this file."""
    with (files("kgmem.extraction.updates") / "acts.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return Model(
            [str(each) for each in stored["classes"]],
            stored["ending"].astype(np.float64),
            stored["kinds"].astype(np.float64),
        )


@cache
def _embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder(threads=1)


def features(clauses: Sequence[Words]) -> npt.NDArray[np.float64]:
    """Return a row of numbers for each clause: its vector, the marks of its grammar, and `RUNS` columns of its runs."""
    if not clauses:
        return np.zeros((0, 0))
    texts = [plain(each) for each in clauses]
    vectors = _embedder().embed_here(texts)
    marks = np.array([_marks(each) for each in clauses], np.float64)
    return np.hstack([4.0 * np.asarray(vectors, np.float64), 0.3 * marks, 0.4 * _runs(texts)])


def _runs(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return which runs of one to three words each text has, hashed."""
    rows = np.zeros((len(texts), RUNS))
    for row, text in zip(rows, texts, strict=True):
        words = ["<", *_WORD.findall(text.lower().replace("\u2019", "'")), ">"]
        for length in (1, 2, 3):
            for at in range(len(words) - length + 1):
                row[zlib.crc32(" ".join(words[at : at + length]).encode()) % RUNS] = 1.0
    return rows


def plain(clause: Words) -> str:
    """Return a clause with common names in place of its own, so that nothing is learned of names."""
    said = [_STANDS_FOR.get(word.ent_type_, "Acme") if word.pos_ == "PROPN" else word.text for word in clause]
    made = "".join(
        name + word.whitespace_
        for at, (name, word) in enumerate(zip(said, clause, strict=True))
        if at == 0 or name != said[at - 1] or word.pos_ != "PROPN"
    )
    return made.strip()


def _marks(clause: Words) -> list[float]:
    text = clause.text
    roots = {word.tag_ for word in clause if word.dep_ == "ROOT" or word.head.i not in range(clause.start, clause.end)}
    return [
        *(float(pattern.search(text) is not None) for pattern in _MARKS),
        *(float(tag in roots) for tag in _TAGS),
        float(any(word.dep_ in {"nsubj", "nsubjpass"} and word.lower_ in _SELF for word in clause)),
    ]


def clauses_of(doc: Doc) -> Iterator[Words]:
    """Return the clauses of a text; a short exclamation goes with the sentence behind it."""
    start: int | None = None
    for sentence in doc.sents:
        first = sentence.start if start is None else start
        words = sum(word.is_alpha for word in sentence)
        if words <= _SHORT and start is None and sentence.end < len(doc) and not any(_is_subject(w) for w in sentence):
            start = sentence.start
            continue
        start = None
        yield from _parts(doc, first, sentence.end)


def _parts(doc: Doc, first: int, end: int) -> Iterator[Words]:
    at = first
    for word in doc[first:end]:
        if word.lower_ in _JOINTS and any(map(_is_subject, doc[at : word.i])) and _begins_clause(doc, word.i + 1, end):
            yield doc[at : word.i]
            at = word.i + 1
    if at < end:
        yield doc[at:end]


def _begins_clause(doc: Doc, first: int, end: int) -> bool:
    """Return whether a subject with its verb stands right behind a joint."""
    return any(_is_subject(word) and word.head.i > word.i for word in doc[first : min(end, first + 6)])


def _is_subject(word: Token) -> bool:
    return word.dep_ in {"nsubj", "nsubjpass", "expl"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A clause with the probability that it ends something, and that of each class."""

    clause: Words
    ends: float
    kinds: dict[str, float]


def judged(docs: Sequence[Doc | None]) -> list[list[Judged]]:
    """Return the clauses of each text as they are judged; none of a text that is None."""
    clauses = [_judgeable(doc) if doc is not None else [] for doc in docs]
    flat = [each for mine in clauses for each in mine]
    if not flat:
        return [[] for _ in docs]
    weights, rows = model(), features(flat)
    ends = _logistic(rows @ weights.ending[:-1] + weights.ending[-1])
    scores = rows[:, :-RUNS] @ weights.kinds[:, :-1].T + weights.kinds[:, -1]
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    made = iter(
        Judged(clause, float(one), dict(zip(weights.classes, map(float, row), strict=True)))
        for clause, one, row in zip(flat, ends, chances, strict=True)
    )
    return [[next(made) for _ in mine] for mine in clauses]


def _judgeable(doc: Doc) -> list[Words]:
    found = [
        each
        for each in clauses_of(doc)
        if len(each) <= _LONGEST
        and not is_question(list(each[-1].sent))
        and any(word.pos_ in {"NOUN", "PROPN", "PRON"} for word in each)
        and sum(word.is_alpha for word in each) > 1
        and not _only_states(each)
    ]
    return found[:_MOST_CLAUSES]


def _only_states(clause: Words) -> bool:
    """Return whether a clause only says what somebody does, in plain present tense: it ends nothing."""
    root = clause.root
    plain_present = root.tag_ in {"VBZ", "VBP"} and (
        (root.lemma_ != "be" and root.pos_ == "VERB") or (root.lemma_ == "be" and any(map(is_time, clause)))
    )
    return plain_present and _TURNS.search(clause.text) is None


def _logistic(values: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -30, 30)))


def implied(
    found: Sequence[Judged], gate: Gate, name: Naming, facts: Sequence[FoundFact], people: tuple[str | None, str | None]
) -> Iterator[FoundEnding]:
    """Return what the clauses of a text end by what they mean; `facts` are those that it states itself.

    `people` are who speaks, and to whom.
    """
    stated = {
        (fact.subject.name, fact.object.name)
        for fact in facts
        if not (fact.denied or fact.hedged or happened(fact.predicate))
    }
    for each in found:
        if each.ends < _NAMED_AT_LEAST or _is_open(each.clause, gate) or _denies_ending(each.clause):
            continue
        yield from _Implied(each, name, stated, people).endings()


def _is_open(clause: Words, gate: Gate) -> bool:
    """Return whether a clause only says what may be, or will be, or what somebody says."""
    root = clause.root
    aspect = gate.aspect(root, root, root)
    return aspect.hedged or aspect.future or aspect.reported


def _denies_ending(clause: Words) -> bool:
    """Return whether a clause says that something did not end: "isn't leaving Acme", "never sold the boat"."""
    return (
        clause.root.lemma_.lower() in _ENDS_ITSELF
        and any(child.dep_ == "neg" or child.lower_ == "never" for child in clause.root.children)
        and _ANY_MORE.search(clause.text) is None
    )


class _Implied:
    """What one clause ends."""

    def __init__(
        self, judged: Judged, name: Naming, stated: set[tuple[str, str]], people: tuple[str | None, str | None]
    ) -> None:
        self._judged = judged
        self._clause = judged.clause
        self._name = name
        self._stated = stated
        self._people = people
        self._span = Span(self._clause.start_char, self._clause.end_char)
        begun = {end for pair in stated for end in pair}
        self._fresh = begun - {person for person in people if person}

    def endings(self) -> Iterator[FoundEnding]:
        """Return the endings: of what the clause names, and of what it means where that is not known."""
        nouns = [each for each in self._nouns() if each[1].name not in self._new()]
        speaks = self._speaking()
        subjects = [*self._subjects()]
        done = set[tuple[str | None, str | None]]()
        for noun, named in nouns:
            owners = self._owners(noun)
            others = owners or [*speaks, *(each for each in subjects if each.name != named.name)]
            for other in others:
                for pair in ((other, named), (named, other)):
                    ends = (pair[0].name, pair[1].name)
                    if ends not in done and ends not in self._stated:
                        done.add(ends)
                        yield self._ending(*pair)
            if not owners and (None, named.name) not in done and self._may_be_meant(noun):
                done.add((None, named.name))
                yield self._ending(None, named, otherwise=True)
        if self._judged.ends >= _MEANT_AT_LEAST:
            yield from self._meant([*subjects, *(speaks if not subjects else [])])

    def _may_be_meant(self, noun: Token) -> bool:
        """Return whether a clause may end what anybody has to do with a noun: "the boat", "Acme", a pet that died."""
        likeliest = max(self._judged.kinds, key=lambda each: self._judged.kinds[each])
        if _is_subject(noun) and noun.ent_type_ == "PERSON":
            return likeliest in _OF_NAMED
        somebody = any(_is_subject(word) and _is_somebody(word) and word.i != noun.i for word in self._clause)
        # "My sister left Derby" ends no other's home; "Anna has the car now" ends whosever it was.
        return _is_definite(noun) and (not somebody or likeliest in _OF_ONE)

    def _meant(self, subjects: Sequence[Argument]) -> Iterator[FoundEnding]:
        """Return what a clause ends of its subject, by its class alone."""
        likely = sorted(self._judged.kinds.items(), key=lambda each: -each[1])
        # The likeliest class first: a later one is tried only where there is nothing of it to end.
        for kind, chance in likely[:_KINDS_TRIED]:
            if chance < _KIND_AT_LEAST or kind not in ENDED:
                continue
            kinds, verbs = ENDED[kind]
            for subject in subjects:
                yield self._ending(subject, None, kinds=kinds, verbs=verbs, latest=True, otherwise=True)

    def _ending(
        self, subject: Argument | None, object_: Argument | None, *, kinds: tuple[str, ...] = (),
        verbs: tuple[str, ...] = (), latest: bool = False, otherwise: bool = False,
    ) -> FoundEnding:  # fmt: skip
        sure = round(_CONFIDENCE * self._judged.ends, 3)
        return FoundEnding(
            subject, object_, self._span, sure, "learned:ending", kinds=kinds, verbs=verbs, latest=latest,
            otherwise=otherwise,
        )  # fmt: skip

    def _new(self) -> set[str]:
        """Return what the clause itself says to be so, which it does not end."""
        inside = {word.text for word in self._clause}
        return {each for pair in self._stated for each in pair[1:] if set(each.split()) <= inside}

    def _nouns(self) -> Iterator[tuple[Token, Argument]]:
        count = 0
        for word in self._clause:
            if word.pos_ not in {"NOUN", "PROPN"} or word.dep_ in {"compound", "npadvmod"} or is_time(word):
                continue
            if word.lemma_.lower() in _EMPTY or count >= _MOST_NOUNS or _is_of_kin(word):
                continue
            argument = self._name.argument(phrase(word, with_prepositions=False))
            if argument is not None:
                count += 1
                yield word, argument

    def _subjects(self) -> Iterator[Argument]:
        seen = set[str]()
        for word in self._clause:
            if word.pos_ in {"VERB", "AUX"} and word.dep_ not in {"aux", "auxpass"}:
                for subject in subjects_of(word):
                    argument = self._name.argument(phrase(subject))
                    if argument is not None and argument.name not in seen and not is_time(subject):
                        seen.add(argument.name)
                        yield argument

    def _speaking(self) -> Iterator[Argument]:
        words = {word.lower_ for word in self._clause}
        named = any(map(_is_subject, self._clause))
        if not words & _PARTED and any(_is_subject(word) and word.lower_ in _KIN for word in self._clause):
            return  # "My sister left Berlin" says nothing of who speaks.
        speaker, listener = self._people
        if speaker and (words & _SELF or not named):
            yield Argument(speaker, self._span)
        if listener and words & _OTHER:
            yield Argument(listener, self._span)

    def _owners(self, noun: Token) -> list[Argument]:
        """Return whose a thing is said to be: "Tom's boat" is ended of Tom alone."""
        owner = next((child for child in noun.children if child.dep_ == "poss"), None)
        if owner is None:
            return []
        whose = Phrase(owner, owner.i, owner.i + 1) if owner.pos_ == "PRON" else phrase(owner, with_prepositions=False)
        argument = self._name.argument(whose)
        if owner.lower_ in _SELF and self._people[0]:
            argument = Argument(self._people[0], self._span)
        return [argument] if argument is not None else []


def _is_of_kin(word: Token) -> bool:
    """Return whether a noun is somebody's relative of whom a clause speaks, or only says whose."""
    if _is_subject(word) and word.lower_ in _KIN:
        return any(child.dep_ == "poss" for child in word.children)
    return word.dep_ == "poss" and word.head.lower_ in _KIN and _is_subject(word.head)


def _is_somebody(word: Token) -> bool:
    return word.ent_type_ == "PERSON" or word.lower_ in _KIN or word.lower_ in {"he", "she", "somebody", "someone"}


def _is_definite(noun: Token) -> bool:
    return noun.pos_ == "PROPN" or any(child.lower_ in {"the", "this", "that"} for child in noun.children)
