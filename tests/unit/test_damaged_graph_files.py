"""Graph files that were damaged, or made to do damage, end in records, rejections or a clear error."""

import random
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.records import Located, Rejected
from tests.graph_files import read, write

ITEMS: list[Any] = [
    Entity("a", "A", "n", {"x": [1, {"a": 2}], "f": 1.5, "viz": {"size": 1.0}}, valid_from="1999"),
    Relationship("R", "a", "a", properties={"weight": 2, "b": True}),
]
SPLINTERS = [
    b'<node id="z">', b"</node>", b"<graph>", b"&#0;", b"&#x10FFFF;", b'"', b"9" * 30, b"1e999", b"NaN", b"<nodes>",
    b"null", b"[", b"{", b"[]", b"{}", b"\xff", b"\xed\xa0\x80", b"_x0000_", b"_xD800_", b'<data key="d0">', b"episode",
    b"kgmem_kind", b'"type":"node"', b"<!--", b"<![CDATA[", b"<!DOCTYPE x>", b"\x00",
]  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one to four pieces cut out, doubled or put in."""
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
        length = chance.randint(1, 60)
        piece = chance.choice(
            [b"", chance.choice(SPLINTERS), data[other : other + length], chance.randbytes(length % 4)]
        )
        data = data[:at] + piece + data[at + (length if not piece else 0) :]
    return data


@pytest.mark.parametrize("name", ["graphml", "gexf", "apoc", "jsonl"])
@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_file_ends_in_a_clear_error_if_in_any(name: str, seed: int) -> None:
    chance = random.Random(seed)
    whole = write("apoc" if name == "jsonl" else name, ITEMS)
    for _ in range(60):
        try:
            found = read(name, damaged(whole, chance))
        except InvalidInput as error:
            assert error.hint
        else:
            assert all(isinstance(item, Located | Rejected) for item in found)


@pytest.mark.parametrize("value", ["[]", "{}", "[[]]", '{"a": []}', "null", "1e400", '"\\u0000"', "true"])
@pytest.mark.parametrize(
    "line",
    [
        '{"type": %s, "id": "a"}',
        '{"type": "node", "id": "a", "properties": {"kgmem_kind": %s, "kgmem_key": %s, "kgmem_labels": %s}}',
        '{"type": "node", "id": "a", "properties": {"p": {"crs": "wgs-84", "longitude": 2, "latitude": %s}}}',
        '{"type": "node", "id": "a", "properties": {"kgmem_kind": "episode", "text": %s, "mentions": %s}}',
        '{"type": "relationship", "start": {"id": "a"}, "end": {"id": "a"}, "label": %s, "id": %s}',
        '{"type": "relationship", "start": {"id": "a"}, "end": {"id": "a"}, "properties": {"kgmem_from": %s}}',
    ],
)
def test_a_value_of_another_kind_than_expected_is_no_surprise(line: str, value: str) -> None:
    for name in ("apoc", "jsonl"):
        try:
            found = read(name, '{"type": "node", "id": "first"}\n' + line.replace("%s", value))
        except InvalidInput as error:
            pytest.fail(f"one line cost the whole file: {error}")
        assert len(found) == 2
