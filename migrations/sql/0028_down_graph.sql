DO $migration$
DECLARE
    name name;
BEGIN
    SELECT index_name INTO STRICT name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP VIEW IF EXISTS %I.claim_origin', name || '_asof');
    EXECUTE format('DROP TABLE IF EXISTS %I.answered', name);
    EXECUTE format('DROP TABLE IF EXISTS %I.claim_origin', name);
END
$migration$;
