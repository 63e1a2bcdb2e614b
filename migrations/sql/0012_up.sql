-- What is read out of texts: which texts wait for it, what was read, and what each text brought into the graph.
ALTER TABLE kgmem.graph
    ADD COLUMN extraction text NOT NULL DEFAULT 'asked' CHECK (extraction IN ('asked', 'all', 'off'));

DO $$
BEGIN
    IF to_regclass('kgmem.parked_graph_extraction') IS NOT NULL THEN
        UPDATE kgmem.graph g SET extraction = p.extraction FROM kgmem.parked_graph_extraction p WHERE p.id = g.id;
        DROP TABLE kgmem.parked_graph_extraction;
    END IF;
END
$$;
