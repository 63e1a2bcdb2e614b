CREATE TABLE kgmem.parked_import_state AS SELECT id, state, upload, progress, told_at, undone FROM kgmem.import;
CREATE TABLE kgmem.parked_import_move AS SELECT * FROM kgmem.import_move;
DROP TABLE kgmem.import_move;
DROP INDEX kgmem.import_relationship_ends, kgmem.import_relationship_key;
UPDATE kgmem.import SET state = 'running' WHERE state = 'waiting';
UPDATE kgmem.import SET state = 'failed' WHERE state = 'undoing';
ALTER TABLE kgmem.import
    DROP COLUMN upload, DROP COLUMN progress, DROP COLUMN told_at, DROP COLUMN undone,
    DROP CONSTRAINT import_state_check;
ALTER TABLE kgmem.import ADD CONSTRAINT import_state_check CHECK (state IN ('running', 'failed', 'done', 'undone'));
