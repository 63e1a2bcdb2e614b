DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.retention_rule', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.retention_run', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.retention_item', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.retention_final', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'retention') WHERE index_name = place;
END
$migration$;
