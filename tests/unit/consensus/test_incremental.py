"""New claims between full runs: nearly what a full run gives, and only where they speak."""

import numpy as np

from bench.rig.incremental import AGREES, StoredFact, Sums, Told, add, fact_of, sums_of
from kgmem.consensus.accu import accu
from kgmem.consensus.claims import Stated, arranged
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments
from tests.unit.consensus.planted import planted

ACCURACIES = [0.95, 0.9, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4]


def probabilities(outcome: Outcome) -> dict[tuple[int, int], float]:
    claims = outcome.claims
    facts = claims.facts[claims.fact]
    return dict(zip(zip(facts.tolist(), claims.code.tolist(), strict=True), outcome.probability.tolist(), strict=True))


def added_one_by_one(plan_seed: int, new: int) -> tuple[list[float], list[float]]:
    """Return how far facts and sources are from a full run after so many new claims were added one at a time."""
    stated = planted(plan_seed, ACCURACIES, facts=400, cover=0.6).stated
    order = np.random.default_rng(plan_seed).permutation(len(stated.source))
    begun, rest = order[:-new], order[-new:]
    outcome = accu(arranged(Stated(stated.source[begun], stated.fact[begun], stated.value[begun])), copies=False)
    sources = sums_of(outcome)
    told = [Told(int(stated.source[at]), int(stated.fact[at]), int(stated.value[at])) for at in order]
    held: dict[int, list[Told]] = {}
    for each in told[:-new]:
        held.setdefault(each.fact, []).append(each)
    facts = {fact: fact_of(mine, sources) for fact, mine in held.items()}
    for each in told[-new:]:
        update = add(facts.get(each.fact, StoredFact([], {})), [each], sources)
        facts[each.fact] = update.fact
        sources.update(update.sources)
    full = accu(arranged(stated), copies=False)
    wanted = probabilities(full)
    touched = {int(stated.fact[at]) for at in rest}
    gaps = [abs(p - wanted[fact, value]) for fact in touched for value, p in facts[fact].probability.items()]
    trust = [abs(sources[code].trust - full.trust[full.claims.sources[code]]) for code in range(len(ACCURACIES))]
    return gaps, trust


def test_a_twentieth_of_new_claims_gives_what_a_full_run_gives_within_the_tolerance() -> None:
    gaps, trust = added_one_by_one(3, 100)
    assert np.quantile(gaps, 0.99) <= AGREES
    assert np.mean(gaps) <= AGREES / 10
    assert max(trust) <= 0.05


def test_a_repeated_claim_changes_nothing() -> None:
    sources = {1: Sums(4.5, 5), 2: Sums(2, 4)}
    fact = fact_of([Told(1, 0, 7), Told(2, 0, 8)], sources)
    update = add(fact, [Told(2, 0, 8)], sources)
    assert update.fact == fact
    assert update.sources == {}


def test_support_raises_a_value_and_the_trust_of_its_sources_and_lowers_the_others() -> None:
    sources = {1: Sums(2.5, 5), 2: Sums(2.5, 5), 3: Sums(4.5, 5)}
    fact = fact_of([Told(1, 0, 7), Told(2, 0, 8)], sources)
    update = add(fact, [Told(3, 0, 7)], sources)
    assert update.fact.probability[7] > fact.probability[7]
    assert update.fact.probability[8] < fact.probability[8]
    assert update.sources[1].trust > sources[1].trust
    assert update.sources[2].trust < sources[2].trust


def test_an_unknown_source_begins_with_its_prior() -> None:
    update = add(StoredFact([], {}), [Told(9, 0, 1)], {}, priors={9: 0.8})
    assert abs(update.fact.probability[1] - 0.8) < 1e-9
    assert abs(update.sources[9].trust - 0.8) < 1e-9


def test_states_of_a_full_run_give_the_same_probabilities_back() -> None:
    outcome = accu(arranged(planted(5, ACCURACIES, facts=100).stated), copies=False)
    sources = sums_of(outcome)
    segments = Segments.of(outcome.claims)
    claims = outcome.claims
    code = np.argsort(claims.sources)
    told = [
        Told(int(code[s]), 0, int(claims.code[v]))
        for s, v in zip(claims.source, claims.value, strict=True)
        if claims.fact[v] == 0
    ]
    again = fact_of(told, sources).probability
    first = outcome.probability[: segments.values[0]]
    assert np.allclose([again[int(c)] for c in claims.code[: len(first)]], first, atol=0.01)
