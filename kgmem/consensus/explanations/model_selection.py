"""The explanation of the claims that has most evidence: which truths to begin with, who copies, which model of errors.

Truths and copiers each look right in the light of the other: a copying majority makes its victims look like copiers,
and good sources that agree on the truth look like copies to those who believe the rest. So several explanations are
worked out, from the shares of voices, from Accu's truths and from PooledInvestment's, with and without copiers, and the
one stays under which the claims are most probable.
"""

from dataclasses import dataclass, replace

import numpy as np

from kgmem.consensus import accu, dawid_skene, fact_finders
from kgmem.consensus.claims import Claims, Numbers, Truths
from kgmem.consensus.explanations.copy_forest import Forest, Meetings, dependent_pairs, grown, meetings, no_copies
from kgmem.consensus.explanations.hypothesis import Hypothesis, by_group, explain
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments
from kgmem.consensus.source_dependence import independence

LEAST_FACTS = 30  # Facts that several speak of, from which explanations can be compared.
MOST_CLAIMS = 200_000  # Of more, one explanation alone is worked out.
_GROWTHS = 3  # So often copiers are sought again by what was learned with them.
_CLEARLY = 1e-6  # By so many nats an explanation must be better than those before.
_FOLDS = 5
_USUAL_TRUST = 0.6  # Of sources, before anything is learned.


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """The best explanation, and by how many nats its copiers make the claims more probable."""

    outcome: Outcome
    gained: float


def comparable(segments: Segments) -> bool:
    """Say whether there is enough to compare explanations by, and little enough to do so in time."""
    return int((segments.voices() > 1).sum()) >= LEAST_FACTS and len(segments.claims.source) <= MOST_CLAIMS


def best_explanation(claims: Claims, *, copies: bool = True) -> Explained:
    """Return the explanation with most evidence; scores and probabilities are not yet calibrated."""
    segments = Segments.of(claims)
    false = accu.false_values(claims)
    met = meetings(segments)
    even = segments.divided(segments.per_value(claims.weight))
    plain: Hypothesis | None = None
    best: Hypothesis | None = None
    for start in (
        even,
        accu.accu(claims, copies=copies).probability,
        fact_finders.pooled_investment(claims).probability,
    ):
        alone = explain(segments, no_copies(claims), false, start)
        plain = _better(plain, alone)
        best = _better(best, alone)
        usual = replace(alone, probability=start, trust=np.full(len(claims.prior), _USUAL_TRUST))
        for begun in (usual, alone) if copies else ():
            best = _better(best, _with_copiers(segments, met, false, begun))
    if best is None or plain is None:
        raise AssertionError("Every start gives an explanation.")
    gained = best.evidence - plain.evidence
    best = by_group(segments, best, false)
    found = dependent_pairs(met, best.forest, best.rate)
    outcome = Outcome(
        claims,
        best.score,
        best.probability,
        best.trust,
        best.rounds,
        best.converged,
        independence(claims, found),
        found,
    )
    return Explained(outcome, gained)


def confusion_gain(claims: Claims) -> float:
    """Return by how many nats Dawid-Skene explains held-out facts better than one accuracy a source does.

    Each fold of facts is explained by what was learned of the sources on the others.
    """
    fold = np.arange(len(claims.facts)) % _FOLDS
    return sum(
        dawid_skene.held_out(claims, fold == each) - _accuracy_held_out(claims, fold == each) for each in range(_FOLDS)
    )


def _better(best: Hypothesis | None, other: Hypothesis | None) -> Hypothesis | None:
    if best is None or other is None:
        return best or other
    return other if other.evidence > best.evidence + _CLEARLY else best


def _with_copiers(segments: Segments, met: Meetings, false: Numbers, begun: Hypothesis) -> Hypothesis | None:
    """Return the best of the explanations that are reached by seeking copiers again and again."""
    best: Hypothesis | None = None
    reached, before = begun, None
    for _ in range(_GROWTHS):
        forest: Forest = grown(segments.claims, met, reached.probability, reached.trust, false)
        if not forest.edges or (before is not None and np.array_equal(before.parent, forest.parent)):
            break
        reached, before = explain(segments, forest, false, reached.probability), forest
        best = _better(best, reached)
    return best


def _accuracy_held_out(claims: Claims, apart: Truths) -> float:
    """Return the log probability of the claims on some facts, by the accuracies learned on the others."""
    of_claim = apart[claims.fact_of_claim]
    learning = Segments.of(replace(claims, weight=np.where(of_claim, 0.0, claims.weight)))
    false = accu.false_values(claims)
    even = learning.divided(learning.per_value(learning.claims.weight))
    trust = explain(learning, no_copies(claims), false, even).trust[claims.source]
    wrong = np.log1p(-trust) - np.log(false)[claims.fact_of_claim]
    score = learning.per_value(claims.weight * (np.log(trust) - wrong))
    top = np.maximum(learning.highest(score), 0.0)
    hidden = np.maximum(false + 1 - learning.values, 0.0)
    whole = learning.per_fact(np.exp(score - top[claims.fact])) + hidden * np.exp(-top)
    of_fact = np.log(whole) + top - np.log(false + 1)
    return float(of_fact[apart].sum() + (claims.weight * wrong)[of_claim].sum())
