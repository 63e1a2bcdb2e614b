"""Typed claims in, verdicts out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.consensus.engine import NumpyConsensus, weigh
from kgmem.domain.claims.consensus import (
    Claim,
    ClaimedSource,
    Consensus,
    FactState,
    Method,
    ValueKind,
    ValueRule,
    Verdict,
)
from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import Interval


def one(verdicts, subject: str = "s") -> Verdict:
    [verdict] = [each for each in verdicts if each.subject == subject]
    return verdict


def claims(values: dict[str, object], predicate: str = "p", **more) -> list[Claim]:
    return [Claim(source, "s", predicate, value, **more) for source, value in values.items()]


def test_the_port_is_kept() -> None:
    weigher: Consensus = NumpyConsensus()
    assert weigher.weigh([]).verdicts == []


def test_what_more_sources_say_is_held_and_the_rest_is_kept_with_its_sources() -> None:
    verdict = one(weigh(claims({"a": "Bonn", "b": "bonn ", "c": "Köln", "d": "BONN"})).verdicts)
    assert str(verdict.value).strip().lower() == "bonn"
    assert (verdict.supporting, verdict.opposing) == (3, 1)
    [other] = verdict.alternatives
    assert other.value == "Köln"
    assert other.sources == ("c",)
    assert verdict.probability > other.probability
    assert "3.0 independent sources" in verdict.reason


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"a": "x"}, FactState.UNVERIFIED),
        ({"a": "x", "b": "y"}, FactState.CONTESTED),
        ({"a": "x", "b": "x", "c": "x"}, FactState.VERIFIED),
    ],
)
def test_states_follow_from_probability_and_opposition(values, state) -> None:
    assert one(weigh(claims(values)).verdicts).state is state


def test_the_threshold_can_be_set() -> None:
    assert one(weigh(claims({"a": "x"}), verified=0.1).verdicts).state is FactState.VERIFIED


def test_outlets_of_one_house_count_once_and_all_are_named() -> None:
    told = claims({"paper": "x", "paper online": "x", "mirror": "x", "other": "y", "third": "y"})
    sources = [ClaimedSource("paper online", parent="paper"), ClaimedSource("mirror", parent="paper online")]
    weighed = weigh(told, sources=sources)
    verdict = one(weighed.verdicts)
    assert verdict.value == "y"
    assert (verdict.supporting, verdict.opposing) == (2, 1)
    assert verdict.alternatives[0].sources == ("mirror", "paper", "paper online")
    trust = {each.source: each.trust for each in weighed.sources}
    assert trust["paper"] == trust["mirror"] == trust["paper online"]


def test_a_parent_that_claims_nothing_itself_still_joins_its_outlets() -> None:
    told = claims({"a": "x", "b": "x", "c": "y", "d": "y"})
    sources = [ClaimedSource("a", parent="house"), ClaimedSource("b", parent="house")]
    assert one(weigh(told, sources=sources).verdicts).value == "y"


def test_values_at_disjoint_times_do_not_compete_and_the_later_supersedes() -> None:
    early, late = Interval(0, 100), Interval(100, None)
    told = [Claim("a", "s", "capital", "Bonn", valid=early), Claim("b", "s", "capital", "Bonn", valid=early)]
    told += [Claim(source, "s", "capital", "Berlin", valid=late) for source in "abc"]
    first, second = weigh(told).verdicts
    assert (first.value, first.state, first.opposing) == ("Bonn", FactState.SUPERSEDED, 0)
    assert (second.value, second.state, second.opposing) == ("Berlin", FactState.VERIFIED, 0)


def test_values_at_overlapping_times_compete() -> None:
    told = [Claim("a", "s", "p", "x", valid=Interval(0, 100)), Claim("b", "s", "p", "y", valid=Interval(50, 150))]
    verdict = one(weigh(told).verdicts)
    assert verdict.opposing == 1
    assert (verdict.value, verdict.valid) == ("x", Interval(0, 100))


def test_a_claim_without_a_time_speaks_of_the_time_in_which_its_value_is_claimed() -> None:
    told = [Claim("a", "s", "p", "x", valid=Interval(0, 100)), Claim("b", "s", "p", "y", valid=Interval(100, 200))]
    first, second = weigh([*told, Claim("c", "s", "p", "x")]).verdicts
    assert (first.supporting, second.supporting) == (2, 1)


def test_values_of_a_predicate_that_is_not_functional_do_not_compete() -> None:
    rules = {"likes": ValueRule(functional=False)}
    told = [Claim("a", "s", "likes", object="tea"), Claim("b", "s", "likes", object="jam")]
    verdicts = weigh(told, rules=rules).verdicts
    assert sorted(str(each.value) for each in verdicts) == ["jam", "tea"]
    assert {each.opposing for each in verdicts} == {0}
    assert {each.state for each in verdicts} == {FactState.UNVERIFIED}


def test_authors_written_differently_are_one_set() -> None:
    rules = {"by": ValueRule(kind=ValueKind.SET, names=True)}
    told = claims({"a": "Knuth, Donald E.; Fuller, J.", "b": "Donald Knuth, John Fuller", "c": "KNUTH"}, "by")
    verdict = one(weigh(told, rules=rules).verdicts)
    assert verdict.method is Method.LTM
    assert len(verdict.value) == 2


def test_numbers_within_tolerance_are_one_and_units_are_converted() -> None:
    rules = {"mass": ValueRule(kind=ValueKind.NUMBER, unit="kg", tolerance=0.5)}
    told = claims({"a": "100 kg", "b": {"value": 100_200, "unit": "g"}, "c": 120}, "mass")
    verdict = one(weigh(told, rules=rules).verdicts)
    assert (verdict.supporting, verdict.opposing) == (2, 1)


def test_a_rule_may_ask_for_a_method() -> None:
    verdict = one(weigh(claims({"a": 1, "b": 2}), rules={"p": ValueRule(method=Method.MAJORITY)}).verdicts)
    assert (verdict.method, verdict.value) == (Method.MAJORITY, 1)


def test_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not a number"):
        weigh(claims({"a": "many"}), rules={"p": ValueRule(kind=ValueKind.NUMBER)})


def test_trust_in_a_domain_is_told_where_there_is_enough() -> None:
    told = [
        Claim(source, f"{domain}{at}", domain, f"{'wrong' if source == 'a' and domain == 'q' else 'right'} {at}")
        for source in "abcd"
        for domain in "pq"
        for at in range(40)
    ]
    weighed = weigh(told)
    trust = next(each.by_domain for each in weighed.sources if each.source == "a")
    assert trust["p"] > trust["q"] + 0.3
    assert set(weighed.reasons) == {"p", "q"}


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.sampled_from([1, 2, 3])), max_size=30),
    st.randoms(use_true_random=False),
)
def test_order_repetition_and_names_of_typed_claims_change_nothing(rows, random) -> None:
    told = [Claim(source, subject, "p", value) for source, subject, value in rows]
    other = told + told[:3]
    random.shuffle(other)
    names = dict(zip("abcd", random.sample("wxyz", 4), strict=True))
    renamed = [Claim(names[each.source], each.subject, "p", each.value) for each in other]
    first, second = weigh(told).verdicts, weigh(renamed).verdicts
    assert [(v.subject, v.value, v.probability, v.state) for v in first] == [
        (v.subject, v.value, v.probability, v.state) for v in second
    ]
