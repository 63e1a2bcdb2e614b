CREATE TABLE IF NOT EXISTS kgmem.parked_change_import (graph integer, id bigint, import integer);
DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT id, index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.change', index_name)) IS NOT NULL LOOP
        EXECUTE format('INSERT INTO kgmem.parked_change_import SELECT %s, id, import FROM %I.change '
                       'WHERE import IS NOT NULL', graph.id, graph.index_name);
        EXECUTE format('ALTER TABLE %I.change DROP COLUMN import', graph.index_name);
    END LOOP;
END
$$;
