DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_retention', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state_checkpoint', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state_version', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'agent_states') WHERE index_name = place;
END
$migration$;
