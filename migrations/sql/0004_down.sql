-- What was set aside is built first, so that no index is forgotten.
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN SELECT definition FROM kgmem.set_aside LOOP
        EXECUTE held.definition;
    END LOOP;
END
$$;
DROP TABLE kgmem.set_aside;
CREATE TABLE kgmem.parked_change_import (graph integer, id bigint, import integer);
DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT id, index_name FROM kgmem.graph
                 WHERE to_regclass(format('%I.change', index_name)) IS NOT NULL LOOP
        EXECUTE format('INSERT INTO kgmem.parked_change_import SELECT %s, id, import FROM %I.change '
                       'WHERE import IS NOT NULL', graph.id, graph.index_name);
        EXECUTE format('ALTER TABLE %I.change DROP COLUMN import', graph.index_name);
    END LOOP;
END
$$;
CREATE TABLE kgmem.parked_import AS SELECT * FROM kgmem.import;
CREATE TABLE kgmem.parked_import_batch AS SELECT * FROM kgmem.import_batch;
CREATE TABLE kgmem.parked_import_rejection AS SELECT * FROM kgmem.import_rejection;
CREATE TABLE kgmem.parked_import_episode AS SELECT * FROM kgmem.import_episode;
CREATE TABLE kgmem.parked_import_relationship AS SELECT * FROM kgmem.import_relationship;
DROP TABLE kgmem.import_episode, kgmem.import_relationship, kgmem.import_rejection, kgmem.import_batch, kgmem.import;
