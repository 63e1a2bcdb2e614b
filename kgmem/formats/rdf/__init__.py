"""RDF: N-Triples, N-Quads, Turtle, TriG, RDF/XML, JSON-LD and SPARQL's INSERT DATA."""
