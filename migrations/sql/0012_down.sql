-- Parked, so that the way up again finds all of it.
CREATE TABLE kgmem.parked_graph_extraction AS SELECT id, extraction FROM kgmem.graph;
ALTER TABLE kgmem.graph DROP COLUMN extraction;
DO $$
DECLARE
    graph record;
    one   text;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE to_regclass(format('%I.unread', index_name)) IS NOT NULL LOOP
        FOREACH one IN ARRAY ARRAY['unread', 'reading', 'brought'] LOOP
            EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', graph.index_name, one, 'parked_' || one);
        END LOOP;
    END LOOP;
END
$$;
