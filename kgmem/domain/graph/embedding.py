"""Embedding spaces, the port of embedders, and the check of every vector."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal, NamedTuple, Protocol

from kgmem.domain.errors import EmbeddingMismatch

Role = Literal["document", "query"]
Vector = Sequence[float]
# Which vectors of entities go out with an export: those that callers gave, all of them, or none.
WhichVectors = Literal["given", "all", "none"]


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """The identity of a vector space: vectors of two spaces are never compared."""

    provider: str
    model: str
    dimension: int
    revision: str = ""
    document_prefix: str = ""
    query_prefix: str = ""
    max_tokens: int = 512

    @property
    def id(self) -> str:
        """A hash of the space, in twelve hex digits."""
        return sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class RefusedPassage:
    """A passage that the embedder refused, and the reason; recall finds it by keywords only."""

    kind: Literal["entity", "episode", "fact"]
    key: str  # Of a fact, its id.
    scope: str
    ordinal: int  # Which passage of its text it is, from 0.
    reason: str


class WaitingPassage(NamedTuple):
    """A passage that waits for a vector, with the scope of its item, and the session and agent that this names."""

    id: int
    body: str
    scope: str
    session: str | None = None
    agent: str | None = None


class Embedder(Protocol):
    """Turns texts into unit vectors of one space."""

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        """Return one vector of length 1 per text, in order. Raises EmbedderUnavailable, EmbeddingMismatch."""

    async def aclose(self) -> None:
        """Release threads and connections."""


class SharedVectors(Protocol):
    """Vectors of questions that processes share. It may lose any of them at any time, and never raises."""

    async def get(self, space: str, digests: Sequence[bytes]) -> Sequence[bytes | None]:
        """Return the vectors of a space by the digests of their texts, as float32 numbers; None for an unknown one."""

    async def put(self, space: str, vectors: Mapping[bytes, bytes]) -> None:
        """Share vectors by the digests of their texts."""


def unit(vector: Vector, dimension: int, of: str = "the vector") -> list[float]:
    """Return the vector scaled to length 1. Raises EmbeddingMismatch for another dimension, NaN, infinity or zero."""
    if len(vector) != dimension:
        raise EmbeddingMismatch(
            f"{of} has {len(vector)} dimensions, and the graph's embedding space has {dimension}.",
            hint=f"Send vectors of {dimension} dimensions, or re-embed the graph with the other model.",
            given=len(vector),
            expected=dimension,
        )
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0.0:
        raise EmbeddingMismatch(
            f"{of} is all zeros, or contains NaN or infinity.", hint="Send a finite vector that is not all zeros."
        )
    return [x / length for x in vector]
