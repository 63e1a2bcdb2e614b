DROP TABLE kgmem.integrity;
ALTER TABLE kgmem.graph DROP COLUMN words_timeline;
