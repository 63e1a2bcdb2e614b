"""Questions whose answers show what is still recalled: made of the facts of texts, asked before and after.

Each question is a sentence that states a fact, without what it shall find: the numbers, dates and names in it and the
other end of the fact. A hit that says the word, and something of the question beside it, answers for the word; the
relationship itself, or a text that names both ends, answers for the fact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kgmem.domain.distillation.material import Original, Sentence, StatedFact, says, sentences_of, telling_words
from kgmem.domain.distillation.selection import evidence_of
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.selection import content

DEPTH: Final = 10  # Hits in which an answer is looked for.
_FEWEST: Final = 2  # Words of a question; one that would have less is the sentence itself.
_LONGEST: Final = 400
UnitKind = Literal["fact", "cause", "number", "name"]


@dataclass(frozen=True, slots=True)
class Unit:
    """What has to be found: a fact, a causal link, or a number, date or name that one rests on."""

    kind: UnitKind
    word: str  # Of a fact what it says.
    subject: str = ""
    relationship: int | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A question and what its answer has to contain; `texts` are the ids of the texts that it is made of."""

    question: str
    units: Sequence[Unit]
    texts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Score:
    """How many units were found before, and how many of these are found now."""

    had: int = 0
    kept: int = 0

    def __add__(self, other: "Score") -> "Score":
        """Return the counts of both."""
        return Score(self.had + other.had, self.kept + other.kept)

    @property
    def share(self) -> float:
        """The share that is kept; 1 where there was nothing."""
        return self.kept / self.had if self.had else 1.0


def probes_of(originals: Sequence[Original]) -> list[Probe]:
    """Return the questions about the facts of texts, each sentence once, and each fact at least once."""
    found: dict[str, Probe] = {}
    for at, original in enumerate(originals):
        sentences = sentences_of(original.text, at)
        facts: dict[Sentence, list[StatedFact]] = {}
        for fact in original.facts:
            evidence = evidence_of(sentences, fact)
            for each in evidence:
                facts.setdefault(each, []).append(fact)
            if not evidence:
                _add(found, original, fact.text or f"{fact.subject} {_words(fact.predicate)}", [_unit(fact)])
        for sentence, stated in facts.items():
            telling = telling_words(sentence.text)
            units = [_unit(each) for each in stated]
            units += [Unit("number" if any(map(str.isdigit, each)) else "name", each) for each in telling]
            _add(found, original, _question(sentence.text, stated, telling), units)
    return list(found.values())


def _add(found: dict[str, Probe], original: Original, question: str, units: Sequence[Unit]) -> None:
    asked = question[:_LONGEST]
    known = found.get(asked)
    both = dict.fromkeys([*(known.units if known else ()), *units])
    texts = dict.fromkeys([*(known.texts if known else ()), original.id])
    found[asked] = Probe(asked, list(both), list(texts))


def _unit(fact: StatedFact) -> Unit:
    return Unit("cause" if fact.causal else "fact", fact.said, fact.subject, fact.relationship)


def _question(sentence: str, facts: Sequence[StatedFact], telling: Iterable[str]) -> str:
    """Return a sentence without what it looks for, with the subject of its first fact."""
    subject = facts[0].subject
    hidden = [each for each in telling if not says(subject, each)]
    hidden += [each.said for each in facts if each.said and not says(subject, each.said)]
    words = content(" ".join(hidden))
    left = [word for word in sentence.split() if not content(word) <= words or not content(word)]
    asked = " ".join(left)
    if len(content(asked)) < _FEWEST:
        return sentence
    return asked if says(asked, subject) else f"{subject}: {asked}"


def _words(predicate: str) -> str:
    return predicate.replace("_", " ").lower()


def answered(probe: Probe, hits: Sequence[Hit]) -> list[bool]:
    """Return for each unit of a question whether the hits contain it."""
    about = content(probe.question)
    found = [(hit, text := _text(hit), content(text)) for hit in hits[:DEPTH]]
    told: list[bool] = []
    for unit in probe.units:
        if unit.kind in ("fact", "cause"):
            told.append(any(_has_fact(hit, text, unit) for hit, text, _ in found))
        else:
            near = (text for _, text, words in found if not about or words & about)
            told.append(any(says(text, unit.word) for text in near))
    return told


def _has_fact(hit: Hit, text: str, unit: Unit) -> bool:
    if unit.relationship is not None and hit.kind == "fact" and hit.id == unit.relationship:
        return True
    return says(text, unit.word) and says(text, unit.subject)


def _text(hit: Hit) -> str:
    ends = [end.name or end.key for end in (hit.start, hit.end) if end is not None]
    values = [str(each) for each in hit.properties.values() if isinstance(each, str | int | float)]
    times = [each for each in (hit.valid_from, hit.valid_to) if each]
    return " ".join(part for part in (hit.name, hit.text, *ends, *values, *times) if part)


def compared(probe: Probe, before: Sequence[bool], after: Sequence[bool]) -> tuple[Score, list[Unit]]:
    """Return how many units that were found before are found now, and the others."""
    had = [at for at, was in enumerate(before) if was]
    lost = [probe.units[at] for at in had if not after[at]]
    return Score(len(had), len(had) - len(lost)), lost


def lost_facts(originals: Sequence[Original], lost: Mapping[str, Sequence[Unit]]) -> list[Sentence]:
    """Return the sentences of texts that say what questions found no more, to be quoted as well."""
    wanted: list[Sentence] = []
    by_question = {probe.question: probe for probe in probes_of(originals)}
    for question, units in lost.items():
        probe = by_question.get(question)
        for at, original in enumerate(originals):
            if probe is None or original.id not in probe.texts:
                continue
            sentences = sentences_of(original.text, at)
            wanted += [one for one in sentences if any(each.word and says(one.text, each.word) for each in units)]
    return list(dict.fromkeys(wanted))
