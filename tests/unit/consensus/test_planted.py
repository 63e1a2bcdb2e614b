"""Truth, copies, floods and shapes that were planted are found."""

import numpy as np
import pytest

from kgmem.consensus import calibration
from kgmem.consensus.claims import SET, Stated, arranged
from kgmem.consensus.latent_truth import chosen_sets
from kgmem.consensus.methods import METHODS, pick, run
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments, choose
from kgmem.domain.claims.consensus import VERIFIED, Method
from tests.unit.consensus.planted import Planted, accuracy, planted

HONEST = [0.7] * 10


def confused() -> Stated:
    """Plant ten workers of 300 questions with three answers, half of whom take the first answer for the second."""
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 300)
    rows = []
    for worker in range(10):
        said = np.where(random.random(300) < 0.85, truth, random.integers(0, 3, 300))
        rows.append(np.where((truth == 0) & (random.random(300) < (0.8 if worker % 2 else 0.05)), 1, said))
    source, fact = (part.ravel() for part in np.indices((10, 300)))
    return Stated(source, fact, np.array(rows).ravel())


def found(outcome: Outcome, plan: Planted) -> tuple[float, float]:
    """Return precision and recall of the copies found."""
    code = np.argsort(outcome.claims.sources)
    pairs = {
        tuple(sorted((int(code[a]), int(code[b]))))
        for a, b in zip(outcome.copies.one, outcome.copies.other, strict=True)
    }
    wanted = {(a, b) for a in plan.clique for b in plan.clique if a < b}
    return len(pairs & wanted) / max(len(pairs), 1), len(pairs & wanted) / max(len(wanted), 1)


@pytest.mark.parametrize("wrong", [1, 2, 5, 10, 50])
@pytest.mark.parametrize("bad", [0.1, 0.3, 0.5])
def test_copies_of_a_bad_source_are_found_and_outvoted(wrong, bad) -> None:
    plan = planted(7, [*HONEST, bad], wrong=wrong, copies=6)
    claims = arranged(plan.stated)
    outcome, _ = run(claims)
    assert accuracy(outcome, plan.truth) >= accuracy(run(claims, Method.MAJORITY)[0], plan.truth) + 0.05
    precision, recall = found(outcome, plan)
    assert precision >= 0.9
    assert recall >= 0.9


@pytest.mark.parametrize("accuracies", [[0.7] * 10, [0.95] * 3 + [0.5] * 10, [0.98] * 8, [0.4] * 15])
@pytest.mark.parametrize("wrong", [3, 10, 50])
def test_independent_sources_are_not_taken_for_copies(accuracies, wrong) -> None:
    claims = arranged(planted(11, accuracies, wrong=wrong).stated)
    outcome, _ = run(claims)
    assert len(outcome.copies.one) <= 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("accuracies", "wrong", "cover"),
    [
        ([0.9, 0.9, 0.6, 0.6, 0.5, 0.5, 0.4], 10, 1.0),
        ([0.9, 0.8, 0.7, 0.6, 0.5], 3, 0.8),
        ([0.8] * 30, 5, 0.1),
        ([0.6] * 5, 1, 1.0),
        ([0.95] * 4, 40, 0.5),
    ],
)
def test_the_default_is_not_behind_majority(seed, accuracies, wrong, cover) -> None:
    plan = planted(seed, accuracies, wrong=wrong, cover=cover, facts=500)
    claims = arranged(plan.stated)
    majority = accuracy(run(claims, Method.MAJORITY)[0], plan.truth)
    assert accuracy(run(claims)[0], plan.truth) >= majority - 0.01


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("answers", "workers", "facts", "each"), [(2, 39, 108, 39), (4, 27, 400, 9), (2, 30, 400, 5)])
def test_facts_that_are_hard_for_all_make_no_copies_of_a_crowd(seed, answers, workers, facts, each) -> None:
    random = np.random.default_rng(seed)
    truth, lure = random.integers(0, answers, (2, facts))
    able, hard = random.beta(6, 3, workers), random.random(facts) < 0.3
    rows = []
    for fact in range(facts):
        for source in random.choice(workers, each, replace=False):
            right = random.random() < able[source] - 0.3 * hard[fact]
            guess = lure[fact] if random.random() < 0.5 else random.integers(0, answers)
            rows.append((source, fact, truth[fact] if right else guess))
    source, fact, value = (np.array(part) for part in zip(*rows, strict=True))
    claims = arranged(Stated(source, fact, value))
    outcome, _ = run(claims)
    assert accuracy(outcome, truth) >= accuracy(run(claims, Method.MAJORITY)[0], truth) - 0.01
    assert len(outcome.copies.one) <= workers // 10


def test_good_sources_are_told_from_bad_ones() -> None:
    plan = planted(5, [0.95, 0.9, 0.9, 0.4, 0.4, 0.4], wrong=8, facts=500)
    outcome, _ = run(arranged(plan.stated))
    trust = outcome.trust[outcome.claims.sources]
    assert trust[:3].min() > 0.8
    assert trust[3:].max() < 0.6
    assert accuracy(outcome, plan.truth) >= 0.95


@pytest.mark.parametrize("method", [Method.AUTO, Method.ACCU, Method.TRUTH_FINDER, Method.CRH])
def test_a_flood_of_claims_flips_no_verified_fact(method) -> None:
    plan = planted(9, [0.85] * 6, wrong=20, facts=100)
    before, _ = run(arranged(plan.stated), method)
    size = 100 * 100
    flood_fact = np.arange(size) % 5000  # Most of it about what nobody else speaks of, and each claim twice.
    source = np.concatenate([plan.stated.source, np.full(size, 6)])
    fact = np.concatenate([plan.stated.fact, flood_fact])
    value = np.concatenate([plan.stated.value, np.full(size, 77)])
    after, _ = run(arranged(Stated(source, fact, value)), method)
    old, new = Segments.of(before.claims), Segments.of(after.claims)
    chosen, again = choose(old, before.score), choose(new, after.score)
    verified = np.flatnonzero(before.probability[chosen] >= VERIFIED)
    assert len(verified) > 50
    kept = before.claims.code[chosen][verified] == after.claims.code[again][: len(chosen)][verified]
    assert kept.all()


@pytest.mark.parametrize("wrong", [2, 5, 10])
@pytest.mark.parametrize("accuracies", [[0.7] * 10, [0.6] * 5, [0.9, 0.8, 0.6, 0.5], [0.7] * 3])
def test_probabilities_mean_what_they_say_on_planted_data(accuracies, wrong) -> None:
    plan = planted(13, accuracies, wrong=wrong, facts=1500)
    outcome, _ = run(arranged(plan.stated))
    claims = outcome.claims
    chosen = choose(Segments.of(claims), outcome.score)
    right = claims.code[chosen] == plan.truth[claims.facts]
    table, error = calibration.reliability(outcome.probability[chosen], right)
    assert error <= 0.1, table


def test_lists_with_what_was_left_out_and_added_are_put_together() -> None:
    random = np.random.default_rng(2)
    rows, truth = [], []
    for fact in range(200):
        true = set(range(random.integers(1, 4)))
        truth.append(true)
        for source in range(9):
            listed = {each for each in true if random.random() < (0.55 if source < 6 else 0.95)} or {0}
            listed |= {5 + source} if random.random() < 0.15 else set()
            rows += [(source, fact, each) for each in listed]
    source, fact, value = (np.array(part) for part in zip(*rows, strict=True))
    outcome, picked = run(arranged(Stated(source, fact, value, mode=np.full(200, SET))))
    assert picked.method is Method.LTM
    held = chosen_sets(outcome)
    claims = outcome.claims
    got = [set(claims.code[(claims.fact == at) & held].tolist()) for at in range(200)]
    assert np.mean([one == other for one, other in zip(got, truth, strict=True)]) >= 0.95


def numbers(seed: int, spread: list[float], facts: int = 200) -> tuple[Stated, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal(1e6, 2e4, facts)
    source, fact = (part.ravel() for part in np.indices((len(spread), facts)))
    said = truth[fact] + random.normal(0, 1, len(fact)) * np.array(spread)[source]
    return Stated(source, fact, np.unique(said, return_inverse=True)[1], number=said), truth


@pytest.mark.parametrize("method", [Method.AUTO, Method.CRH, Method.CATD])
def test_measurements_come_closer_than_their_median(method) -> None:
    stated, truth = numbers(4, [1.0] * 4 + [20.0] * 5)
    outcome, picked = run(arranged(stated), method)
    assert picked.method in {Method.CRH, Method.CATD}
    assert outcome.converged
    chosen = outcome.claims.number[choose(Segments.of(outcome.claims), outcome.score)]
    median = np.array([np.median(stated.number[stated.fact == at]) for at in range(len(truth))])
    assert np.abs(chosen - truth).mean() < 0.75 * np.abs(median - truth).mean()


def test_confusions_of_a_crowd_are_learned() -> None:
    random = np.random.default_rng(6)
    truth = random.integers(0, 3, 600)
    rows = []
    for source in range(9):
        for fact in range(600):
            said = truth[fact]
            if source < 6 and said == 2 and random.random() < 0.75:
                said = 1  # Two thirds of the crowd take the third for the second.
            elif random.random() < 0.1:
                said = random.integers(0, 3)
            rows.append((source, fact, said))
    source, fact, value = (np.array(part) for part in zip(*rows, strict=True))
    claims = arranged(Stated(source, fact, value))
    outcome, picked = run(claims, copies=False)
    assert picked.method is Method.DAWID_SKENE
    assert accuracy(outcome, truth) >= accuracy(run(claims, Method.MAJORITY)[0], truth) + 0.1


def test_trust_is_learned_for_each_group_where_there_is_enough() -> None:
    random = np.random.default_rng(8)
    plan = planted(8, [0.9, 0.8, 0.8, 0.8], facts=400, wrong=10)
    bad = plan.stated.value.copy()
    off = (plan.stated.source == 0) & (plan.stated.fact >= 200) & (random.random(len(bad)) < 0.8)
    bad[off] = 99
    group = np.repeat([0, 1], 200)
    outcome, _ = run(arranged(Stated(plan.stated.source, plan.stated.fact, bad, group=group)), Method.ACCU)
    here, there = outcome.by_group[outcome.claims.sources[0]]
    assert here > 0.8
    assert there < 0.4


@pytest.mark.parametrize("method", [Method.AUTO, *METHODS])
@pytest.mark.parametrize(
    "rows",
    [[], [(0, 0, 0)], [(0, f, f) for f in range(9)], [(s, 0, 0) for s in range(9)], [(s, 0, s) for s in range(200)]],
    ids=["no claims", "one claim", "one source", "all alike", "all different"],
)
def test_degenerate_shapes_have_their_verdicts(method, rows) -> None:
    source, fact, value = (np.array([row[at] for row in rows], int) for at in range(3))
    outcome, picked = run(arranged(Stated(source, fact, value)), method)
    assert np.all(np.isfinite(outcome.score))
    assert np.all(np.isfinite(outcome.probability))
    assert len(outcome.trust) == len(set(source.tolist()))
    assert picked.reason


@pytest.mark.parametrize("method", [Method.ACCU, Method.DAWID_SKENE, Method.LTM, Method.TRUTH_FINDER, Method.CRH])
def test_methods_come_to_rest(method) -> None:
    plan = planted(2, [0.9, 0.8, 0.7, 0.7, 0.6], wrong=4)
    outcome, _ = run(arranged(plan.stated), method)
    assert outcome.converged


def test_ties_go_to_the_lowest_code() -> None:
    claims = arranged(Stated(np.array([0, 1]), np.array([0, 0]), np.array([9, 4])))
    assert claims.code[choose(Segments.of(claims), run(claims, Method.MAJORITY)[0].score)].tolist() == [4]


def test_a_source_that_is_trusted_beforehand_wins_alone() -> None:
    stated = Stated(np.array([0, 1]), np.array([0, 0]), np.array([1, 2]), prior=np.array([0.3, 0.9]))
    outcome, _ = run(arranged(stated))
    chosen = choose(Segments.of(outcome.claims), outcome.score)
    assert outcome.claims.code[chosen].tolist() == [2]


def test_what_explains_held_out_facts_decides_on_the_method() -> None:
    assert pick(arranged(planted(1, HONEST, wrong=50).stated)).method is Method.ACCU
    assert pick(arranged(planted(1, HONEST, wrong=3).stated)).method is Method.ACCU
    assert pick(arranged(confused())).method is Method.DAWID_SKENE
    assert pick(arranged(numbers(1, [1.0] * 5)[0])).method is Method.CRH
