DO $migration$
DECLARE
    schema name;
BEGIN
    SELECT index_name INTO STRICT schema FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_retention', schema);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state_checkpoint', schema);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state_version', schema);
    EXECUTE format('DROP TABLE IF EXISTS %I.agent_state', schema);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'agent_states') WHERE index_name = schema;
END
$migration$;
