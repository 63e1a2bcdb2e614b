"""Bytes: a value that queries pass on, store, compare and order, and that every door knows."""

from hypothesis import given
from hypothesis import strategies as st

from kgmem.query.values.agtype import from_agtype, to_agtype
from kgmem.query.values.comparison import equals, group_key, order_key
from kgmem.query.values.native import from_python
from kgmem.query.values.query_api import typed, untyped
from kgmem.query.values.wire import from_json, to_json


@given(st.binary(), st.binary())
def test_bytes_keep_their_form_everywhere(one: bytes, other: bytes) -> None:
    assert from_python(bytearray(one)) == one
    assert from_agtype(to_agtype({"b": [one]})) == {"b": [one]}
    assert from_json(to_json(one)) == one
    assert untyped(typed(one, str)) == one
    assert equals(one, other) is (one == other)
    assert equals(one, "x") is False
    assert (group_key(one) == group_key(other)) is (one == other)
    assert (order_key(one) < order_key(other)) is (one < other)
    assert order_key(1.5) < order_key(one) < order_key(None)
