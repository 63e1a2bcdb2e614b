"""Formats of other property graphs: GraphML, GEXF, APOC, neo4j-admin and networkx."""
