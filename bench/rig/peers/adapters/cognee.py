"""cognee: entities and edges by its add_data_points, in its default stores, LanceDB and Ladybug.

It embeds through an OpenAI-compatible endpoint on this machine that has the vectors. Its recall is that of its hybrid
retriever, without the completion, which is a model's.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import litellm

from bench.rig.peers.adapters.loop import Loop
from bench.rig.peers.data import K, Shared
from bench.rig.peers.stub import Vectors, body, endpoint

_AT_ONCE = 500
_HOPS = """MATCH (a:Node {id: $key})-[e:EDGE]->(:Node)-[f:EDGE]->(r:Node)
    WHERE e.relationship_name = 'knows' AND f.relationship_name = 'knows' RETURN count(DISTINCT r.id)"""


class Adapter:
    """One graph of entities, each in the node set of its label."""

    note = "its hybrid retriever fuses entities and facts by meaning, not words; no model completes the answer"

    def __init__(self, folder: Path, shared: Shared) -> None:
        vectors = Vectors(shared)
        url = endpoint(vectors)
        os.environ |= {
            "DATA_ROOT_DIRECTORY": str(folder / "data"),
            "SYSTEM_ROOT_DIRECTORY": str(folder / "system"),
            "CACHE_ROOT_DIRECTORY": str(folder / "cache"),
            "EMBEDDING_PROVIDER": "openai_compatible",
            "EMBEDDING_MODEL": "given",
            "EMBEDDING_ENDPOINT": url,
            "EMBEDDING_API_KEY": "none",
            "EMBEDDING_DIMENSIONS": str(vectors.size),
            "EMBEDDING_BATCH_SIZE": "200",
            "LLM_PROVIDER": "custom",
            "LLM_MODEL": "openai/none",
            "LLM_ENDPOINT": url,
            "LLM_API_KEY": "none",
            "ENABLE_BACKEND_ACCESS_CONTROL": "false",
            "TELEMETRY_DISABLED": "1",
            # It counts tokens, with the table that litellm ships; it would download another copy.
            "TIKTOKEN_CACHE_DIR": str(Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers"),
            "LOG_LEVEL": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        self._keys = {str(_id(row["key"])): row["key"] for row in shared.rows}
        self._shared, self._loop = shared, Loop()
        self._loop.run(self._open())

    async def _open(self) -> None:
        # It reads its settings when it is imported.
        databases, modules = "cognee.infrastructure.databases", "cognee.modules"
        relational, unified = import_module(f"{databases}.relational"), import_module(f"{databases}.unified")
        self._models = import_module(f"{modules}.engine.models")
        self._retriever = import_module(f"{modules}.retrieval.hybrid_retriever").HybridRetriever
        self._add = import_module("cognee.tasks.storage").add_data_points
        await relational.create_db_and_tables()
        self._engine: Any = await unified.get_unified_engine()

    def load_entities(self) -> None:
        self._loop.run(self._entities())

    async def _entities(self) -> None:
        labels = {row["label"] for row in self._shared.rows}
        sets = {label: self._models.NodeSet(id=_id(label), name=label) for label in labels}
        points = [
            self._models.Entity(
                id=_id(row["key"]), name=body(row), description=row["text"], belongs_to_set=[sets[row["label"]]]
            )
            for row in self._shared.rows
        ]
        for start in range(0, len(points), _AT_ONCE):
            await self._add(points[start : start + _AT_ONCE])

    def load_facts(self) -> None:
        self._loop.run(self._facts())

    async def _facts(self) -> None:
        edges = [
            (_id(fact["start"]), _id(fact["end"]), "knows", {"relationship_name": "knows", "edge_text": fact["text"]})
            for fact in self._shared.facts
        ]
        for start in range(0, len(edges), _AT_ONCE):
            await self._add([], custom_edges=edges[start : start + _AT_ONCE])

    def hybrid(self, at: int) -> list[str]:
        retriever = self._retriever(chunks_top_k=1, entities_top_k=K)
        found = self._loop.run(retriever.get_retrieved_objects(self._shared.questions[at]["text"]))
        return [self._keys[str(entity["id"])] for entity in found["entities"]]

    def vector(self, at: int) -> list[str]:
        return self._near(at, None)

    def filtered(self, at: int) -> list[str]:
        return self._near(at, [self._shared.questions[at]["label"]])

    def _near(self, at: int, sets: list[str] | None) -> list[str]:
        vector = self._shared.asked[at].tolist()
        found = self._loop.run(self._engine.vector.search("Entity_name", query_vector=vector, limit=K, node_name=sets))
        return [self._keys[str(point.id)] for point in found]

    def two_hops(self, at: int) -> int:
        key = str(_id(self._shared.questions[at]["key"]))
        return int(self._loop.run(self._engine.graph.query(_HOPS, {"key": key}))[0][0])


def _id(name: str) -> Any:
    return uuid5(NAMESPACE_OID, name)
