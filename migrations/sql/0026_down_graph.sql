DO $migration$
DECLARE
    name name;
BEGIN
    SELECT index_name INTO STRICT name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP INDEX IF EXISTS %I.claim_episode', name);
END
$migration$;
