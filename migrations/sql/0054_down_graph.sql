DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.distil_run', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.distil_group', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.distil_member', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.distil_probe', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.distil_allowance', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'distillation') WHERE index_name = place;
END
$migration$;
