"""PackStream: written values are read back, as the official driver reads and writes them too."""

import math
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neo4j._codec.packstream import v1

from kgmem.bolt.packstream import DEPTH, BadPackStream, Packer, Structure, unpack, unpack_message

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from(
        [-(2**63), -(2**31) - 1, -(2**31), -32769, -129, -128, -17, -16, 127, 128, 32767, 2**31, 2**63 - 1]
    )
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["x" * 15, "x" * 16, "é" * 128, "x" * 70_000])
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=25,
)


def packed(value: Any, *, uuids: bool = False) -> bytes:
    out = bytearray()
    Packer({}, uuids=uuids).pack(value, out)
    return bytes(out)


def read(data: bytes, *, uuids: bool = False) -> Any:
    return unpack(data, Structure, uuids=uuids)


@pytest.mark.long
@given(PLAIN)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert read(packed(value)) == value


@given(PLAIN)
def test_the_official_driver_reads_what_is_written(value: Any) -> None:
    buffer = v1.UnpackableBuffer(packed(value))
    buffer.used = len(buffer.data)
    assert v1.Unpacker(buffer).unpack() == value


@given(PLAIN)
def test_what_the_official_driver_writes_is_read(value: Any) -> None:
    buffer = v1.PackableBuffer()
    v1.Packer(buffer).pack(value)
    assert read(bytes(buffer.data)) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for uuids in (False, True):
        try:
            read(data, uuids=uuids)
        except BadPackStream:
            continue


def test_not_a_number_stays_what_it_is() -> None:
    assert math.isnan(read(packed(math.nan)))


def test_a_structure_keeps_tag_and_fields() -> None:
    assert read(packed(Structure(0x4E, (1, ["A"], {})))) == Structure(0x4E, [1, ["A"], {}])


def test_a_uuid_is_16_bytes_in_packstream_2_and_a_text_before() -> None:
    value = UUID(int=7)
    assert read(packed(value, uuids=True), uuids=True) == value
    assert read(packed(value)) == str(value)
    with pytest.raises(BadPackStream, match="0xE0"):
        read(packed(value, uuids=True))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "ends in the middle"),
        (b"\x85abc", "ends in the middle"),
        (b"\xd6\xff\xff\xff\xff", "ends in the middle"),
        (b"\xda\x7f\xff\xff\xff", "ends in the middle"),
        (b"\xa1\x01\x01", "not a string"),
        (b"\xa2\x81a\x01\x81a\x02", "twice"),
        (b"\x82\xff\xfe", "not valid UTF-8"),
        (b"\x01\x01", "follow"),
        (b"\xc4", "0xC4"),
        (b"\x91" * (DEPTH + 2) + b"\x01", "nested"),
    ],
)
def test_bytes_that_are_no_value_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(BadPackStream, match=problem):
        read(data)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\ud800", object()])
def test_values_that_have_no_form_are_refused(value: Any) -> None:
    with pytest.raises(BadPackStream):
        packed(value)


def test_a_message_is_a_structure_whose_fields_are_values() -> None:
    assert unpack_message(b"\xb2\x10\x01\xa0", Structure) == (0x10, [1, {}])
    with pytest.raises(BadPackStream, match="not a structure"):
        unpack_message(b"\x01\x02", Structure)
