"""Synthetic rows: texts whose words are as unequal as words are, vectors in clusters, places and times."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bench.rig.database import DIMENSION
from kgmem.domain.graph.entity import Entity
from kgmem.domain.space.place import parse_place

T = TypeVar("T")
Matrix = npt.NDArray[np.float32]
LABELS = ("Person", "Place", "Organization", "Event", "Work")
_CLUSTERS = 1000
_WORDS = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """One entity as both sides of a benchmark store it."""

    key: str
    label: str
    name: str
    text: str
    vector: bytes  # 32-bit floats
    lon: float
    lat: float
    year: int

    def entity(self, *, placed: bool = True) -> Entity:
        """Return the statement that kgmem is sent."""
        return Entity(
            key=self.key,
            label=self.label,
            name=self.name,
            text=self.text,
            embedding=array("f", self.vector),
            place=parse_place([self.lon, self.lat]) if placed else None,
            valid_from=str(self.year) if placed else None,
        )

    @property
    def body(self) -> str:
        """The words that are searched."""
        return f"{self.name}\n{self.text}"


class Corpus:
    """Rows of one seed: the same rows in every run."""

    def __init__(self, count: int, seed: int = 1) -> None:
        """Make the vectors of `count` rows; the rows themselves are made as they are asked for."""
        self._random = np.random.default_rng(seed)
        self.count = count
        self._words = _vocabulary(self._random)
        # Word n is about 1/n as frequent as the first, as in languages.
        weights = 1 / np.arange(2, _WORDS + 2)
        self._weights = np.cumsum(weights / weights.sum())
        centres = self._random.standard_normal((_CLUSTERS, DIMENSION), np.float32)
        near = self._random.integers(0, _CLUSTERS, count)
        noise = self._random.standard_normal((count, DIMENSION), np.float32)
        self.vectors: Matrix = _unit(centres[near] + 0.7 * noise)
        self._drawn = self._draw((count, 15))

    def _draw(self, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
        found: npt.NDArray[np.intp] = np.searchsorted(self._weights, self._random.random(shape))
        return np.minimum(found, _WORDS - 1)

    def row(self, at: int) -> Row:
        """Return a row by its place."""
        words = [self._words[n] for n in self._drawn[at]]
        return Row(
            key=f"e{at}",
            label=LABELS[at % len(LABELS)],
            name=f"{words[0]} {words[1]}".title(),
            text=" ".join(words[2:]),
            vector=self.vectors[at].tobytes(),
            lon=round(at * 0.618 % 360 - 180, 6),
            lat=round(at * 0.4142 % 170 - 85, 6),
            year=1900 + at % 120,
        )

    def rows(self) -> Iterator[Row]:
        """Return all rows."""
        return map(self.row, range(self.count))

    def questions(self, count: int) -> list[tuple[str, Sequence[float], Matrix]]:
        """Return questions: four words of some row, a vector near that row's as floats, and the same as an array."""
        chosen = self._random.integers(0, self.count, count)
        noise = self._random.standard_normal((count, DIMENSION), np.float32)
        near = _unit(self.vectors[chosen] + 0.02 * noise)
        words = [[self._words[n] for n in self._drawn[at][2:6]] for at in chosen]
        return [(" ".join(four), vector.tolist(), vector) for four, vector in zip(words, near, strict=True)]

    def nearest(self, vector: Matrix, k: int) -> set[str]:
        """Return the keys of the k rows nearest to a vector, by comparing with every row."""
        values = self.vectors @ vector
        best = np.argpartition(-values, min(k, self.count - 1))[:k]
        return {f"e{at}" for at in best}


def _vocabulary(random: np.random.Generator) -> list[str]:
    syllables = [
        c + v for c in ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "t", "v", "z", "st", "br") for v in "aiou"
    ]
    found: dict[str, None] = {}
    while len(found) < _WORDS:
        found["".join(random.choice(syllables, random.integers(2, 5)))] = None
    return list(found)


def _unit(vectors: Matrix) -> Matrix:
    scaled: Matrix = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Return the items in lists of a size; the last one may be shorter."""
    while batch := list(islice(items, size)):
        yield batch
