"""neo4j-viz, yFiles for Jupyter and pandas take in what a query gives; the Graph Data Science client is refused."""

import json
import sys

import neo4j
from neo4j_viz.neo4j import from_neo4j
from yfiles_jupyter_graphs import GraphWidget
from yfiles_jupyter_graphs_for_neo4j import Neo4jGraphWidget

TOLD = json.loads(sys.argv[1])
QUERY = "MATCH (p:Person)-[r:FLEW]->(c:Craft) RETURN p, r, c"
with neo4j.GraphDatabase.driver(f"neo4j://{TOLD['address']}", auth=("neo4j", TOLD["key"])) as driver:
    text = "UNWIND ['Neil', 'Buzz', 'Michael'] AS name MERGE (c:Craft {name: 'Columbia'}) "
    driver.execute_query(text + "CREATE (:Person {name: name})-[:FLEW {seat: 1}]->(c)")
    drawn = from_neo4j(driver.execute_query(QUERY, result_transformer_=neo4j.Result.graph))
    shown = []

    def show(widget):
        """Keep what there is no notebook to show in."""
        shown.append(widget)

    GraphWidget.show = show
    Neo4jGraphWidget(driver).show_cypher(QUERY)
    table = driver.execute_query(
        "MATCH (p:Person) RETURN p.name AS name, size(p.name) AS length ORDER BY name",
        result_transformer_=neo4j.Result.to_df,
    )
    expanded = driver.execute_query(QUERY, result_transformer_=lambda result: result.to_df(expand=True))
    try:
        driver.execute_query("RETURN gds.version() AS version")
        gds = None
    except neo4j.exceptions.ClientError as error:
        gds = error.code
print(
    json.dumps(
        {
            "viz": [len(drawn.nodes), len(drawn.relationships), len(drawn.render().data) > 1000],
            "yfiles": [len(shown[0].nodes), len(shown[0].edges)],
            "table": table.to_dict("list"),
            "expanded": expanded.shape[0],
            "gds": gds,
        }
    )
)
