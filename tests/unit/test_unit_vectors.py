"""Vectors scaled together are those that are scaled one by one, and a bad one is refused by the name of its entity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import EmbeddingMismatch
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.graph import Graph
from kgmem.store.write.rows import unit_vector, unit_vectors

DIMENSION = 5
GRAPH = Graph("g", space=EmbeddingSpace("test", "m", DIMENSION))
NUMBER = st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) > 1e-6)
VECTOR = st.lists(NUMBER, min_size=DIMENSION, max_size=DIMENSION).filter(any)
HUGE = [1e300, 0.0, 1e300, 0.0, 0.0]  # Squares that no float holds.


@given(st.lists(st.one_of(VECTOR, st.just(HUGE)), min_size=1, max_size=20))
def test_what_comes_of_one_vector_does_not_depend_on_the_others(vectors: list[list[float]]) -> None:
    keys = [f"k{n}" for n in range(len(vectors))]
    together = unit_vectors(GRAPH, keys, vectors)
    for key, vector, scaled in zip(keys, vectors, together, strict=True):
        assert list(scaled) == list(unit_vector(GRAPH, key, vector))
        assert np.linalg.norm(np.asarray(scaled, dtype=np.float64)) == pytest.approx(1, abs=1e-6)
        assert list(unit_vector(GRAPH, key, np.asarray(scaled, dtype=np.float16).astype(np.float32))) == list(
            np.asarray(scaled, dtype=np.float16).astype(np.float32)
        )


@pytest.mark.parametrize("large", [65520.0, 1e10, 1e14, 1e30])
def test_numbers_that_no_half_holds_are_scaled(large: float) -> None:
    small, scaled = unit_vectors(GRAPH, ["a", "b"], [[1.0] * DIMENSION, [0.0, 0.0, large, 0.0, 0.0]])
    assert list(scaled) == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert float(small[0]) == pytest.approx(DIMENSION**-0.5)


@pytest.mark.parametrize("bad", [[0.0] * DIMENSION, [float("nan")] * DIMENSION, [float("inf")] * DIMENSION, [1.0]])
def test_a_bad_vector_among_good_ones_is_refused_by_its_name(bad: list[float]) -> None:
    good = [1.0] * DIMENSION
    with pytest.raises(EmbeddingMismatch, match="'b'"):
        unit_vectors(GRAPH, ["a", "b", "c"], [good, bad, good])


def test_a_graph_without_a_space_takes_no_vector() -> None:
    with pytest.raises(EmbeddingMismatch, match="no embedding space"):
        unit_vectors(Graph("g"), ["a"], [[1.0]])
