"""Who copies whom, as a forest: each source copies at most one other, and most copy none.

A maximum spanning forest over the pairs of sources (after C. K. Chow, C. N. Liu, "Approximating Discrete Probability
Distributions with Dependence Trees", IEEE Transactions on Information Theory 14(3), 1968): an edge is worth the
logarithm by which copying explains the claims of both better than accuracy does. Agreement on what is probably right
is worth little, since two good sources agree on it; agreement on what is probably wrong is worth much.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kgmem.consensus.claims import Claims, Integers, Numbers, Truths, tally
from kgmem.consensus.outcome import Pairs
from kgmem.consensus.segments import Segments
from kgmem.consensus.source_dependence import candidates, shared_claims

ALL_PAIRS = 150  # Up to so many sources all pairs are compared; of more, those that share rare values.
RATES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # Shares of its claims that a copier may copy.
PAIR_COST = 3.0  # What an edge must gain at least, in nats, beside the logarithm of the sources to choose from.
_DEPENDENT = 0.5  # Two sources of one tree depend on each other when this share of claims passes between them.


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Pairs of sources, and the claims of both on the facts that both speak of."""

    one: Integers
    other: Integers
    mine: Integers  # Of each meeting, the claim of the first of the pair,
    theirs: Integers  # and of the second,
    pair: Integers  # and the place of the pair.


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """The source that each source copies, and for each claim whether it repeats what that source says of the fact."""

    parent: Integers  # Of each source; -1 where it copies none.
    agrees: Truths
    differs: Truths

    @property
    def edges(self) -> int:
        """How many sources copy another."""
        return int((self.parent >= 0).sum())


def meetings(segments: Segments) -> Meetings:
    """Return the pairs of sources that may copy each other, with the facts on which they meet."""
    claims = segments.claims
    sources = len(claims.prior)
    one, other = np.triu_indices(sources, 1) if sources <= ALL_PAIRS else candidates(segments)
    nothing = np.zeros(0, np.int64)
    mine, theirs, pair = shared_claims(claims, one, other) if len(one) else (nothing, nothing, nothing)
    return Meetings(one, other, mine, theirs, pair)


def no_copies(claims: Claims) -> Forest:
    """Return the forest in which nobody copies."""
    none = np.zeros(len(claims.source), bool)
    return Forest(np.full(len(claims.prior), -1), none, none)


def grown(claims: Claims, met: Meetings, probability: Numbers, trust: Numbers, false: Numbers) -> Forest:
    """Return the forest that explains the claims best, given how probable values are and how good sources are."""
    edges = _edges(claims, _gains(claims, met, probability, trust, false), met)
    forest = no_copies(claims)
    if not edges:
        return forest
    parent, child_of = _directed(claims, met, edges)
    at = np.flatnonzero(child_of[met.pair] >= 0)
    agree = claims.value[met.mine] == claims.value[met.theirs]
    agrees, differs = forest.agrees.copy(), forest.differs.copy()
    for side in (met.mine, met.theirs):
        copied = at[claims.source[side[at]] == child_of[met.pair[at]]]
        agrees[side[copied]] = agree[copied]
        differs[side[copied]] = ~agree[copied]
    return Forest(parent, agrees, differs)


def forest_of(claims: Claims, parent: Integers) -> Forest:
    """Return the forest in which each source copies a given one, -1 where none."""
    forest = no_copies(claims)
    child = np.flatnonzero(parent >= 0)
    if not len(child):
        return forest
    mine, theirs, _ = shared_claims(claims, child, parent[child])
    swap = np.isin(claims.source[mine], child) & (parent[claims.source[mine]] == claims.source[theirs])
    own, copied = np.where(swap, mine, theirs), np.where(swap, theirs, mine)
    agree = claims.value[own] == claims.value[copied]
    agrees, differs = forest.agrees.copy(), forest.differs.copy()
    agrees[own], differs[own] = agree, ~agree
    return Forest(parent, agrees, differs)


def meetings_of_trees(claims: Claims, parent: Integers) -> Meetings:
    """Return the pairs of sources of one tree, with the facts on which they meet."""
    root = np.arange(len(parent))
    for _ in range(len(parent)):
        above = np.where(parent[root] >= 0, parent[root], root)
        if np.array_equal(above, root):
            break
        root = above
    trees: dict[int, list[int]] = {}
    for source, top in enumerate(root.tolist()):
        trees.setdefault(top, []).append(source)
    pairs = [pair for tree in trees.values() for pair in combinations(tree[:ALL_PAIRS], 2)]
    one, other = (np.array([pair[at] for pair in pairs], np.int64) for at in range(2))
    nothing = np.zeros(0, np.int64)
    mine, theirs, pair = shared_claims(claims, one, other) if pairs else (nothing, nothing, nothing)
    return Meetings(one, other, mine, theirs, pair)


def dependent_pairs(met: Meetings, forest: Forest, rate: Numbers) -> Pairs:
    """Return the pairs of one tree between which most claims pass, by `rate`, the share that each source copies."""
    shared = np.bincount(met.pair, minlength=len(met.one))
    place = {(int(one), int(other)): at for at, (one, other) in enumerate(zip(met.one, met.other, strict=True))}
    up: dict[int, dict[int, float]] = {}
    for source in np.flatnonzero(forest.parent >= 0).tolist():
        reach, passed, at = {source: 1.0}, 1.0, source
        while forest.parent[at] >= 0:
            passed *= float(rate[at])
            at = int(forest.parent[at])
            reach[at] = passed
        up[source] = reach
    told: dict[tuple[int, int], float] = {}
    for one, mine in up.items():
        for other in up.keys() | mine.keys():
            theirs = up.get(other, {other: 1.0})
            through = max((mine[at] * theirs[at] for at in mine.keys() & theirs.keys()), default=0.0)
            if other != one and through >= _DEPENDENT:
                told[min(one, other), max(one, other)] = through
    keep = sorted(pair for pair in told if pair in place and shared[place[pair]])
    return Pairs(
        np.array([one for one, _ in keep], np.int64),
        np.array([other for _, other in keep], np.int64),
        np.array([told[pair] for pair in keep], np.float64),
        np.array([shared[place[pair]] for pair in keep], np.int64),
    )


def _gains(claims: Claims, met: Meetings, probability: Numbers, trust: Numbers, false: Numbers) -> Numbers:
    """Return by how many nats copying explains each pair better than accuracy does, at the best rate."""
    value = claims.value[met.mine]
    agree = value == claims.value[met.theirs]
    # The better of the two agrees with more sources by being right; with it, agreement says least.
    better = np.maximum(trust[met.one], trust[met.other])[met.pair]
    true = probability[value]
    chance = np.clip(true * better + (1 - true) * (1 - better) / false[claims.fact[value]], 1e-6, 1.0)
    best = np.full(len(met.one), -np.inf)
    for rate in RATES:
        gain = np.where(agree, np.log(rate / chance + 1 - rate), np.log(1 - rate))
        best = np.maximum(best, tally(met.pair, gain, len(met.one)))
    return best


def _edges(claims: Claims, gain: Numbers, met: Meetings) -> list[int]:
    """Return the pairs of a maximum spanning forest (Kruskal 1956), of those that gain more than they cost."""
    cost = PAIR_COST + float(np.log(max(len(claims.prior), 1)))
    worth = np.flatnonzero(gain > cost)
    tree = np.arange(len(claims.prior))
    edges = []
    for at in worth[np.argsort(-gain[worth], kind="stable")].tolist():
        mine, theirs = tree[met.one[at]], tree[met.other[at]]
        if mine != theirs:
            tree[tree == theirs] = mine
            edges.append(at)
    return edges


def _directed(claims: Claims, met: Meetings, edges: list[int]) -> tuple[Integers, Integers]:
    """Return the parent of each source, and of each pair the source that copies (-1: none).

    The source with most edges, and of these the one with most claims, is where a tree begins.
    """
    sources = len(claims.prior)
    linked: dict[int, list[tuple[int, int]]] = {}
    for at in edges:
        one, other = int(met.one[at]), int(met.other[at])
        linked.setdefault(one, []).append((other, at))
        linked.setdefault(other, []).append((one, at))
    count = np.bincount(claims.source, minlength=sources)
    parent, child_of, seen = np.full(sources, -1), np.full(len(met.one), -1), set()
    for root in sorted(linked, key=lambda source: (-len(linked[source]), -count[source], source)):
        waiting = [] if root in seen else [root]
        seen.update(waiting)
        while waiting:
            source = waiting.pop()
            for copier, at in linked[source]:
                if copier not in seen:
                    seen.add(copier)
                    waiting.append(copier)
                    parent[copier], child_of[at] = source, copier
    return parent, child_of
