CREATE TABLE kgmem.parked_graph_facts AS SELECT id, facts FROM kgmem.graph;
ALTER TABLE kgmem.graph DROP COLUMN facts, DROP COLUMN facts_made;
