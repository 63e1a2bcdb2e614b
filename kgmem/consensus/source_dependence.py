"""Copies: pairs of sources that agree more often than two independent ones of their accuracy would.

After X. L. Dong, L. Berti-Equille, D. Srivastava, VLDB 2009, section 3 (shared false values betray copying, shared true
ones do not), with the popularity of false values as in X. L. Dong, L. Berti-Equille, Y. Hu, D. Srivastava, "Global
Detection of Complex Copying Relationships between Sources", VLDB 2010. Which of two copied the other is not asked: all
sources of a value that depend on each other count as one, in whatever order they are looked at.

Pairs are not tried one by one: only those count that share at least `LEAST_SHARED` values which fewer than half of a
fact's sources claim, and of these the `MOST_PAIRS` with most.
"""

import numpy as np

from kgmem.consensus.claims import ONE, Claims, Integers, Numbers, Truths, tally
from kgmem.consensus.outcome import Pairs
from kgmem.consensus.segments import Segments

LEAST_SHARED = 3
MOST_PAIRS = 20_000
MOST_VOICES = 40  # A value of more sources is looked at for so many neighbours of each.
SAMPLED = 400  # Pairs that tell what is usual; fewer than
LEAST_PAIRS = 15  # with
LEAST_MET = 5  # shared facts each tell nothing.
RATES = (0.5, 0.8, 0.95)  # Shares of its claims that a copier copies, equally likely beforehand.
PRIOR = 0.01  # How often two sources depend on each other; of many, each depends on one more at the most.
DEPENDENT = 0.5  # The probability from which a pair counts.


def detect(
    segments: Segments, probability: Numbers, trust: Numbers, false: Numbers, *, among: Pairs | None = None
) -> Pairs:
    """Return the pairs that probably depend on each other, given how true values seem and how good sources are.

    `false` is the number of wrong values that each fact offers. `among` limits the search to pairs that
    were found before.
    """
    claims = segments.claims
    one, other = candidates(segments) if among is None else (among.one, among.other)
    if not len(one):
        return Pairs()
    mine, theirs, pair = shared_claims(claims, one, other)
    agree = claims.value[mine] == claims.value[theirs]
    chance = _chance(segments, mine, probability, false, _better(trust, one, other)[pair])
    chance = _lifted(chance, _usual(segments, probability, trust, false))
    log_odds = _log_odds(agree, pair, chance, len(one), min(PRIOR, 1 / len(claims.prior)))
    shared = np.bincount(pair, minlength=len(one))
    sure = 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    keep = sure >= DEPENDENT
    return Pairs(one[keep], other[keep], sure[keep], shared[keep])


def independence(claims: Claims, found: Pairs) -> Numbers:
    """Each claim its part of a voice: one over the number of claims of its value that depend on it and itself."""
    company = np.ones(len(claims.source))
    if len(found.one):
        mine, theirs, pair = shared_claims(claims, found.one, found.other)
        agree = claims.value[mine] == claims.value[theirs]
        mine, theirs, pair = mine[agree], theirs[agree], pair[agree]
        sure = found.probability[pair]
        company += tally(mine, sure, len(company)) + tally(theirs, sure, len(company))
    return 1 / company


def candidates(segments: Segments) -> tuple[Integers, Integers]:
    claims = segments.claims
    voices = np.diff(segments.of_value, append=len(claims.value))
    of_fact = segments.voices()[claims.fact]
    rare = (voices > 1) & (2 * voices < of_fact) & (claims.mode[claims.fact] == ONE)
    at = np.flatnonzero(rare[claims.value])
    value, source = claims.value[at], claims.source[at]
    sources = len(claims.prior)
    keys = []
    for step in range(1, int(min(voices[rare].max(initial=1), MOST_VOICES))):
        same = value[step:] == value[:-step]
        keys.append(source[:-step][same] * sources + source[step:][same])
    if not keys:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    found, times = np.unique(np.concatenate(keys), return_counts=True)
    enough = times >= LEAST_SHARED
    found, times = found[enough], times[enough]
    if len(found) > MOST_PAIRS:
        found = np.sort(found[np.argsort(-times, kind="stable")[:MOST_PAIRS]])
    return found // sources, found % sources


def shared_claims(claims: Claims, one: Integers, other: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the claims of both sources of each pair on the facts that both speak of, and the pair of each."""
    facts = max(len(claims.facts), 1)
    involved = np.zeros(len(claims.prior), bool)
    involved[one] = involved[other] = True
    held = np.flatnonzero(involved[claims.source])
    key = claims.source[held] * facts + claims.fact[claims.value[held]]
    order = np.argsort(key, kind="stable")
    key, order = key[order], held[order]
    starts = np.searchsorted(claims.source[order], np.arange(len(claims.prior) + 1))
    size = np.diff(starts)
    small = np.where(size[one] <= size[other], one, other)
    large = one + other - small
    mine, theirs, pairs = [], [], []
    block = max(1, int(2_000_000 / max(1, size[small].mean())))
    for begin in range(0, len(one), block):
        part = slice(begin, begin + block)
        length = size[small[part]]
        pair = np.repeat(np.arange(len(length)), length)
        run = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
        place = starts[small[part]][pair] + run
        sought = large[part][pair] * facts + key[place] % facts
        met = np.minimum(np.searchsorted(key, sought), len(key) - 1)
        hit = key[met] == sought
        mine.append(order[place[hit]])
        theirs.append(order[met[hit]])
        pairs.append(pair[hit] + begin)
    return np.concatenate(mine), np.concatenate(theirs), np.concatenate(pairs)


def _better(trust: Numbers, one: Integers, other: Integers) -> Numbers:
    # The better of two agrees with more sources by being right; with it, agreement says least.
    return np.clip(np.maximum(trust[one], trust[other]), 0.02, 0.98)


def _chance(segments: Segments, mine: Integers, probability: Numbers, false: Numbers, trust: Numbers) -> Numbers:
    """Return how probably an independent source says the same: both are right, or fall for the same wrong value.

    How popular a wrong value is, is estimated from the other sources that are wrong if it is.
    """
    claims = segments.claims
    value = claims.value[mine]
    fact = claims.fact[value]
    voices = np.diff(segments.of_value, append=len(claims.value)).astype(float)
    wrong = segments.per_fact(voices * (1 - probability))[fact] - (voices * (1 - probability))[value]
    # If this value is wrong, the others are right in proportion to how true they seem.
    right = segments.per_fact(voices * probability)[fact] - (voices * probability)[value]
    still_right = right * np.clip(probability[value] / np.maximum(1 - probability[value], 1e-3), 0, 1e3)
    elsewhere = np.maximum(wrong - still_right, 0.0)
    others = np.maximum(voices[value] - 2, 0.0)
    popular = (others + 1 / false[fact]) / (others + elsewhere + 1)
    true = probability[value]
    return np.asarray(np.clip(true * trust + (1 - true) * (1 - trust) * popular, 1e-3, 0.999))


def _usual(segments: Segments, probability: Numbers, trust: Numbers, false: Numbers) -> float:
    """Return by how much (in log odds) usual pairs agree more than chance has it: some facts are hard for all.

    Estimated from `SAMPLED` pairs of sources spread over all, of which three in four agree less than that. Copies among
    the pairs do not move it while they are fewer than a quarter.
    """
    sources = len(segments.claims.prior)
    steps = np.arange(SAMPLED)
    one, other = steps % sources, (steps + 1 + steps // sources) % sources
    keep = (steps < sources * (sources - 1) // 2) & (one != other)
    one, other = one[keep], other[keep]
    if not len(one):
        return 0.0
    mine, theirs, pair = shared_claims(segments.claims, one, other)
    count = np.bincount(pair, minlength=len(one))
    met = count >= LEAST_MET
    if int(met.sum()) < LEAST_PAIRS:
        return 0.0
    claims = segments.claims
    agree = tally(pair, (claims.value[mine] == claims.value[theirs]).astype(float), len(one))[met] + 0.5
    chance = _chance(segments, mine, probability, false, _better(trust, one, other)[pair])
    expected = tally(pair, chance, len(one))[met] + 0.5
    whole = count[met] + 1.0
    lift = np.log(agree / (whole - agree)) - np.log(expected / (whole - expected))
    return max(float(np.quantile(lift, 0.75)), 0.0)


def _lifted(chance: Numbers, lift: float) -> Numbers:
    odds = chance / (1 - chance) * np.exp(lift)
    return np.asarray(np.clip(odds / (1 + odds), 1e-3, 0.999))


def _log_odds(agree: Truths, pair: Integers, chance: Numbers, pairs: int, prior: float) -> Numbers:
    """Return the log odds of dependence of each pair, over all rates of copying."""
    each = []
    for rate in RATES:
        gain = np.where(agree, np.log(rate / chance + (1 - rate)), np.log(1 - rate))
        each.append(tally(pair, gain, pairs))
    stacked = np.array(each)
    top = stacked.max(axis=0)
    return np.asarray(np.log(prior) + top + np.log(np.mean(np.exp(stacked - top), axis=0)))
