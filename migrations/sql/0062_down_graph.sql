-- The epoch of facts moves as that of their topics.
DO $migration$
DECLARE
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.epoch', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('DROP FUNCTION %I.epoch_fact() CASCADE', place);  -- With three of the triggers.
    IF place <> 'kgm_0' AND to_regclass(format('%I.fact', place)) IS NOT NULL THEN
        EXECUTE format('DROP TRIGGER IF EXISTS epoch_truncate ON %I.fact', place);
        PERFORM kgmem.track_epoch(place, '{"fact": ["epoch_topic", 0]}');
    END IF;
END
$migration$;
