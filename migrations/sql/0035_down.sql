DELETE FROM kgmem.import_episode WHERE about IS NOT NULL;
ALTER TABLE kgmem.import_episode DROP COLUMN about, DROP COLUMN place;
