-- Which episodes of a graph are extracted: those with `extract` are `requested`.
ALTER TABLE kgmem.graph DROP CONSTRAINT graph_extraction_check;
ALTER TABLE kgmem.graph ALTER COLUMN extraction SET DEFAULT 'requested';
UPDATE kgmem.graph SET extraction = 'requested' WHERE extraction = 'asked';
ALTER TABLE kgmem.graph
    ADD CONSTRAINT graph_extraction_check CHECK (extraction IN ('requested', 'all', 'off'));
