DO $migration$
DECLARE
    -- Without a graph in turn: the empty tables that stand in for those of a graph which publishes nothing.
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I.published_item', place);
END
$migration$;
