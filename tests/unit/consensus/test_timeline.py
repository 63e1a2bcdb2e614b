"""Histories: when one value ends and the next begins."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bench.rig.histories import SETTINGS, Setting, world
from bench.truth_over_time import accuracy, latest, majority, ours
from kgmem.consensus.engine import weigh
from kgmem.domain.claims.consensus import Claim, FactState, Verdict
from kgmem.domain.time.interval import Interval


def say(source: str, value: str, start: int | None, end: int | None = None, known: int | None = None) -> Claim:
    return Claim(source, "s", "p", value, valid=Interval(start, end), known=known)


def told(verdicts: Sequence[Verdict]) -> list[tuple[object, int | None, int | None]]:
    return [(each.value, each.valid.start, each.valid.end) for each in verdicts]


def test_what_few_newer_sources_say_ends_what_many_older_ones_said_whatever_the_number_of_things() -> None:
    claims = [Claim(f"old{n}", f"s{s}", "p", "a", valid=Interval(10, None)) for n in range(10) for s in range(30)]
    claims += [Claim(f"new{n}", f"s{s}", "p", "b", valid=Interval(24, None)) for n in range(2) for s in range(30)]
    verdicts = weigh(claims).verdicts
    assert {(v.value, v.valid.start, v.valid.end, v.state) for v in verdicts} == {
        ("a", 10, 24, FactState.SUPERSEDED),
        ("b", 24, None, FactState.VERIFIED),
    }


def test_what_ends_is_followed_by_nothing() -> None:
    claims = [say(f"s{n}", "a", 10, 20) for n in range(3)]
    assert told(weigh(claims).verdicts) == [("a", 10, 20)]


def test_a_correction_of_the_same_time_takes_the_older_voice_away() -> None:
    claims = [say("s", "a", 10, known=100), say("t", "a", 10, known=100), say("s", "b", 10, known=200)]
    (verdict,) = weigh([*claims, say("u", "b", 10, known=100)]).verdicts
    assert (verdict.value, verdict.supporting, verdict.opposing) == ("b", 2, 1)


def test_of_many_starts_that_which_most_name_counts() -> None:
    claims = [say("first", "a", 0), *(say(f"s{n}", "b", 50) for n in range(5)), say("early", "b", 20)]
    assert told(weigh(claims).verdicts) == [("a", 0, 50), ("b", 50, None)]


def test_a_value_that_comes_back_is_a_period_of_its_own() -> None:
    claims = [say("s", "a", 0), say("s", "b", 10), say("s", "a", 20)]
    assert told(weigh(claims).verdicts) == [("a", 0, 10), ("b", 10, 20), ("a", 20, None)]


@pytest.mark.long
@pytest.mark.parametrize("name", ["liars", "lagging sources", "corrections"])
def test_it_beats_counting_and_the_latest_claim(name: str) -> None:
    setting: Setting = SETTINGS[name]
    small = world(Setting(**{each: getattr(setting, each) for each in Setting.__slots__} | {"things": 20}), 7)
    base = max(accuracy(small, majority), accuracy(small, latest))
    assert accuracy(small, ours) >= base + 5


@pytest.mark.parametrize("name", ["changes", "few sources", "liars", "late reports"])
def test_in_a_small_graph_it_is_as_good_as_counting(name: str) -> None:
    worlds = [world(replace(SETTINGS[name], things=4), seed) for seed in range(3)]
    assert sum(accuracy(each, ours) for each in worlds) >= sum(accuracy(each, majority) for each in worlds)


def test_little_known_of_a_source_is_filled_in_by_what_all_of_them_do() -> None:
    claims = [Claim(f"s{n}", f"t{t}", "p", "a", valid=Interval(10, None)) for n in range(5) for t in range(20)]
    claims += [Claim(f"s{n}", f"t{t}", "p", "b", valid=Interval(20, None)) for n in range(4) for t in range(20)]
    claims += [Claim("rare", "t0", "p", "a", valid=Interval(10, None))]
    rates = {source: report.rate for source, report in weigh(claims).reports.items()}
    usual = 80 / (101 + 5)  # 4 of 5 tell of 20 changes, and "rare" of none of one.
    assert rates["s0"] == pytest.approx((20 + 5 * usual) / 25)
    assert rates["s4"] == pytest.approx(5 * usual / 25)
    assert rates["rare"] == pytest.approx(5 * usual / 6)


def test_a_long_series_of_one_source_is_parted_in_a_moment() -> None:
    claims = [say("sensor", str(n % 7), n, known=n) for n in range(1000)]
    assert len(weigh(claims).verdicts) == 1000


def test_what_was_ended_does_not_come_back_when_what_followed_ends() -> None:
    claims = [say("s", "a", 0), say("t", "a", 0), say("u", "b", 10, 20)]
    assert told(weigh(claims).verdicts) == [("a", 0, 10), ("b", 10, 20)]


def test_what_could_not_hold_before_an_end_holds_after_it() -> None:
    claims = [*(say(f"s{n}", "a", 0, 100) for n in range(5)), say("t", "b", 40)]
    assert told(weigh(claims).verdicts) == [("a", 0, 100), ("b", 100, None)]
