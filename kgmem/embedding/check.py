"""The one check that every provider's vectors pass: as many as asked for, of the right dimension, with a direction."""

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kgmem.domain.errors import EmbedderUnavailable, EmbeddingMismatch
from kgmem.domain.graph.embedding import EmbeddingSpace, Vector


def unit_rows(answer: Sequence[Any] | npt.NDArray[np.float32], count: int, space: EmbeddingSpace) -> list[Vector]:
    """Return the vectors scaled to length 1, each as an `array('f')`: 4 bytes a number, and numpy reads it in place.

    Raises EmbeddingMismatch for another dimension than the space's, EmbedderUnavailable for an answer of no use.
    """
    if len(answer) != count:
        raise _useless(space, f"gave {len(answer)} vectors for {count} texts")
    if count == 0:
        return []
    rows = answer if isinstance(answer, np.ndarray) else _as_rows(answer, space)
    if rows.shape != (count, space.dimension):
        raise _mismatch(space, rows.shape[-1])
    # Squares of large float32 numbers would overflow, so lengths are taken in float64.
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    if not np.isfinite(lengths).all():
        raise _useless(space, "gave a vector that is not finite")
    if not lengths.all():
        raise _useless(space, "gave a vector of zeros")
    units = (rows / lengths[:, None]).astype(np.float32)
    return [array("f", row.tobytes()) for row in units]


def _as_rows(answer: Sequence[Any], space: EmbeddingSpace) -> npt.NDArray[np.float32]:
    for vector in answer:
        try:
            length = len(vector)
        except TypeError as exc:
            raise _useless(space, f"gave {str(vector)[:40]!r} where a vector should be") from exc
        if length == 0:
            raise _useless(space, "gave an empty vector")
        if length != space.dimension:
            raise _mismatch(space, length)
    try:
        with np.errstate(over="ignore"):
            return np.asarray(answer, dtype=np.float32)
    except (TypeError, ValueError) as exc:
        raise _useless(space, "gave something that is not a number inside a vector") from exc


def _mismatch(space: EmbeddingSpace, given: int) -> EmbeddingMismatch:
    return EmbeddingMismatch(
        f"The embedder {space.provider}:{space.model} gave vectors of {given} dimensions, not of {space.dimension}.",
        hint=f"Set KGMEM_EMBEDDER_DIMENSION to what the model gives, or use the model that has {space.dimension}.",
        given=given,
        expected=space.dimension,
    )


def _useless(space: EmbeddingSpace, what: str) -> EmbedderUnavailable:
    return EmbedderUnavailable(
        f"The embedder {space.provider}:{space.model} {what}.",
        hint="Look at the provider's log; the texts are kept and can be embedded later.",
        provider=space.provider,
        model=space.model,
    )
