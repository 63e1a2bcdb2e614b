"""Facts of a text in any language with Universal Dependencies: who does what to whom, where, and who is what.

One set of rules for all such languages (Nivre et al., Universal Dependencies v2, LREC 2020): subjects (`nsubj`),
objects (`obj`), nouns with a preposition (`obl` with `case`), the predicate with a copula as its child (`cop`),
appositions and possessed kin. The gates are those of the English rules: what is denied, possible, wished, asked, quoted
or to come is no fact, and a pronoun is a name only where one fits.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from spacy.tokens import Doc, Token

from kgmem.domain.text.extraction import (
    Argument,
    Extraction,
    FoundEnding,
    FoundEntity,
    FoundFact,
    FoundTime,
    Span,
    TextToRead,
)
from kgmem.domain.time.dates import date_meant
from kgmem.domain.time.interval import parse_time
from kgmem.extraction.languages.lexicon import Lexicon
from kgmem.extraction.registry import RULES

_SUBJECTS: Final = frozenset({"nsubj", "nsubj:pass"})
_CLAUSES: Final = frozenset({"VERB", "AUX"})
_INSIDE: Final = frozenset({"flat", "flat:name", "flat:foreign", "compound", "amod", "nummod", "fixed"})
_LABELS: Final[Mapping[str, str]] = {"PER": "Person", "ORG": "Organization", "LOC": "Place", "MISC": "Thing"}
_CONFIDENCE: Final = 0.6
_MOST_WORDS: Final = 8
_MOST_STEPS: Final = 8
# States in the past; what happened once ("joined") is worded so anyway.
_PAST: Final = {
    "is": "was", "lives in": "lived in", "works for": "worked for", "works in": "worked in", "leads": "led",
    "owns": "owned", "manages": "managed", "chairs": "chaired", "speaks": "spoke", "likes": "liked",
    "dislikes": "disliked", "is director of": "was director of", "is mayor of": "was mayor of",
    "is president of": "was president of", "is head of": "was head of", "responsible for": "was responsible for",
}  # fmt: skip
_DATE_WORD: Final = re.compile(r"\d{1,2}(?:er)?|\d{4}")


@dataclass(frozen=True, slots=True)
class _Clause:
    """One predicate: its head, what has a copula or is a verb, with who it is said of."""

    head: Token
    subjects: Sequence[Token]
    copula: Token | None


class UniversalReading:
    """What one parsed text of a language says."""

    def __init__(self, doc: Doc, asked: TextToRead, lexicon: Lexicon) -> None:
        """Take the parse, who speaks to whom and when, and what is known of the language."""
        self._doc = doc
        self._asked = asked
        self._lexicon = lexicon
        self._said = parse_time(asked.occurred_at).start if asked.occurred_at else None
        self._people: list[tuple[int, str]] = []  # Subjects that are people, with where they stand.
        self._pairs: dict[str, str] = {}
        self._quoted = _quoted(doc)

    def extraction(self) -> Extraction:
        """Return what was found."""
        facts = list[FoundFact]()
        endings = list[FoundEnding]()
        for sentence in self._doc.sents:
            if sentence.text.rstrip().endswith("?"):
                continue
            for word in sentence:
                facts += self._noun(word)
            for word in sentence:
                clause = self._clause(word)
                if clause is not None and word.i not in self._quoted:
                    for found in self._of(clause):
                        (endings if isinstance(found, FoundEnding) else facts).append(found)  # type: ignore[arg-type]
        return Extraction(entities=self._entities(facts), facts=_once(facts), endings=endings, extractor=RULES)

    def _clause(self, word: Token) -> _Clause | None:
        copula = next((child for child in word.children if child.dep_ == "cop"), None)
        if word.dep_ in {"aux", "aux:tense", "aux:pass", "cop"}:
            return None
        if copula is None and not (_is_finite(word) if word.pos_ in _CLAUSES else self._lost_verb(word)):
            return None
        return _Clause(word, self._subjects(word), copula)

    def _lost_verb(self, word: Token) -> bool:
        """Return whether a word that the tagger takes for none is the verb of its clause."""
        if word.dep_ not in {"ROOT", "conj"} or not word.is_lower or word.pos_ not in {"NOUN", "ADJ"}:
            return False
        known = any(key[0] == self._lemma(word) for key in self._lexicon.wordings)
        said = any(child.dep_ in {"obj", "obl:arg", "obl:mod"} for child in word.children)
        return said and (known or any(child.dep_ in _SUBJECTS and child.i < word.i for child in word.children))

    def _lemma(self, word: Token) -> str:
        """Return a word's base form; of a verb that the model does not know, that of the most frequent class."""
        lemma = word.lemma_.lower()
        other = word.lower_ + self._lexicon.infinitive
        known = any(key[0] == other for key in (*self._lexicon.wordings, *self._lexicon.endings))
        return other if known else lemma

    def _subjects(self, verb: Token, depth: int = 0) -> list[Token]:
        own = [child for child in verb.children if child.dep_ in _SUBJECTS]
        if own:
            found = own[0]
            if found.lower_ in self._lexicon.relative:
                return [verb.head] if verb.dep_ == "acl:relcl" else []
            return [found, *(other for other in found.conjuncts if other.i > found.i)]
        if verb.dep_ == "conj" and depth < _MOST_STEPS:
            return self._subjects(verb.head, depth + 1)
        if verb.dep_ == "appos" and verb.pos_ == "VERB":
            return [next((above for above in verb.ancestors if above.dep_ != "appos"), verb.head)]
        return []

    def _of(self, clause: _Clause) -> Iterator[FoundFact | FoundEnding]:
        head = clause.head
        subjects = [each for word in clause.subjects for each in self._named(word)]
        if not subjects:
            return
        for word, subject in zip(clause.subjects, subjects, strict=False):
            if word.ent_type_ == "PER":
                self._people.append((word.i, subject.name))
        time = self._time(head)
        denied = self._is_denied(head)
        if not denied:
            yield from self._appointment(clause, subjects)
        if self._hedged(head):
            return
        past = _is_past(clause)
        span = Span(head.idx, head.idx + len(head))
        for lemma, case, said, word in self._relations(clause):
            wording = self._lexicon.wordings.get((lemma, case), said)
            wording = _PAST.get(wording, wording) if past else wording
            ends = self._lexicon.endings.get((lemma, case)) if not denied else None
            for subject, object_ in product(subjects, self._named(word)):
                if subject.name == object_.name:
                    continue
                if ends is not None or denied:
                    yield FoundEnding(
                        subject, object_, span, _CONFIDENCE, "rules:ending", kinds=ends or (),
                        predicate=wording if denied else None, time=time,
                    )  # fmt: skip
                # What somebody sold or lost is over, and nothing of it goes on.
                if not denied and "OWNS" not in (ends or ()):
                    yield FoundFact(subject, wording, span, object_, _CONFIDENCE, "rules:universal", time=time)

    def _relations(self, clause: _Clause) -> Iterator[tuple[str, str, str, Token]]:
        """Return each relation of a clause: lemma, preposition, its words, and the head of its object."""
        yield from self._of_predicate(clause.head) if clause.copula is not None else self._of_verb(clause.head)

    def _of_predicate(self, head: Token) -> Iterator[tuple[str, str, str, Token]]:
        """ "Est médecin", "est responsable du projet", "est à Lyon"."""
        led = any((head.lower_, self._case(child)) in self._lexicon.wordings for child in head.children)
        own = self._case(head)
        if own:
            if not self._is_time(head):
                yield "be", own, f"is {own}", head
        elif head.pos_ in {"NOUN", "PROPN"} or (head.pos_ == "ADJ" and not led):
            yield self._lemma(head), "=", "is", head
        for child in head.children:
            case = self._case(child)
            if child.dep_ not in {"obl:arg", "obl:mod", "obl", "nmod"} or not case or self._is_time(child):
                continue
            if head.pos_ == "ADJ" or (head.lower_, case) in self._lexicon.wordings or child.dep_ == "nmod":
                name = head.text if head.pos_ == "PROPN" else head.lower_
                yield head.lower_, case, f"is {name} {case}", child

    def _of_verb(self, head: Token) -> Iterator[tuple[str, str, str, Token]]:
        lemma, said = self._lemma(head), self._verb(head)
        if lemma in self._lexicon.embedding and (lemma, "") not in self._lexicon.wordings:
            return  # "Pense que", "veut": what stands behind is thought or wished.
        governs = {word for key, word in (*self._lexicon.wordings, *self._lexicon.endings) if key == lemma}
        for child in head.children:
            if self._is_time(child) or child.pos_ not in {"NOUN", "PROPN", "NUM"}:
                continue
            if any(
                word.dep_ == "cc" and word.head.i not in (child.i, head.i) for word in self._doc[head.i + 1 : child.i]
            ):
                continue  # Of a verb in between that the tagger does not know.
            case = self._case(child)
            if child.dep_ == "obj" or (child.dep_.startswith("obl") and case == "de" and "de" not in governs):
                for each in _members(child):  # Behind "de" stands a part of something: "mange de la viande".
                    yield lemma, "", said, each
            elif child.dep_.startswith("obl") and case:
                yield lemma, case, f"{said} {case}", child

    def _verb(self, head: Token) -> str:
        """Return the words of a verb: "a quitté", "se trouve"."""
        helpers = [child for child in head.children if child.dep_.startswith(("aux", "expl")) and child.i < head.i]
        return " ".join(word.lower_ for word in [*helpers, head]).replace("' ", "'")

    def _appointment(self, clause: _Clause, subjects: Sequence[Argument]) -> Iterator[FoundFact]:
        """ "La réunion aura lieu le 12 juin à Lyon": when and where something takes place."""
        head = clause.head
        objects = {child.lemma_.lower() for child in head.children if child.dep_ in {"obj", "expl:comp"}}
        if not any((self._lemma(head), word) in self._lexicon.takes_place for word in objects):
            return
        for child in head.children:
            if child.dep_.startswith("obl") or child.dep_ == "obj":
                for subject in subjects:
                    if self._dated(child) is not None:
                        yield self._fact(subject, "scheduled for", self._date(child))
                    elif child.ent_type_ == "LOC" or self._case(child) in self._lexicon.within:
                        yield self._fact(subject, "takes place in", self._argument(child))

    def _date(self, word: Token) -> Argument:
        """Return the words of a date."""
        inside = [word, *(each for each in word.subtree if each.pos_ in {"NUM", "NOUN"} and abs(each.i - word.i) <= 3)]
        first, end = min(each.i for each in inside), max(each.i for each in inside) + 1
        words = self._doc[first:end]
        return Argument(words.text, Span(words.start_char, words.end_char))

    def _noun(self, word: Token) -> Iterator[FoundFact]:
        """ "Sa femme Anne", "Paul Roche, maire de Metz": what a noun phrase says by itself."""
        kin = self._lexicon.kin.get(word.lower_)
        if kin is not None:
            name = next((child for child in word.children if child.ent_type_ == "PER" and child.i > word.i), None)
            owner = next((child for child in word.children if child.lower_ in self._lexicon.own), None)
            if name is not None and owner is not None:
                person = self._argument(name)
                for other in self._owners(owner):
                    if other.name != person.name:
                        yield self._fact(person, f"{kin} of", other)
                        if kin in {"wife", "husband", "partner"}:
                            self._pairs[other.name] = person.name
        elif word.dep_ == "appos" and word.pos_ == "NOUN" and word.head.ent_type_ == "PER" and word.i > word.head.i:
            former = any(child.lower_ in self._lexicon.former for child in word.children)
            yield self._fact(self._argument(word.head), "was" if former else "is", self._argument(word))

    def _fact(self, subject: Argument, predicate: str, object_: Argument) -> FoundFact:
        first, last = sorted((subject.span, object_.span), key=lambda span: span.start)
        between = Span(min(first.end, last.start), max(first.end, last.start))
        return FoundFact(subject, predicate, between, object_, _CONFIDENCE, "rules:universal")

    def _owners(self, owner: Token) -> list[Argument]:
        span = Span(owner.idx, owner.idx + len(owner))
        whose = self._lexicon.own[owner.lower_]
        names = [self._asked.speaker] if whose == "speaker" else self._last(owner.i, several=whose == "many")
        return [Argument(name, span) for name in names if name]

    def _last(self, before: int, *, several: bool) -> list[str | None]:
        """Return the person of whom was spoken last; two where somebody's partner was named."""
        name = next((name for place, name in reversed(self._people) if place < before), None)
        if not several or name is None:
            return [name]
        one = name if name in self._pairs else next((a for a, b in self._pairs.items() if b == name), None)
        return [one, self._pairs[one]] if one is not None else []

    def _named(self, word: Token) -> list[Argument]:
        """Return what a phrase names; nothing for a pronoun of which nobody can say what it stands for."""
        span = Span(word.idx, word.idx + len(word))
        lower, lexicon = word.lower_, self._lexicon
        if word.pos_ == "PRON" or lower in lexicon.speaker:
            names: list[str | None] = []
            if lower in lexicon.speaker:
                names = [self._asked.speaker]
            elif lower in lexicon.listener:
                names = [self._asked.listener]
            elif lower in lexicon.he | lexicon.she:
                names = self._last(word.i, several=False)
            elif lower in lexicon.they:
                names = self._last(word.i, several=True)
            return [Argument(name, span) for name in names if name]
        if word.lower_ in lexicon.kin:
            name = next((child for child in word.children if child.ent_type_ == "PER" and child.i > word.i), None)
            if name is not None:
                return [self._argument(name)]
        if any(child.lower_ in lexicon.own for child in word.children):
            return []  # Somebody's, whose name would be lost.
        return [self._argument(word)] if word.pos_ in {"NOUN", "PROPN", "ADJ", "NUM"} else []

    def _argument(self, head: Token) -> Argument:
        """Return a noun with what belongs to its name."""
        entity = next((ent for ent in self._doc.ents if ent.start <= head.i < ent.end), None)
        if entity is not None and entity.label_ in {"PER", "ORG", "LOC"}:
            first, end = entity.start, entity.end
            while first > 0 and self._doc[first - 1].pos_ == "PROPN" and self._doc[first - 1].is_title:
                first -= 1
        else:
            inside = sorted(_phrase(head))
            first, end = inside[0], inside[-1] + 1
            first -= first > 0 and self._doc[first - 1].is_digit
            if end - first > _MOST_WORDS:
                first, end = head.i, head.i + 1
        while first > 0 and self._doc[first - 1].is_digit and self._doc[first].is_digit:
            first -= 1  # "4 000 euros".
        while end < len(self._doc) and self._doc[end - 1].whitespace_ == "" and _joins(self._doc[end]):
            end += 2 if end + 1 < len(self._doc) and self._doc[end].text == "-" else 1
        while first < end - 1 and (self._doc[first].lower_ in self._lexicon.articles or self._doc[first].is_punct):
            first += 1
        words = self._doc[first : min(end, len(self._doc))]
        return Argument(
            " ".join(words.text.split()).strip(" ,;:.\u00ab\u00bb\"'"), Span(words.start_char, words.end_char)
        )

    def _case(self, word: Token) -> str:
        found = next((child.lower_ for child in word.children if child.dep_ == "case"), "")
        return self._lexicon.contractions.get(found, found)

    def _hedged(self, head: Token) -> bool:
        """Return whether a clause is not said to be so: possible, wished, a condition, somebody's word, to come."""
        word = head
        for _ in range(_MOST_STEPS):
            helpers = [word, *(child for child in word.children if child.dep_.startswith(("aux", "cop")))]
            moods = {mood for each in helpers for mood in each.morph.get("Mood", [])}
            if moods & {"Cnd", "Sub", "Imp"} or any("Fut" in each.morph.get("Tense", []) for each in helpers):
                return True
            marks = {child.lower_ for child in word.children if child.dep_ in {"mark", "advmod"}}
            clauses = [child for child in word.children if child.dep_ == "advcl"]
            conditional = any(c.lower_ in self._lexicon.conditions for each in clauses for c in each.children)
            if marks & (self._lexicon.doubts | self._lexicon.conditions) or conditional:
                return True
            if word.dep_ in {"xcomp", "ccomp", "advcl"} and word.head.pos_ in _CLAUSES:
                lemma = word.head.lemma_.lower()
                if word.dep_ != "advcl" and lemma not in self._lexicon.reporting:
                    return True
                word = word.head
            elif word.dep_ == "conj":
                word = word.head
            else:
                return False
        return False

    def _is_denied(self, head: Token) -> bool:
        """Return whether a clause is denied, or says that something is so no more."""
        words = {child.lower_ for child in head.children if child.dep_ in {"advmod", "det", "obj", "nsubj", "dep"}}
        words |= {inner.lower_ for child in head.children if child.dep_ in {"obj", "nsubj"} for inner in child.children}
        return bool(words & self._lexicon.denials)

    def _is_time(self, word: Token) -> bool:
        return self._dated(word) is not None or word.lower_ in self._lexicon.times

    def _dated(self, word: Token) -> str | None:
        """Return a date in English for the head of one: "12 juin 2024"."""
        lexicon, lower = self._lexicon, word.lower_
        if lower in lexicon.days:
            return lexicon.days[lower]
        if word.pos_ == "NUM" and re.fullmatch(r"[12]\d{3}", lower):
            return lower
        month = (
            word
            if lower in lexicon.months
            else next((child for child in word.children if child.lower_ in lexicon.months), None)
        )
        if month is None:
            return None
        near = [each for each in self._doc[max(0, month.i - 1) : month.i + 2] if _DATE_WORD.fullmatch(each.text)]
        day = next((each.text.removesuffix("er") for each in near if len(each.text) < 4), "")
        year = next((each.text for each in near if len(each.text) == 4), "")
        return " ".join(part for part in (day, lexicon.months[month.lower_], year) if part)

    def _time(self, head: Token) -> FoundTime | None:
        for child in head.children:
            dated = self._dated(child) if child.dep_ in {"obl", "obl:mod", "obl:arg", "advmod", "obj"} else None
            meant = date_meant(dated, self._said) if dated else None
            if meant is not None:
                since = self._case(child) in {"depuis", "dès"}
                interval = replace(meant.interval, end=None) if since else meant.interval
                span = Span(child.idx, child.idx + len(child))
                return FoundTime(child.text, span, interval, meant.granularity, "rules:dates")
        return None

    def _entities(self, facts: Sequence[FoundFact]) -> list[FoundEntity]:
        spans: dict[str, list[Span]] = {}
        labels: dict[str, str] = {}
        for ent in self._doc.ents:
            argument = self._argument(ent.root)
            spans.setdefault(argument.name, []).append(argument.span)
            labels.setdefault(argument.name, _LABELS.get(ent.label_, "Thing"))
        for name in (self._asked.speaker, self._asked.listener):
            told = [end.span for fact in facts for end in (fact.subject, fact.object) if end.name == name]
            if name and told:
                spans[name], labels[name] = told, "Person"
        return [FoundEntity(name, labels[name], found, (), _CONFIDENCE, "rules:names") for name, found in spans.items()]


def _members(noun: Token) -> list[Token]:
    """Return a noun and the others of its list; of "le roman Les Vagues" the name."""
    others = [other for other in noun.conjuncts if other.i > noun.i]
    if others and others[0].pos_ == "PROPN" and not any(child.dep_ in {"cc", "punct"} for child in others[0].children):
        return others
    return [noun, *others]


def _phrase(head: Token) -> Iterator[int]:
    """Return where the words of a name stand: those beside its head that belong to it."""
    yield head.i
    for child in head.children:
        if child.dep_ in _INSIDE or (child.dep_ == "nmod" and abs(child.i - head.i) <= 3 and head.pos_ == "NOUN"):
            yield from _phrase(child)
            yield from (inner.i for inner in child.children if inner.dep_ in {"case", "det"} and child.dep_ == "nmod")


def _joins(word: Token) -> bool:
    return word.text == "-" or (word.i > 0 and word.nbor(-1).text == "-")


def _is_past(clause: _Clause) -> bool:
    """Return whether a clause speaks of the past: "était", "a vécu"."""
    head = clause.head
    helpers = [child for child in head.children if child.dep_ == "aux:tense"]
    tenses = (clause.copula or head).morph.get("Tense", [])
    return bool(helpers) or bool({"Imp", "Past"} & set(tenses))


def _is_finite(verb: Token) -> bool:
    helpers = [verb, *(child for child in verb.children if child.dep_.startswith("aux"))]
    return any("Fin" in each.morph.get("VerbForm", []) for each in helpers)


def _quoted(doc: Doc) -> frozenset[int]:
    """Return the words inside of quotation marks."""
    inside, opened = set[int](), False
    for word in doc:
        if word.text in {"\u00ab", "\u00bb", '"', "\u201c", "\u201d"}:
            opened = word.text in {"\u00ab", "\u201c"} or (word.text == '"' and not opened)
        elif opened:
            inside.add(word.i)
    return frozenset(inside)


def _once(facts: Sequence[FoundFact]) -> list[FoundFact]:
    kept: dict[tuple[str, str, str], FoundFact] = {}
    for fact in facts:
        kept.setdefault((fact.subject.name, fact.predicate, fact.object.name), fact)
    return list(kept.values())
