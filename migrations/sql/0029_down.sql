ALTER TABLE kgmem.graph DROP CONSTRAINT graph_extraction_check;
ALTER TABLE kgmem.graph ALTER COLUMN extraction SET DEFAULT 'asked';
UPDATE kgmem.graph SET extraction = 'asked' WHERE extraction = 'requested';
ALTER TABLE kgmem.graph
    ADD CONSTRAINT graph_extraction_check CHECK (extraction IN ('asked', 'all', 'off'));
