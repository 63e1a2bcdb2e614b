DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.tier_settings, %I.item_use, %I.item_pin', place, place, place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'tiers') WHERE index_name = place;
END
$migration$;
