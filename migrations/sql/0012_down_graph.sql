DO $$
DECLARE
    graph record;
    one   text;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.unread', index_name)) IS NOT NULL LOOP
        FOREACH one IN ARRAY ARRAY['unread', 'reading', 'brought'] LOOP
            EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', graph.index_name, one, 'parked_' || one);
        END LOOP;
    END LOOP;
END
$$;
