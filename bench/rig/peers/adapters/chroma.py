"""Chroma: a collection with vectors and documents; its local store has no fused search."""

from pathlib import Path

import chromadb

from bench.rig.peers.data import CannotError, K, Shared

_SETTINGS = {"hnsw": {"space": "ip", "ef_search": 200, "ef_construction": 64, "max_neighbors": 16}}


class Adapter:
    """One collection of entities."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
        self._shared = shared
        self._rows = client.get_or_create_collection("rows", configuration=_SETTINGS, embedding_function=None)

    def load_entities(self) -> None:
        for start in range(0, len(self._shared.rows), 5000):
            rows = self._shared.rows[start : start + 5000]
            self._rows.add(
                ids=[row["key"] for row in rows],
                embeddings=self._shared.vectors[start : start + 5000],
                documents=[f"{row['name']}\n{row['text']}" for row in rows],
                metadatas=[{"label": row["label"]} for row in rows],
            )

    def load_facts(self) -> None:
        raise CannotError("no relationships")

    def hybrid(self, at: int) -> list[str]:
        raise CannotError("no ranked words in the local store")

    def vector(self, at: int) -> list[str]:
        return self._rows.query(query_embeddings=[self._shared.asked[at]], n_results=K, include=[])["ids"][0]

    def filtered(self, at: int) -> list[str]:
        where = {"label": self._shared.questions[at]["label"]}
        return self._rows.query(query_embeddings=[self._shared.asked[at]], n_results=K, where=where, include=[])["ids"][
            0
        ]

    def two_hops(self, at: int) -> int:
        raise CannotError("no relationships")
