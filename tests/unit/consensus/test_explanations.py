"""The default chooses by evidence: who copies, who is right, and whether confusions can be told."""

import numpy as np
import pytest

from bench.rig.worlds import AXES, FACTS, worlds
from kgmem.consensus.claims import Stated, arranged
from kgmem.consensus.engine import weigh
from kgmem.consensus.explanations import model_selection
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


@pytest.mark.long
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


def test_what_people_decided_teaches_whom_to_trust_where_explanations_are_compared() -> None:
    random = np.random.default_rng(4)
    claims = []
    for fact in range(60):
        label = True if fact < 12 else None
        wrong = f"lie {fact}"
        claims += [
            Claim(f"good{n}", f"f{fact:02}", "p", "true", label=label) for n in range(2) if random.random() < 0.9
        ]
        claims += [Claim(f"bad{n}", f"f{fact:02}", "p", wrong) for n in range(3) if random.random() < 0.9]
    weighed = weigh(claims)
    trust = {each.source: each.trust for each in weighed.sources}
    assert min(trust["good0"], trust["good1"]) > 0.7
    assert max(trust["bad0"], trust["bad1"], trust["bad2"]) < 0.4
    chosen = {each.subject: each.value for each in weighed.verdicts}
    spoken = {claim.subject for claim in claims if claim.value == "true"}
    assert all(chosen[subject] == "true" for subject in spoken)


def test_what_one_of_two_explanations_says_is_not_certain() -> None:
    """Three sources always say the same and two others differ: good sources that agree, or copies, who can say."""
    random = np.random.default_rng(9)
    facts = 60
    truth = random.integers(0, 4, facts)
    said = []
    for accuracy_ in (0.7, 0.8, 0.8):
        wrong = (truth + random.integers(1, 4, facts)) % 4
        said.append(np.where(random.random(facts) < accuracy_, truth, wrong))
    said += [said[0], said[0]]
    source, fact = (part.ravel() for part in np.indices((5, facts)))
    outcome, _ = run(arranged(Stated(source, fact, np.array(said).ravel())))
    chosen = choose(Segments.of(outcome.claims), outcome.score)
    right = outcome.claims.code[chosen] == truth
    verified_wrong = (outcome.probability[chosen] >= 0.85) & ~right
    assert verified_wrong.mean() <= 0.1


@pytest.mark.long
def test_a_large_graph_is_explained_by_a_sample_of_its_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight good sources of little coverage, and a bad one that four others repeat; a sample does as well as all."""
    random = np.random.default_rng(5)
    facts = 1200
    truth = random.integers(0, 40, facts)
    easy = random.random(facts) < 0.5
    bad = np.where(easy, truth, (truth + random.integers(1, 40, facts)) % 40)
    rows = [np.where(random.random(facts) < 0.96, truth, random.integers(0, 40, facts)) for _ in range(8)] + [bad] * 5
    said = random.random((13, facts)) < np.where(np.arange(13) < 8, 0.4, 0.9)[:, None]
    source, fact = np.nonzero(said)
    claims = arranged(Stated(source, fact, np.array(rows)[source, fact]))
    votes, whole = accuracy(run(claims, Method.MAJORITY)[0], truth), accuracy(run(claims)[0], truth)
    monkeypatch.setattr(model_selection, "MOST_CLAIMS", len(claims.source) // 4)

    outcome, _ = run(claims)

    assert accuracy(outcome, truth) >= votes + 0.1
    assert accuracy(outcome, truth) >= whole - 0.01
    copiers = {int(at) for at in (*outcome.copies.one, *outcome.copies.other)}
    assert copiers == set(claims.sources[8:].tolist())


def test_a_sample_is_a_part_of_the_claims() -> None:
    plan = next(iter(worlds(1, seed=3)))
    claims = arranged(plan.stated)
    segments = Segments.of(claims)
    part = model_selection.sampled(segments, len(claims.source) // 3)
    assert 0 < len(part.source) < len(claims.source) * 0.6
    whole = set(zip(claims.source, claims.facts[claims.fact_of_claim], claims.code[claims.value], strict=True))
    assert set(zip(part.source, part.facts[part.fact_of_claim], part.code[part.value], strict=True)) < whole
    everything = model_selection.sampled(segments, 10**9)
    assert set(everything.facts) == set(claims.facts[segments.voices() > 1])
