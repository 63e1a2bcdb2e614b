DO $migration$
DECLARE
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    EXECUTE format('ALTER TABLE IF EXISTS %I.extraction_queue DROP COLUMN keys', place);
END
$migration$;
