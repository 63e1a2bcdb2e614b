ALTER TABLE kgmem.graph
    ADD COLUMN facts      text NOT NULL DEFAULT 'text' CHECK (facts IN ('text', 'all', 'none')),
    ADD COLUMN facts_made text;            -- the setting by which the index's facts were made; null: not all are

DO $$
DECLARE
    graph record;
BEGIN
    IF to_regclass('kgmem.parked_graph_facts') IS NULL THEN
        RETURN;
    END IF;
    UPDATE kgmem.graph g SET facts = p.facts FROM kgmem.parked_graph_facts p WHERE p.id = g.id;
    DROP TABLE kgmem.parked_graph_facts;
    FOR graph IN SELECT '"' || index_name || '"' AS index FROM kgmem.graph
                 WHERE to_regclass(format('%I.parked_past_fact', index_name)) IS NOT NULL LOOP
        EXECUTE replace($ddl$
            INSERT INTO {index}.past_item SELECT * FROM {index}.parked_past_fact;
            INSERT INTO {index}.past_passage SELECT * FROM {index}.parked_past_fact_passage;
            INSERT INTO {index}.past_vector SELECT * FROM {index}.parked_past_fact_vector;
            DROP TABLE {index}.parked_past_fact, {index}.parked_past_fact_passage, {index}.parked_past_fact_vector;
        $ddl$, '{index}', graph.index);
    END LOOP;
END
$$;
