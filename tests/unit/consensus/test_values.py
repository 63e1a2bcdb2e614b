"""Values are read, compared and put together by the rules of their predicates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.consensus.values import distance, merged, people, read, same
from kgmem.domain.claims.consensus import ValueKind, ValueRule
from kgmem.domain.errors import InvalidInput

NUMBER = ValueRule(kind=ValueKind.NUMBER)
PLACE = ValueRule(kind=ValueKind.PLACE, tolerance=1.0)
DATE = ValueRule(kind=ValueKind.DATE)


@pytest.mark.parametrize(
    ("one", "other", "rule"),
    [
        ("São  Paulo", "sao paulo", ValueRule()),
        ("1,000 m", "1 km", ValueRule(kind=ValueKind.NUMBER, unit="m")),
        (1, 1.0, NUMBER),
        ("1969-07", "1969-07", DATE),
        (["b", "A"], ["a", "B", "b"], ValueRule()),
        ("a; b", ["b", "a"], ValueRule(kind=ValueKind.SET)),
        ([13.4, 52.5], [13.401, 52.5], PLACE),
    ],
)
def test_the_same_value_written_differently_is_the_same(one, other, rule) -> None:
    assert same(read(one, rule), read(other, rule), rule)


@pytest.mark.parametrize(
    ("one", "other", "rule", "apart"),
    [
        ("a", "b", ValueRule(), 1),
        (10, 13, NUMBER, 3),
        ("1969-07-20", "1969-07-22", DATE, 2),
        (["a", "b"], ["b", "c"], ValueRule(), 2 / 3),
        ("one two", "two three", ValueRule(kind=ValueKind.TEXT), 2 / 3),
        ([0.0, 0.0], [0.0, 1.0], PLACE, 111.2),
    ],
)
def test_values_are_so_far_apart(one, other, rule, apart) -> None:
    assert distance(read(one, rule), read(other, rule)) == pytest.approx(apart, rel=0.01)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("many", NUMBER),
        (True, NUMBER),
        (float("nan"), NUMBER),
        ("3 kg", ValueRule(kind=ValueKind.NUMBER, unit="m")),
        ([], ValueRule()),
        ("soon", DATE),
        ([200, 0], PLACE),
    ],
)
def test_what_is_not_of_its_kind_is_refused(value, rule) -> None:
    with pytest.raises(InvalidInput):
        read(value, rule)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0, 1e5), st.randoms())
def test_values_put_together_are_within_tolerance_in_any_order(numbers, tolerance, random) -> None:
    rule = ValueRule(kind=ValueKind.NUMBER, tolerance=tolerance)
    values = [read(number, rule) for number in numbers]
    stands = merged(values, rule)
    by_key = {value.key: value for value in values}
    assert all(same(by_key[key], by_key[first], rule) for key, first in stands.items())
    random.shuffle(values)
    assert merged(values, rule) == stands


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Knuth, Donald E.", {"knuth d"}),
        ("Donald E. Knuth", {"knuth d"}),
        ("KNUTH", {"knuth"}),
        ("Hernandez, Michael J./ Viescas, John L./", {"hernandez m", "viescas j"}),
        ("Conry-Murray, AndrewWeafer, Vincent", {"conrymurray a", "weafer v"}),
        ("Hugh Darwen, C. J. Date", {"darwen h", "date c"}),
        ("Tan, Pang-Ning, Steinbach, Michael, Kumar, Vipin", {"tan p", "steinbach m", "kumar v"}),
        ("Meyers, Scott (Author)", {"meyers s"}),
        ("L., Richard Carley", {"carley l"}),
        ("Not Available", set()),
    ],
)
def test_people_are_read_from_lists_as_catalogues_write_them(text, keys) -> None:
    assert set(people(text)) == keys


def test_a_bare_surname_is_the_one_person_of_that_name() -> None:
    rule = ValueRule(names=True)
    values = [read(text, rule) for text in ("Knuth", "Knuth, D.", "Date", "Date, C.; Date, H.")]
    parts = [read(part, rule) for value in values for part in value.parts]
    stands = merged(parts, rule)
    assert stands["knuth"] == "knuth d"
    assert stands["date"] == "date"
