-- Streams whose messages are in Redis go: what is left of them here is nothing to read.
DO $migration$
DECLARE
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.work_stream', place)) IS NOT NULL THEN
        EXECUTE format('DELETE FROM %I.work_stream s WHERE s.place > 0', place);
        EXECUTE format('ALTER TABLE %I.work_stream DROP COLUMN place', place);
    END IF;
END
$migration$;
