-- What was known earlier, and the index as it was known at a given time.
DROP INDEX kgmem.captured_graph;
CREATE INDEX captured_graph ON kgmem.captured (graph, id);
