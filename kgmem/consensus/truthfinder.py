"""TruthFinder: values that many trustworthy sources give are likely, and sources that give likely values trustworthy.

X. Yin, J. Han, P. S. Yu, "Truth Discovery with Multiple Conflicting Information Providers on the Web", IEEE TKDE 20(6),
2008, equations 3 to 8, with the dampening of section 3.2.2. Similar values speak for each other where `alike` says how
far (equation 6). It ends when the cosine of the trust of two rounds is within `TOLERANCE` of 1, as in the paper.
"""

import numpy as np

from kgmem.consensus.claims import Claims
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments
from kgmem.consensus.value_similarity import Similarity

ROUNDS = 50
TOLERANCE = 1e-9
DAMPENING = 0.3  # The paper's gamma,
INFLUENCE = 0.5  # and rho.
_SUREST = 1 - 1e-6


def truth_finder(claims: Claims, alike: Similarity | None = None) -> Outcome:
    """Return TruthFinder's confidence in each value; sources begin with their priors."""
    segments = Segments.of(claims)
    count = np.maximum(segments.per_source(claims.weight), 1e-12)
    trust = claims.prior.copy()
    score = np.zeros(len(claims.fact))
    rounds, moved = 0, np.inf
    while rounds < ROUNDS and moved > TOLERANCE and len(claims.value):
        rounds += 1
        trustworthiness = -np.log1p(-np.minimum(trust, _SUREST))
        score = segments.per_value(claims.weight * trustworthiness[claims.source])
        if alike is not None:
            score = score + INFLUENCE * alike.spread(score)
        confidence = 1 / (1 + np.exp(-DAMPENING * score))
        before, trust = trust, segments.per_source(claims.weight * confidence[claims.value]) / count
        length = float(np.linalg.norm(before) * np.linalg.norm(trust))
        moved = 1 - float(before @ trust) / max(length, 1e-300)
    return Outcome(claims, score, segments.divided(np.expm1(score)), trust, rounds, converged=moved <= TOLERANCE)
