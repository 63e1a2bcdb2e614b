"""The sentences that stand for a group of texts: those that carry the facts, then the most central and new ones.

The facts and the numbers, dates and names that they rest on are elements of a weighted set cover, which is solved
greedily (V. Chvatal, "A Greedy Heuristic for the Set-Covering Problem", 1979). What the budget leaves then goes to
sentences by maximal marginal relevance (J. Carbonell and J. Goldstein, 1998). Equal input gives equal sentences.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.distillation.material import Original, Sentence, StatedFact, says, sentences_of, telling_words
from kgmem.domain.recall.selection import content

_NOVELTY: Final = 0.6  # How much of a further sentence's worth it loses by repeating what is chosen.
_SHORTEST: Final = 3  # Content words of a sentence that is chosen for itself.
Unit = tuple[str, str, str, str]  # A fact, and what of it is said: "" for the fact itself, else a word.


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen sentences of a group in the order of their texts, and which facts each of them carries."""

    sentences: Sequence[Sentence]
    facts: Sequence[Sequence[StatedFact]]  # By sentence.
    tokens: int


def evidence_of(sentences: Sequence[Sentence], fact: StatedFact) -> list[Sentence]:
    """Return the sentences of one text that state a fact: those of its span, else those with the words of both ends."""
    if 0 <= fact.begin < fact.end:
        return [each for each in sentences if each.begin < fact.end and fact.begin < each.end]
    said = [each for each in sentences if fact.said and says(each.text, fact.said)]
    return [each for each in said if says(each.text, fact.subject)] or said[:1]


def units_of(originals: Sequence[Original], wanted: Collection[int] | None = None) -> Mapping[Unit, list[Sentence]]:
    """Return all that must stay said, each with the sentences that say it.

    That are the facts, and of each fact its two names and the numbers, dates and names in the sentences that state it,
    as far as the texts say them. `wanted`: only facts with these ids.
    """
    split = [sentences_of(each.text, at) for at, each in enumerate(originals)]
    everything = [each for sentences in split for each in sentences]
    units: dict[Unit, list[Sentence]] = {}
    for at, original in enumerate(originals):
        for fact in original.facts:
            if wanted is not None and fact.id not in wanted:
                continue
            evidence = evidence_of(split[at], fact)
            if not evidence:
                continue
            _add(units, (*fact.identity, ""), evidence)
            for each in evidence:
                for word in telling_words(each.text):
                    _add(units, (*fact.identity, word.casefold()), [each])
            for name in (fact.subject, fact.said):
                # Where the fact's own sentence says "she", the name is said in another one, the nearer the better.
                if name and not any(says(each.text, name) for each in evidence) and not _spoken(original, name):
                    others = [each for each in split[at] if says(each.text, name)]
                    others = others or [each for each in everything if says(each.text, name)]
                    if others:
                        _add(units, (*fact.identity, name.casefold()), others)
    return units


def _spoken(original: Original, name: str) -> bool:
    """Whether the line of a text names somebody as its speaker."""
    return original.speaker is not None and says(original.speaker, name)


def _add(units: dict[Unit, list[Sentence]], unit: Unit, sentences: Sequence[Sentence]) -> None:
    known = units.setdefault(unit, [])
    known.extend(each for each in sentences if each not in known)


def select(originals: Sequence[Original], share: float, also: Collection[Sentence] = ()) -> Selection:
    """Return the sentences that stand for texts, about `share` of their tokens, or more where the facts need it.

    `also` are sentences that it has in any case.
    """
    sentences = [
        each
        for at, original in enumerate(originals)
        for each in sentences_of(original.text, at)
        if not original.says_only_withdrawn(each.begin, each.end)
    ]
    if not sentences:  # All of it was withdrawn: what is quoted is the original then.
        sentences = [each for at, original in enumerate(originals) for each in sentences_of(original.text, at)]
    words = {each: content(each.text) for each in sentences}
    central = centrality(sentences, words)
    units = units_of(originals)
    chosen = _covering(units, central, also)
    budget = share * sum(each.tokens for each in originals)
    _fill(chosen, sentences, (words, central), budget)
    if not chosen and sentences:  # None fits the budget: a text is never empty.
        chosen.add(max(sentences, key=lambda each: (central[each], -each.original, -each.begin)))
    ordered = [each for each in sentences if each in chosen]
    facts = _facts_by_sentence(originals, ordered)
    return Selection(ordered, facts, sum(each.tokens for each in ordered))


def centrality(sentences: Sequence[Sentence], words: Mapping[Sentence, frozenset[str]]) -> Mapping[Sentence, float]:
    """Return how much each sentence says of what all of them are about, 0 to 1.

    It counts content words by how many sentences have them, numbers and names more, and questions half.
    """
    often = Counter(word for each in sentences for word in words[each])
    found: dict[Sentence, float] = {}
    for each in sentences:
        weight = sum(math.log1p(often[word]) for word in words[each]) / math.sqrt(4 + len(words[each]))
        weight *= 1 + 0.25 * min(len(telling_words(each.text)), 4)
        found[each] = weight / 2 if each.text.endswith("?") else weight
    most = max(found.values(), default=1.0) or 1.0
    return {each: weight / most for each, weight in found.items()}


def _covering(
    units: Mapping[Unit, Sequence[Sentence]], central: Mapping[Sentence, float], also: Collection[Sentence]
) -> set[Sentence]:
    """Return few and short sentences that together say every unit."""
    chosen = set(also)
    saying: dict[Sentence, set[Unit]] = {}
    for unit, sentences in units.items():
        if not chosen.intersection(sentences):
            for each in sentences:
                saying.setdefault(each, set()).add(unit)
    while saying:
        best = max(saying, key=lambda each: (_worth(each, saying[each], central), -each.original, -each.begin))
        chosen.add(best)
        said = saying.pop(best)
        saying = {each: left for each, own in saying.items() if (left := own - said)}
    return chosen


def _worth(sentence: Sentence, units: Collection[Unit], central: Mapping[Sentence, float]) -> float:
    return len(units) * (0.5 + central.get(sentence, 0.0)) / (8 + sentence.tokens)


def _fill(
    chosen: set[Sentence],
    sentences: Sequence[Sentence],
    known: tuple[Mapping[Sentence, frozenset[str]], Mapping[Sentence, float]],
    budget: float,
) -> None:
    """Add central sentences that say something new, as long as they fit the budget."""
    words, central = known
    left = budget - sum(each.tokens for each in chosen)
    covered = [words[each] for each in sentences if each in chosen]
    nearest = {each: max((_shared(words[each], other) for other in covered), default=0.0) for each in sentences}
    open_ = [each for each in sentences if each not in chosen and len(words[each]) >= _SHORTEST]
    while open_:
        open_ = [each for each in open_ if each.tokens <= left and nearest[each] < 1]
        if not open_:
            return
        best = max(
            open_, key=lambda each: (central[each] * (1 - _NOVELTY * nearest[each]), -each.original, -each.begin)
        )
        chosen.add(best)
        left -= best.tokens
        open_.remove(best)
        for each in open_:
            nearest[each] = max(nearest[each], _shared(words[each], words[best]))


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one) if one else 1.0


def _facts_by_sentence(originals: Sequence[Original], chosen: Sequence[Sentence]) -> list[list[StatedFact]]:
    split: dict[int, list[Sentence]] = {}
    for each in chosen:
        split.setdefault(each.original, []).append(each)
    found: dict[Sentence, list[StatedFact]] = {each: [] for each in chosen}
    for at, sentences in split.items():
        for fact in originals[at].facts:
            for each in evidence_of(sentences, fact):
                found[each].append(fact)
    return [found[each] for each in chosen]


def quoted_in(text: str, originals: Sequence[Original]) -> list[Sentence]:
    """Return the sentences of originals that a distilled text quotes."""
    sentences = (each for at, original in enumerate(originals) for each in sentences_of(original.text, at))
    return [each for each in sentences if each.text in text]


def written(originals: Sequence[Original], sentences: Sequence[tuple[Sequence[int], str]]) -> str:
    """Return the distilled text: a line for each text that it quotes, with who said it, and when where that changes.

    Each sentence comes with the places of the texts that say it; a line has the time and the speaker of the first.
    """
    lines: list[str] = []
    last: tuple[int, str] | None = None
    day = ""
    for places, text in sentences:
        first = originals[min(places)]
        said_on = first.time[:10]
        if last is not None and last[0] == min(places):
            lines[-1] += f" {text}"
            continue
        head = ", ".join(part for part in ("" if said_on == day else said_on, first.speaker or "") if part)
        lines.append(f"{head}: {text}" if head else text)
        last, day = (min(places), said_on), said_on
    return "\n".join(lines)
