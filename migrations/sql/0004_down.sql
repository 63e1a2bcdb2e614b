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
CREATE TABLE kgmem.parked_import AS SELECT * FROM kgmem.import;
CREATE TABLE kgmem.parked_import_batch AS SELECT * FROM kgmem.import_batch;
CREATE TABLE kgmem.parked_import_rejection AS SELECT * FROM kgmem.import_rejection;
CREATE TABLE kgmem.parked_import_episode AS SELECT * FROM kgmem.import_episode;
CREATE TABLE kgmem.parked_import_relationship AS SELECT * FROM kgmem.import_relationship;
DROP TABLE kgmem.import_episode, kgmem.import_relationship, kgmem.import_rejection, kgmem.import_batch, kgmem.import;
