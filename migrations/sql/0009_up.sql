ALTER TABLE kgmem.graph
    ADD COLUMN facts      text NOT NULL DEFAULT 'text' CHECK (facts IN ('text', 'all', 'none')),
    ADD COLUMN facts_made text;            -- the setting by which the index's facts were made; null: not all are

DO $$
BEGIN
    IF to_regclass('kgmem.parked_graph_facts') IS NULL THEN
        RETURN;
    END IF;
    UPDATE kgmem.graph g SET facts = p.facts FROM kgmem.parked_graph_facts p WHERE p.id = g.id;
    DROP TABLE kgmem.parked_graph_facts;
END
$$;
