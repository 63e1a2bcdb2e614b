"""neo4j-graphrag: indexes are made, vectors written, and its retrievers find."""

import json
import sys

import neo4j
from neo4j_graphrag.embeddings import Embedder
from neo4j_graphrag.indexes import create_fulltext_index, create_vector_index, upsert_vectors
from neo4j_graphrag.retrievers import HybridCypherRetriever, HybridRetriever, VectorCypherRetriever, VectorRetriever
from neo4j_graphrag.schema import get_schema

TOLD = json.loads(sys.argv[1])


class Fixed(Embedder):
    """Everything means the same."""

    def embed_query(self, text, **_):
        return [0.0, 1.0, 0.0]


def contents(result):
    return [item.content for item in result.items]


with neo4j.GraphDatabase.driver(f"bolt://{TOLD['address']}", auth=("neo4j", TOLD["key"])) as driver:
    where = {"neo4j_database": "neo4j"}
    create_vector_index(driver, "vectors", "Passage", "vector", dimensions=3, similarity_fn="cosine", **where)
    create_fulltext_index(driver, "words", "Passage", ["text"], **where)
    text = "UNWIND ['alpha rocket', 'beta rocket', 'gamma'] AS t CREATE (p:Passage {text: t}) RETURN elementId(p) AS id"
    ids = [record["id"] for record in driver.execute_query(text).records]
    upsert_vectors(driver, ids, "vector", [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], **where)
    tail = "RETURN node.text AS text, round(score, 3) AS score"
    asked = {"query_vector": [0.0, 1.0, 0.0], "top_k": 1}
    found = {
        "vector": contents(VectorRetriever(driver, "vectors", return_properties=["text"], **where).search(**asked)),
        "cypher": contents(VectorCypherRetriever(driver, "vectors", tail, **where).search(**asked)),
        "hybrid": contents(
            HybridRetriever(driver, "vectors", "words", Fixed(), return_properties=["text"], **where).search(
                query_text="rocket", top_k=2
            )
        ),
        "both": contents(
            HybridCypherRetriever(driver, "vectors", "words", tail, Fixed(), **where).search(
                query_text="gamma", top_k=1
            )
        ),
        "schema": get_schema(driver),
    }
print(json.dumps(found))
