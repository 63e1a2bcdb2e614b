"""neo4j-graphrag: retrievers over a Neo4j server, which no package brings; NEO4J_URI and NEO4J_PASSWORD name one.

Without a server it cannot start, and says what its driver said. A server that is named must be empty.
"""

import os
from pathlib import Path
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError
from neo4j_graphrag.indexes import create_fulltext_index, create_vector_index
from neo4j_graphrag.retrievers import HybridRetriever, VectorRetriever

from bench.rig.peers.data import CannotError, K, Shared
from bench.rig.peers.stub import body

_AT_ONCE = 500
_LOAD = """UNWIND $rows AS row CREATE (r:Row {key: row.key, label: row.label, text: row.text})
    WITH r, row CALL db.create.setNodeVectorProperty(r, 'vector', row.vector)"""
_FACTS = "UNWIND $rows AS f MATCH (a:Row {key: f.start}), (b:Row {key: f.end}) CREATE (a)-[:FACT {text: f.text}]->(b)"
_HOPS = "MATCH (:Row {key: $key})-[:FACT]->()-[:FACT]->(r) RETURN count(DISTINCT r) AS n"


class Adapter:
    """The one database of a server."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared = shared
        uri = os.environ.get("NEO4J_URI", "bolt://127.0.0.1:7687")
        self._driver = neo4j.GraphDatabase.driver(uri, auth=("neo4j", os.environ.get("NEO4J_PASSWORD", "neo4j")))
        try:
            self._driver.verify_connectivity()
        except (DriverError, Neo4jError) as error:
            raise CannotError(f"it needs a Neo4j server (NEO4J_URI); {uri}: {type(error).__name__}: {error}") from error

    def load_entities(self) -> None:
        self._driver.execute_query("CREATE CONSTRAINT FOR (r:Row) REQUIRE r.key IS UNIQUE")
        size = int(self._shared.vectors.shape[1])
        create_vector_index(
            self._driver, "vectors", label="Row", embedding_property="vector", dimensions=size, similarity_fn="cosine"
        )
        create_fulltext_index(self._driver, "words", label="Row", node_properties=["text"])
        pairs = zip(self._shared.rows, self._shared.vectors, strict=True)
        self._send(_LOAD, [{**row, "text": body(row), "vector": vector.tolist()} for row, vector in pairs])
        self._driver.execute_query("CALL db.awaitIndexes()")

    def load_facts(self) -> None:
        self._send(_FACTS, self._shared.facts)

    def _send(self, query: str, rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            self._driver.execute_query(query, rows=rows[start : start + _AT_ONCE])

    def hybrid(self, at: int) -> list[str]:
        retriever = HybridRetriever(self._driver, "vectors", "words", return_properties=["key"])
        vector, text = self._shared.asked[at].tolist(), self._shared.questions[at]["text"]
        return _keys(retriever.get_search_results(query_text=text, query_vector=vector, top_k=K))

    def vector(self, at: int) -> list[str]:
        return self._near(at, None)

    def filtered(self, at: int) -> list[str]:
        return self._near(at, {"label": self._shared.questions[at]["label"]})

    def _near(self, at: int, filters: dict[str, str] | None) -> list[str]:
        retriever = VectorRetriever(self._driver, "vectors", return_properties=["key"])
        vector = self._shared.asked[at].tolist()
        return _keys(retriever.get_search_results(query_vector=vector, top_k=K, filters=filters))

    def two_hops(self, at: int) -> int:
        return int(self._driver.execute_query(_HOPS, key=self._shared.questions[at]["key"]).records[0]["n"])

    def end(self) -> None:
        self._driver.close()


def _keys(found: Any) -> list[str]:
    return [record["node"]["key"] for record in found.records]
