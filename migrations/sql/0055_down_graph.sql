DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    -- The triggers go with their functions.
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_item() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_topic() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_edge() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_session() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_state() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_block() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_timed() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_scope() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.epoch_graph() CASCADE', place);
    EXECUTE format('DROP FUNCTION IF EXISTS %I.move_epoch(integer, integer[])', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.boundary', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.epoch', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'cache') WHERE index_name = place;
END
$migration$;
