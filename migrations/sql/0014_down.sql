-- The indexes go with the functions; what they were comes back with the next migration up, and `kgmem index rebuild`
-- makes them again. Without them the same is found, by reading everything.
CREATE TABLE kgmem.parked_named_indexes AS
SELECT id, schema -> 'indexes' AS indexes FROM kgmem.graph WHERE schema ? 'indexes';
UPDATE kgmem.graph SET schema = schema - 'indexes' WHERE schema ? 'indexes';
DROP FUNCTION kgmem.vector_of(ag_catalog.agtype, integer) CASCADE;
DROP FUNCTION kgmem.words_of(ag_catalog.agtype[]) CASCADE;
