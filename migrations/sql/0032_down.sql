ALTER TABLE kgmem.import_relationship DROP COLUMN derived_from;
