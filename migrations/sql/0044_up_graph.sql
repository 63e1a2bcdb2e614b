-- The queue of extraction keeps the API keys by which a text came.
DO $migration$
DECLARE
    -- Without a graph in turn: the empty table that stands in for that of a graph which extracts nothing.
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    EXECUTE format('ALTER TABLE IF EXISTS %I.extraction_queue ADD COLUMN keys text[]', place);
END
$migration$;
