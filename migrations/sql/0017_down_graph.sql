-- What was asked for is parked; what was derived of it is made anew.
DO $migration$
DECLARE
    graph record;
    gone  name;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.connecting', index_name)) IS NOT NULL LOOP
        EXECUTE format('CREATE TABLE %1$I.parked_connecting AS SELECT least FROM %1$I.connecting', graph.index_name);
        EXECUTE format('CREATE TABLE %1$I.parked_grouped AS SELECT scope FROM %1$I.grouped', graph.index_name);
        FOREACH gone IN ARRAY ARRAY['connecting', 'compared', 'grouped', 'community', 'community_member', 'summary',
                                    'summary_of'] LOOP
            EXECUTE format('DROP TABLE %I.%I', graph.index_name, gone);
        END LOOP;
    END LOOP;
END
$migration$;
