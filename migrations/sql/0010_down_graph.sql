-- The tables are parked as copies, so that names of constraints and indexes are free again.
DO $migration$
DECLARE
    graph record;
    gone  name;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.past_standing', index_name)) IS NOT NULL LOOP
        FOREACH gone IN ARRAY ARRAY['topic', 'claim', 'fact', 'stance', 'standing', 'decision'] LOOP
            EXECUTE format('DROP VIEW %I.%I', graph.index_name || '_then', gone);
        END LOOP;
        FOREACH gone IN ARRAY ARRAY['topic', 'claim', 'fact', 'stance', 'standing', 'past_fact', 'past_stance', 'past_standing', 'setting', 'copying', 'weighed', 'kinship', 'correlation', 'decision'] LOOP
            EXECUTE format('CREATE TABLE %1$I.%2$I AS SELECT * FROM %1$I.%3$I',
                           graph.index_name, 'consensus_parked_' || gone, gone);
            EXECUTE format('DROP TABLE %I.%I', graph.index_name, gone);
        END LOOP;
        EXECUTE format('DROP FUNCTION %I.keep_verdict', graph.index_name);
    END LOOP;
END
$migration$;
