-- Parked, so that the way up again finds it.
CREATE TABLE kgmem.parked_graph_recipe AS SELECT id, recipe FROM kgmem.graph WHERE recipe IS NOT NULL;
ALTER TABLE kgmem.graph DROP COLUMN recipe;
