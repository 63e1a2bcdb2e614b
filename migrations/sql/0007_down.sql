DROP INDEX kgmem.captured_graph;
CREATE INDEX captured_graph ON kgmem.captured (graph);
