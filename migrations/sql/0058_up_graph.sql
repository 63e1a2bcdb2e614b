-- A stream says where its messages are: 0 in Postgres, 1 to be made in Redis, 2 in Redis.
DO $migration$
DECLARE
    -- Without a graph in turn: the empty table that stands in for that of a graph without streams.
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    EXECUTE format('ALTER TABLE IF EXISTS %I.work_stream ADD COLUMN place smallint NOT NULL DEFAULT 0', place);
END
$migration$;
