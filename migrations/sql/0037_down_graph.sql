DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.ledger_head', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.ledger_hold', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.ledger_account', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.ledger_entry', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.ledger_record', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'ledger') WHERE index_name = place;
END
$migration$;
