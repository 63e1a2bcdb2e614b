DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.unembedded', index_name)) IS NOT NULL LOOP
        EXECUTE format('ALTER TABLE %I.unembedded DROP COLUMN refused', graph.index_name);
    END LOOP;
END
$$;
