"""Vectors in three bits a number, for archived items: signs, which an index compares, and two bits that refine them.

A vector is turned first by a fixed orthogonal map (signs, Hadamard transforms and permutations), so that its numbers
have one distribution whatever the embedder is. Each is then one of the eight levels that fit a normal distribution best
(Max, "Quantizing for Minimum Distortion", 1960). The cosine of a stored vector and an exact one is off by 0.01.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import numpy as np

_ROUNDS: Final = 3
# Of numbers with variance 1: between the levels, and the levels themselves.
_THRESHOLDS: Final = np.array([-1.748, -1.050, -0.5006, 0.0, 0.5006, 1.050, 1.748], dtype=np.float32)
# What the cosine of a vector and what its code stands for is in the mean: estimates are divided by it.
_FIDELITY: Final = np.float32(0.9826)
_LEVELS: Final = np.array([-2.152, -1.344, -0.7560, -0.2451, 0.2451, 0.7560, 1.344, 2.152], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Code:
    """A vector as the archive stores it: its signs, and the two further bits of all numbers, one after the other."""

    signs: bytes
    more: bytes


def encode(vectors: Sequence[Sequence[float]]) -> list[Code]:
    """Return the codes of vectors of one dimension."""
    rows = np.asarray(vectors, dtype=np.float32)
    if not len(rows):
        return []
    turned = _turned(rows) * np.sqrt(np.float32(rows.shape[1]))
    levels = np.searchsorted(_THRESHOLDS, turned, side="right").astype(np.uint8)
    planes = [np.packbits((levels >> bit) & 1, axis=1) for bit in (2, 1, 0)]
    return [Code(sign.tobytes(), high.tobytes() + low.tobytes()) for sign, high, low in zip(*planes, strict=True)]


def decode(codes: Sequence[Code], dimension: int) -> Any:
    """Return the vectors that codes stand for, scaled to length 1, one in a row."""
    turned = _decoded(codes, dimension)
    return _turned_back(turned) if len(codes) else turned


def signs_of(vector: Sequence[float]) -> bytes:
    """Return the signs of a vector, which an index compares with those of others."""
    return encode([vector])[0].signs


def cosines(vector: Sequence[float], codes: Sequence[Code]) -> Any:
    """Return the cosines of a vector of length 1 and those that codes stand for."""
    if not codes:
        return np.zeros(0, dtype=np.float32)
    turned = _turned(np.asarray([vector], dtype=np.float32))[0]
    return _decoded(codes, len(turned)) @ turned / _FIDELITY


def _decoded(codes: Sequence[Code], dimension: int) -> Any:
    """Return the turned vectors of codes, scaled to length 1."""
    width = (dimension + 7) // 8
    packed = np.frombuffer(b"".join(code.signs + code.more for code in codes), dtype=np.uint8)
    bits = np.unpackbits(packed.reshape(len(codes), 3, width), axis=2, count=dimension)
    rows = _LEVELS[(bits[:, 0] << 2) | (bits[:, 1] << 1) | bits[:, 2]]
    lengths: Any = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)


@lru_cache(maxsize=8)
def _map_of(dimension: int) -> tuple[int, tuple[Any, ...], tuple[Any, ...]]:
    """Return the block of the Hadamard transforms, and the signs and the order of each round; they never change."""
    block = dimension & -dimension
    flips, orders = [], []
    for turn in range(_ROUNDS):
        noise = [blake2b(f"{turn} {at}".encode(), digest_size=8).digest() for at in range(dimension)]
        flips.append(np.array([1.0 if each[0] & 1 else -1.0 for each in noise], dtype=np.float32))
        orders.append(np.array(sorted(range(dimension), key=noise.__getitem__)))
    return block, tuple(flips), tuple(orders)


def _turned(rows: Any) -> Any:
    block, flips, orders = _map_of(rows.shape[1])
    for flip, order in zip(flips, orders, strict=True):
        rows = _hadamard(rows[:, order] * flip, block)
    return rows


def _turned_back(rows: Any) -> Any:
    block, flips, orders = _map_of(rows.shape[1])
    for flip, order in zip(reversed(flips), reversed(orders), strict=True):
        before = _hadamard(rows, block) * flip
        rows = np.empty_like(before)
        rows[:, order] = before
    return rows


def _hadamard(rows: Any, block: int) -> Any:
    """Return the orthonormal Hadamard transform of each block of each row; it is its own inverse."""
    count, dimension = rows.shape
    shaped = rows.reshape(count, dimension // block, block)
    width = 1
    while width < block:
        pairs = shaped.reshape(count, dimension // block, block // (2 * width), 2, width)
        shaped = np.stack([pairs[..., 0, :] + pairs[..., 1, :], pairs[..., 0, :] - pairs[..., 1, :]], axis=3)
        width *= 2
    return shaped.reshape(count, dimension) / np.sqrt(np.float32(block))
