DO $migration$
DECLARE
    place name;
    told text;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    FOREACH told IN ARRAY ARRAY['topics', 'claims', 'facts', 'items'] LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %I.%I CASCADE', place, 'note_published_' || told);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %I.publication', place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'publications') WHERE index_name = place;
END
$migration$;
