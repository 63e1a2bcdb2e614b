"""Vectors of descriptions as evidence: how much nearer two are than any two, and who is nearest to whom.

A cosine means nothing by itself: of two texts that have nothing to do with each other it is 0.1 in one embedding space
and 0.7 in another. So it is read from the median of random pairs (0) to equal vectors (1).
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kgmem.domain.text.resolution import Described

LEAST_VECTORS = 30  # Fewer do not show how near two are by chance.
_NEIGHBOURS = 4  # Pairs that a vector finds.
_AT_ONCE = 256  # Vectors that are compared with all others in one product.
_DRAWN = 4000  # Random pairs.
_LEAST_ROOM = 0.05  # Between chance and 1; a space in which all vectors are the same tells nothing.


class Meaning:
    """The vectors of some of many descriptions, of one dimension."""

    def __init__(self, described: Sequence[Described]) -> None:
        """Take the vectors of the commonest dimension; none where they are fewer than 30."""
        told = {at: each.vector for at, each in enumerate(described) if each.vector is not None and len(each.vector)}
        sizes = Counter(len(vector) for vector in told.values())
        size = max(sizes, key=lambda each: (sizes[each], each), default=0)
        places = [at for at, vector in told.items() if len(vector) == size]
        self.places: Mapping[int, int] = {}
        if len(places) >= LEAST_VECTORS:
            self._fill(places, [told[at] for at in places])

    def _fill(self, places: Sequence[int], vectors: Sequence[Sequence[float]]) -> None:
        units = np.array([np.asarray(vector, np.float32) for vector in vectors])
        lengths = np.linalg.norm(units, axis=1, keepdims=True)
        kept = np.flatnonzero(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0))
        if len(kept) < LEAST_VECTORS:
            return
        self._units: NDArray[np.float32] = units[kept] / lengths[kept]
        draw = np.random.default_rng(0)
        one, other = (draw.integers(0, len(kept), _DRAWN) for _ in range(2))
        cosines = np.einsum("ij,ij->i", self._units[one], self._units[other])[one != other]
        self._chance = float(np.median(cosines))
        if self._chance <= 1 - _LEAST_ROOM:
            self.places = {places[at]: row for row, at in enumerate(kept.tolist())}

    def near(self) -> list[tuple[int, int]]:
        """Return the pairs whose vectors are nearest, a few of each description, the smaller place first."""
        place_of = list(self.places)
        pairs: set[tuple[int, int]] = set()
        for first in range(0, len(place_of), _AT_ONCE):
            cosines = self._units[first : first + _AT_ONCE] @ self._units.T
            rows = np.arange(len(cosines))
            cosines[rows, rows + first] = -2.0
            nearest = np.argpartition(-cosines, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
            for row, others in enumerate(nearest.tolist(), first):
                ends = ((place_of[row], place_of[other]) for other in others)
                pairs.update((min(each), max(each)) for each in ends)
        return sorted(pairs)

    def nearness(self, left: int, right: int) -> float | None:
        """Return how near two vectors are, 0 as by chance and 1 where they are equal; None where one has none."""
        one, other = self.places.get(left), self.places.get(right)
        if one is None or other is None:
            return None
        cosine = float(self._units[one] @ self._units[other])
        return max((cosine - self._chance) / (1 - self._chance), -1.0)
