"""The same claims give the same verdicts, whatever their order, their repetition, or the names of sources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgmem.consensus.claims import MANY, ONE, SET, Stated, arranged, houses
from kgmem.consensus.methods import METHODS, run
from kgmem.domain.claims.consensus import Method
from tests.unit.consensus.planted import alike, beliefs, planted, renamed, reordered

CLAIM = st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(0, 4), st.sampled_from([0.3, 0.7, 1.0]))


@st.composite
def some_claims(draw: st.DrawFn) -> Stated:
    rows = draw(st.lists(CLAIM, min_size=1, max_size=60))
    source, fact, value, confidence = (np.array(part) for part in zip(*rows, strict=True))
    mode = np.array(draw(st.lists(st.sampled_from([ONE, SET, MANY]), min_size=8, max_size=8)))
    return Stated(source, fact, value, confidence=confidence, mode=mode, number=value * 1.5)


@settings(max_examples=60, deadline=None)
@given(some_claims(), st.randoms(use_true_random=False), st.sampled_from(sorted(METHODS)))
def test_order_repetition_and_names_change_nothing(stated, random, method) -> None:
    size = len(stated.source)
    order = list(range(size)) + [random.randrange(size) for _ in range(5)]
    random.shuffle(order)
    names = list(range(6))
    random.shuffle(names)
    other = renamed(reordered(stated, np.array(order)), np.array(names))
    one, two = arranged(stated), arranged(other)
    assert alike(one, two)
    for first, second in zip(beliefs(run(one, method)[0]), beliefs(run(two, method)[0]), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("method", [Method.AUTO, *METHODS])
def test_a_large_set_is_weighed_to_the_same_bits_in_any_order(method) -> None:
    plan = planted(3, [0.9, 0.8, 0.7, 0.6, 0.6, 0.4], facts=200, copies=2, cover=0.8)
    random = np.random.default_rng(1)
    order = random.permutation(np.repeat(np.arange(len(plan.stated.source)), 2))
    other = renamed(reordered(plan.stated, order), random.permutation(8))
    first, second = run(arranged(plan.stated), method)[0], run(arranged(other), method)[0]
    for one, two in zip(beliefs(first), beliefs(second), strict=True):
        assert np.array_equal(one, two)
    assert len(first.copies.one) == len(second.copies.one)


@settings(max_examples=100, deadline=None)
@given(some_claims())
def test_a_source_has_one_voice_for_each_fact_with_one_truth(stated) -> None:
    claims = arranged(stated)
    place = claims.fact_of_claim * 6 + claims.source
    spent = np.bincount(place, claims.weight)
    one = np.repeat(claims.mode == ONE, 6)[: len(spent)]
    assert np.all(spent[one[: len(spent)]] <= 1 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(some_claims(), st.sampled_from([Method.AUTO, *METHODS]))
def test_probabilities_are_probabilities(stated, method) -> None:
    outcome, picked = run(arranged(stated), method)
    assert np.all((outcome.probability >= 0) & (outcome.probability <= 1 + 1e-9))
    assert np.all((outcome.trust >= 0) & (outcome.trust <= 1 + 1e-9))
    assert picked.reason
    if picked.method in {Method.ACCU, Method.DAWID_SKENE}:
        claims = outcome.claims
        whole = np.bincount(claims.fact, outcome.probability, len(claims.facts))
        assert np.all(whole[claims.mode != MANY] <= 1 + 1e-9)


def test_outlets_of_one_house_have_one_voice() -> None:
    value = np.array([1, 1, 1, 0, 0])
    stated = Stated(np.arange(5), np.zeros(5, int), value, parent=np.array([0, 0, 1, 3, 4]))
    outcome, _ = run(arranged(stated), Method.MAJORITY)
    assert outcome.score.tolist() == [2, 1]


def test_a_circle_of_parents_is_one_house() -> None:
    assert houses(np.array([1, 2, 0, 3, 3, 4])).tolist() == [0, 0, 0, 3, 3, 3]
