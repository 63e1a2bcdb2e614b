DROP SCHEMA kgmem_jobs CASCADE;
DROP FUNCTION kgmem.capture(integer, ag_catalog.graphid);
DROP TABLE kgmem.captured, kgmem.key, kgmem.graph;
DROP TABLE IF EXISTS kgmem.parked_key_last_used;
