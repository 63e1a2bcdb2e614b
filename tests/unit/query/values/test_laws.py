"""Laws that comparison, order, equivalence and storage of Cypher's values keep, whatever the values."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from kgmem.query.values.agtype import from_agtype, restored, stored, to_agtype
from kgmem.query.values.comparison import at_most, contains, equals, greater, group_key, less, order_key
from tests.cypher_values import numbers, plain, storable, temporals, values

_PAIRS = st.one_of(
    st.tuples(values, values),
    values.map(lambda value: (value, value)),
    st.tuples(numbers, numbers),
    st.tuples(temporals, temporals),
    st.tuples(st.lists(plain, max_size=3), st.lists(plain, max_size=3)),
)


def same(left: object, right: object) -> bool:
    return group_key(left) == group_key(right)


@given(st.lists(values, max_size=4))
def test_any_values_can_be_sorted(found: list[object]) -> None:
    keys = sorted(map(order_key, found))
    assert all(one <= other for one, other in itertools.pairwise(keys))


@given(values, values, values)
def test_the_order_is_transitive_and_total(a: object, b: object, c: object) -> None:
    one, other, third = order_key(a), order_key(b), order_key(c)
    assert (one < other) + (other < one) + (one == other) == 1
    if one <= other <= third:
        assert one <= third


@given(_PAIRS)
def test_what_is_less_comes_first_in_the_order(pair: tuple[object, object]) -> None:
    left, right = pair
    if less(left, right):
        assert order_key(left) < order_key(right)
    assert less(left, right) == greater(right, left)


@given(_PAIRS)
def test_less_and_equal_exclude_each_other(pair: tuple[object, object]) -> None:
    left, right = pair
    assert not (less(left, right) and equals(left, right))
    if at_most(left, right):
        assert less(left, right) or equals(left, right)


@given(_PAIRS)
def test_equal_values_are_grouped_together_and_others_are_not(pair: tuple[object, object]) -> None:
    left, right = pair
    assert equals(left, right) == equals(right, left)
    if equals(left, right):
        assert same(left, right)
    if equals(left, right) is False and not _has_nan(left):
        assert not same(left, right)
    if same(left, right):
        assert hash(group_key(left)) == hash(group_key(right))


def _has_nan(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_nan, value))
    if isinstance(value, dict):
        return any(map(_has_nan, value.values()))
    return value != value


@given(values)
def test_every_value_is_the_same_as_itself(value: object) -> None:
    assert same(value, value)
    assert order_key(value) == order_key(value)


@given(st.lists(values, max_size=3), values)
def test_in_is_equality_with_one_of_the_items(items: list[object], value: object) -> None:
    found = [equals(item, value) for item in items]
    assert contains(items, value) is (True if True in found else None if None in found else False)


@settings(max_examples=300)
@given(storable)
def test_what_is_stored_comes_back(value: object) -> None:
    assert group_key(from_agtype(to_agtype(value))) == group_key(value)
    assert group_key(restored(stored(value))) == group_key(value)


@given(
    st.dictionaries(st.sampled_from(["$type", "value", "srid", "x"]), st.one_of(st.text("ab1:-", max_size=4), numbers))
)
def test_any_map_that_another_client_wrote_can_be_read(plain_map: dict[str, object]) -> None:
    restored(plain_map)


def test_null_is_equal_to_nothing_and_one_equals_one_point_nought() -> None:
    assert equals(None, None) is None
    assert equals(1, 1.0) is True
    assert equals(1, True) is False
    assert same(1, 1.0)
    assert not same(1, True)
    assert same(float("nan"), float("nan"))
    assert equals(float("nan"), float("nan")) is False
    assert equals(2**53 + 1, float(2**53)) is False


def test_lists_compare_item_by_item() -> None:
    assert less([1, 0], [1]) is False
    assert less([1], [1, 0]) is True
    assert less([1, None], [1, 2]) is None
    assert less([1, 2], [3, None]) is True
    assert less(1, "a") is None


def test_the_order_of_types_is_that_of_opencypher() -> None:
    found = [None, 1, True, "a", [1], {"a": 1}]
    assert sorted(found, key=order_key) == [{"a": 1}, [1], "a", True, 1, None]
