ALTER TABLE kgmem.import DROP COLUMN duplicates;
