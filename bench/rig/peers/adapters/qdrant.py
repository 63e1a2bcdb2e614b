"""Qdrant's client in its local mode, which compares a vector with every row."""

from pathlib import Path

from qdrant_client import QdrantClient, models

from bench.rig.peers.data import CannotError, K, Shared


class Adapter:
    """One collection of entities."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared, self._client = shared, QdrantClient(path=str(folder))

    def load_entities(self) -> None:
        size = self._shared.vectors.shape[1]
        config = models.VectorParams(size=size, distance=models.Distance.DOT)
        self._client.create_collection("rows", vectors_config=config)
        for start in range(0, len(self._shared.rows), 2000):
            points = [
                models.PointStruct(id=at, vector=self._shared.vectors[at].tolist(), payload=self._shared.rows[at])
                for at in range(start, min(start + 2000, len(self._shared.rows)))
            ]
            self._client.upsert("rows", points)

    def load_facts(self) -> None:
        raise CannotError("no relationships")

    def hybrid(self, at: int) -> list[str]:
        raise CannotError("words need a model that it downloads")

    def vector(self, at: int) -> list[str]:
        return self._near(at, None)

    def filtered(self, at: int) -> list[str]:
        match = models.MatchValue(value=self._shared.questions[at]["label"])
        return self._near(at, models.Filter(must=[models.FieldCondition(key="label", match=match)]))

    def _near(self, at: int, only: models.Filter | None) -> list[str]:
        vector = self._shared.asked[at].tolist()
        found = self._client.query_points("rows", query=vector, limit=K, query_filter=only, with_payload=["key"])
        return [point.payload["key"] for point in found.points]

    def two_hops(self, at: int) -> int:
        raise CannotError("no relationships")
