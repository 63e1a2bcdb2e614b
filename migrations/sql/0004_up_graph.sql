DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT id, index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.change', index_name)) IS NOT NULL LOOP
        EXECUTE format('ALTER TABLE %I.change ADD COLUMN import integer', graph.index_name);
        IF to_regclass('kgmem.parked_change_import') IS NOT NULL THEN
            EXECUTE format('UPDATE %I.change c SET import = p.import FROM kgmem.parked_change_import p '
                           'WHERE p.graph = %s AND p.id = c.id', graph.index_name, graph.id);
        END IF;
        EXECUTE format('CREATE INDEX ON %I.change (import, id) WHERE import IS NOT NULL', graph.index_name);
    END LOOP;
END
$$;
