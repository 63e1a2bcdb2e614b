ALTER TABLE kgmem.graph DROP COLUMN words_checked;
