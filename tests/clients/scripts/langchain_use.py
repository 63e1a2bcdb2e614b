"""langchain-neo4j: Neo4jGraph learns a schema, asks and writes; Neo4jVector finds by vectors, and by words too."""

import json
import sys
import warnings

warnings.filterwarnings("ignore")
from langchain_core.documents import Document  # noqa: E402
from langchain_core.embeddings import DeterministicFakeEmbedding  # noqa: E402
from langchain_neo4j import Neo4jGraph, Neo4jVector  # noqa: E402
from langchain_neo4j.graphs.graph_document import GraphDocument, Node, Relationship  # noqa: E402

TOLD = json.loads(sys.argv[1])
WHERE = {"url": f"bolt://{TOLD['address']}", "username": "neo4j", "password": TOLD["key"], "database": "neo4j"}
ada, london = Node(id="Ada", type="Inhabitant", properties={"age": 36}), Node(id="London", type="City")
lives = Relationship(source=ada, target=london, type="LIVES_IN", properties={"since": 1835})
document = GraphDocument(nodes=[ada, london], relationships=[lives], source=Document(page_content="Ada in London"))

graph = Neo4jGraph(**WHERE, refresh_schema=False)
for _ in range(2):
    graph.add_graph_documents([document], include_source=True, baseEntityLabel=True)
graph.refresh_schema()
texts = [Document(page_content=text, metadata={"n": n}) for n, text in enumerate(["red apples", "a blue sky", "bread"])]
embedding = DeterministicFakeEmbedding(size=64)
near = Neo4jVector.from_documents(texts, embedding, **WHERE)
both = Neo4jVector.from_documents(
    texts, embedding, **WHERE, search_type="hybrid", index_name="hy", keyword_index_name="kw", node_label="Hybrid"
)
print(
    json.dumps(
        {
            "schema": graph.get_schema,
            "asked": graph.query("MATCH (a)-[r:LIVES_IN]->(c:City) RETURN a.id AS a, r.since AS since, c.id AS c"),
            "nodes": graph.query("MATCH (n:__Entity__) RETURN count(n) AS n")[0]["n"],
            "near": near.similarity_search("a blue sky", k=1)[0].metadata["n"],
            "filtered": [each.metadata["n"] for each in near.similarity_search("a blue sky", k=3, filter={"n": 0})],
            "both": both.similarity_search("apples", k=1)[0].page_content,
        }
    )
)
