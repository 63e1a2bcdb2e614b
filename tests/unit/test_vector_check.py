"""No vector enters kgmem that is missing, of another dimension, not finite or without a direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import EmbedderUnavailable, EmbeddingMismatch, KgmemError
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.embedding.check import unit_rows

SPACE = EmbeddingSpace(provider="test", model="m", dimension=3)


@pytest.mark.parametrize(
    ("answer", "count", "error"),
    [
        ([], 1, EmbedderUnavailable),
        ([[1, 0, 0]], 2, EmbedderUnavailable),
        ([[]], 1, EmbedderUnavailable),
        ([[0, 0, 0]], 1, EmbedderUnavailable),
        ([[float("nan"), 0, 1]], 1, EmbedderUnavailable),
        ([[float("inf"), 0, 1]], 1, EmbedderUnavailable),
        ([[1e300, 0, 1]], 1, EmbedderUnavailable),
        ([["a", "b", "c"]], 1, EmbedderUnavailable),
        (["abc"], 1, EmbedderUnavailable),
        ([None], 1, EmbedderUnavailable),
        ([7], 1, EmbedderUnavailable),
        ([[[1], [2], [3]]], 1, EmbeddingMismatch),
        ([[1, 0]], 1, EmbeddingMismatch),
        ([[1, 0, 0], [1, 0, 0, 0]], 2, EmbeddingMismatch),
        (np.ones((2, 4), np.float32), 2, EmbeddingMismatch),
    ],
    ids=repr,
)
def test_a_useless_answer_is_refused(answer: list[object], count: int, error: type[KgmemError]) -> None:
    with pytest.raises(error, match="test:m"):
        unit_rows(answer, count, SPACE)


def test_a_wrong_dimension_names_both() -> None:
    with pytest.raises(EmbeddingMismatch) as error:
        unit_rows([[1.0, 2.0]], 1, SPACE)
    assert (error.value.facts["given"], error.value.facts["expected"]) == (2, 3)


def test_no_texts_need_no_vectors() -> None:
    assert unit_rows([], 0, SPACE) == []


NUMBERS = st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30)


@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3).filter(any), min_size=1, max_size=5))
def test_good_vectors_keep_their_direction_and_get_length_one(rows: list[list[float]]) -> None:
    for row, vector in zip(rows, unit_rows(rows, len(rows), SPACE), strict=True):
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
        assert np.dot(vector, row) == pytest.approx(float(np.linalg.norm(np.asarray(row))), rel=1e-4)
