DELETE FROM kgmem.import_episode WHERE kind <> 0;
ALTER TABLE kgmem.import_episode DROP COLUMN kind;
