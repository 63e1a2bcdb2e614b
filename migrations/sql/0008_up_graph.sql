-- What bears further labels is found without reading all items.
DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.unembedded', index_name)) IS NOT NULL LOOP
        EXECUTE format('CREATE INDEX item_labelled ON %I.item (id) WHERE labels IS NOT NULL', graph.index_name);
    END LOOP;
END
$$;
