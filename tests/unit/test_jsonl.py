"""JSON Lines, read and written."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.formats.io import lines
from kgmem.formats.kgmem import jsonl
from kgmem.formats.records import Located, ReadOptions, Rejected, WriteOptions
from tests.records import records


def read(data: bytes | str, **options: Any) -> list[Located | Rejected]:
    raw = data.encode() if isinstance(data, str) else data
    return list(jsonl.read(io.BytesIO(raw), ReadOptions(**options)))


def write(items: list[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    writer = jsonl.JSONLinesWriter(stream, WriteOptions(**options))
    writer.write(items)
    writer.close()
    return stream.getvalue()


@given(st.lists(records, max_size=5))
def test_what_was_written_is_read_back_as_the_same(items: list[Any]) -> None:
    assert read(write(items)) == [Located(n, item) for n, item in enumerate(items, start=1)]


def test_fields_are_written_in_alphabetical_order_with_the_type() -> None:
    line = write([Entity("b", "City", "Bern", {"z": 1, "a": 2})])
    assert line == b'{"key":"b","label":"City","name":"Bern","properties":{"a":2,"z":1},"type":"entity"}\n'


def test_only_the_asked_kind_is_written() -> None:
    assert write([Entity("a"), Source("s")], kind="source") == b'{"key":"s","type":"source"}\n'


def test_a_file_of_one_kind_needs_no_types() -> None:
    found = read('{"key": "a", "label": "City"}\n{"key": "b"}\n\n{"type": "source", "key": "s"}\n{"key": "c"}')
    assert found == [
        Located(1, Entity("a", "City")),
        Located(2, Entity("b")),
        Located(4, Source("s")),
        Located(5, Entity("c")),
    ]


def test_the_kind_can_be_told() -> None:
    assert read('{"key": "s", "name": "S"}', kind="source") == [Located(1, Source("s", "S"))]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"key": ', "not JSON"),
        ('"text"', "no object"),
        ('{"type": "person", "key": "a"}', "no type 'person'"),
        ('{"type": ["entity"], "key": "a"}', "no type"),
        ('{"key": "a", "properties": {"n": 9223372036854775808}}', "64 bits"),
        ('{"key": "a", "properties": {"n": 1e999}}', "not JSON"),
        ('{"key": "a\\u0000"}', "NUL"),
        ("{}", "needs key"),
    ],
)
def test_a_bad_line_is_rejected_with_its_number_and_the_rest_is_read(line: str, says: str) -> None:
    first, second, third = read('{"key": "a"}\n' + line + '\n{"key": "b"}\n')
    assert isinstance(second, Rejected)
    assert (second.line, second.record) == (2, line)
    assert says in second.reason
    assert isinstance(first, Located)
    assert isinstance(third, Located)


def test_a_first_record_that_does_not_tell_its_kind_is_rejected() -> None:
    (found,) = read('{"name": "a"}')
    assert isinstance(found, Rejected)
    assert "do not tell" in found.reason


def test_digits_in_a_text_are_no_integer() -> None:
    (found,) = read(json.dumps({"key": "9" * 30}))
    assert isinstance(found, Located)


def test_bytes_that_are_not_utf8_are_rejected() -> None:
    (found,) = read(b'{"key": "caf\xe9"}\n')
    assert isinstance(found, Rejected)
    assert "not JSON" in found.reason


def test_a_byte_order_mark_is_taken_off() -> None:
    assert read(b'\xef\xbb\xbf{"key": "a"}') == [Located(1, Entity("a"))]


@pytest.mark.parametrize("data", ['[\n{"key": "a"}\n]', '[{"key": "a"}]', '{\n"key": "a"\n}'])
def test_one_json_document_is_refused_as_such(data: str) -> None:
    with pytest.raises(InvalidInput, match="one JSON document"):
        read(data)


def test_utf16_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="UTF-16"):
        read('{"key": "a"}'.encode("utf-16"))


def test_a_line_that_is_too_long_is_rejected_without_being_held() -> None:
    stream = io.BytesIO(b"x" * 50 + b"\nshort\n" + b"y" * 20)
    assert list(lines.numbered_lines(stream, longest=10)) == [(1, None), (2, b"short\n"), (3, None)]
