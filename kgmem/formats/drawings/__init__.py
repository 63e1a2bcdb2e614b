"""Formats that draw a graph: Graphviz, Mermaid, Gephi, Cytoscape and node-link JSON."""
