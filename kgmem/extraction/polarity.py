"""Polarity of clauses: whether a verb's clause is asserted, denied, only possible, or somebody's word.

The parse says what a denial hangs on; where words stand says how far it reaches (contrast.py). What is not surely
asserted counts as denied or hedged: to miss a fact costs less than to store one that is not so. The notions are those
of event factuality (Sauri and Pustejovsky, FactBank, 2009): an event is judged by all that embeds it.
"""

from dataclasses import dataclass
from typing import Final

from spacy.tokens import Token

from kgmem.extraction.clauses import SUBJECTS, subjects_of
from kgmem.extraction.contrast import is_constituent_negation
from kgmem.extraction.vocabulary import listed

_MODALS: Final = frozenset({"may", "might", "could", "should", "would", "can", "must", "ought", "'d"})
_FUTURE: Final = frozenset({"will", "shall", "'ll", "wo", "\u2019ll"})
_DOUBT: Final = listed(
    """allegedly reportedly possibly perhaps probably supposedly apparently presumably seemingly likely
        maybe potentially arguably purportedly rumored rumoured ostensibly almost nearly practically virtually
        hypothetically theoretically conceivably"""
)
# What stands over a clause without saying that it is so: "plans to", "asked him to", "dreamed that".
_DOUBTFUL_VERBS: Final = listed(
    """seem appear believe think allege suppose rumor rumour expect plan intend hope want try attempt
        consider propose suspect speculate threaten fear assume doubt refuse fail wish dream imagine fantasize
        hypothesize promise offer ask tell urge invite order advise encourage beg warn request require recommend
        need like prefer aim seek vow pledge prepare guess claim wonder pretend joke lie consider postpone delay
        apply volunteer long yearn aspire hesitate demand suggest argue insist predict mean set slate
        schedule poise hop"""
)
_REPORTING: Final = listed(
    """say claim report state allege believe think argue write tell announce suggest note add assert insist
        suspect deny doubt estimate predict warn explain mention declare fear assume suppose"""
)
# What stands over a clause and says that it is not so, or is so no longer: "stopped working", "kept from joining".
_ENDING_VERBS: Final = listed(
    """deny fail refuse doubt decline forget neglect omit stop quit cease discontinue finish end abandon avoid refrain
        abstain desist prevent prohibit forbid ban bar block dissuade discourage disbelieve dispute refute reject
        contradict disprove retire resign cancel retract withdraw disqualify exclude preclude lie pretend save rule"""
)
_PARTICLE_ENDINGS: Final = frozenset(
    {("give", "up"), ("leave", "off"), ("swear", "off"), ("put", "off"), ("call", "off")}
)
_ENDING_ADJECTIVES: Final = listed(
    """unable unwilling reluctant unlikely impossible false untrue wrong incorrect ineligible incapable loath afraid
        short far close near free ready eager keen willing likely able about set due supposed meant poised"""
)
_DOUBTFUL_NOUNS: Final = listed(
    """claim rumor rumour allegation belief idea myth lie possibility chance notion theory hypothesis suggestion
        suspicion hope dream wish fear assumption impression misconception speculation plan attempt offer proposal
        intention desire promise failure refusal inability denial decision bid effort ambition permission request
        invitation order pressure option risk threat probability doubt question"""
)
_CONDITIONS: Final = frozenset({"if", "unless", "whether", "lest", "though"})
_NOTHING: Final = frozenset({"no", "neither", "none", "nobody", "nothing", "few", "little", "nowhere"})
_NO: Final = frozenset({"no", "neither", "nor", "none"})
_FALSELY: Final = frozenset(
    {"falsely", "wrongly", "wrongfully", "mistakenly", "incorrectly", "erroneously", "supposedly", "fictitiously"}
)
UNTRUE: Final = frozenset(
    {"false", "untrue", "wrong", "incorrect", "myth", "lie", "misconception", "rumor", "rumour", "nonsense", "joke",
     "mistake", "hoax", "fiction", "error", "mistaken", "inaccurate", "impossible", "unlikely", "doubtful", "fake"}
)  # fmt: skip
_NEVER: Final = frozenset({"never", "hardly", "scarcely", "barely", "rarely", "seldom", "anymore", "nowhere"})
# "In no way", "under no circumstances".
_NO_WAY: Final = frozenset(
    {"way", "ways", "means", "time", "point", "account", "circumstance", "circumstances", "sense", "case", "event"}
)
_SAYING: Final = frozenset({"tell", "suggest", "argue", "insist", "claim"})  # That it is so, and not that it should be.
_TOPICS: Final = frozenset({"about", "of", "towards", "toward", "on", "against"})
_FINITE: Final = frozenset({"VBZ", "VBD", "VBP"})
_PRESENT: Final = frozenset({"VBZ", "VBP"})
_LONGEST_CHAIN: Final = 8


@dataclass(frozen=True, slots=True)
class Aspect:
    """How a clause is meant: so, not so, perhaps so, or so by somebody's word."""

    denied: bool = False
    hedged: bool = False
    reporter: Token | None = None
    reported: bool = False
    future: bool = False  # It will be so; where no time says when, nothing says that it is so yet.


def aspect_of(verb: Token, *, own: bool = True) -> Aspect:
    """How a clause is meant, by its own words and by those that it stands under; `own` counts its own denials."""
    judged = _Judged(denied=own and denies(verb), hedged=_hedges(verb), future=_is_future(verb))
    word: Token | None = verb
    for _ in range(_LONGEST_CHAIN):
        if word is None or word.head.i == word.i:
            break
        word = judged.above(word)
    return Aspect(judged.denied, judged.hedged, judged.reporter, judged.reported, judged.future)


@dataclass(slots=True)
class _Judged:
    """What is known of a clause on the way up from its verb."""

    denied: bool
    hedged: bool
    future: bool
    reported: bool = False
    reporter: Token | None = None
    restrictive: bool = False  # The way leads through a relative clause that says which noun is meant.

    def above(self, word: Token) -> Token | None:
        """Take in what a word hangs on, and give it; None where nothing further up counts."""
        above = word.head
        if word.dep_ == "conj" and word.tag_ in _FINITE and above.tag_ not in _FINITE:
            # "Stopped smoking and married": the second goes with "stopped".
            while above.dep_ in {"xcomp", "pcomp", "prep"}:
                above = above.head
        elif word.dep_ == "conj" and word.pos_ in {"VERB", "AUX"}:
            self._joined(word, above)
        elif word.dep_ in {"ccomp", "parataxis"} and above.lemma_.lower() in _REPORTING:
            self._told(above)
        elif word.dep_ in {"xcomp", "ccomp", "pcomp", "acomp", "prep", "csubj", "parataxis"}:
            self._embedded(word, above)
        elif word.dep_ in {"acl", "relcl"}:
            return above if self._describing(word, above) else None
        elif word.dep_ == "advcl":
            self.denied = self.denied or (word.tag_ in {"VBG", "VBN", "VB"} and _rather(word))
            return above if word.tag_ in {"VBG", "VBN"} else None
        elif self.restrictive and above.pos_ in {"VERB", "AUX"}:
            self.denied = self.denied or denies(above) or above.lemma_.lower() in _ENDING_VERBS
        return above

    def _joined(self, word: Token, above: Token) -> None:
        if not _own_subject(word):
            self.hedged = self.hedged or (_hedges(above) and _modal(above)) or _alternative(word)
            self.denied = self.denied or (_shares(word, above) and denies(above))
            self.future = self.future or (_is_future(above) and word.tag_ == "VB")

    def _told(self, above: Token) -> None:
        """Take in that somebody says it."""
        self.reported = True
        subjects = subjects_of(above)
        self.reporter = self.reporter or (subjects[0] if subjects else None)
        self.denied = self.denied or denies(above) or ceases(above)
        self.hedged = self.hedged or above.lemma_.lower() in _DOUBTFUL_VERBS - _SAYING

    def _embedded(self, word: Token, above: Token) -> None:
        lemma = above.lemma_.lower()
        self.denied = self.denied or denies(above) or ceases(above)
        self.hedged = self.hedged or lemma in _DOUBTFUL_VERBS or _hedges(above)
        # "Has yet to join", "has to join"; "had to join" happened.
        self.hedged = self.hedged or (word.dep_ == "xcomp" and lemma == "have" and not _had_to(above))
        # "Talks about buying Acme", "dreams of leading it", "accused of selling it".
        self.hedged = self.hedged or (word.dep_ == "pcomp" and above.lower_ in _TOPICS)
        self.future = self.future or _is_future(above)
        # "Her dream is to live in Rome".
        topics = subjects_of(above) if lemma == "be" else []
        self.hedged = self.hedged or any(each.lemma_.lower() in _DOUBTFUL_NOUNS for each in topics)

    def _describing(self, word: Token, noun: Token) -> bool:
        """Take in the noun that a clause describes; gives whether what is said of that noun counts, too.

        "The man who leads Acme" is whoever does: where he is not, nobody is said to lead it. A name stays.
        """
        lemma = noun.lemma_.lower()
        self.denied = self.denied or _without(noun) or (word.dep_ == "acl" and lemma in UNTRUE)
        self.hedged = self.hedged or (_is_content(word) and lemma in _DOUBTFUL_NOUNS) or _is_topic(word)
        self.restrictive = noun.pos_ != "PROPN" or _is_cleft(noun)
        return self.restrictive


def denies(verb: Token) -> bool:
    """Return whether a clause's own words deny it: "not", "no longer", "never", "nobody", "in no way", "falsely"."""
    # "I'm no longer vegetarian": the parser hangs it on the adjective.
    inner = [
        word
        for child in verb.children
        if child.dep_ in {"acomp", "attr"}
        for word in child.children
        if word.lower_ in {"longer", "more"} and word.dep_ == "advmod"
    ]
    return any(_denying(child) for child in [*verb.children, *inner]) or _inverted(verb) or _falsely(verb)


def _denying(word: Token) -> bool:
    """Return whether a word that hangs on a verb denies its clause."""
    lower = word.lower_
    if lower in {"not", "n't", "n\u2019t"} or word.dep_ == "neg":
        # "Not only" affirms; "not at Acme" denies that part alone.
        following = word.nbor(1).lower_ if word.i + 1 < len(word.doc) else ""
        return following != "only" and not is_constituent_negation(word)
    if word.dep_ in {"nsubj", "nsubjpass", "dobj", "attr", "dative"}:
        return lower in _NOTHING - {"few", "little"} or _without(word)
    parts = [word, *word.children]
    if word.dep_ in {"prep", "npadvmod"} and any(part.lower_ in _NO_WAY and _without(part) for part in parts):
        return True
    before = {child.lower_ for child in word.lefts} | ({word.nbor(-1).lower_} if word.i else set())
    no_more = lower in {"longer", "more"} and bool(before & {"no", "any"})
    never = {part.lower_ for part in parts} if word.dep_ in {"advmod", "npadvmod"} else {lower}
    return no_more or bool(never & _NEVER)


def _without(noun: Token) -> bool:
    """Return whether a noun is said not to be there: "no company", "neither of them", "lack of evidence"."""
    words = [*noun.lefts]
    if any(word.lower_ in _NO or (word.lower_ in {"few", "hardly"}) for word in words):
        return True
    return noun.lower_ in _NOTHING or noun.lemma_.lower() in {"lack", "absence"}


def _inverted(verb: Token) -> bool:
    """Return whether a denial stands before the auxiliary: "nor does she live there", "never has she lived there"."""
    first = min((child.i for child in verb.children if child.dep_ in {"aux", "auxpass"}), default=verb.i)
    return first > verb.sent.start and verb.doc[first - 1].lower_ in {"nor", "neither", "never"}


def ceases(word: Token) -> bool:
    """Return whether a word over a clause says that it is not so: "stopped", "unable", "gave up", "without"."""
    lemma = word.lemma_.lower()
    if word.pos_ in {"VERB", "AUX"}:
        particles = {(lemma, child.lower_) for child in word.children if child.dep_ == "prt"}
        complements = [child for child in word.children if child.dep_ in {"acomp", "oprd"}]
        return (
            lemma in _ENDING_VERBS
            or bool(particles & _PARTICLE_ENDINGS)
            or any(each.lemma_.lower() in _ENDING_ADJECTIVES for each in complements)
        )
    if word.pos_ in {"ADJ", "ADV", "SCONJ", "ADP"}:
        return lemma in _ENDING_ADJECTIVES or word.lower_ in {"without", "instead", "rather", "than", "against"}
    return lemma in UNTRUE | {"failure", "refusal", "inability", "denial", "lack", "absence", "instead"}


def _falsely(verb: Token) -> bool:
    """Return whether a verb is said to be wrong: "falsely claimed"; or what hangs on it: "it is false that"."""
    return any(
        child.lower_ in _FALSELY or (child.dep_ in {"acomp", "attr"} and child.lower_ in UNTRUE)
        for child in verb.children
    )


def _shares(verb: Token, first: Token) -> bool:
    """Return whether a denial of a verb holds for the next one, too.

    It does in "did not eat or drink" and "does not live and work there", where one auxiliary serves both.
    """
    if any(child.dep_ in {"aux", "auxpass"} for child in verb.children):
        return False
    joined = {child.lower_ for child in first.children if child.dep_ in {"cc", "preconj"}}
    if "but" in joined:
        return False
    helped = any(child.dep_ in {"aux", "auxpass"} for child in first.children)
    return bool(joined & {"or", "nor"}) or (helped and verb.tag_ == first.tag_ and verb.tag_ in {"VB", "VBN", "VBG"})


def _alternative(verb: Token) -> bool:
    """Return whether a clause is one of several that may be so: "lives in Berlin or works in Paris"."""
    return any(child.dep_ == "cc" and child.lower_ == "or" for child in verb.head.children)


def _hedges(verb: Token) -> bool:
    if any(child.lower_ in _DOUBT and child.dep_ in {"advmod", "acomp"} for child in verb.children):
        return True
    if any(child.dep_ == "mark" and child.lower_ in _CONDITIONS - {"though"} for child in verb.children):
        return True
    if any(child.dep_ == "mark" and child.lower_ == "though" and _after_as(child) for child in verb.children):
        return True
    if verb.dep_ == "advcl" and any(child.dep_ == "aux" and child.i == verb.left_edge.i for child in verb.children):
        return verb.tag_ in {"VBN", "VB", "VBD"}  # "Had she stayed, ...".
    if verb.lower_ in {"were", "had", "should"} and any(
        child.dep_ in SUBJECTS and child.i > verb.i for child in verb.children
    ):
        return True  # "Were she to stay, ...".
    conditional = any(
        child.dep_ == "advcl"
        and any(word.dep_ == "mark" and word.lower_ in {"if", "unless", "lest"} for word in child.children)
        for child in verb.children
    )
    return conditional or _modal(verb) or _alternatives_after(verb)


def _alternatives_after(verb: Token) -> bool:
    """Return whether a verb is the first of several clauses of which one may be so."""
    return any(child.dep_ == "cc" and child.lower_ == "or" for child in verb.children) and any(
        child.dep_ == "conj" and child.pos_ in {"VERB", "AUX"} for child in verb.children
    )


def _after_as(word: Token) -> bool:
    return word.i > 0 and word.nbor(-1).lower_ == "as"


def _modal(verb: Token) -> bool:
    return any(child.dep_ == "aux" and child.lower_ in _MODALS and child.tag_ == "MD" for child in verb.children)


def _is_future(verb: Token) -> bool:
    """Return whether a clause tells what is to come: "will lead", "is going to lead", "is about to"."""
    if any(child.dep_ == "aux" and child.lower_ in _FUTURE for child in verb.children):
        return True
    if verb.tag_ == "VBG" and any(child.dep_ == "aux" and child.tag_ in _PRESENT for child in verb.children):
        # "Is moving to Turku next spring", "is joining tomorrow".
        following = {word.lower_ for word in verb.subtree if word.i > verb.i}
        if following & {"next", "tomorrow", "soon", "tonight", "shortly", "upcoming"}:
            return True
    above = verb.head
    return verb.dep_ == "xcomp" and above.lower_ == "going" and above.tag_ == "VBG" and verb.tag_ == "VB"


def _had_to(verb: Token) -> bool:
    return verb.tag_ == "VBD" and not any(child.lower_ in {"yet", "not", "n't"} for child in verb.children)


def _own_subject(verb: Token) -> bool:
    return any(child.dep_ in SUBJECTS for child in verb.children)


def _is_content(clause: Token) -> bool:
    """Return whether a clause is what a noun is of: "the claim that ...", "a plan to ..."."""
    return clause.dep_ == "acl" or any(child.dep_ == "mark" for child in clause.children)


def _is_topic(clause: Token) -> bool:
    """Return whether a clause is what is talked about: "talks about Acme buying Globex"."""
    noun = clause.head
    return clause.tag_ == "VBG" and clause.i == noun.i + 1 and noun.dep_ == "pobj" and noun.head.lower_ in _TOPICS


def _is_cleft(noun: Token) -> bool:
    """Return whether a sentence picks somebody out: "it was not Bob who ..."."""
    above = noun.head
    return above.lemma_ == "be" and any(
        child.dep_ in {"nsubj", "expl"} and child.lower_ in {"it", "that", "this"} for child in above.children
    )


def _rather(verb: Token) -> bool:
    """Return whether a clause is what was not done: "rather than join Acme", "instead of joining Acme"."""
    edge = verb.left_edge
    words = {word.lower_ for word in verb.doc[max(verb.sent.start, edge.i - 2) : verb.i]}
    return bool(words & {"rather", "instead", "without"})
