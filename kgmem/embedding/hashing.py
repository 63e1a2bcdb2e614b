"""Feature hashing: vectors from words and their pieces alone, without a model; for tests and for trying things out.

Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009): each feature is added to the place its
hash names, with the sign its hash names, so that collisions cancel on average. Texts that share words are near.
"""

import asyncio
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from kgmem.domain.graph.embedding import EmbeddingSpace, Role, Vector
from kgmem.embedding.check import unit_rows

_WORD: Final = re.compile(r"\w+")
_WORD_WEIGHT: Final = 2
# Up to here the vectors are made at once: to hand so little to a thread takes longer than to do it.
_FEW: Final = 32


class HashEmbedder:
    """Embeds by feature hashing: the same text gives the same vector on every machine."""

    def __init__(self, dimension: int = 384) -> None:
        """Take the number of places that features are hashed to."""
        self._space = EmbeddingSpace(
            provider="hash", model="words-and-trigrams", dimension=dimension, revision="1", max_tokens=1_000_000
        )

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return self._space

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:  # noqa: ARG002
        """Return one vector of length 1 a text; both roles share one way."""
        if len(texts) <= _FEW:
            return self._vectors(texts)
        return await asyncio.to_thread(self._vectors, texts)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        rows = np.zeros((len(texts), self._space.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            self._fill(row, text)
        return unit_rows(rows, len(texts), self._space)

    def _fill(self, row: npt.NDArray[np.float32], text: str) -> None:
        hashes = [h for word in _WORD.findall(text.lower()) for h in _features(word)]
        if not hashes:
            hashes = [_hash(text.strip())]
        numbers = np.array(hashes, np.int64)
        np.add.at(row, (numbers >> 1) % len(row), np.where(numbers & 1, 1.0, -1.0))
        if not row.any():
            # Opposite signs in one place can cancel a short text to nothing, and every text has a vector.
            row[hashes[0] % len(row)] = 1.0


@lru_cache(maxsize=65_536)
def _features(word: str) -> tuple[int, ...]:
    """Return the hashes of the word, twice so that it weighs more, and of its three-letter pieces."""
    padded = f"^{word[:100]}$"
    pieces = (padded[n : n + 3] for n in range(len(padded) - 2))
    return (*(_hash(word),) * _WORD_WEIGHT, *map(_hash, pieces))


def _hash(feature: str) -> int:
    return crc32(feature.encode("utf-8", "surrogatepass"))
