"""Which of many descriptions are of one thing: the cut is chosen from how near pairs are, without labels.

Every description is compared as a bag of its words (names, values, text), so that a value in another column counts as
well. Who stands nearest to whom gives pairs in two rounds: those of the first are duplicates or chance, those of the
second, in which nobody may choose the first partner again, are chance. So the second round shows how near two things
come that are two (the empirical null of Efron, "Large-Scale Simultaneous Hypothesis Testing", JASA 2004), and the
local false discovery rate of a pair tells how likely it is one of them.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kgmem.domain.text.resolution import SAME_FROM, Described, JudgedPair, MatchedPair, Similarity
from kgmem.resolution.records import Floats, Pair, Records

LEAST_RECORDS = 30  # Fewer show no distribution; their cut is fixed.
# Where few are compared: half of everything is shared at even odds. By samples of 7 to 28 records of six sets, where
# 0.45 to 0.55 give the same F1 within two points but for products, and at most one wrong pair in two samples.
_FEW_CUT, _FEW_SPREAD = 0.5, 0.05
_WEIGHTS = (0.5, 1.0, 2.0)  # Of the nearness of vectors, beside three parts by words.
_LEAST_GAIN = 1.0  # Pairs more that are expected right, from which vectors count.
_GRID = np.linspace(-0.3, 1.3, 321)
_HIGHEST = 6.0  # The most that nearness adds to or takes from the cut: a natural logarithm of odds.
_NOT_NEAREST = SAME_FROM - 1.5  # The most evidence of a pair of which one has a nearer partner.
_TIED, _OF_TIED = 0.02, SAME_FROM - 1.0  # So near to another a pair is doubtful, and has no more evidence than this.
_TIGHT = 0.8  # A third is of a pair when it is nearly as near to both as they are to each other.
_VALUES_DIFFER = "Their values contradict each other."
_NAMES_DIFFER = "Their names have nothing in common."
_TURNS = 8  # In which the cut and who is alone are found; it changes little after two.
_MOST_SHIFT = 10.0
_SHIFT_SPREAD = 2.0  # Of the cut, before a person has judged any pair.


@dataclass(slots=True)
class Cut:
    """How likely pairs are duplicates by their similarity, read from two rounds of nearest pairs and from labels."""

    doubt: Floats  # The local false discovery rate at each similarity of the grid.
    spread: float = field(default=0.01)  # The standard deviation of similarities by chance.
    shift: float = field(default=0.0)  # What people's judgements add to the evidence.

    @classmethod
    def of(cls, first: Mapping[Pair, float], second: Mapping[Pair, float], judged: Sequence[JudgedPair] = ()) -> "Cut":
        """Fit the cut to the similarities of the two rounds, neither of them empty, and to what people judged.

        What is by chance is the best that each record finds beside what it is one with: the first round's pair of a
        record that is alone, the second's of one that is not. Which are alone follows from the cut, so both are found
        in turns.
        """
        found, later = np.array(list(first.values())), np.array(list(second.values()))
        alone, chance = np.ones(len(found)), np.ones(len(later))
        cut = cls(np.ones(len(_GRID)))
        for _ in range(_TURNS):
            cut.doubt, cut.spread = _doubt(found, np.concatenate([found, later]), np.concatenate([alone, chance]))
            alone = np.interp(found, _GRID, cut.doubt)
            paired = {place: 1 - doubt for pair, doubt in zip(first, alone.tolist(), strict=True) for place in pair}
            chance = np.array([sum(paired.get(place, 0.0) for place in pair) / 2 for pair in second])
        cut.shift = _shift([(cut.odds(each.similarity), each.same) for each in judged])
        return cut

    @classmethod
    def fixed(cls, judged: Sequence[JudgedPair] = ()) -> "Cut":
        """Return the cut for descriptions that are too few to choose it from; people's judgements move it as well."""
        cut = cls(1 / (1 + np.exp((_GRID - _FEW_CUT) / _FEW_SPREAD)), _FEW_SPREAD)
        cut.shift = _shift([(cut.odds(each.similarity), each.same) for each in judged])
        return cut

    def odds(self, similarity: float) -> float:
        """Return the logarithm of the odds that two nearest descriptions are of one thing."""
        doubt = float(np.interp(similarity, _GRID, self.doubt))
        least = math.exp(-_HIGHEST)
        odds = math.log(max(1 - doubt, least) / max(doubt, least))
        return min(max(odds, -_HIGHEST), _HIGHEST) + self.shift


def _doubt(found: Floats, chance: Floats, weights: Floats) -> tuple[Floats, float]:
    """Return at each similarity of the grid the share of pairs that are there by chance, and how these spread."""
    weights = weights + 1e-9
    total = float(weights.sum())
    order = np.argsort(chance, kind="stable")
    below = np.cumsum(weights[order]) / total
    # The share of pairs by chance: low similarities are theirs alone (Storey, JRSS B 2002).
    bounds = [(float(chance[order][np.searchsorted(below, part)]), part) for part in (0.5, 0.75, 0.9)]
    share = min(1.0, *(float(np.mean(found <= bound)) / part for bound, part in bounds))
    mean = float(np.average(chance, weights=weights))
    spread = max(math.sqrt(float(np.average((chance - mean) ** 2, weights=weights))), 0.01)
    width = 1.06 * spread * max(total, 1.0) ** -0.2  # Silverman's rule.
    by_chance = share * _density(chance, weights, width)
    all_pairs = _density(found, np.ones(len(found)), width)
    doubt = np.where(all_pairs > 1e-9, by_chance / np.maximum(all_pairs, 1e-12), 0.0)
    # What is nearer is never less likely one thing.
    return np.asarray(np.maximum.accumulate(np.clip(doubt, 0.0, 1.0)[::-1])[::-1], np.float64), spread


def _density(values: Floats, weights: Floats, width: float) -> Floats:
    """Return the density of weighted values on the grid by kernels of Gauss."""
    counts, edges = np.histogram(values, bins=2000, range=(-0.5, 1.5), weights=weights)
    middles = (edges[1:] + edges[:-1]) / 2
    taken = counts > 0
    kernels = np.exp(-0.5 * ((_GRID[:, None] - middles[None, taken]) / width) ** 2)
    scale = max(float(weights.sum()), 1e-9) * width * math.sqrt(2 * math.pi)
    return np.asarray(kernels @ counts[taken] / scale, np.float64)


def _shift(judged: Sequence[tuple[float, bool]]) -> float:
    """Return the shift of the log odds that people's judgements make likeliest, with a Gaussian prior, by bisection.

    None where it does not set more of the judgements right than it sets wrong: pairs that a person judges are no random
    sample, and what the cut has right already is no reason to move it.
    """
    low, high = -_MOST_SHIFT, _MOST_SHIFT
    while judged and high - low > 0.01:
        middle = (low + high) / 2
        expected = math.fsum(1 / (1 + math.exp(-(odds + middle))) for odds, _ in judged)
        slope = sum(same for _, same in judged) - expected - middle / _SHIFT_SPREAD**2
        low, high = (middle, high) if slope > 0 else (low, middle)
    shift = (low + high) / 2
    return shift if _errors(judged, shift) < _errors(judged, 0.0) else 0.0


def _errors(judged: Sequence[tuple[float, bool]], shift: float) -> int:
    return sum((odds + shift >= 0) is not same for odds, same in judged)


def dedupe(
    described: Sequence[Described], may_be_one: Callable[[int, int], bool], judged: Sequence[JudgedPair] = ()
) -> list[MatchedPair]:
    """Return the pairs of one collection that are near and may be one, each with its evidence.

    Pairs are found by what is rare in them, and by their vectors where they have some.
    """
    records = Records(described)
    near = sorted({*records.near(), *records.meaning.near()})
    return _matched(records, [pair for pair in near if may_be_one(*pair)], judged, thirds=True)


def link(
    asked: Sequence[Described],
    held: Sequence[Described],
    pairs: Sequence[Pair],
    judged: Sequence[JudgedPair] = (),
) -> list[MatchedPair]:
    """Return the evidence of pairs of descriptions with those of stored entities: places in both."""
    records = Records([*asked, *held])
    moved = [(one, other + len(asked)) for one, other in pairs]
    found = _matched(records, moved, judged, thirds=False)
    return [MatchedPair(each.one, each.other - len(asked), each.similarity) for each in found]


@dataclass(frozen=True, slots=True)
class _Rounds:
    """Pairs, the nearest first; of these the nearest such that a record is in one; and such of what remains."""

    similar: dict[Pair, float]
    ordered: Sequence[Pair]
    first: Sequence[Pair]
    second: Sequence[Pair]

    @classmethod
    def of(cls, records: Records, pairs: Sequence[Pair], *, thirds: bool) -> "_Rounds":
        similar = {pair: records.similarity(*pair) for pair in pairs}
        ordered = sorted(similar, key=lambda pair: (-similar[pair], pair))
        first = _greedy(ordered)
        taken = set(first)
        partner = {one: other for pair in first for one, other in (pair, pair[::-1])}
        # A third of three that are one would look like chance, so what is as near to the partner is left out.
        rest = [
            pair
            for pair in ordered
            if pair not in taken and not (thirds and _is_third(records, pair, partner, similar))
        ]
        return cls(similar, ordered, first, _greedy(rest))

    def cut(self, judged: Sequence[JudgedPair] = ()) -> Cut:
        """Return the cut that these rounds show; both have pairs."""
        first, second = ({pair: self.similar[pair] for pair in some} for some in (self.first, self.second))
        return Cut.of(first, second, judged)

    def gain(self) -> float:
        """Return how many more of the pairs that the cut takes for duplicates are expected to be right than wrong."""
        if not self.first or not self.second:
            return 0.0
        doubt = np.interp([self.similar[pair] for pair in self.first], _GRID, self.cut().doubt)
        return float(np.sum(np.maximum(1 - 2 * doubt, 0.0)))


def _rounds(records: Records, pairs: Sequence[Pair], *, thirds: bool) -> _Rounds:
    """Return the rounds with that weight of vectors from which the cut expects most, and set it; of equals the least.

    Where vectors of different things are as near as those of one, they blur the cut, and count nothing.
    """
    best = _Rounds.of(records, pairs, thirds=thirds)
    if len(records.records) < LEAST_RECORDS or not records.meaning.places:
        return best
    records.fit_meaning(pairs)
    gain, chosen = best.gain() + _LEAST_GAIN, 0.0
    for weight in _WEIGHTS:
        records.weight = weight
        rounds = _Rounds.of(records, pairs, thirds=thirds)
        if (expected := rounds.gain()) > gain:
            best, gain, chosen = rounds, expected, weight
    records.weight = chosen
    return best


def _matched(
    records: Records, pairs: Sequence[Pair], judged: Sequence[JudgedPair], *, thirds: bool
) -> list[MatchedPair]:
    rounds = _rounds(records, pairs, thirds=thirds)
    similar, ordered, first = rounds.similar, rounds.ordered, rounds.first
    taken = set(first)
    if len(records.records) < LEAST_RECORDS:
        cut = Cut.fixed(judged)
    elif not first or not rounds.second:
        return []
    else:
        cut = rounds.cut(judged)
    nearest = taken | (_thirds(records, ordered, first, similar, cut) if thirds else set())
    best = {place: similar[pair] for pair in reversed(ordered) for place in pair}
    doubtful = _tied(ordered, nearest, similar, cut)
    found = []
    for pair in ordered:
        evidence = SAME_FROM + cut.odds(similar[pair])
        parts = {"similarity": round(similar[pair], 4)}
        if pair in doubtful or pair not in nearest:
            parts["rival"] = 1.0  # What a person says of it says nothing of the cut.
        if pair in doubtful:
            evidence = min(evidence, _OF_TIED)
        elif pair not in nearest:
            behind = max(best[place] for place in pair) - similar[pair]
            evidence = min(evidence, _NOT_NEAREST - behind / cut.spread)
        contradict = records.contradict(*pair, similar[pair])
        vetoed = _VALUES_DIFFER if contradict else _NAMES_DIFFER if records.foreign(*pair) else None
        found.append(MatchedPair(*pair, Similarity(evidence, parts, vetoed)))
    return found


def _tied(ordered: Sequence[Pair], nearest: set[Pair], similar: Mapping[Pair, float], cut: Cut) -> set[Pair]:
    """The pairs of which nobody knows which is meant: one of two is as near as the other, and has nobody else."""
    partnered = {place for pair in nearest if cut.odds(similar[pair]) >= 0 for place in pair}
    partners: dict[int, list[Pair]] = defaultdict(list)
    for pair in nearest:
        for place in pair:
            partners[place].append(pair)
    tied: set[Pair] = set()
    for pair in ordered:
        if pair in nearest:
            continue
        for one, other in (pair, pair[::-1]):
            rivals = [each for each in partners[one] if similar[each] - similar[pair] < _TIED]
            if rivals and other not in partnered:
                tied.update((pair, *rivals))
    return tied


def _greedy(ordered: Sequence[Pair]) -> list[Pair]:
    """Return pairs such that nobody is in two, the nearest first."""
    taken: set[int] = set()
    chosen = []
    for one, other in ordered:
        if one not in taken and other not in taken:
            taken.update((one, other))
            chosen.append((one, other))
    return chosen


def _is_third(records: Records, pair: Pair, partner: Mapping[int, int], similar: dict[Pair, float]) -> bool:
    """Return whether one of a pair is nearly as near to the other's partner: three that may be one."""
    for one, other in (pair, pair[::-1]):
        if one not in partner or partner[one] == other:
            continue
        between = _between(records, partner[one], other, similar)
        if min(between, similar[pair]) >= _TIGHT * _between(records, one, partner[one], similar):
            return True
    return False


def _between(records: Records, one: int, other: int, similar: dict[Pair, float]) -> float:
    pair = (min(one, other), max(one, other))
    if pair not in similar:
        return records.similarity(*pair)
    return similar[pair]


def _thirds(
    records: Records, ordered: Sequence[Pair], first: Sequence[Pair], similar: dict[Pair, float], cut: Cut
) -> set[Pair]:
    """The pairs of those that are alone with groups to whose every member they are nearly as near as these are."""
    sure = [pair for pair in first if cut.odds(similar[pair]) >= 0]
    groups: dict[int, tuple[int, ...]] = {place: pair for pair in sure for place in pair}
    inner: dict[tuple[int, ...], float] = {pair: similar[pair] for pair in sure}
    more: set[Pair] = set()
    for pair in ordered:
        if cut.odds(similar[pair]) < 0:
            break
        one, other = (groups.get(place, (place,)) for place in pair)
        if one == other:
            more.add(pair)
        if one == other or min(len(one), len(other)) > 1:
            continue
        group = max(one, other, key=len)
        least = _TIGHT * inner.get(group, math.inf)
        if len(group) == 1 or any(_between(records, a, b, similar) < least for a in one for b in other):
            continue
        joined = (*one, *other)
        inner[joined] = inner[group]
        groups.update(dict.fromkeys(joined, joined))
        more.add(pair)
    return more
