"""mem0: a memory an entity, added without a model (infer=False), in its default store, Qdrant's local mode.

A fact is a memory too, since it has no relationships; recalls of entities filter facts out by a field.
"""

import os
from pathlib import Path
from typing import Any

from bench.rig.peers.data import CannotError, K, Shared
from bench.rig.peers.stub import Vectors, body, endpoint

os.environ["MEM0_TELEMETRY"] = "False"

_ENTITY = {"user_id": "bench", "kind": "entity"}


class Adapter:
    """One memory of one user."""

    note = "search by meaning alone: its keyword search needs the model Qdrant/bm25, which fastembed downloads"

    def __init__(self, folder: Path, shared: Shared) -> None:
        os.environ["MEM0_DIR"] = str(folder / "mem0")
        mem0 = __import__("mem0")  # It reads MEM0_DIR when it is imported.
        vectors = Vectors(shared)
        model = {"provider": "openai", "config": {"api_key": "none", "openai_base_url": endpoint(vectors)}}
        store = {"path": str(folder / "qdrant"), "on_disk": True, "embedding_model_dims": vectors.size}
        self._memory: Any = mem0.Memory.from_config(
            {
                "llm": model,
                "embedder": model,
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": str(folder / "history.db"),
            }
        )
        self._memory.embedding_model = _Given(vectors)
        self._shared = shared

    def load_entities(self) -> None:
        for row in self._shared.rows:
            fields = {"key": row["key"], "label": row["label"], "kind": "entity"}
            self._memory.add(body(row), user_id="bench", infer=False, metadata=fields)

    def load_facts(self) -> None:
        for fact in self._shared.facts:
            fields = {"from": fact["start"], "to": fact["end"], "kind": "fact"}
            self._memory.add(fact["text"], user_id="bench", infer=False, metadata=fields)

    def hybrid(self, at: int) -> list[str]:
        return self._search(at, _ENTITY)

    def vector(self, at: int) -> list[str]:
        """Ask its vector store, without what its search adds."""
        store, vector = self._memory.vector_store, self._shared.asked[at].tolist()
        found = store.search(query="", vectors=vector, top_k=K, filters=_ENTITY)
        return [point.payload["key"] for point in found]

    def filtered(self, at: int) -> list[str]:
        return self._search(at, {**_ENTITY, "label": self._shared.questions[at]["label"]})

    def two_hops(self, at: int) -> int:
        raise CannotError("no relationships since its version 2")

    def _search(self, at: int, filters: dict[str, str]) -> list[str]:
        text = self._shared.questions[at]["text"]
        found = self._memory.search(text, top_k=K, filters=filters, threshold=0.0)
        return [memory["metadata"]["key"] for memory in found["results"]]


class _Given:
    """An embedder of mem0 that has the vectors."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return self._vectors.of(text)

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        return [self._vectors.of(text) for text in texts]
