DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.work_stream', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.work_message', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.work_group', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.work_delivery', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.work_dead', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'streams') WHERE index_name = place;
END
$migration$;
