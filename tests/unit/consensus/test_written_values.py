"""Values that say the same in another form are one by default, and those that differ are not."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kgmem.consensus.engine import weigh
from kgmem.consensus.values import read, same
from kgmem.domain.claims.consensus import Claim, ValueRule

DEFAULT = ValueRule()
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
SIZES = {"mm": 1, "cm": 10, "m": 1000, "km": 1_000_000}


def one(first: object, second: object) -> bool:
    """Say whether two sources that claim these speak for one value."""
    [verdict] = weigh([Claim("a", "s", "p", first), Claim("b", "s", "p", second)]).verdicts
    return not verdict.alternatives


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1.8 km", "1800 m"),
        ("1.8 km", {"value": 1800, "unit": "m"}),
        ("1,800 metres", "1.8 km"),
        ("1,200", 1200),
        ("1,200", "1200"),
        ("1,200", 1200.0),
        ("2 h", "120 minutes"),
        ("1 August 1291", "1291-08-01"),
        ("August 1st, 1291", "1 Aug 1291"),
        ("the 1st of August 1291", "1291-08-01"),
        ("August 1291", "1291-08"),
        ("PEREZ, José", "José Perez"),
        ("Knuth, Donald E.", "Donald E. Knuth"),
        ("São Paulo", "sao paulo"),
        ("Springfield, Illinois", "Springfield Illinois"),
    ],
)
def test_what_says_the_same_is_one_value(first, second) -> None:
    assert one(first, second)
    assert one(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1.8 km", "1.8 m"),
        ("1.8 km", 1.8),
        ("1,200", "1.200"),
        ("1,2", 12),
        ("-5", "5"),
        ("007", 7),
        ("1.10", "1.1"),
        ("12345678901234567", "12345678901234568"),
        ("5 M", "5 m"),
        ({"value": 5, "unit": "apples"}, {"value": 5, "unit": "pears"}),
        ("1 August 1291", "1291-08"),
        ("03/04/2020", "2020-04-03"),
        ("31 February 2020", "2020-03-02"),
        ("Paris, Berlin", "Berlin, Paris"),
        ("PEREZ, José", "PEREZ, Juan"),
        ("50 %", 50),
    ],
)
def test_what_differs_stays_apart(first, second) -> None:
    assert not one(first, second)
    assert not one(second, first)


@given(st.integers(-(10**12), 10**12))
def test_a_whole_number_is_the_same_however_its_digits_are_grouped(number) -> None:
    assert same(read(f"{number:,}", DEFAULT), read(number, DEFAULT), DEFAULT)
    assert same(read(str(number), DEFAULT), read(number, DEFAULT), DEFAULT)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_different_whole_numbers_are_different_values(number, other) -> None:
    assume(number != other)
    assert not same(read(f"{number:,}", DEFAULT), read(other, DEFAULT), DEFAULT)


@given(st.integers(1, 10**7), st.sampled_from(sorted(SIZES)), st.integers(1, 10**7), st.sampled_from(sorted(SIZES)))
def test_lengths_are_the_same_exactly_when_they_are_as_long(amount, unit, other, unit_of_other) -> None:
    equal = amount * SIZES[unit] == other * SIZES[unit_of_other]
    assert same(read(f"{amount} {unit}", DEFAULT), read(f"{other:,} {unit_of_other}", DEFAULT), DEFAULT) is equal


@given(st.dates(date(1000, 1, 1)), st.dates(date(1000, 1, 1)))
def test_dates_are_the_same_exactly_when_they_are_one_day(day, other) -> None:
    written = f"{MONTHS[other.month - 1]} {other.day}, {other.year}"
    assert same(read(day.isoformat(), DEFAULT), read(written, DEFAULT), DEFAULT) is (day == other)


@given(st.text(max_size=20))
def test_any_text_is_the_same_as_itself_and_has_a_key(text) -> None:
    assert read(text, DEFAULT).key == read(text, DEFAULT).key


def test_a_category_by_rule_is_compared_as_a_text() -> None:
    rule = ValueRule(fold=False)
    assert not same(read("1,200", rule), read("1200", rule), rule)
