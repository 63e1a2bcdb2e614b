-- By file and kind, how many records have a key that the file had stated before, and the first of them.
ALTER TABLE kgmem.import ADD COLUMN duplicates jsonb NOT NULL DEFAULT '[]';
