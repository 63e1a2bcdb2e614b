"""Stretches of files in columns: cut into pieces, everything stays in the order of the file."""

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.entity import Entity
from kgmem.domain.space.place import parse_place
from kgmem.formats.io.chunks import Found, pieces, weight_of
from kgmem.formats.records import Located, Rejected

# What stands on each line of a block: in columns of one kind or of the other, by itself, rejected, twice, or nothing.
BLOCKS = st.lists(st.lists(st.sampled_from("eerrlx2."), max_size=12), max_size=5)


def read(blocks: list[list[str]]) -> list[tuple[str, Found]]:
    """Return what a reader gives of blocks, of one file after the other."""
    given_: list[tuple[str, Found]] = []
    for number, block in enumerate(blocks):
        file, first = ("one", 1) if number < 3 else ("two", 1)
        first += sum(len(before) for before in (blocks[:number] if number < 3 else blocks[3:number]))
        places = {kind: [first + n for n, what in enumerate(block) if what == kind] for kind in "er"}
        for lines in places.values():
            if lines:
                texts = pa.array([str(line) for line in lines])
                until = first + len(block) - 1
                given_.append((file, Columns("entity", pa.array(lines, pa.int64()), {"key": texts}, [], until)))
        for n, what in enumerate(block):
            if what in "l2":
                given_ += [(file, Located(first + n, Entity(str(first + n))))] * (2 if what == "2" else 1)
            elif what == "x":
                given_.append((file, Rejected(first + n, "", "")))
    return given_


def lines_of(found: Found) -> list[int]:
    return found.lines.to_pylist() if isinstance(found, Columns) else [found.line]


@given(BLOCKS, st.integers(1, 6))
def test_each_piece_ends_before_the_next_begins(blocks: list[list[str]], size: int) -> None:
    items = read(blocks)
    cut = list(pieces(items, size))
    for file in ("one", "two"):
        told = [sorted(line for name, found in piece if name == file for line in lines_of(found)) for piece in cut]
        told = [lines for lines in told if lines]
        assert all(before[-1] <= after[0] for before, after in pairwise(told))
        every = sorted(line for name, found in items if name == file for line in lines_of(found))
        assert [line for lines in told for line in lines] == every
    for piece in cut:
        assert sum(weight_of(found) for _, found in piece) <= 2 * size + 2
        for _, found in piece:
            if isinstance(found, Columns):
                assert found.fields["key"].to_pylist() == [str(line) for line in lines_of(found)]


def test_long_texts_weigh_more() -> None:
    long = [("f", Located(n, Entity(str(n), text="x" * 40_000))) for n in range(10)]
    assert [weight_of(found) for _, found in long] == [11.0] * 10
    columns = Columns("entity", pa.array([100], pa.int64()), {"key": pa.array(["a"])}, [], 100)
    assert len(list(pieces([("f", columns), *long], 20))) > 4


NUMBERS = [float(n) for n in range(2000)]
RING = [[0.0, 0.0], *([1.0, float(n)] for n in range(1, 80)), [0.0, 0.0]]


@pytest.mark.parametrize(
    "record",
    [
        Entity("k", text="x" * 16_000),
        Entity("k", properties={"nested": {"list": ["x" * 8_000, ["y" * 8_000]]}}),
        Entity("k", embedding=NUMBERS),
        Entity("k", place=parse_place({"type": "MultiPolygon", "coordinates": [[RING]] * 20})),
        BeliefRecord("claim", {"value": ["x" * 16_000]}),
    ],
    ids=["text", "nested", "vector", "shape", "claim"],
)
def test_a_large_record_counts_as_several_whatever_makes_it_large(record: Any) -> None:
    assert 4 <= weight_of(Located(1, record)) <= 10
    assert weight_of(Located(1, Entity("k", "Person", "Ann", {"age": 5}))) < 1.1
