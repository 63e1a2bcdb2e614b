"""Lists choose by evidence: whether sources are right or wrong about a whole list, or about each of its parts."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from kgmem.consensus.engine import weigh
from kgmem.domain.claims.consensus import Claim, ClaimedSource, Method, ValueKind, ValueRule, Verdict

FACTS = 60
Telling = Callable[[np.random.Generator, list[str], list[str]], list[str]]


def _leaving_out_and_adding(random: np.random.Generator, true: list[str], others: list[str]) -> list[str]:
    """Return a list in which each part may be left out, and one of the others be added."""
    kept = [part for part in true if random.random() < 0.85]
    return [*kept, *random.choice(others, int(random.random() < 0.25) or int(not kept))]


def _adding(random: np.random.Generator, true: list[str], others: list[str]) -> list[str]:
    """Return the true list, and other parts with it."""
    return true + [part for part in others if random.random() < 0.08]


def _copied_page(random: np.random.Generator, true: list[str], others: list[str]) -> list[str]:
    """Return the true list, or one of three wrong ones that share some of its parts."""
    if random.random() < 0.65:
        return true
    at = int(random.integers(3))
    return [*true[:at], *others[at : at + 2]]


def _claimed(telling: Telling, seed: int) -> tuple[list[Claim], dict[str, frozenset[str]]]:
    """Return claims on lists by eight sources, and what is true."""
    random = np.random.default_rng(seed)
    claims, truth = [], {}
    for fact in range(FACTS):
        names = [f"n{number}" for number in random.choice(10_000, 10, replace=False)]
        true = names[: int(random.integers(1, 5))]
        truth[f"f{fact}"] = frozenset(true)
        speaking = [source for source in range(8) if random.random() < 0.8]
        said = [(f"s{source}", telling(random, true, names[len(true) :])) for source in speaking]
        claims += [Claim(source, f"f{fact}", "members", given) for source, given in said]
    return claims, truth


def _verdicts(claims: Sequence[Claim], method: Method = Method.AUTO) -> Sequence[Verdict]:
    return weigh(claims, rules={"members": ValueRule(kind=ValueKind.SET, method=method)}).verdicts


def _right(verdicts: Sequence[Verdict], truth: dict[str, frozenset[str]]) -> float:
    return float(np.mean([frozenset(each.value) == truth[each.subject] for each in verdicts]))


@pytest.mark.parametrize("telling", [_leaving_out_and_adding, _adding, _copied_page])
def test_lists_are_never_resolved_worse_than_by_counting_whole_lists_or_parts_alone(telling: Telling) -> None:
    ours, voted, by_parts, by_wholes = [], [], [], []
    for seed in range(3):
        claims, truth = _claimed(telling, seed)
        for method, shares in (
            (Method.AUTO, ours),
            (Method.MAJORITY, voted),
            (Method.LTM, by_parts),
            (Method.ACCU, by_wholes),
        ):
            shares.append(_right(_verdicts(claims, method), truth))
    assert np.mean(ours) >= np.mean(voted) - 0.01
    assert np.mean(ours) >= max(np.mean(by_parts), np.mean(by_wholes)) - 0.02


@pytest.mark.parametrize("telling", [_leaving_out_and_adding, _adding, _copied_page])
def test_lists_are_about_as_probable_as_they_are_often_right(telling: Telling) -> None:
    probable, right = [], []
    for seed in range(3):
        claims, truth = _claimed(telling, seed)
        for each in _verdicts(claims):
            probable.append(each.probability)
            right.append(frozenset(each.value) == truth[each.subject])
    assert abs(float(np.mean(probable)) - float(np.mean(right))) <= 0.1


def test_both_ways_are_chosen_by_what_the_claims_are_like() -> None:
    by_parts = _verdicts(_claimed(_adding, 1)[0])
    by_wholes = _verdicts(_claimed(_copied_page, 1)[0])
    assert {each.method for each in by_parts} == {Method.LTM}
    assert {each.method for each in by_wholes} == {Method.ACCU}
    assert "as a whole" in by_wholes[0].reason


def test_a_whole_list_is_told_by_its_parts_with_all_who_name_them() -> None:
    said = {"a": ["Ada", "Bob"], "b": ["Ada", "Bob"], "c": ["Ada"]}
    claims = [Claim(source, "team", "members", names) for source, names in said.items()]
    (verdict,) = _verdicts(claims, Method.ACCU)
    assert verdict.value == ("Ada", "Bob")
    assert [(each.value, each.sources) for each in verdict.chosen] == [("Ada", ("a", "b", "c")), ("Bob", ("a", "b"))]
    assert (verdict.supporting, verdict.opposing) == (2.0, 1.0)
    assert verdict.chosen[0].probability >= verdict.probability


def test_a_list_that_nobody_contradicts_is_as_probable_as_its_source_is_right_about_whole_lists() -> None:
    claims, truth = _claimed(_adding, 4)
    probable, right = [], []
    for number in range(FACTS):
        alone = [f"p{number}", f"q{number}", f"r{number}", f"s{number}"]
        claims.append(Claim(f"s{number % 8}", f"alone{number}", "members", alone))
    for each in _verdicts(claims):
        if each.subject.startswith("alone"):
            probable.append(each.probability)
        else:
            said = [set(claim.value) for claim in claims if claim.subject == each.subject]
            right.append(np.mean([told == truth[each.subject] for told in said]))
    assert len(probable) == FACTS
    assert float(np.mean(probable)) == pytest.approx(float(np.mean(right)), abs=0.1)


@pytest.mark.parametrize("copies", [1, 3, 4])
def test_copies_of_whole_lists_are_one_voice_about_their_parts_too(copies: int) -> None:
    ours, alone = [], []
    for seed in range(3):
        claims, truth = _claimed(_adding, seed)
        others = [claim for claim in claims if claim.source in {"s1", "s2", "s3", "s4"}]
        bad = [claim for claim in claims if claim.source == "s0"]
        worse = [replace(claim, value=[*claim.value, f"x{at}"]) if at % 2 else claim for at, claim in enumerate(bad)]
        copied = [replace(claim, source=f"copy{number}") for number in range(copies) for claim in worse]
        ours.append(_right(_verdicts([*others, *worse, *copied]), truth))
        alone.append(_right(_verdicts(others), truth))
    assert np.mean(ours) >= np.mean(alone) - 0.02


def test_lists_of_outlets_are_those_of_their_house() -> None:
    claims, _ = _claimed(_adding, 6)
    outlets = [ClaimedSource("s6", parent="s1"), ClaimedSource("s7", parent="s1")]
    rules = {"members": ValueRule(kind=ValueKind.SET)}
    with_outlets = weigh(claims, sources=outlets, rules=rules).verdicts
    renamed = [replace(each, source="s1" if each.source in {"s6", "s7"} else each.source) for each in claims]
    as_one = {each.subject: each.value for each in weigh(renamed, rules=rules).verdicts}
    assert {each.subject: each.value for each in with_outlets} == as_one


def test_a_list_of_one_part_is_told_by_that_part() -> None:
    for method in (Method.AUTO, Method.LTM, Method.ACCU):
        (verdict,) = _verdicts([Claim("a", "team", "members", ["Ada"]), Claim("b", "team", "members", ["Ada"])], method)
        assert verdict.value == ("Ada",)


def test_a_list_that_a_person_accepted_is_true_whatever_else_is_claimed() -> None:
    claims = [Claim(f"s{at}", "team", "members", ["Ada", "Bob"]) for at in range(4)]
    claims.append(Claim("press", "team", "members", ["Ada"], label=True))
    (verdict,) = _verdicts(claims, Method.ACCU)
    assert (verdict.value, verdict.probability) == (("Ada",), 1.0)
