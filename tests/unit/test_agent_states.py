"""Agent states without a database: how versions are packed, and which of them retention rules keep."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.agents.state import RetentionRule, check_rules, outlived
from kgmem.domain.errors import InvalidInput
from kgmem.store.agents.packing import RUN, base_place, pack, unpack

HOUR, DAY = 3600, 86_400
SECOND = 1_000_000
USUAL = check_rules([RetentionRule(HOUR), RetentionRule(DAY, HOUR), RetentionRule(30 * DAY, DAY)])


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=8))
def test_a_chain_of_any_contents_unpacks_into_the_last(contents: list[bytes]) -> None:
    chain = [pack(contents[0], None)[0]]
    for before, after in pairwise(contents):
        packed, differs = pack(after, before)
        chain = [*chain, packed] if differs else [packed]
    assert unpack(chain) == contents[-1]


def test_a_large_state_with_a_small_change_is_a_small_difference() -> None:
    before = b"".join(b'{"n":%d,"text":"%x"},' % (n, n * 2654435761 % 2**64) for n in range(60_000))
    after = before[: len(before) // 3] + b'{"new":true},' + before[len(before) // 3 :]
    packed, differs = pack(after, before)
    assert differs
    assert len(packed) < len(after) / 200
    assert unpack([pack(before, None)[0], packed]) == after


def test_no_version_is_more_than_six_differences_away_from_one_that_stands_alone() -> None:
    def depth(place: int) -> int:
        return depth(base_place(place)) + 1 if place else 0

    assert max(depth(place) for place in range(RUN)) == 6


ages = st.lists(st.integers(0, 60 * DAY), min_size=1, max_size=60)


@given(ages, st.data())
def test_retention_keeps_what_its_rules_say_and_no_more(seconds: list[int], data: st.DataObject) -> None:
    now = 100 * DAY * SECOND
    times = sorted({now - age * SECOND for age in seconds})
    versions = [(number, at) for number, at in enumerate(times, start=1)]
    named = frozenset(data.draw(st.sets(st.sampled_from([number for number, _ in versions]), max_size=3)))
    gone = outlived(versions, named, USUAL, now)

    assert not named & set(gone)
    assert versions[-1][0] not in gone
    at_of = dict(versions)
    assert all(now - at_of[number] >= HOUR * SECOND for number in gone)
    for number, at in versions:
        age = now - at
        period = HOUR if age < DAY * SECOND else DAY
        later = [
            other
            for other, moment in versions
            if other > number and moment // (period * SECOND) == at // (period * SECOND)
        ]
        if HOUR * SECOND <= age < 30 * DAY * SECOND and number in gone:
            assert later, "the last of a period is gone"
        if age >= 30 * DAY * SECOND and number not in named and number != versions[-1][0]:
            assert number in gone


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [RetentionRule(0)],
        [RetentionRule(HOUR, DAY)],
        [RetentionRule(HOUR), RetentionRule(HOUR, 60)],
        [RetentionRule(HOUR, 60), RetentionRule(DAY)],
        [RetentionRule(n + 1) for n in range(21)],
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: list[RetentionRule]) -> None:
    with pytest.raises(InvalidInput):
        check_rules(rules)
