"""JSON of files: integers that would lose digits are refused, and numbers with many digits behind a point are read."""

import json

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.json_values import has_many_digits, read_json

FITS, TOO_LONG = 2**63 - 1, 2**63


@pytest.mark.parametrize("shape", ["%d", "[1.5, %d]", '{"a": [0.12345678901234567890, %d]}', "[%d, 1e5]"])
def test_an_integer_beyond_64_bits_is_refused_wherever_it_is(shape: str) -> None:
    for number in (FITS, -FITS - 1):
        assert str(number) in str(read_json((shape % number).encode()))
    for number in (TOO_LONG, -TOO_LONG - 1, 10**40):
        with pytest.raises(InvalidInput, match="64 bits"):
            read_json((shape % number).encode())


@pytest.mark.parametrize(
    "text", ["0.1234567890123456789", "[-0.00118350982666015625, 1.5]", "1.1234567890123456789e-7"]
)
def test_digits_behind_a_point_are_no_long_integer(text: str) -> None:
    assert not has_many_digits(text.encode())
    assert read_json(text.encode()) == json.loads(text)
