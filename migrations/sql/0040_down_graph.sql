DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.subscription', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.subscription_group', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.erased_scope', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'subscriptions') WHERE index_name = place;
END
$migration$;
