"""Vectors that callers give, scaled to length 1."""

from typing import Any

import numpy as np

from kgmem.domain.errors import EmbeddingMismatch
from kgmem.domain.graph.embedding import Vector, unit
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.graph import Graph

_ROUNDED = 2**-10  # So far from 1 is at most the length of a unit vector in halves.


def with_unit_vector(graph: Graph, entity: Entity) -> Entity:
    """Return the entity with its vector scaled to length 1. Raises EmbeddingMismatch."""
    if entity.embedding is None:
        return entity
    scaled = unit_vector(graph, entity.key, entity.embedding)
    return Entity(**{n: getattr(entity, n) for n in entity.__slots__ if n != "embedding"}, embedding=scaled)


def unit_vector(graph: Graph, key: str, given: Vector) -> Any:
    """Return the vector of an entity scaled to length 1, as a list or an array. Raises EmbeddingMismatch."""
    if graph.space is None:
        raise EmbeddingMismatch(
            "This graph has no embedding space.", hint="Create the graph with one, or send no vectors."
        )
    with np.errstate(over="ignore"):
        vector = np.asarray(given, dtype=np.float32)
        length = float(np.linalg.norm(vector)) if vector.shape == (graph.space.dimension,) else 0.0
    if abs(length - 1) <= _ROUNDED and np.array_equal(vector.astype(np.float16), vector):
        return vector  # As it is held already, so that what was exported comes back unchanged.
    if 1e-15 < length < 1e15:
        return vector / length
    # Another dimension, no direction, or squares that single floats cannot hold.
    return unit(given, graph.space.dimension, f"The embedding of {key!r}")
