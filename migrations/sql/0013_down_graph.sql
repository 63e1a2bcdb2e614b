-- The tables are parked as copies, so that names of constraints and indexes are free again; names are made anew.
DO $migration$
DECLARE
    graph record;
    gone  name;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.named_until', index_name)) IS NOT NULL LOOP
        FOREACH gone IN ARRAY ARRAY['merge', 'likeness'] LOOP
            EXECUTE format('CREATE TABLE %1$I.%2$I AS SELECT * FROM %1$I.%3$I',
                           graph.index_name, 'resolution_parked_' || gone, gone);
        END LOOP;
        FOREACH gone IN ARRAY ARRAY['merge', 'likeness', 'named', 'named_until'] LOOP
            EXECUTE format('DROP TABLE %I.%I', graph.index_name, gone);
        END LOOP;
    END LOOP;
END
$migration$;
