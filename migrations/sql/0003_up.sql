ALTER TABLE kgmem.graph ADD COLUMN words_checked timestamptz;
