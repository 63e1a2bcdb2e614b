ALTER TABLE kgmem.import_relationship ADD COLUMN derived_from text;
