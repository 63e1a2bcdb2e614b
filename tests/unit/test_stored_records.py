"""Properties as they are stored: a number that 64 bits do not hold is refused wherever it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.store.graph.records import encoded

DIGITS = st.text(alphabet="0123456789x ", max_size=60)


@given(DIGITS, st.integers(2**63, 2**64 - 1), st.sampled_from([1, -1]), DIGITS)
def test_a_number_that_does_not_fit_is_refused_wherever_it_stands(
    before: str, number: int, sign: int, after: str
) -> None:
    wrong = {"a": before, "n": [1, number * sign], "z": after}
    with pytest.raises(InvalidInput, match="64 bits"):
        encoded(wrong)


@given(DIGITS, st.integers(-(2**63), 2**63 - 1), DIGITS)
def test_numbers_that_fit_and_digits_in_texts_are_stored(before: str, number: int, after: str) -> None:
    assert str(number).encode() in encoded({"a": before, "n": [1, number], "z": after + "9" * 40})
