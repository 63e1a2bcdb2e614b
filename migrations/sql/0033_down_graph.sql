DO $migration$
DECLARE
    name name;
BEGIN
    SELECT index_name INTO STRICT name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_retention', name);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state_checkpoint', name);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state_version', name);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state', name);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'agent_states') WHERE index_name = name;
END
$migration$;
