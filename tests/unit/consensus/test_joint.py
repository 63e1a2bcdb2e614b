"""Facts that hang together move each other; distributions collapse by rule."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgmem.consensus import joint_inference
from kgmem.consensus.joint_inference import Factor, exclusion, implication, infer, same_origin
from kgmem.domain.claims.superposition import CollapseRule, collapse, sample, superposed
from kgmem.domain.errors import InvalidInput

EVEN = {"no": 0.5, "yes": 0.5}


def values(beliefs):
    return {name: sorted(each) for name, each in beliefs.items()}


@st.composite
def some_facts(draw: st.DrawFn, tree: bool = False):
    size = draw(st.integers(2, 5))
    beliefs = {
        f"f{at}": {value: draw(st.floats(0.05, 1)) for value in ("a", "b", "c")[: draw(st.integers(2, 3))]}
        for at in range(size)
    }
    pairs = [(at, draw(st.integers(0, at - 1))) for at in range(1, size)]
    if not tree:
        pairs += draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=3))
    factors = []
    for one, other in pairs:
        if one != other:
            shape = (len(beliefs[f"f{one}"]), len(beliefs[f"f{other}"]))
            table = np.array(draw(st.lists(st.floats(0.1, 2), min_size=9, max_size=9)))[: shape[0] * shape[1]]
            factors.append(Factor((f"f{one}", f"f{other}"), table.reshape(shape)))
    return beliefs, factors


def by_hand(beliefs, factors):
    """Sum over all joint states."""
    names = sorted(beliefs)
    told = {name: dict.fromkeys(sorted(beliefs[name]), 0.0) for name in names}
    for state in product(*(sorted(beliefs[name]) for name in names)):
        at = dict(zip(names, state, strict=True))
        weight = np.prod([beliefs[name][at[name]] for name in names])
        for factor in factors:
            weight *= factor.table[tuple(sorted(beliefs[name]).index(at[name]) for name in factor.variables)]
        for name in names:
            told[name][at[name]] += weight
    return {name: {value: p / sum(each.values()) for value, p in each.items()} for name, each in told.items()}


@settings(max_examples=60, deadline=None)
@given(some_facts())
def test_small_groups_are_exact(case) -> None:
    beliefs, factors = case
    found, wanted = infer(beliefs, factors), by_hand(beliefs, factors)
    assert found.exact
    for name, each in wanted.items():
        assert found.beliefs[name] == pytest.approx(each)


@settings(max_examples=40, deadline=None)
@given(some_facts(tree=True))
def test_belief_propagation_is_exact_on_trees(case) -> None:
    beliefs, factors = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joint_inference, "EXACT", 0)
        found = infer(beliefs, factors)
    assert found.converged
    for name, each in by_hand(beliefs, factors).items():
        assert found.beliefs[name] == pytest.approx(each, abs=1e-4)


def test_a_large_group_with_circles_comes_to_rest() -> None:
    size = 40
    beliefs = {f"f{at:02}": dict(EVEN) for at in range(size)}
    tie = np.array([[0.8, 0.2], [0.2, 0.8]])
    factors = [Factor((f"f{at:02}", f"f{(at + 1) % size:02}"), tie) for at in range(size)]
    found = infer(beliefs, factors, {"f00": "yes"})
    assert not found.exact
    assert found.converged
    near, far = found.beliefs["f01"]["yes"], found.beliefs["f20"]["yes"]
    assert 0.75 < near < 0.85
    assert abs(far - 0.5) < 0.01


def test_what_is_excluded_falls_when_the_other_is_seen() -> None:
    beliefs = {"one": dict(EVEN), "other": dict(EVEN)}
    factor = exclusion(("one", "yes"), ("other", "yes"), values(beliefs))
    assert infer(beliefs, [factor], {"one": "yes"}).beliefs["other"]["yes"] == 0
    assert infer(beliefs, [factor]).beliefs["one"]["yes"] == pytest.approx(1 / 3)


def test_what_is_implied_rises_when_the_first_is_seen() -> None:
    beliefs = {"one": dict(EVEN), "other": {"no": 0.9, "yes": 0.1}}
    factor = implication(("one", "yes"), ("other", "yes"), values(beliefs))
    assert infer(beliefs, [factor], {"one": "yes"}).beliefs["other"]["yes"] == 1


def test_facts_of_one_document_stand_and_fall_together() -> None:
    beliefs = {name: dict(EVEN) for name in ("p", "q", "r")}
    factors = same_origin(["r", "p", "q"], dict.fromkeys("pqr", "yes"), values(beliefs), together=0.9)
    found = infer(beliefs, factors, {"p": "no"}).beliefs
    assert found["q"]["no"] == pytest.approx(0.9)
    assert found["r"]["no"] == pytest.approx(0.82)


def test_contradictions_and_shapes_that_do_not_fit_are_refused() -> None:
    beliefs = {"one": dict(EVEN), "other": dict(EVEN)}
    factor = exclusion(("one", "yes"), ("other", "yes"), values(beliefs))
    with pytest.raises(InvalidInput, match="possible"):
        infer(beliefs, [factor], {"one": "yes", "other": "yes"})
    with pytest.raises(InvalidInput, match="shape"):
        infer(beliefs, [Factor(("one", "other"), np.ones((3, 2)))])
    with pytest.raises(InvalidInput, match="no value"):
        infer(beliefs, [], {"one": "maybe"})


WEIGHTS = st.dictionaries(st.sampled_from("abcde"), st.floats(0, 1), min_size=1)


@given(WEIGHTS)
def test_a_superposition_is_a_distribution(weights) -> None:
    held = superposed(weights)
    assert sum(held.values.values()) + held.unknown == pytest.approx(1)
    assert held.entropy >= 0


@given(WEIGHTS, st.integers(0, 1000))
def test_a_draw_can_be_repeated_and_is_one_of_the_values(weights, seed) -> None:
    held = superposed(weights)
    assert sample(held, seed) == sample(held, seed)
    assert sample(held, seed) in {*weights, None}


def test_draws_are_as_frequent_as_they_are_probable() -> None:
    held = superposed({"a": 0.7, "b": 0.2})
    drawn = [sample(held, seed) for seed in range(4000)]
    assert drawn.count("a") / 4000 == pytest.approx(0.7, abs=0.03)
    assert drawn.count(None) / 4000 == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("weights", "rule", "level", "value"),
    [
        ({"a": 0.4, "b": 0.5}, CollapseRule.MOST_PROBABLE, 0.7, "b"),
        ({"b": 0.5, "a": 0.5}, CollapseRule.MOST_PROBABLE, 0.7, "a"),
        ({"a": 0.6, "b": 0.4}, CollapseRule.THRESHOLD, 0.7, None),
        ({"a": 0.8, "b": 0.2}, CollapseRule.THRESHOLD, 0.7, "a"),
        ({"a": 0.6, "b": 0.4}, CollapseRule.MARGIN, 0.3, None),
        ({"a": 0.6, "b": 0.1}, CollapseRule.MARGIN, 0.25, "a"),
        ({}, CollapseRule.MOST_PROBABLE, 0.7, None),
    ],
)
def test_rules_collapse_what_they_should(weights, rule, level, value) -> None:
    held = superposed(weights)
    done = collapse(held, rule, level=level)
    assert done.value == value
    assert done.reason
    assert done.before == held


def test_an_observation_collapses_to_what_was_seen() -> None:
    held = superposed({"a": 0.9, "b": 0.1})
    assert collapse(held, CollapseRule.OBSERVED, observed="b").value == "b"
    with pytest.raises(InvalidInput):
        collapse(held, CollapseRule.OBSERVED)
