-- What was said just before and after an episode is found without reading its whole scope.
DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.unembedded', index_name)) IS NOT NULL LOOP
        EXECUTE format('CREATE INDEX item_episodes ON %I.item (scope, id) WHERE kind = 2', graph.index_name);
    END LOOP;
END
$$;
