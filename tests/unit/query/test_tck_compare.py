"""The judge of TCK results: it takes nothing for right that is not."""

import pytest

from kgmem.query.values import Node, Path, Relationship
from kgmem.query.values.text import parse_date
from tests.tck import Rows
from tests.tck_compare import same_rows
from tests.tck_state import State
from tests.tck_values import value


def same(found: object, expected: str, *, lists_ordered: bool = True) -> bool:
    return same_rows(("x",), [(found,)], Rows(("x",), ((value(expected),),), lists_ordered=lists_ordered))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (1, "1"),
        (1.0, "1.0"),
        (True, "true"),
        (None, "null"),
        (float("nan"), "NaN"),
        ("1", "'1'"),
        ([1, None], "[1, null]"),
        ({"a": [1]}, "{a: [1]}"),
        (Node(7, ("B", "A"), {"x": 1}, "7"), "(:A:B {x: 1})"),
        (Relationship(7, "T", 1, 2, {}, "7"), "[:T]"),
        (parse_date("1984-10-11"), "'1984-10-11'"),
    ],
)
def test_what_is_the_same_is_taken_for_the_same(found: object, expected: str) -> None:
    assert same(found, expected)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (1.0, "1"),
        (1, "1.0"),
        (1, "true"),
        (True, "1"),
        (None, "'null'"),
        (0, "null"),
        ("1", "1"),
        ([2, 1], "[1, 2]"),
        ([1], "[1.0]"),
        ({"a": 1, "b": None}, "{a: 1}"),
        (Node(7, ("A",), {"x": 1}, "7"), "(:A:B {x: 1})"),
        (Node(7, ("A", "B"), {"x": 1.0}, "7"), "(:A:B {x: 1})"),
        (Relationship(7, "T", 1, 2, {}, "7"), "[:U]"),
        ({"x": 1}, "({x: 1})"),
        (parse_date("1984-10-12"), "'1984-10-11'"),
    ],
)
def test_what_is_not_the_same_is_not_taken_for_it(found: object, expected: str) -> None:
    assert not same(found, expected)


def test_a_path_has_its_directions() -> None:
    a, b = Node(1, ("A",), {}, "1"), Node(2, ("B",), {}, "2")
    forth = Path((a, b), (Relationship(3, "T", 1, 2, {}, "3"),))
    back = Path((a, b), (Relationship(3, "T", 2, 1, {}, "3"),))
    assert same(forth, "<(:A)-[:T]->(:B)>")
    assert same(back, "<(:A)<-[:T]-(:B)>")
    assert not same(back, "<(:A)-[:T]->(:B)>")


def test_rows_are_counted_and_their_order_matters_where_it_should() -> None:
    ordered = Rows(("x",), ((1,), (2,)), ordered=True)
    free = Rows(("x",), ((1,), (2,)))
    assert same_rows(("x",), [(2,), (1,)], free)
    assert not same_rows(("x",), [(2,), (1,)], ordered)
    assert not same_rows(("x",), [(1,), (2,), (2,)], free)
    assert not same_rows(("x",), [(1,)], free)
    assert not same_rows(("y",), [(1,), (2,)], free)
    assert not same_rows(("x",), [(1,)], Rows((), ()))
    assert same([2, 1], "[1, 2]", lists_ordered=False)
    assert not same([2, 2], "[1, 2]", lists_ordered=False)


def test_side_effects_are_what_is_different() -> None:
    before = State({1: {"a": 1}, 2: {}}, {5: {}}, frozenset({"A"}))
    after = State({1: {"a": 2}, 3: {"b": 1}}, {}, frozenset({"B"}))
    assert before.changes(after) == {
        "+nodes": 1,
        "-nodes": 1,
        "-relationships": 1,
        "+labels": 1,
        "-labels": 1,
        "+properties": 2,
        "-properties": 1,
    }
    assert before.changes(before) == {}


def test_a_node_of_another_id_is_another_node_though_it_has_the_same_properties() -> None:
    before = State({1: {"a": 1}}, {}, frozenset({"A"}))
    found = before.changes(State({9: {"a": 1}}, {}, frozenset({"A"})))
    assert found == {"+nodes": 1, "-nodes": 1, "+properties": 1, "-properties": 1}
