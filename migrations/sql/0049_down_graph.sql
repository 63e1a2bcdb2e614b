DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.webhook', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.webhook_secret', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.webhook_waiting', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.webhook_attempt', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'webhooks') WHERE index_name = place;
END
$migration$;
