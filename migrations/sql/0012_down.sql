-- Parked, so that the way up again finds all of it.
CREATE TABLE kgmem.parked_graph_extraction AS SELECT id, extraction FROM kgmem.graph;
ALTER TABLE kgmem.graph DROP COLUMN extraction;
