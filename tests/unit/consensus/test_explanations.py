"""The default chooses by evidence: who copies, who is right, and whether confusions can be told."""

import numpy as np
import pytest

from bench.rig.worlds import AXES, FACTS, worlds
from kgmem.consensus.claims import Stated, arranged
from kgmem.consensus.engine import weigh
from kgmem.consensus.methods import run
from kgmem.consensus.segments import Segments, choose
from kgmem.domain.claims.consensus import Claim, Method, ValueRule
from tests.sizes import size
from tests.unit.consensus.planted import Planted, accuracy


def two_camps(seed: int, *, copied: int = 5, values: int = 40) -> list[tuple[Claim, bool]]:
    """Plant eight good sources with errors of their own, and one bad source repeated word for word by others.

    Half of the facts are easy for all; on the rest the bad source is wrong, and most of whom anybody hears repeat it.
    """
    random = np.random.default_rng(seed)
    facts = 120
    truth = random.integers(0, values, facts)
    easy = random.random(facts) < 0.5
    bad = np.where(easy, truth, (truth + random.integers(1, values, facts)) % values)
    told = []
    for source in range(8 + copied):
        good = np.where(random.random(facts) < 0.96, truth, (truth + random.integers(1, values, facts)) % values)
        said = good if source < 8 else bad
        speaks = random.random(facts) < (0.4 if source < 8 else 0.9)
        told += [
            (Claim(f"s{source}", f"f{fact}", "p", f"v{said[fact]}"), bool(said[fact] == truth[fact]))
            for fact in np.flatnonzero(speaks)
        ]
    return told


@pytest.mark.parametrize("seed", range(3))
def test_sources_that_agree_on_what_is_right_are_no_copies(seed) -> None:
    told = two_camps(seed)
    true = {(claim.subject, claim.value) for claim, right in told if right}
    claims = [claim for claim, _ in told]
    weighed = weigh(claims)
    by_vote = weigh(claims, rules={"p": ValueRule(method=Method.MAJORITY)})
    ours, votes = (
        np.mean([(verdict.subject, verdict.value) in true for verdict in each.verdicts]) for each in (weighed, by_vote)
    )
    assert ours >= votes + 0.1
    assert ours >= 0.9
    copiers = {name for pair in weighed.copies for name in (pair.one, pair.other)}
    assert copiers == {f"s{source}" for source in range(8, 13)}


def test_the_default_is_not_behind_majority_in_worlds_of_every_kind() -> None:
    ours, votes = [], []
    for world in worlds(size(whole=120, short=16)):
        claims = arranged(world.stated)
        plan = Planted(world.stated, world.truth)
        ours.append(accuracy(run(claims)[0], plan.truth))
        votes.append(accuracy(run(claims, Method.MAJORITY)[0], plan.truth))
    assert np.mean(ours) >= np.mean(votes)


def test_worlds_are_the_same_each_time_and_have_every_level() -> None:
    first, again = list(worlds(12)), list(worlds(12))
    assert all(np.array_equal(one.stated.value, other.stated.value) for one, other in zip(first, again, strict=True))
    assert {level for world in worlds(60) for level in world.levels} == {x for axis in AXES.values() for x in axis}
    assert len(first[0].truth) == FACTS


def test_a_few_facts_are_weighed_without_explanations_to_compare() -> None:
    stated = Stated(np.array([0, 1, 2]), np.array([0, 0, 0]), np.array([1, 1, 2]))
    assert run(arranged(stated))[0].copies.one.size == 0


def rated(seed: int, *, zeros: float, scale: bool) -> tuple[Stated, dict[int, float]]:
    """Plant twelve raters of 200 things from 0 to 10; on a scale they miss by a little, else by anything."""
    random = np.random.default_rng(seed)
    truth = np.where(random.random(200) < zeros, 0.0, random.integers(1, 11, 200))
    rows = []
    for _ in range(12):
        near = np.clip(np.round(truth + random.normal(0, random.uniform(0.3, 2.5), 200)), 0, 10)
        anything = np.where(random.random(200) < random.uniform(0.4, 0.9), truth, random.integers(0, 11, 200))
        rows.append(near if scale else anything)
    source, fact = (part.ravel() for part in np.indices((12, 200)))
    numbers = np.array(rows, float).ravel()
    keep = random.random(len(source)) < 0.5
    stated = Stated(source[keep], fact[keep], numbers[keep].astype(int), number=numbers[keep])
    return stated, dict(enumerate(truth.tolist()))


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.6])
def test_ratings_are_known_by_how_near_misses_are_also_among_many_zeros(zeros) -> None:
    claims = arranged(rated(1, zeros=zeros, scale=True)[0])
    outcome, picked = run(claims)
    assert picked.method is Method.CRH
    truth = np.array(list(rated(1, zeros=zeros, scale=True)[1].values()))[claims.facts]
    segments = Segments.of(claims)
    assert claims.number is not None
    mean = segments.per_fact(segments.per_value(claims.weight) * claims.number) / segments.voices()
    ours = np.abs(claims.number[choose(segments, outcome.score)] - truth).mean()
    assert ours < np.abs(mean - truth).mean()
    assert run(arranged(rated(1, zeros=zeros, scale=False)[0]))[1].method is Method.ACCU
